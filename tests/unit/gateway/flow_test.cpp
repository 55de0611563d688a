// SPDX-License-Identifier: BSD-3-Clause
//
// First packets, waiting, full tables, ageing: the life of flows without any move.
#include "sacip_core/packet/arp.hpp"
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "tests/support/rig_sites.hpp"

#include <random>
#include <set>

namespace sacip::test {
namespace {

TEST(SlowPathFlow, BehindAnUplinkBothWays) {
    SiteA a;
    a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 [S]"});
    EXPECT_EQ(a.punted(PuntReason::first_packet), 1U);
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000).payload("hi"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 hi"});
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("ho"));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 ho"});
    EXPECT_EQ(a.punted(PuntReason::first_packet), 1U) << "the second packet needs no slow path";
    EXPECT_EQ(a.flows->size(), 1U);
    EXPECT_EQ(a.paths->size(), 1U);
    a.check();
}

/// Behind a veth's sender with offloads on; the device does not say so.
TEST(SlowPathFlow, WhoseChecksumNobodyFilledInDoesNotBegin) {
    const auto left_to_a_card = [](Bytes bytes, size_t checksum_at) {
        const std::byte* const ip = bytes.data() + ether_header_bytes;
        const auto length = static_cast<uint16_t>(bytes.size() - 34);
        store(
            bytes.data() + checksum_at,
            sum_of_pseudo_header(ipv4::source(ip), ipv4::destination(ip), ipv4::proto(ip), length));
        return bytes;
    };
    SiteA a;
    a.receive(lan, {left_to_a_card(a.frame(lan).tcp(4000, 80, tcp_syn).build(), 50),
                    left_to_a_card(a.frame(lan).udp(4000, 80).payload("odd").build(), 40)});
    a.receive(wan,
              {left_to_a_card(
                  a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 22, tcp_syn).build(), 50)});
    EXPECT_EQ(a.dropped(DropReason::l4_unfinished), 3U);
    EXPECT_EQ(a.flows->size(), 0U);
    a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_syn).l4_checksum(0x1234));
    EXPECT_EQ(a.take(wan).size(), 1U) << "wrong in any other way: not ours to judge";
    a.check();
}

TEST(SlowPathFlow, FirstPacketFromTheWire) {
    SiteA a;
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(5000, 22, tcp_syn));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:5000 > 10.1.0.10:22 [S]"});
    a.receive(lan, a.frame(lan).tcp(22, 5000, tcp_syn | tcp_ack));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:22 > 10.9.0.10:5000 [S]"});
    EXPECT_EQ(a.flows->size(), 1U);
    a.check();
}

TEST(SlowPathFlow, RoutedHostsBothWays) {
    SiteB b;
    b.receive(lan, b.frame(lan).from("10.9.0.10").to("10.0.1.2").udp(53, 999).payload("q"));
    EXPECT_EQ(b.lines(wan), Lines{"udp 10.9.0.10:53 > 10.0.1.2:999 q"});
    b.receive(wan, b.frame(wan).from("10.0.1.2").to("10.9.0.10").udp(999, 53).payload("a"));
    EXPECT_EQ(b.lines(lan), Lines{"udp 10.0.1.2:999 > 10.9.0.10:53 a"});
    b.receive(wan, b.frame(wan).from("10.0.1.2").to("10.9.0.11").echo_request(7, 1));
    EXPECT_EQ(b.lines(lan), Lines{"echo 8 10.0.1.2 id 7 > 10.9.0.11"});
    EXPECT_EQ(b.flows->size(), 2U);
    b.check();
}

TEST(SlowPathFlow, TheBoxBothWays) {
    SiteA a{box_config()};
    a.from_linux(wan, a.frame(wan).from("10.0.1.2").tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 [S]"});
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000).payload("hi"));
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.0.1.2:4000 hi"});
    EXPECT_EQ(a.punted(PuntReason::to_box), 1U);
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(5000, 22, tcp_syn));
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:5000 > 10.0.1.2:22 [S]"});
    EXPECT_EQ(a.flows->size(), 2U);
    a.check();
}

