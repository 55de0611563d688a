// SPDX-License-Identifier: BSD-3-Clause
//
// SecurePost: puts secure notifications on the wire.
//
// A message to a peer is sealed for the addresses it travels between and handed to the port that
// serves its source, toward the next hop of its destination. Where that next hop is not known yet
// Linux is asked for it and the caller tries again: a notification has no packet behind it that
// could wait.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/kernel/host_actions.hpp"
#include "sacip_core/mobility/ledger.hpp"
#include "sacip_core/packet/packet_io.hpp"
#include "sacip_core/peer/association.hpp"
#include "sacip_core/wire/identity.hpp"
#include "sacip_core/wire/secure_carrier.hpp"

namespace sacip {

inline constexpr size_t secure_kind_count = 9; ///< index with the kind; 0 is unused

/// Slow path only. References outlive it.
class SecurePost {
public:
    struct Rooms {
        const Config& config;
        const Identity& identity;
        const std::vector<GatewayPort>& ports;
        const Ledger& ledger;
        const AdjacencyResolver& resolver;
        PacketIo& io;
        HostActions& actions;
    };
    explicit SecurePost(const Rooms& rooms) : r_{rooms} {}

    struct Letter {
        uint32_t peer; ///< place in Config::peers
        const SecureBody& body;
        Sequence sequence;
        uint16_t flags{0};
    };
    /// By one carrier; true if it left.
    bool send(const Letter& letter, const CarrierRoute& route);
    /// By both carriers, or by the one given; true if any left.
    bool send(const Letter& letter, const SecureAddresses& between, std::optional<Carrier> only);

    uint64_t sent(SecureKind kind) const { return sent_[static_cast<size_t>(kind)].get(); }

private:
    PortId port_of(Ipv4Addr source) const;

    Rooms r_;
    std::array<Counter, secure_kind_count> sent_;
};

} // namespace sacip
