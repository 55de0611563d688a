// SPDX-License-Identifier: BSD-3-Clause
//
// What a worker decides alone, on hand-made tables.
#include "sacip_core/forward/pipeline.hpp"

#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/frame_text.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

constexpr PortId inside{0}, outside{1};
const MacAddr inside_mac = mac("02:00:00:00:00:01"), outside_mac = mac("02:00:00:00:00:02");
const MacAddr host_mac = mac("06:00:00:00:00:01"), router_mac = mac("06:00:00:00:00:02");
const LinkHeader to_router{router_mac, outside_mac}, to_host{host_mac, inside_mac};
const Ipv4Addr host = addr("10.1.0.10"), remote = addr("10.9.0.10");
const Ipv4Addr original = addr("10.0.1.2"), active = addr("10.0.1.3");

class PipelineTest : public testing::Test {
protected:
    PathId add_path(const PathAddresses& addresses, PathAction out = PathAction::forward,
                    PathAction in = PathAction::forward) {
        RewriteSlot slot;
        prepare_rewrite(addresses, L4ChecksumMode::wire, slot);
        slot.outbound.action = out;
        slot.outbound.port = outside;
        slot.outbound.link = &to_router;
        slot.inbound.action = in;
        slot.inbound.port = inside;
        slot.inbound.link = &to_host;
        return paths_
            ->add(slot, {addresses.remote_active, addresses.local_active},
                  {addresses.host, addresses.remote_original})
            .value();
    }
    FlowId add_flow(PathId path, uint16_t host_port, Ipv4Addr far = remote, Ipv4Addr near = host) {
        return flows_->insert({near, far, Be16{host_port}, Be16{80}, 6, {}}, path, {1}).value();
    }
    std::vector<Verdict> process(PortId port, std::vector<Bytes>& frames, Tick now = {7}) {
        std::vector<Frame> in;
        for (Bytes& bytes : frames) {
            in.push_back(frame_of(bytes));
        }
        std::vector<Verdict> verdicts(in.size());
        pipeline_.process(in, {port == inside ? inside_mac : outside_mac, 20, port == outside}, now,
                          verdicts);
        return verdicts;
    }
    Verdict one(PortId port, Bytes& frame) {
        std::vector<Bytes> frames{std::move(frame)};
        const Verdict verdict = process(port, frames).at(0);
        frame = std::move(frames[0]);
        return verdict;
    }
    static PacketBuilder from_host(uint16_t port = 4000) {
        return PacketBuilder{}.ether(inside_mac).from(host).to(remote).tcp(port, 80);
    }
    static PacketBuilder from_wire(Ipv4Addr to = active, uint16_t port = 4000) {
        return PacketBuilder{}.ether(outside_mac).from(remote).to(to).tcp(80, port);
    }

    const PathAddresses moved_{host, original, active, remote, remote};
    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows_{std::get<0>(FlowTable::create(64, *grace_))};
    std::unique_ptr<PathTable> paths_{std::get<0>(PathTable::create(16, *grace_))};
    CoreCounters counters_;
    Pipeline pipeline_{*flows_, *paths_, counters_};
};

TEST_F(PipelineTest, ForwardsBothWaysAndMarksTheFlow) {
    const FlowId flow = add_flow(add_path(moved_), 4000);
    Bytes out = from_host().payload("out").build();
    EXPECT_EQ(one(inside, out), Verdict::forward(outside));
    EXPECT_EQ(text_of(out, true), "tcp 10.0.1.3:4000 > 10.9.0.10:80 out");
    EXPECT_EQ(view_of(out).ttl, 63);
    EXPECT_EQ(ether::destination(out.data()), router_mac);
    EXPECT_EQ(ether::source(out.data()), outside_mac);
    Bytes in = from_wire().payload("in").build();
    EXPECT_EQ(one(outside, in), Verdict::forward(inside));
    EXPECT_EQ(text_of(in, true), "tcp 10.9.0.10:80 > 10.1.0.10:4000 in");
    EXPECT_EQ(ether::destination(in.data()), host_mac);
    const auto info = flows_->at(flow).value();
    EXPECT_EQ(info.last_seen, Tick{7});
    EXPECT_EQ(info.seen, flow_seen_in | flow_seen_out);
    EXPECT_EQ(counters_.rewritten.get(), 2U);
}

TEST_F(PipelineTest, UnknownFlowsArePuntedUntouched) {
    add_flow(add_path(moved_), 4000);
    for (const auto& [port, builder] : {std::pair{inside, from_host(4001)},
                                        {outside, from_wire(active, 4001)},
                                        {outside, from_wire(original, 4000)}}) {
        Bytes bytes = builder.build();
        const Bytes before = bytes;
        EXPECT_EQ(one(port, bytes), Verdict::punt(PuntReason::first_packet));
        EXPECT_EQ(bytes, before);
    }
}