TEST(SlowPathFlow, TheTtlIsTakenOneFromByWhoeverForwards) {
    SiteA a;
    for (const uint8_t ttl : {uint8_t{64}, uint8_t{63}}) { // by the slow path, then by the pipeline
        a.receive(lan, a.frame(lan).tcp(4000, 80).ttl(ttl));
        Bytes out = a.take(wan).at(0);
        EXPECT_EQ(view_of(out).ttl, ttl - 1);
        EXPECT_EQ(ether::destination(out.data()), GatewayRig::mac_of(addr("10.0.1.1")));
        EXPECT_EQ(ether::source(out.data()), a.ports[1].mac);
    }
    a.check();
}

TEST(SlowPathFlow, TtlOneGoesToLinuxInTheHostsTerms) {
    SiteA a;
    for (int i = 0; i < 2; i++) { // first packet, then of a known flow
        a.receive(lan, a.frame(lan).udp(4000, 80).ttl(1));
        EXPECT_EQ(a.linux_lines(lan), Lines{"udp 10.1.0.10:4000 > 10.9.0.10:80"});
        a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000).ttl(1));
        EXPECT_EQ(a.lines(lan), Lines{});
        EXPECT_EQ(a.linux_lines(wan), Lines{"udp 10.9.0.10:80 > 10.1.0.10:4000"});
    }
    EXPECT_EQ(a.punted(PuntReason::ttl), 3U);
    a.check();
}

TEST(SlowPathFlow, NotOursIsLinuxsBusiness) {
    SiteA a;
    a.receive(lan, a.frame(lan).from("10.1.0.77").udp(1, 2)); // a host not listed
    a.receive(lan, a.frame(lan).to("10.1.0.1").tcp(1, 22));   // the box, from inside
    EXPECT_EQ(a.linux_lines(lan),
              (Lines{"udp 10.1.0.77:1 > 10.9.0.10:2", "tcp 10.1.0.10:1 > 10.1.0.1:22"}));
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.99").udp(1, 2));
    EXPECT_EQ(a.linux_lines(wan), Lines{"udp 10.9.0.10:1 > 10.0.1.99:2"});
    a.from_linux(lan, a.frame(lan).from("10.1.0.1").to("10.1.0.10").udp(1, 2));
    EXPECT_EQ(a.lines(lan), Lines{"udp 10.1.0.1:1 > 10.1.0.10:2"});
    a.from_linux(wan, a.frame(wan).from("10.0.1.2").udp(1, 2)); // no box here: as it is
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:1 > 10.9.0.10:2"});
    EXPECT_EQ(a.flows->size(), 0U);
    a.check();
}

TEST(SlowPathFlow, WaitsForTheNeighbourAndLeavesInOrder) {
    SiteA a;
    a.del_neighbour(wan, "10.0.1.1");
    a.notice();
    a.actions.take();
    for (const char* text : {"1", "2", "3"}) {
        a.receive(lan, a.frame(lan).udp(4000, 80).payload(text));
    }
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.punted(PuntReason::neighbour), 2U);
    EXPECT_EQ(a.actions.take(), Lines{"resolve 10.0.1.1"})
        << "asked once in a while, not each time";
    EXPECT_EQ(a.slow_counters.held.get(), 3U);
    a.check();
    a.add_neighbour(wan, "10.0.1.1");
    a.notice();
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.2:4000 > 10.9.0.10:80 1", "udp 10.0.1.2:4000 > 10.9.0.10:80 2",
                     "udp 10.0.1.2:4000 > 10.9.0.10:80 3"}));
    EXPECT_EQ(a.slow_counters.held.get(), 0U);
    EXPECT_EQ(a.slow_counters.held_total.get(), 3U);
    a.check();
}

/// Whatever workers hand over or forward while the held packets leave comes after them. (Paths were
/// once switched first, and new packets overtook those that had waited.)
TEST(SlowPathFlow, NothingOvertakesWhatWasHeld) {
    SiteA a;
    a.del_neighbour(wan, "10.0.1.1");
    a.notice();
    const auto send = [&](const char* text) {
        a.work(lan, {a.frame(lan).udp(4000, 80).payload(text).build()});
    };
    send("1");
    send("2");
    a.turn();
    a.add_neighbour(wan, "10.0.1.1");
    a.slow->on_neighbours_changed(a.host.take_changed_neighbours());
    send("3"); // the same turn: still through the slow path
    a.turn();
    send("4"); // nothing is under way any more
    a.turn();
    a.turn();
    send("5");
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.2:4000 > 10.9.0.10:80 1", "udp 10.0.1.2:4000 > 10.9.0.10:80 2",
                     "udp 10.0.1.2:4000 > 10.9.0.10:80 3", "udp 10.0.1.2:4000 > 10.9.0.10:80 4",
                     "udp 10.0.1.2:4000 > 10.9.0.10:80 5"}));
    EXPECT_EQ(a.worker.forwarded.get(), 2U) << "4 and 5";
    a.check();
}

