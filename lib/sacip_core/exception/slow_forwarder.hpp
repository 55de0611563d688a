// SPDX-License-Identifier: BSD-3-Clause
//
// SlowForwarder: sends a packet of the slow path on its way, by its path or by addresses alone.
//
// What a worker does in carry_out(), with what it may not do: wait for a next hop or a usable path,
// ask Linux for a neighbour, and treat packets from Linux as already routed.
#pragma once

#include "sacip_core/exception/slow_output.hpp"
#include "sacip_core/kernel/kernel_requests.hpp"
#include "sacip_core/mobility/path_manager.hpp"

#include <map>

namespace sacip {

/// Packets that wait for no path in particular share a key in the hold queue; strangers' another.
inline constexpr uint64_t hold_key_no_path = ~uint64_t{1};
inline constexpr uint64_t hold_key_of_strangers = ~uint64_t{2};
/// How long a packet waits for a usable path.
inline constexpr Nanos hold_for_path = from_s(10);

/// Slow path only. References outlive it.
class SlowForwarder {
public:
    SlowForwarder(BindingCache& cache, const PathManager& manager,
                  const std::vector<GatewayPort>& ports, KernelRequests& actions,
                  SlowOutput& output, CoreCounters& counters)
        : cache_{cache}, manager_{manager}, ports_{ports}, actions_{actions}, output_{output},
          counters_{counters} {}

    // Each takes the packet.

    /// `left_with`: addresses that an outbound fragment has to have; zeros: those in force.
    void by_path(PuntedPacket& punted, Direction direction, PathId path, WirePair left_with = {});
    void by_addresses(PuntedPacket& punted, Direction direction, MappingId mapping,
                      const PathAddresses& addresses, L4ChecksumMode mode);
    /// Forgets whom it asked for long ago. Now and then.
    void tick();
    /// A neighbour has become known: it takes no place of those that may be absent.
    void answered(NeighbourKey neighbour);

private:
    /// How a packet waits, if it has to.
    struct Waits {
        uint64_t key{hold_key_of_strangers};
        HoldShare share{HoldShare::strangers};
        bool moving{false}; ///< its path has been moved a moment ago
    };
    void send(PuntedPacket& punted, const DirectionRewrite& to, const Adjacency& hop,
              const Waits& waits);
    bool goes_unproven(const PuntedPacket& punted, const PathEntry& entry);
    void forward(PuntedPacket& punted, const DirectionRewrite& to);
    void end_here(PuntedPacket& punted, const DirectionRewrite& to);
    static void translate(PuntedPacket& punted, const DirectionRewrite& to);
    void resolve(NeighbourKey neighbour, Nanos now, bool may_be_absent);

    BindingCache& cache_;
    const PathManager& manager_;
    const std::vector<GatewayPort>& ports_;
    KernelRequests& actions_;
    SlowOutput& output_;
    CoreCounters& counters_;
    struct Asked {
        Nanos last;
        bool counted; ///< by for_absent_
    };
    std::map<NeighbourKey, Asked> asked_;
    TokenBucket for_absent_{100, 200};
};

} // namespace sacip