TEST_F(PipelineTest, TwoOriginalsBehindOneWirePair) {
    add_flow(add_path(moved_), 4000);
    const Ipv4Addr box = active; // a socket of the box, opened after the move
    const PathId second =
        add_path({box, box, active, remote, remote}, PathAction::forward, PathAction::to_box);
    add_flow(second, 4001, remote, box);
    std::vector<Bytes> frames{from_wire(active, 4001).build(), from_wire(active, 4000).build(),
                              from_wire(active, 4002).build()};
    const auto verdicts = process(outside, frames);
    EXPECT_EQ(verdicts[0].punt_reason(), PuntReason::to_box);
    EXPECT_EQ(text_of(frames[0], true), "tcp 10.9.0.10:80 > 10.0.1.3:4001");
    EXPECT_EQ(verdicts[1], Verdict::forward(inside));
    EXPECT_EQ(text_of(frames[1], true), "tcp 10.9.0.10:80 > 10.1.0.10:4000");
    EXPECT_EQ(verdicts[2], Verdict::punt(PuntReason::first_packet));
}

TEST_F(PipelineTest, TenOriginalsBehindOneWirePairAgainAndAgain) {
    constexpr uint16_t first_port = 4000, count = 10;
    for (uint16_t i = 0; i < count; i++) {
        const Ipv4Addr own = addr("10.1.0." + std::to_string(10 + i));
        add_flow(add_path({own, original, active, remote, remote}), first_port + i, remote, own);
    }
    for (int turn = 0; turn < 3; turn++) { // the second one has hints
        for (uint16_t i = 0; i < count; i++) {
            Bytes bytes = from_wire(active, first_port + i).build();
            EXPECT_EQ(one(outside, bytes), Verdict::forward(inside));
            EXPECT_EQ(view_of(bytes).destination, addr("10.1.0." + std::to_string(10 + i)));
        }
        Bytes bytes = from_wire(active, first_port + count).build();
        EXPECT_EQ(one(outside, bytes), Verdict::punt(PuntReason::first_packet));
    }
}

TEST_F(PipelineTest, AHintOutlivesItsFlowAndHarmsNobody) {
    const PathId path = add_path(moved_);
    const FlowId flow = add_flow(path, 4000);
    Bytes in = from_wire().build(), out = from_host().build();
    ASSERT_EQ(one(outside, in), Verdict::forward(inside));
    ASSERT_EQ(one(inside, out), Verdict::forward(outside));

    flows_->erase(flows_->at(flow).value());
    in = from_wire().build(), out = from_host().build();
    EXPECT_EQ(one(outside, in), Verdict::punt(PuntReason::first_packet));
    EXPECT_EQ(one(inside, out), Verdict::punt(PuntReason::first_packet));
    // rte_hash and the index of the tests give the freed position out again at once.
    ASSERT_EQ(add_flow(path, 4001).value, flow.value);
    in = from_wire().build(), out = from_host().build();
    EXPECT_EQ(one(outside, in), Verdict::punt(PuntReason::first_packet));
    EXPECT_EQ(one(inside, out), Verdict::punt(PuntReason::first_packet));
    in = from_wire(active, 4001).build();
    EXPECT_EQ(one(outside, in), Verdict::forward(inside));
}

TEST_F(PipelineTest, AMovedViewComesBeforeAHint) {
    // The newcomer has the address for its own; then an older flow with the same ports moves there.
    const Ipv4Addr newcomer = active;
    add_flow(add_path({newcomer, newcomer, active, remote, remote}), 4000, remote, newcomer);
    Bytes bytes = from_wire().build();
    ASSERT_EQ(one(outside, bytes), Verdict::forward(inside));
    EXPECT_EQ(view_of(bytes).destination, newcomer);
    add_flow(add_path(moved_), 4000);
    bytes = from_wire().build();
    ASSERT_EQ(one(outside, bytes), Verdict::forward(inside));
    EXPECT_EQ(view_of(bytes).destination, host);
}

TEST_F(PipelineTest, APairThatThePathDoesNotTakeIsNotItsOwn) {
    // The far end moved to another address; somebody else uses its old one.
    const PathId path = add_path({host, original, active, remote, addr("10.19.0.10")});
    add_flow(path, 4000);
    add_path({addr("10.1.0.11"), active, active, remote, remote}); // makes the pair known
    const PathId stranger = add_path(moved_);
    (void)stranger; // same view, no flow of its own
    Bytes bytes = from_wire().build();
    EXPECT_EQ(one(outside, bytes), Verdict::punt(PuntReason::first_packet));
    EXPECT_EQ(
        flows_
            ->at({static_cast<uint32_t>(flows_->find({host, remote, Be16{4000}, Be16{80}, 6, {}}))})
            ->seen,
        0)
        << "and does not keep it alive";
}

TEST_F(PipelineTest, AroundAMoveBothPairsAreTaken) {
    const PathId path = add_path({host, original, original, remote, remote});
    add_flow(path, 4000);
    RewriteSlot next = paths_->path(path).slot();
    prepare_rewrite(moved_, L4ChecksumMode::wire, next);
    paths_->prepare(path, {remote, active}, {host, remote});
    paths_->publish(path, next, {remote, active});
    for (const Ipv4Addr to : {original, active}) {
        Bytes bytes = from_wire(to).payload("x").build();
        EXPECT_EQ(one(outside, bytes), Verdict::forward(inside));
        EXPECT_EQ(text_of(bytes, true), "tcp 10.9.0.10:80 > 10.1.0.10:4000 x") << to.to_text();
    }
}