TEST(SlowPathFlow, ANeighbourThatNeverAnswers) {
    SiteA a;
    a.del_neighbour(lan, "10.1.0.10");
    a.notice();
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000));
    a.advance(from_s(4));
    EXPECT_EQ(a.lines(lan), Lines{});
    EXPECT_EQ(a.dropped(DropReason::neighbour_failed), 1U);
    a.check();
}

TEST(SlowPathFlow, WaitsForARoute) {
    SiteA a;
    a.del_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    a.receive(lan, a.frame(lan).udp(4000, 80).payload("1"));
    a.receive(lan, a.frame(lan).udp(4000, 80).payload("2"));
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.punted(PuntReason::hold), 1U);
    a.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.2:4000 > 10.9.0.10:80 1", "udp 10.0.1.2:4000 > 10.9.0.10:80 2"}));
    a.check();
}

TEST(SlowPathFlow, NoRouteForTooLong) {
    SiteA a;
    a.del_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.advance(from_s(11));
    EXPECT_EQ(a.dropped(DropReason::hold_expired), 1U);
    EXPECT_EQ(a.slow_counters.held.get(), 0U);
    a.check();
}

TEST(SlowPathFlow, ANewRouteTakesKnownFlowsAlong) {
    SiteA a;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
    a.add_route(wan, "10.9.0.0/24", "10.0.1.5");
    a.add_neighbour(wan, "10.0.1.5");
    a.notice();
    a.receive(lan, a.frame(lan).udp(4000, 80));
    EXPECT_EQ(ether::destination(a.take(wan).at(0).data()), GatewayRig::mac_of(addr("10.0.1.5")));
    a.check();
}

TEST(SlowPathFlow, NoUplinkAddressYet) {
    GatewayRig a{uplink_config()};
    a.add_address(lan, "10.1.0.1/24");
    a.add_neighbour(lan, "10.1.0.10");
    a.notice();
    a.receive(lan, a.frame(lan).udp(4000, 80).payload("early"));
    EXPECT_EQ(a.slow_counters.held.get(), 1U);
    a.add_address(wan, "10.0.1.2/24");
    a.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.add_neighbour(wan, "10.0.1.1");
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:4000 > 10.9.0.10:80 early"});
    a.check();
}

TEST(SlowPathFlow, NoUplinkAddressForTooLong) {
    GatewayRig a{uplink_config()};
    a.receive(lan, a.frame(lan).udp(4000, 80));
    EXPECT_EQ(a.slow_counters.held.get(), 1U);
    a.advance(from_s(11));
    EXPECT_EQ(a.dropped(DropReason::hold_expired), 1U);
    a.check();
}

TEST(SlowPathFlow, FullFlowTableForgetsOnlyTheMobility) {
    Config c = uplink_config();
    c.limits.flows = 2;
    SiteA a{c};
    for (uint16_t port = 1; port <= 4; port++) {
        a.receive(lan, a.frame(lan).udp(port, 80));
        a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(80, port));
    }
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.2:1 > 10.9.0.10:80", "udp 10.0.1.2:2 > 10.9.0.10:80",
                     "udp 10.0.1.2:3 > 10.9.0.10:80", "udp 10.0.1.2:4 > 10.9.0.10:80"}));
    EXPECT_EQ(a.lines(lan),
              (Lines{"udp 10.9.0.10:80 > 10.1.0.10:1", "udp 10.9.0.10:80 > 10.1.0.10:2",
                     "udp 10.9.0.10:80 > 10.1.0.10:3", "udp 10.9.0.10:80 > 10.1.0.10:4"}));
    EXPECT_EQ(a.flows->size(), 2U);
    EXPECT_EQ(a.slow->exception_path().flow_setup().statistics().untracked_flow_table_full.get(),
              4U);
    a.receive(lan, a.frame(lan).udp(1, 80)); // the tracked ones don't suffer
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:1 > 10.9.0.10:80"});
    a.check();
}

