// SPDX-License-Identifier: BSD-3-Clause
//
// FlowEnder: flows whose address is gone, and whose far end nobody can tell where they are now.
//
// They stay on the old address as long as that serves. When it is gone for good, a host's TCP must
// not be left in its retries (RFC 5461): its next packet is answered by a RST, for which that
// packet has the right number. A host that only reads sends none; it is asked, as a keep-alive asks
// (RFC 9293 §3.8.4), and its answer is such a packet. All but TCP goes on from the new address, as
// a new flow.
//
// A peer of the configuration that has never been heard may be there or not; its flows have moved.
// Behind one with keys hosts are asked as well: the answer goes to the far end, which has a RST for
// what it does not know. With a basic one checksums are those of the old addresses, so no far end
// but behind a peer takes the packets, nor answers. It is asked with one that is right on the wire:
// behind a peer that has taken the notification it is wrong, and ignored. A RST in answer says that
// nobody is there: the flow goes back to its old address, or ends if that is gone. One flow of a
// path is asked for, and the others if that says so.
//
// The flow table is gone through in small steps, three times, and only after an address changed.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/mobility/path_manager.hpp"
#include "sacip_core/packet/packet_io.hpp"

#include <unordered_map>

namespace sacip {

/// Slow path only. References outlive it.
class FlowEnder {
public:
    FlowEnder(FlowTable& flows, BindingCache& cache, PathManager& manager,
              const AdjacencyResolver& resolver, PacketIo& io)
        : flows_{flows}, cache_{cache}, manager_{manager}, resolver_{resolver}, io_{io} {}

    /// True if flows of this path can't go on.
    bool is_over(PathId path) const;
    /// An address has changed: hosts and far ends are asked from now on.
    void begin() {
        rounds_ = rounds;
        position_ = 0;
        next_round_ = {};
        nobody_.clear();
    }
    void tick(Nanos now);
    /// The flow can't go on. Its next packet is another one's.
    void end(const FlowInfo& flow, Nanos now);
    /// Flows that ended so.
    uint64_t ended() const { return ended_.get(); }

private:
    static constexpr unsigned rounds = 3;
    struct Asked {
        FlowInfo flow;
        Nanos until;
    };

    void look_at(const FlowInfo& flow, Nanos now);
    bool is_served(const HostMapping& mapping, IpAddr address) const;
    bool is_doubtful(const PathEntry& path) const;
    void take_answers(Nanos now);
    void nobody_there(const FlowInfo& flow, Nanos now);
    bool ask_host(const FlowInfo& flow);
    bool ask_far_end(const FlowInfo& flow);
    OwnedPacket question(const FlowKey& key, Ipv4Addr from, Ipv4Addr to, bool to_host);

    FlowTable& flows_;
    BindingCache& cache_;
    PathManager& manager_;
    const AdjacencyResolver& resolver_;
    PacketIo& io_;
    unsigned rounds_{0}; ///< to go
    uint32_t position_{0};
    Nanos next_round_{};
    std::vector<Asked> asked_;                  ///< far ends, at most max_asked
    std::unordered_map<uint32_t, bool> nobody_; ///< paths that were asked for: nobody is there
    unsigned questions_{0};                     ///< in this tick
    Counter ended_;
};

} // namespace sacip