TEST_F(PipelineTest, WhatThePathSays) {
    add_flow(add_path(moved_, PathAction::hold, PathAction::unresolved), 4000);
    Bytes out = from_host().build(), in = from_wire().build();
    const Bytes out_before = out, in_before = in;
    EXPECT_EQ(one(inside, out), Verdict::punt(PuntReason::hold));
    EXPECT_EQ(one(outside, in), Verdict::punt(PuntReason::neighbour));
    EXPECT_EQ(out, out_before);
    EXPECT_EQ(in, in_before);
    EXPECT_EQ(counters_.rewritten.get(), 0U);
}

/// Just after a switch nothing overtakes what was punted before it, by any worker or in this burst.
TEST_F(PipelineTest, ForwardsInTurn) {
    struct : PuntsUnderWay {
        bool any(Direction) const override { return some; }
        bool some{true};
    } punts;
    Pipeline pipeline{*flows_, *paths_, counters_, &punts};
    add_flow(add_path(moved_, PathAction::forward_in_turn, PathAction::forward_in_turn), 4000);
    const auto verdicts = [&](std::vector<Bytes> burst) {
        std::vector<Frame> in;
        for (Bytes& bytes : burst) {
            in.push_back(frame_of(bytes));
        }
        std::vector<Verdict> out(in.size());
        pipeline.process(in, {inside_mac, 20, false}, {5}, out);
        return out;
    };
    EXPECT_EQ(verdicts({from_host().build()})[0], Verdict::punt(PuntReason::in_turn));
    punts.some = false;
    EXPECT_EQ(verdicts({from_host().build()})[0], Verdict::forward(outside));
    const auto mixed =
        verdicts({from_host().build(), from_host(4001).build(), from_host().build()});
    EXPECT_EQ(mixed[0], Verdict::forward(outside));
    EXPECT_EQ(mixed[1], Verdict::punt(PuntReason::first_packet));
    EXPECT_EQ(mixed[2], Verdict::punt(PuntReason::in_turn));
}

TEST_F(PipelineTest, ToTheBoxKeepsEthernetAndTtl) {
    add_flow(add_path(moved_, PathAction::forward, PathAction::to_box), 4000);
    Bytes in = from_wire().ttl(1).build();
    const Verdict verdict = one(outside, in);
    EXPECT_EQ(verdict.punt_reason(), PuntReason::to_box);
    EXPECT_EQ(verdict.port, inside);
    EXPECT_EQ(view_of(in).ttl, 1);
    EXPECT_EQ(ether::destination(in.data()), outside_mac);
    EXPECT_EQ(text_of(in, true), "tcp 10.9.0.10:80 > 10.1.0.10:4000");
}

TEST_F(PipelineTest, TtlOne) {
    add_flow(add_path(moved_), 4000);
    for (const uint8_t ttl : {uint8_t{0}, uint8_t{1}}) {
        Bytes out = from_host().ttl(ttl).build(), in = from_wire().ttl(ttl).build();
        const Bytes out_before = out, in_before = in;
        EXPECT_EQ(one(inside, out), Verdict::punt(PuntReason::ttl));
        EXPECT_EQ(one(outside, in), Verdict::punt(PuntReason::ttl));
        EXPECT_EQ(out, out_before);
        EXPECT_EQ(in, in_before);
    }
    Bytes out = from_host().ttl(2).build();
    EXPECT_EQ(one(inside, out), Verdict::forward(outside));
    EXPECT_EQ(view_of(out).ttl, 1);
}

TEST_F(PipelineTest, AFullBurstOfAllKinds) {
    add_flow(add_path(moved_), 4000);
    std::vector<Bytes> frames;
    for (unsigned i = 0; i < Pipeline::max_burst; i++) {
        switch (i % 4) {
        case 0:
            frames.push_back(from_host().build());
            break;
        case 1:
            frames.push_back(from_host(5000).build());
            break;
        case 2:
            frames.push_back(from_host().cut_to(20).build());
            break;
        default:
            frames.push_back(from_host().fragment_field(0x2000).build());
        }
    }
    const auto verdicts = process(inside, frames);
    for (unsigned i = 0; i < Pipeline::max_burst; i++) {
        const Verdict expected[] = {
            Verdict::forward(outside), Verdict::punt(PuntReason::first_packet),
            Verdict::drop(DropReason::ip_truncated), Verdict::punt(PuntReason::fragment)};
        EXPECT_EQ(verdicts[i], expected[i % 4]) << i;
    }
    EXPECT_TRUE(process(inside, *std::make_unique<std::vector<Bytes>>()).empty());
}

TEST_F(PipelineTest, AnErasedFlowIsUnknownAtOnce) {
    const FlowId flow = add_flow(add_path(moved_), 4000);
    flows_->erase(flows_->at(flow).value());
    Bytes out = from_host().build();
    EXPECT_EQ(one(inside, out), Verdict::punt(PuntReason::first_packet));
}

} // namespace
} // namespace sacip::test