TEST(SlowPathFlow, FullPathTableTranslatesFromTheBindings) {
    Config c = uplink_config();
    c.limits.paths = 1;
    SiteA a{c};
    a.receive(lan, a.frame(lan).udp(1, 80));
    for (int i = 0; i < 3; i++) {
        a.receive(lan, a.frame(lan).to("10.8.0.1").udp(9, 80).payload("x"));
        a.receive(wan, a.frame(wan).from("10.8.0.1").to("10.0.1.2").udp(80, 9).payload("y"));
    }
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.2:1 > 10.9.0.10:80", "udp 10.0.1.2:9 > 10.8.0.1:80 x",
                     "udp 10.0.1.2:9 > 10.8.0.1:80 x", "udp 10.0.1.2:9 > 10.8.0.1:80 x"}));
    EXPECT_EQ(a.lines(lan), Lines(3, "udp 10.8.0.1:80 > 10.1.0.10:9 y"));
    EXPECT_EQ(a.slow->exception_path().flow_setup().statistics().untracked_path_table_full.get(),
              6U);
    EXPECT_EQ(a.flows->size(), 1U);
    a.check();
}

TEST(SlowPathFlow, WhatIsNotTrackedLeavesNothingBehind) {
    Config c = uplink_config();
    c.limits.paths = 1;
    SiteA a{c};
    a.receive(lan, a.frame(lan).udp(1, 80));
    for (uint8_t i = 1; i < 200; i++) { // a scan
        a.receive(lan, a.frame(lan).to(Ipv4Addr{10, 8, 0, i}).udp(1, 80));
    }
    EXPECT_EQ(a.slow->cache().remote_count(), 1U) << "bindings without a path";
    EXPECT_EQ(a.slow->cache().local_count(), 1U);
    a.check();
}

TEST(SlowPathFlow, SilentFlowsAndUnusedPathsGo) {
    SiteA a;
    a.receive(lan, a.frame(lan).udp(1, 80));                          // 300 s
    a.receive(lan, a.frame(lan).echo_request(1, 1));                  // 120 s
    a.receive(lan, a.frame(lan).to("10.9.0.11").tcp(1, 80, tcp_syn)); // 240 s: no answer
    EXPECT_EQ(a.flows->size(), 3U);
    EXPECT_EQ(a.paths->size(), 2U);
    a.advance(from_s(119));
    EXPECT_EQ(a.flows->size(), 3U);
    a.advance(from_s(2));
    EXPECT_EQ(a.flows->size(), 2U);
    a.advance(from_s(120));
    EXPECT_EQ(a.flows->size(), 1U);
    EXPECT_EQ(a.paths->size(), 2U) << "kept for a minute: the next connection is likely";
    a.receive(lan, a.frame(lan).udp(1, 80)); // lives on
    a.advance(from_s(61));
    EXPECT_EQ(a.paths->size(), 1U);
    a.advance(from_s(240));
    EXPECT_EQ(a.flows->size(), 0U);
    a.advance(from_s(61));
    EXPECT_EQ(a.paths->size(), 0U);
    EXPECT_EQ(a.slow->cache().local_count(), 0U);
    EXPECT_EQ(a.slow->cache().remote_count(), 0U);
    EXPECT_EQ(a.statistics().flows_expired.get(), 3U);
    a.take(wan);
    a.receive(lan, a.frame(lan).udp(1, 80)); // and all of it can begin again
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:1 > 10.9.0.10:80"});
    a.check();
}

TEST(SlowPathFlow, AnEstablishedTcpFlowLivesTwoHours) {
    SiteA a;
    a.receive(lan, a.frame(lan).tcp(1, 80, tcp_syn));
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 1));
    a.receive(lan, a.frame(lan).tcp(1, 80));
    a.advance(from_s(7430));
    EXPECT_EQ(a.flows->size(), 1U);
    a.advance(from_s(20));
    EXPECT_EQ(a.flows->size(), 0U);
    a.check();
}

