// SPDX-License-Identifier: BSD-3-Clause
//
// FragmentMap: what the first fragment of a datagram was decided to be, for those that follow.
//
// Only the first fragment carries ports, so only it finds its flow. It leaves a note here under
// what all fragments share (source, destination, identification, protocol, as they come in), and
// the others do as the note says. One that came before its first waits in the hold queue; the map
// counts how many do. Nothing is put together: the host does that.
//
// Fragments are the cheapest way to make a middlebox remember things, hence the bounds. All memory
// is taken at the start. A note lives for a second; where there is no room, the oldest note of the
// same source goes if that source has its share, else the oldest of all: a storm of one source
// pushes out its own. What waits is real packets and is bounded more tightly: there newcomers are
// refused, in all and per source. Sources are counted in 1024 classes by a secret hash, so sharing
// one is bad luck and cannot be arranged. Every call ends a few notes whose time is up; tick() does
// when no fragment comes.
//
// Use one map per direction, so that a storm with forged sources on the wire leaves those of our
// hosts alone. How to use it, on an IPv4 packet that parse() punted as `fragment`:
//   first (no offset):  read_first_fragment(), then decide it as any packet with ports. Once
//     decided (also when it is held for a path, and again each time it is taken up), learn().
//     Nonzero: take the held ones with hold_key() and decide them, in order, after it.
//   later:  find(); a route: do as it says. None, and the packet was not held before: wait(); it
//     says how long to hold it under hold_key(), or that it must be dropped. None, and it was held
//     before: hold it again, or drop it if its time is up.
#pragma once

#include "sacip_core/base/keyed_hash.hpp"
#include "sacip_core/forward/path.hpp"
#include "sacip_core/packet/parse.hpp"

#include <optional>
#include <vector>

namespace sacip {

/// What the fragments of a datagram have in common (RFC 791 §3.2). Hash key: no padding.
struct FragmentKey {
    Ipv4Addr source;
    Ipv4Addr destination;
    Be16 id;
    uint8_t proto{0};
    uint8_t way_in{0}; ///< the caller's: keeps those apart that come twice, by two ways
    bool operator==(const FragmentKey&) const = default;
};
static_assert(sizeof(FragmentKey) == 12 && std::has_unique_object_representations_v<FragmentKey>);

/// `frame` and `view` are of a packet that parse() punted as `fragment`.
FragmentKey fragment_key(const Frame& frame, const PacketView& view);

/// Fills ports, TCP flags and ICMP type of a first fragment, as parse() does for a whole packet;
/// `view` stays a fragment's. False if the L4 header is not whole, which no honest sender does (RFC
/// 3128): to be dropped as l4_truncated. True for protocols without ports.
bool read_first_fragment(const Frame& frame, PacketView& view);

/// What became of a first fragment.
struct FragmentRoute {
    enum class Way : uint8_t {
        path,      ///< by `path`; it is looked up by its id, so a move in between is heeded
        addresses, ///< translated by the mappings' addresses alone (fail open)
        as_it_is,  ///< Linux's business, or on the wire unchanged
        refused,   ///< dropped, and so is the rest
    };
    Way way{Way::refused};
    PathId path{no_path}; ///< way `path` only; ids outlive their last flow by longer than a note
    /// What the first one left with, where the caller wants the rest to have it too: a receiver
    /// knows by the addresses what belongs together. Zeros: what the path has.
    WirePair left_with{};
    bool operator==(const FragmentRoute&) const = default;
};

/// Slow path only. Allocates nothing after its construction.
class FragmentMap {
public:
    static constexpr uint32_t max_routes = 4096;
    static constexpr uint32_t max_routes_per_source = 512;
    static constexpr uint32_t max_waiting = 512; ///< packets
    static constexpr uint32_t max_waiting_per_source = 128;
    static constexpr Nanos life = from_s(1);

    /// `secret` is random and told to nobody.
    explicit FragmentMap(uint64_t secret);

    /// What the first fragment was decided to be; nothing if it has not come, or too long ago.
    std::optional<FragmentRoute> find(const FragmentKey& key, Nanos now) const;
    /// Counts one more packet that waits for its first fragment, and says how long it may at most.
    /// Nothing: no room, it must not be held. Only where find() has nothing.
    std::optional<Nanos> wait(const FragmentKey& key, Nanos now);
    /// Notes a route, or notes it anew for another life. Returns how many packets were booked as
    /// waiting for it; they no longer are.
    uint32_t learn(const FragmentKey& key, FragmentRoute route, Nanos now);
    /// Forgets up to `steps` notes of each kind whose time is up.
    void tick(Nanos now, uint32_t steps);

    /// What packets waiting for this key share in the hold queue: never the id of a path, and never
    /// one of the last two numbers. Equal keys of different datagrams are possible and harmless.
    uint64_t hold_key(const FragmentKey& key) const;

    uint32_t routes() const { return routes_; }
    uint32_t waiting() const { return waiting_; } ///< packets

private:
    using Index = uint16_t;
    static constexpr Index none = 0xFFFF;
    static constexpr uint32_t nodes = max_routes + max_waiting;
    static constexpr uint32_t chains = 8192; ///< a power of two
    static constexpr uint32_t classes = 1024;
    static_assert(nodes < none);

    struct Links {
        Index before{none}, after{none};
    };
    /// Oldest first.
    struct List {
        Index first{none}, last{none};
    };
    struct Node {
        FragmentKey key;
        FragmentRoute route;
        Nanos deadline;
        uint32_t waiting{0}; ///< packets; 0 for a route
        Index chain{none};   ///< the next one of its hash chain, or of the free ones
        uint16_t source{0};
        Links age;    ///< among the routes, or the waiting
        Links sister; ///< among the routes of its source
    };
    struct Source {
        List routes;
        uint16_t route_count{0};
        uint16_t waiting{0};
    };

    uint64_t hash(const FragmentKey& key) const;
    uint16_t class_of(Ipv4Addr source) const;
    Index lookup(const FragmentKey& key) const;
    Node& take(const FragmentKey& key, Nanos now);
    void remove(Index at);
    void append(List& list, Links Node::*links, Index at);
    void unlink(List& list, Links Node::*links, Index at);
    void remove_expired(const List& list, Nanos now, uint32_t steps);
    Index index_of(const Node& node) const { return static_cast<Index>(&node - nodes_.data()); }

    KeyedHash hash_;
    std::vector<Node> nodes_;
    std::vector<Index> chains_;
    std::vector<Source> sources_;
    Index free_{none};
    List by_age_, waiting_by_age_;
    uint32_t routes_{0}, waiting_{0};
};

} // namespace sacip
