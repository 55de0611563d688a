// SPDX-License-Identifier: BSD-3-Clause
//
// What was held leaves a few packets a turn: in order, nothing overtakes it, and what ends a gap
// for the other direction does not wait for it.
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

constexpr int many = 100;

std::string line(int number, const std::string& from = "10.0.1.2") {
    return "udp " + from + ":4000 > 10.9.0.10:80 " + std::to_string(number);
}

/// A hundred datagrams of one flow have been held in a gap, and the address is back.
struct Released : SiteA {
    int next{0};
    Lines left; ///< by wan, up to now

    explicit Released(Config c = uplink_config()) : SiteA{std::move(c)} {
        receive(lan, frame(lan).udp(4000, 80).payload("begins"));
        advance(from_ms(40));
        take(wan);
        del_address(wan, "10.0.1.2/24");
        notice();
        advance(from_ms(30));
        while (next < many) {
            send();
        }
        EXPECT_EQ(slow_counters.held.get(), size_t{many});
        add_address(wan, "10.0.1.2/24");
        notice();
        look();
    }
    /// One more, by a worker, in the middle of a turn.
    void send() { work(lan, {frame(lan).udp(4000, 80).payload(std::to_string(next++)).build()}); }
    void look() {
        for (std::string& l : lines(wan)) {
            left.push_back(std::move(l));
        }
    }
    void expect_all_in_order() const {
        ASSERT_EQ(left.size(), static_cast<size_t>(next));
        for (int i = 0; i < next; i++) {
            EXPECT_EQ(left[static_cast<size_t>(i)], line(i));
        }
    }
};

Bytes far_end_moves(const GatewayRig& rig) {
    Bytes out(basic_notification_frame_bytes);
    encode({addr("10.9.0.10"), addr("10.19.0.10"), addr("10.0.1.2")}, 20,
           {rig.ports[wan.value].mac, default_sender_mac}, out);
    return out;
}

TEST(Backlog, LeavesAFewATurn) {
    Released a;
    for (int turns = 1; turns <= 3; turns++) {
        EXPECT_EQ(a.left.size(), static_cast<size_t>(32 * turns));
        EXPECT_TRUE(a.slow->has_backlog());
        a.turn();
        a.look();
    }
    a.expect_all_in_order();
    EXPECT_FALSE(a.slow->has_backlog());
    a.check();
}

TEST(Backlog, NothingOvertakesIt) {
    Released a;
    for (int turns = 0; turns < 10; turns++) {
        a.send();
        a.turn();
        a.look();
    }
    a.expect_all_in_order();
    EXPECT_GE(a.punted(PuntReason::in_turn), 1U);
    const uint64_t before = a.worker.forwarded.get();
    a.send();
    EXPECT_EQ(a.worker.forwarded.get(), before + 1) << "theirs again";
    a.check();
}

TEST(Backlog, EndsWhateverComes) {
    Released a;
    for (int turns = 0; turns < 4; turns++) {
        for (int i = 0; i < 40; i++) {
            a.send();
        }
        a.turn();
        a.look();
    }
    EXPECT_FALSE(a.slow->has_backlog());
    a.expect_all_in_order();
    a.check();
}

/// The far end moves while packets to it wait: they go where it is.
TEST(Backlog, IsDecidedAsThingsAreWhenItsTurnComes) {
    Released a;
    a.work(wan, {far_end_moves(a)});
    a.turn();
    a.look();
    EXPECT_EQ(a.left[31], line(31));
    EXPECT_EQ(a.left[32], "udp 10.0.1.2:4000 > 10.19.0.10:80 32");
    a.check();
}

TEST(Backlog, WhatHasToWaitOnTakesNoTurns) {
    Released a;
    a.advance(from_ms(50));
    a.look();
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    for (int i = 0; i < many; i++) {
        a.send();
    }
    a.notice(); // routes may have changed: all are looked at, and none can leave
    EXPECT_FALSE(a.slow->has_backlog());
    EXPECT_EQ(a.slow_counters.held.get(), size_t{many});
    a.add_address(wan, "10.0.1.2/24");
    a.notice();
    for (int i = 0; i < 4; i++) {
        a.turn();
    }
    a.look();
    a.expect_all_in_order();
    a.check();
}