TEST(SlowPathFlow, OnceClosedAFlowIsSoonForgotten) {
    SiteA a;
    a.receive(lan, a.frame(lan).tcp(1, 80));
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 1));
    a.receive(lan, a.frame(lan).tcp(1, 80, tcp_fin | tcp_ack));
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 1, tcp_fin | tcp_ack));
    a.advance(from_s(242));
    EXPECT_EQ(a.flows->size(), 0U);
    a.check();
}

TEST(SlowPathFlow, WhatBeginsAgainIsANewFlowFromTodaysAddress) {
    SiteA a;
    const auto run = [&](uint8_t last, Ipv4Addr wire) {
        a.receive(lan, a.frame(lan).tcp(1, 80, tcp_syn));
        a.receive(wan, a.frame(wan).from("10.9.0.10").to(wire).tcp(80, 1, tcp_syn | tcp_ack));
        a.receive(lan, a.frame(lan).tcp(1, 80));
        a.receive(wan, a.frame(wan).from("10.9.0.10").to(wire).tcp(80, 1, last));
        a.receive(lan, a.frame(lan).tcp(1, 80, tcp_fin | tcp_ack));
    };
    run(tcp_fin | tcp_ack, addr("10.0.1.2"));
    a.add_address(wan, "10.0.1.3/24", true);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.take(wan);
    run(0, addr("10.0.1.3"));
    EXPECT_EQ(a.lines(wan).at(0), "tcp 10.0.1.3:1 > 10.9.0.10:80 [S]");
    bool found = false;
    for (uint32_t i = 0; i < a.flows->positions(); i++) {
        if (const auto flow = a.flows->at({i})) {
            found = true;
            const auto& binding = a.slow->cache().at(a.slow->cache().at(flow->path).local);
            EXPECT_EQ(binding.original, addr("10.0.1.3"));
            EXPECT_FALSE(FlowTable::is_closed(flow->seen));
        }
    }
    EXPECT_TRUE(found);
    EXPECT_EQ(a.flows->size(), 1U);
    a.advance(from_s(300));
    EXPECT_EQ(a.flows->size(), 1U) << "with a new flow's life";
    a.check();
}

TEST(SlowPathFlow, ProxyArpForMappedAddressesOnlyAndNotForLinuxsOwn) {
    Config c = routed_config();
    c.hosts = {routed("10.9.0.0/24", "10.0.9.0/24")}; // mapped into the outside link's own subnet
    SiteB b{c};
    const auto ask = [&](std::string_view target, std::string_view sender, PortId port) {
        Bytes bytes(arp_frame_bytes);
        ether::set_destination(bytes.data(), mac("ff:ff:ff:ff:ff:ff"));
        ether::set_source(bytes.data(), default_sender_mac);
        ether::set_type(bytes.data(), Be16{ether_type_arp});
        std::byte* p = bytes.data() + ether_header_bytes;
        arp::set_hardware(p, Be16{1});
        arp::set_protocol(p, Be16{ether_type_ipv4});
        arp::set_hardware_length(p, 6);
        arp::set_protocol_length(p, 4);
        arp::set_operation(p, Be16{1});
        arp::set_sender_mac(p, default_sender_mac);
        arp::set_sender(p, addr(sender));
        arp::set_target(p, addr(target));
        b.receive(port, std::vector<Bytes>{bytes});
    };
    ask("10.0.9.77", "10.0.9.1", wan);
    EXPECT_EQ(b.lines(wan), Lines{"arp 10.0.9.77 is at 02:00:00:09:00:01"});
    EXPECT_EQ(b.linux_lines(wan), Lines{});
    ask("10.0.9.2", "10.0.9.1", wan);   // Linux's own
    ask("10.0.8.77", "10.0.9.1", wan);  // nobody's
    ask("10.0.9.77", "10.0.9.77", wan); // gratuitous: somebody else's announcement
    EXPECT_EQ(b.lines(wan), Lines{});
    EXPECT_EQ(b.linux_lines(wan).size(), 3U);
    ask("10.0.9.77", "10.9.0.10", lan); // from inside: never
    EXPECT_EQ(b.lines(lan), Lines{});
    EXPECT_EQ(b.linux_lines(lan).size(), 1U);
    b.io.no_memory = true;
    ask("10.0.9.77", "10.0.9.1", wan);
    EXPECT_EQ(b.dropped(DropReason::no_memory), 1U);
    b.check();
}

