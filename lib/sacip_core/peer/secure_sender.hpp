// SPDX-License-Identifier: BSD-3-Clause
//
// SecureSender: puts secure notifications on the wire.
//
// A message to a peer is sealed for the addresses it travels between and handed to the port that
// serves its source, toward the next hop of its destination. Where that next hop is not known yet
// Linux is asked for it and the caller tries again: a notification has no packet behind it that
// could wait.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/kernel/kernel_requests.hpp"
#include "sacip_core/mobility/binding_cache.hpp"
#include "sacip_core/packet/packet_io.hpp"
#include "sacip_core/peer/association.hpp"
#include "sacip_core/wire/identity.hpp"
#include "sacip_core/wire/secure_carrier.hpp"

namespace sacip {

inline constexpr size_t secure_kind_count = 9; ///< index with the kind; 0 is unused

/// Slow path only. References outlive it.
class SecureSender {
public:
    struct Deps {
        const BootConfig& boot;
        const Identity& identity;
        const std::vector<GatewayPort>& ports;
        const BindingCache& cache;
        const AdjacencyResolver& resolver;
        PacketIo& io;
        KernelRequests& actions;
    };
    explicit SecureSender(const Deps& deps) : r_{deps} {}

    struct Outgoing {
        PeerId peer;
        const SecureBody& body;
        Sequence sequence;
        uint16_t flags{0};
    };
    /// By one carrier; true if it left.
    bool send(const Outgoing& message_out, const CarrierRoute& route);
    /// By both carriers, or by the one given; true if any left.
    bool send(const Outgoing& message_out, const SecureAddresses& between,
              std::optional<Carrier> only);

    uint64_t sent(SecureKind kind) const { return sent_[static_cast<size_t>(kind)].get(); }

private:
    PortId port_of(IpAddr source) const;

    Deps r_;
    std::array<Counter, secure_kind_count> sent_;
};

} // namespace sacip