/// More than there are places for: what is first in line leaves, and all in order.
TEST(Backlog, MakesRoomAtItsHead) {
    Released a;
    for (size_t i = 0; i < HoldQueue::max_packets; i++) {
        a.send();
    }
    a.look();
    EXPECT_LE(a.slow_counters.held.get(), HoldQueue::max_packets);
    EXPECT_EQ(a.left.size() + a.slow_counters.held.get(), static_cast<size_t>(a.next));
    while (a.slow->has_backlog()) {
        a.turn();
        a.look();
    }
    a.expect_all_in_order();
    a.check();
}

/// What is held of the other direction takes of the same room, that of the packet pool.
TEST(Backlog, BothDirectionsAndWhatWaitsShareTheRoom) {
    SiteA a;
    const auto send = [&](int far) {
        a.work(lan, {a.frame(lan).to("10.9.0." + std::to_string(far)).udp(4000, 80).build()});
    };
    for (int far = 10; far < 15; far++) {
        send(far);
    }
    a.turn();
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    for (size_t i = 0; i < HoldQueue::max_packets; i++) {
        send(10 + static_cast<int>(i % 5));
    }
    a.add_address(wan, "10.0.1.2/24");
    a.del_neighbour(lan, "10.1.0.10");
    a.notice();
    EXPECT_GE(a.slow_counters.held.get(), HoldQueue::max_packets - 32);
    for (size_t i = 0; i < HoldQueue::max_per_neighbour; i++) {
        a.work(wan, {a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000).build()});
        ASSERT_LE(a.slow_counters.held.get(), HoldQueue::max_packets);
    }
    while (a.slow->has_backlog()) {
        a.turn();
    }
    EXPECT_EQ(a.slow_counters.held.get(), HoldQueue::max_per_neighbour);
    EXPECT_EQ(a.dropped(DropReason::hold_overflow), 0U);
    a.check();
}

TEST(Backlog, IsFreedAtTheEnd) {
    Released a;
    a.slow->shut_down();
    EXPECT_EQ(a.io.live(), 0U);
    EXPECT_EQ(a.io.turns_kept, (std::array{false, false}));
}

TEST(Backlog, TheOtherDirectionDoesNotWait) {
    Released a;
    const PacketBuilder answer = a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000);
    a.work(wan, {answer.build()});
    EXPECT_EQ(a.lines(lan), Lines{"udp 10.9.0.10:80 > 10.1.0.10:4000"});
    EXPECT_TRUE(a.slow->has_backlog());
    a.check();
}

/// A hundred datagrams to a host that answers ARP late are about to leave.
struct ReleasedInbound : SiteA {
    ReleasedInbound() {
        receive(lan, frame(lan).udp(4000, 80));
        take(wan);
        del_neighbour(lan, "10.1.0.10");
        notice();
        for (int i = 0; i < many; i++) {
            receive(wan, frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000));
        }
        EXPECT_EQ(slow_counters.held.get(), size_t{many});
        add_neighbour(lan, "10.1.0.10");
        notice();
        EXPECT_EQ(lines(lan).size(), 32U);
    }
};

TEST(Backlog, ArpGoesAhead) {
    ReleasedInbound a;
    a.work(wan, {a.frame(wan).ether_type(0x0806).build()});
    EXPECT_EQ(a.linux_lines(wan).size(), 1U);
    EXPECT_EQ(a.lines(lan), Lines{}) << "and nothing else left";
    a.check();
}

TEST(Backlog, AMessageOfAPeerGoesAhead) {
    ReleasedInbound a;
    a.work(wan, {far_end_moves(a)});
    EXPECT_EQ(a.statistics().notifications_received.get(), 1U);
    EXPECT_EQ(a.lines(lan), Lines{});
    a.check();
}

TEST(Backlog, LinuxsArpGoesAheadToo) {
    Released a;
    a.slow->on_from_linux(a.io.own(a.frame(wan).ether_type(0x0806).build()), wan, a.now);
    EXPECT_EQ(a.lines(wan).size(), 1U);
    a.check();
}

/// What a worker has rewritten for the box's own sockets.
TEST(Backlog, PacketsToTheBoxKeepTheirPlace) {
    ReleasedInbound a;
    const Bytes to_box = a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 53).build();
    a.slow->on_punted(a.io.own(to_box), wan, PuntReason::to_box, a.now);
    for (int turns = 0; turns < 3; turns++) {
        EXPECT_EQ(a.linux_lines(wan), Lines{});
        a.turn();
    }
    EXPECT_EQ(a.lines(lan).size(), 68U);
    EXPECT_EQ(a.linux_lines(wan).size(), 1U);
}

} // namespace
} // namespace sacip::test
