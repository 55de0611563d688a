// SPDX-License-Identifier: BSD-3-Clause
//
// BasicReceiver: whether a notification may be believed, and what it then means.
//
// The basic notification proves nothing about its sender, so all that stands between a stranger and
// our flows is who may be a peer and where it may roam to (config `basic_peers`). Every refusal has
// its own reason and changes nothing (PROTOCOL §2, §4).
#pragma once

#include "sacip_core/mobility/mover.hpp"
#include "sacip_core/wire/basic_notification.hpp"

namespace sacip {

/// These bindings of a far end are at `to` from now on.
struct PeerMove {
    std::vector<RemoteId> bindings;
    IpAddr from;
    IpAddr to;
};
/// A message that we have acted upon already, or that changes nothing.
struct SaidAgain {};

using BasicVerdict = std::variant<PeerMove, SaidAgain, DropReason>;

/// Slow path only. References outlive it.
class BasicReceiver {
public:
    BasicReceiver(const BindingCache& cache, const Mover& mover, const KernelState& host)
        : cache_{cache}, mover_{mover}, host_{host} {}

    /// Judges a packet that parse() punted as `notification`.
    BasicVerdict receive(const Frame& frame, const PacketView& view) const;

private:
    DropReason judge(const BasicNotification& message) const;
    /// Bindings of basic peers that are at this address.
    std::vector<RemoteId> bindings_at(IpAddr address) const;

    const BindingCache& cache_;
    const Mover& mover_;
    const KernelState& host_;
};

} // namespace sacip
