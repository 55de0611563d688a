// SPDX-License-Identifier: BSD-3-Clause
//
// PuntRings: how workers hand packets to the slow path.
//
// Two bounded rings, many workers in, the slow path out. Notifications have one for themselves and
// are served first: a flood of new flows can't keep the message away that says where these flows
// went. First packets of flows, which anybody can send, have half of the other ring from outside
// and three quarters from inside: the rest is for flows that we know. A third one has what Linux
// sends and is ours to judge: neither kind of flood takes its place, and it takes nobody's. Ports
// and reason travel inside the packet's mbuf.
#pragma once

#include "sacip_core/base/verdict.hpp"
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/packet/packet_io.hpp"

#include <memory>
#include <span>
#include <string>
#include <variant>

struct rte_mbuf;

namespace sacip {

/// Where a packet came in.
struct WayIn {
    PortId port;
    bool outside; ///< the port's role
};

/// A packet a worker could not decide. The receiver owns it.
struct Punted {
    OwnedPacket packet;
    PortId port{no_port}; ///< where it came in
    PortId to{no_port};   ///< the verdict's port: for to_box, whose host interface gets it
    PuntReason reason{PuntReason::none};
};

class PuntRings final : public PuntsUnderWay {
public:
    struct Impl;
    /// Packets both rings hold together at most: their share of the pool.
    static constexpr uint32_t capacity = 2048 + 512;
    /// The same of what Linux sent, in the pool of host interfaces.
    static constexpr uint32_t linux_capacity = 1024;

    static std::variant<std::unique_ptr<PuntRings>, std::string> create();
    explicit PuntRings(std::unique_ptr<Impl> impl);
    /// Frees what nobody received.
    ~PuntRings() override;
    PuntRings(const PuntRings&) = delete;
    PuntRings& operator=(const PuntRings&) = delete;

    /// What first packets leave free.
    static constexpr uint32_t left_by_outside = 1024, left_by_inside = 512;
    /// Any worker. The verdict is a punt. False if there is no room for it; the packet stays the
    /// caller's.
    bool punt(rte_mbuf* packet, WayIn from, Verdict verdict);
    /// Slow path. Fills `out` from the front, notifications first, but no more than half of it with
    /// them as long as others wait; returns how many. Call when all of the last call are dealt
    /// with: any() goes by that.
    unsigned receive(std::span<Punted> out);
    /// Any worker. What Linux sent on the host interface of `port`. False if the ring is full; the
    /// packet stays the caller's.
    bool pass_on(rte_mbuf* packet, PortId port);
    /// Slow path. The same for these; they have no reason, and do not count for any().
    unsigned receive_from_linux(std::span<Punted> out);
    /// Slow path: PacketIo::keep_turns().
    void keep_turns(Direction to, bool keep);
    /// Any worker: other packets than notifications are in the ring, or anything is in the slow
    /// path's hands in this turn, or is of this direction and there for later ones.
    bool any(Direction to) const override;

private:
    std::unique_ptr<Impl> impl_;
};

} // namespace sacip
