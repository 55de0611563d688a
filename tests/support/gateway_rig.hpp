// SPDX-License-Identifier: BSD-3-Clause
//
// GatewayRig: a whole gateway in memory - pipeline, slow path, tables - without EAL and without
// Linux.
//
//   host frames -> receive(lan) -> pipeline -> punts -> slow path -> lines(lan), lines(wan), ...
//   Linux's     -> from_linux(wan) ------------------^      ^
//   ip addr, ip route, ip neigh -> KernelState -> notice() ---+        time -> advance()
//
// What a worker punts while the slow path is at work (RecordingIo::once_sent) waits in a ring, as
// in the product.
//
// It does with verdicts what app/dpdk/worker and app/appliance do, and counts as they do, so that
// check() can hold every story to the packet identity. The worker is offline between bursts, like
// one that sleeps: a single thread could not wait for it.
//
// For tests only: errors throw or fail the test.
#pragma once

#include "sacip_core/config/config.hpp"
#include "sacip_core/config/policy.hpp"
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/gateway.hpp"
#include "tests/support/frame_text.hpp"
#include "tests/support/recording_io.hpp"
#include "tests/support/rig_config.hpp"

#include <deque>
#include <gtest/gtest.h>

namespace sacip::test {

/// What workers have punted and the slow path has not yet taken.
struct RigRing final : PuntsUnderWay {
    struct Entry {
        OwnedPacket packet;
        PortId port;
        PuntReason why;
    };
    std::deque<Entry> entries;
    bool in_hand{false}; ///< the slow path is at work, as PuntRings::any() has it
    const RecordingIo& io;
    explicit RigRing(const RecordingIo& of) : io{of} {}
    bool any(Direction to) const override;
};

class GatewayRig {
public:
    explicit GatewayRig(Config c, uint8_t number = 1, std::optional<Identity> keys = {});
    ~GatewayRig();
    GatewayRig(const GatewayRig&) = delete;
    GatewayRig& operator=(const GatewayRig&) = delete;

    // ---- Linux's side; nothing is noticed before notice()

    /// "10.0.1.2/24"; with its connected route, as Linux has it.
    void add_address(PortId port, std::string_view cidr, bool secondary = false,
                     bool deprecated = false);
    void del_address(PortId port, std::string_view cidr);
    void add_route(PortId port, std::string_view to, std::string_view via, uint32_t metric = 0);
    void del_route(PortId port, std::string_view to, std::string_view via, uint32_t metric = 0);
    void add_neighbour(PortId port, std::string_view address);
    void del_neighbour(PortId port, std::string_view address);
    /// The Ethernet address that add_neighbour gives.
    static MacAddr mac_of(Ipv4Addr a);
    /// Shadows appear where Linux would show them.
    void obey_actions();
    /// Shows the slow path what Linux has now, and ends the turn.
    void notice();

    // ---- packets

    /// A builder whose frames are for the port.
    PacketBuilder frame(PortId port) const;
    /// One burst through a worker, its punts to the slow path, end of turn.
    void receive(PortId port, std::vector<Bytes> burst);
    void receive(PortId port, const PacketBuilder& packet);
    /// The same without the end of the turn.
    void work(PortId port, std::vector<Bytes> burst, RxFacts facts = RxFacts::none);
    void from_linux(PortId port, const Bytes& bytes);
    void from_linux(PortId port, const PacketBuilder& packet);

    // ---- time

    void turn();
    /// Milliseconds up to a second, then in steps of 50 ms.
    void advance(Nanos time);

    // ---- what left

    /// Of this port since the last look, on the cable or in Linux, and forgets it. L4 checksums are
    /// held against the addresses in the packet where a host or Linux would.
    Lines lines(PortId port, bool linux_side = false);
    Lines linux_lines(PortId port) { return lines(port, true); }
    std::vector<Bytes> take(PortId port, bool linux_side = false);
    uint64_t dropped(DropReason why) const;
    uint64_t punted(PuntReason why) const;
    const ExceptionStatistics& statistics() const;
    const MoveRecord& last_move() const;

    /// The identity: nothing appears from nowhere, nothing vanishes.
    void check() const;

    Config config;
    CurrentPolicy policy{std::make_shared<const Policy>(make_policy(config))};
    std::optional<Identity> identity;
    KernelState host;
    RecordingIo io;
    RecordingActions actions;
    CoreCounters worker, slow_counters;
    std::unique_ptr<GracePeriod> grace;
    std::unique_ptr<FlowTable> flows;
    std::unique_ptr<PathTable> paths;
    std::vector<GatewayPort> ports;
    RigRing ring{io};
    Pipeline pipeline;
    std::unique_ptr<Gateway> slow;
    Nanos now{from_s(1000)};

private:
    IfIndex interface(PortId port) const { return ports[port.value].host_interface; }
    void finish_turn();
    /// The slow path takes what was punted, if it is not in the middle of something.
    void serve();
    void carry_out(Verdict verdict, OwnedPacket packet, PortId port);
};

} // namespace sacip::test