TEST(SlowPathFlow, OtherIcmpGoesByAddress) {
    constexpr uint8_t timestamp = 13, timestamp_reply = 14;
    SiteA a;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
    a.receive(lan, a.frame(lan).icmp(timestamp, 0));                 // by its path
    a.receive(lan, a.frame(lan).to("10.8.0.10").icmp(timestamp, 0)); // by the binding alone
    EXPECT_EQ(a.lines(wan),
              (Lines{"icmp 13/0 10.0.1.2 > 10.9.0.10", "icmp 13/0 10.0.1.2 > 10.8.0.10"}));
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").icmp(timestamp_reply, 0));
    EXPECT_EQ(a.lines(lan), Lines{"icmp 14/0 10.9.0.10 > 10.1.0.10"});
    a.check();
}

TEST(SlowPathFlow, FullQueuesAreCountedNotLeaked) {
    SiteA a;
    a.io.tx_full = true;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    EXPECT_EQ(a.dropped(DropReason::tx_full), 1U);
    a.io.linux_full = true;
    a.receive(lan, a.frame(lan).from("10.1.0.77").udp(4000, 80));
    EXPECT_EQ(a.dropped(DropReason::linux_full), 1U);
    EXPECT_EQ(a.io.live(), 0U);
    EXPECT_TRUE(a.slow_counters.balanced());
}

TEST(SlowPathFlow, ShutDownLetsGoOfAllThatWaits) {
    SiteA a;
    a.del_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.slow->shut_down();
    EXPECT_EQ(a.io.live(), 0U);
    a.check();
}

// ---- DHCP

TEST(SlowPathFlow, DhcpOfHostsIsTraffic) {
    SiteA a;
    a.receive(lan, a.frame(lan).udp(68, 67).payload("renew"));
    a.receive(lan, a.frame(lan).udp(67, 67).payload("relay"));
    EXPECT_EQ(a.lines(wan), (Lines{"udp 10.0.1.2:68 > 10.9.0.10:67 renew",
                                   "udp 10.0.1.2:67 > 10.9.0.10:67 relay"}));
    const auto from_server = [&](uint16_t to) {
        a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").udp(67, to).payload("ack"));
    };
    from_server(68);
    from_server(67);
    EXPECT_EQ(a.lines(lan), (Lines{"udp 10.9.0.10:67 > 10.1.0.10:68 ack",
                                   "udp 10.9.0.10:67 > 10.1.0.10:67 ack"}));
    a.receive(wan, a.frame(wan).from("192.0.2.9").to("10.0.1.2").udp(67, 67).payload("asks"));
    EXPECT_EQ(a.lines(lan), Lines{"udp 192.0.2.9:67 > 10.1.0.10:67 asks"}) << "a server there";
    EXPECT_EQ(a.linux_lines(wan), Lines{});
    a.check();
}

TEST(SlowPathFlow, DhcpOfTheBoxIsLinuxs) {
    SiteA a;
    a.receive(wan, a.frame(wan).from("10.0.1.1").to("10.0.1.2").udp(67, 68).payload("its lease"));
    EXPECT_EQ(a.linux_lines(wan), Lines{"udp 10.0.1.1:67 > 10.0.1.2:68 its lease"});
    a.from_linux(wan, a.frame(wan).from("10.0.1.2").to("10.0.1.1").udp(68, 67).payload("renews"));
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:68 > 10.0.1.1:67 renews"});
    EXPECT_EQ(a.flows->size(), 0U);
    SiteB b; // its prefix is on-link outside, and the offered address in it
    b.receive(wan, b.frame(wan).from("10.0.9.1").to("10.9.0.50").udp(67, 68).payload("offer"));
    EXPECT_EQ(b.linux_lines(wan), Lines{"udp 10.0.9.1:67 > 10.9.0.50:68 offer"});
    for (const char* to : {"10.1.0.1", "10.1.0.255"}) {
        a.receive(lan, a.frame(lan).to(to).udp(68, 67));
        EXPECT_EQ(a.linux_lines(lan).size(), 1U) << to;
    }
    a.receive(lan, a.frame(lan).from("10.1.0.77").udp(68, 67)); // of a host that is not listed
    EXPECT_EQ(a.linux_lines(lan).size(), 1U);
    EXPECT_EQ(a.lines(wan), Lines{});
    a.check();
}

// ---- scans

/// Beside the host, a prefix of 4,096 addresses on-link.
struct WideLan : SiteA {
    WideLan() : SiteA{wide_config()} {
        add_address(lan, "10.2.0.1/20");
        notice();
    }
    static Config wide_config() {
        Config c = uplink_config();
        c.limits = {8192, 8192};
        c.hosts.push_back(routed("10.2.0.0/20", "10.2.0.0/20"));
        return c;
    }
};

/// How many neighbours with such an address Linux was asked for.
long asked_for(SiteA& a, std::string_view prefix) {
    return std::ranges::count_if(a.actions.take(), [&](const std::string& line) {
        return line.starts_with("resolve " + std::string{prefix});
    });
}

TEST(SlowPathFlow, ThousandsOfHostsThatAnswerAreAskedFor) {
    WideLan a;
    a.actions.take();
    long asked = 0;
    for (int i = 0; i < 2000; i++) {
        const std::string to =
            Ipv4Addr{10, 2, static_cast<uint8_t>(i / 250), static_cast<uint8_t>(i % 250 + 2)}
                .to_text();
        a.receive(wan, a.frame(wan).from("198.18.0.1").to(to).tcp(9, 80, tcp_syn));
        asked += asked_for(a, to);
        a.add_neighbour(lan, to);
        a.notice();
    }
    EXPECT_EQ(asked, 2000);
    EXPECT_EQ(a.lines(lan).size(), 2000U);
    a.check();
}

TEST(SlowPathFlow, AScanTakesNoPlaceOfWhatAMoveHolds) {
    WideLan a;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    a.take(wan);
    for (int i = 0; i < 100; i++) {
        a.receive(lan, a.frame(lan).udp(4000, 80).payload(std::to_string(i)));
    }
    for (int i = 0; i < 5000; i++) {
        const Ipv4Addr to{10, 2, static_cast<uint8_t>(i / 250 % 16),
                          static_cast<uint8_t>(i % 250 + 2)};
        a.receive(wan, a.frame(wan).from("198.18.0.1").to(to.to_text()).tcp(9, 80, tcp_syn));
    }
    EXPECT_LE(a.slow_counters.held.get(), 100U + HoldQueue::max_for_neighbours);
    EXPECT_EQ(asked_for(a, "10.2."), 200) << "Linux has places for 1,024, and needs some itself";
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    while (a.slow->has_backlog()) {
        a.turn();
    }
    EXPECT_EQ(
        std::ranges::count_if(a.lines(wan),
                              [](const std::string& l) { return l.starts_with("udp 10.0.1.3:"); }),
        100);
    a.check();
}

/// Routes come and go; whatever is told of them, each path goes where a look at all would send it.
TEST(SlowPathFlow, WhatARouteChangesIsAllThatChanges) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 dice{seed};
    SiteA a;
    a.add_neighbour(wan, "10.0.1.7");
    for (uint8_t i = 0; i < 24; i++) {
        a.receive(lan, a.frame(lan).to(Ipv4Addr{10, 9, static_cast<uint8_t>(i % 4), i}).udp(1, 80));
    }
    const auto slots = [&] {
        std::vector<RewriteSlot> out;
        for (uint32_t i = 0; i < a.slow->cache().path_positions(); i++) {
            out.push_back(a.slow->cache().at(PathId{i}).slot);
        }
        return out;
    };
    std::set<std::string> present;
    for (int round = 0; round < 300; round++) {
        const std::string to = "10.9." + std::to_string(dice() % 4) + '.' +
                               (dice() % 2 == 0 ? "0/24" : std::to_string(dice() % 24) + "/32");
        if (present.erase(to) > 0) {
            a.del_route(wan, to, "10.0.1.7");
        } else {
            present.insert(to);
            a.add_route(wan, to, "10.0.1.7");
        }
        a.notice();
        const auto narrow = slots();
        a.slow->on_host_changed({true, {}}, a.now);
        a.turn();
        ASSERT_TRUE(narrow == slots()) << "round " << round;
    }
    a.check();
}

} // namespace
} // namespace sacip::test
