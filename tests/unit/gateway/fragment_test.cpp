// SPDX-License-Identifier: BSD-3-Clause
//
// Fragments through a whole gateway: in every order, before, after and across a move.
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

constexpr uint16_t first = 0x2000;  // more follow
constexpr uint16_t middle = 0x2002; // at 16
constexpr uint16_t last = 0x0004;   // at 32

/// A piece of a datagram of 24 bytes of data: the ports are in the first only.
PacketBuilder piece(PacketBuilder packet, uint16_t field, uint16_t id = 7, uint16_t port = 4000) {
    const bool out = field == first;
    out ? packet.udp(port, 80).udp_length(40).payload("AAAAAAAA")
        : packet.proto(17).payload(field == middle ? "MMMMMMMMMMMMMMMM" : "ZZZZZZZZ");
    return packet.fragment_field(field).id(id);
}
/// The same from the far end.
PacketBuilder reply_piece(const GatewayRig& rig, uint16_t field, std::string_view to = "10.0.1.2",
                          uint16_t id = 7) {
    PacketBuilder packet = rig.frame(wan).from("10.9.0.10").to(to);
    field == first ? packet.udp(80, 4000).udp_length(40).payload("AAAAAAAA")
                   : packet.proto(17).payload("ZZZZZZZZ");
    return packet.fragment_field(field).id(id);
}
/// "10.0.1.2 > 10.9.0.10 A", by address and first letter of what is in it; "P" if ports are.
Lines pieces(GatewayRig& rig, PortId port, bool linux_side = false) {
    Lines out;
    for (Bytes& bytes : rig.take(port, linux_side)) {
        const PacketView v = view_of(bytes);
        if (!v.fragment) { // a notification
            continue;
        }
        const bool has_ports = !ipv4::has_fragment_offset(bytes.data() + v.l3);
        out.push_back(v.source.to_text() + " > " + v.destination.to_text() + ' ' +
                      (has_ports ? 'P' : static_cast<char>(bytes[v.l4])));
    }
    return out;
}

TEST(SlowPathFragment, InOrder) {
    SiteA a;
    a.receive(lan, {piece(a.frame(lan), first).build(), piece(a.frame(lan), middle).build(),
                    piece(a.frame(lan), last).build()});
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 M",
                                     "10.0.1.2 > 10.9.0.10 Z"}));
    EXPECT_EQ(a.flows->size(), 1U);
    a.receive(wan, {reply_piece(a, first).build(), reply_piece(a, last).build()});
    EXPECT_EQ(pieces(a, lan), (Lines{"10.9.0.10 > 10.1.0.10 P", "10.9.0.10 > 10.1.0.10 Z"}));
    EXPECT_EQ(a.flows->size(), 1U) << "the same flow both ways";
    a.check();
}

TEST(SlowPathFragment, TheFirstOnesChecksumIsMended) {
    SiteA a;
    Bytes bytes = piece(a.frame(lan), first).build();
    a.receive(lan, std::vector<Bytes>{bytes});
    const Bytes out = a.take(wan).at(0);
    const size_t sum_at = 14 + 20 + 6;
    const uint16_t delta =
        addresses_delta(addr("10.1.0.10"), addr("10.9.0.10"), addr("10.0.1.2"), addr("10.9.0.10"));
    EXPECT_EQ(load<uint16_t>(out.data() + sum_at),
              mend_udp_checksum(load<uint16_t>(bytes.data() + sum_at), delta));
    a.check();
}

TEST(SlowPathFragment, ReversedTheyWaitForTheFirst) {
    SiteA a;
    a.receive(wan, reply_piece(a, last));
    a.receive(lan, piece(a.frame(lan), last));
    a.advance(from_ms(500));
    a.receive(lan, piece(a.frame(lan), middle));
    EXPECT_EQ(a.slow->exception_path().output().held(), 3U);
    a.check();
    a.receive(lan, piece(a.frame(lan), first));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z",
                                     "10.0.1.2 > 10.9.0.10 M"}));
    a.receive(wan, reply_piece(a, first));
    EXPECT_EQ(pieces(a, lan), (Lines{"10.9.0.10 > 10.1.0.10 P", "10.9.0.10 > 10.1.0.10 Z"}));
    EXPECT_EQ(a.slow->exception_path().output().held(), 0U);
    a.check();
}

TEST(SlowPathFragment, InterleavedDatagramsKeepApart) {
    SiteA a;
    a.receive(lan, {piece(a.frame(lan), last, 1, 4001).build(),
                    piece(a.frame(lan), last, 2, 4002).build(),
                    piece(a.frame(lan).to("10.8.0.10"), first, 2, 4003).build()});
    EXPECT_EQ(pieces(a, wan), Lines{"10.0.1.2 > 10.8.0.10 P"}) << "the same id, another datagram";
    a.receive(lan, piece(a.frame(lan), first, 2, 4002));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z"}));
    EXPECT_EQ(a.slow->exception_path().output().held(), 1U);
    a.receive(lan, piece(a.frame(lan), first, 1, 4001));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z"}));
    a.check();
}

TEST(SlowPathFragment, WithoutTheirFirstTheyEndAfterASecond) {
    SiteA a;
    a.receive(lan, piece(a.frame(lan), last));
    a.advance(from_ms(900));
    a.slow->on_host_changed({}, a.now); // looks all held packets over: no longer life by that
    a.advance(from_ms(99));
    EXPECT_EQ(a.slow->exception_path().output().held(), 1U);
    a.advance(from_ms(3));
    EXPECT_EQ(a.dropped(DropReason::fragment_waited), 1U);
    a.check();
}

TEST(SlowPathFragment, AcrossAMoveTheRestLeavesAsTheFirstDid) {
    Joined j;
    j.from_a(piece(j.a.frame(lan), first));
    EXPECT_EQ(pieces(j.b, lan), Lines{"10.0.1.2 > 10.9.0.10 P"});
    j.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    j.settle();
    j.a.receive(lan, piece(j.a.frame(lan), last));
    ASSERT_EQ(j.a.io.departures.size(), 1U);
    EXPECT_EQ(view_of(j.a.io.departures[0].bytes).source, addr("10.0.1.2"));
    j.settle();
    EXPECT_EQ(pieces(j.b, lan), Lines{"10.0.1.2 > 10.9.0.10 Z"});
    j.a.receive(lan,
                {piece(j.a.frame(lan), first, 8).build(), piece(j.a.frame(lan), last, 8).build()});
    ASSERT_EQ(j.a.io.departures.size(), 2U);
    EXPECT_EQ(view_of(j.a.io.departures[1].bytes).source, addr("10.0.1.3"));
    j.settle();
    EXPECT_EQ(pieces(j.b, lan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z"}));
    j.check();
}

TEST(SlowPathFragment, HeldForAPathTheyLeaveTogetherAndInOrder) {
    SiteA a;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(100)); // nobody has an address: the path holds
    a.receive(lan, piece(a.frame(lan), last));
    a.receive(lan, {piece(a.frame(lan), first).build(), piece(a.frame(lan), middle).build()});
    EXPECT_EQ(a.slow->exception_path().output().held(), 3U);
    a.advance(from_s(2)); // longer than a note lives
    EXPECT_EQ(a.slow->exception_path().output().held(), 3U);
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    a.advance(from_ms(100));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.3 > 10.9.0.10 P", "10.0.1.3 > 10.9.0.10 Z",
                                     "10.0.1.3 > 10.9.0.10 M"}));
    a.check();
}

TEST(SlowPathFragment, RefusedTogether) {
    SiteA a;
    a.receive(lan, piece(a.frame(lan), last));
    Bytes tiny = a.frame(lan).udp(1, 2).cut_l4_to(4).fragment_field(first).id(7).build();
    a.receive(lan, std::vector<Bytes>{tiny});
    EXPECT_EQ(a.dropped(DropReason::l4_truncated), 1U);
    EXPECT_EQ(a.dropped(DropReason::fragment_first), 1U);
    a.check();
}

TEST(SlowPathFragment, WhatNobodyTranslatesPassesAtOnce) {
    SiteA a;
    a.receive(lan, piece(a.frame(lan).from("10.1.0.77"), last));
    a.receive(lan, piece(a.frame(lan).from("10.1.0.77"), first));
    EXPECT_EQ(pieces(a, lan, true), (Lines{"10.1.0.77 > 10.9.0.10 Z", "10.1.0.77 > 10.9.0.10 P"}));
    a.receive(lan, {piece(a.frame(lan).to("10.1.0.1"), first).build(),
                    piece(a.frame(lan).to("10.1.0.1"), last).build()});
    EXPECT_EQ(pieces(a, lan, true), (Lines{"10.1.0.10 > 10.1.0.1 P", "10.1.0.10 > 10.1.0.1 Z"}));
    a.from_linux(wan, piece(a.frame(wan).from("10.0.1.2"), last));
    EXPECT_EQ(pieces(a, wan), Lines{"10.0.1.2 > 10.9.0.10 Z"});
    EXPECT_EQ(a.flows->size(), 0U);
    a.check();
}

TEST(SlowPathFragment, ForTheBox) {
    SiteA a{box_config()};
    a.obey_actions();
    a.notice();
    a.from_linux(wan, piece(a.frame(wan).from("10.0.1.2"), first));
    a.from_linux(wan, piece(a.frame(wan).from("10.0.1.2"), last));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z"}));
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(wan, reply_piece(a, last, "10.0.1.3"));
    a.receive(wan, reply_piece(a, first, "10.0.1.3"));
    EXPECT_EQ(pieces(a, wan, true), (Lines{"10.9.0.10 > 10.0.1.2 P", "10.9.0.10 > 10.0.1.2 Z"}));
    a.from_linux(wan, piece(a.frame(wan).from("10.0.1.2"), first, 9));
    a.from_linux(wan, piece(a.frame(wan).from("10.0.1.2"), last, 9));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.3 > 10.9.0.10 P", "10.0.1.3 > 10.9.0.10 Z"}));
    a.check();
}

TEST(SlowPathFragment, FullTablesAreNoHindrance) {
    Config c = uplink_config();
    c.limits = {1, 1};
    SiteA a{c};
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
    a.receive(lan, piece(a.frame(lan).to("10.8.0.10"), last));
    a.receive(lan, piece(a.frame(lan).to("10.8.0.10"), first));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.8.0.10 P", "10.0.1.2 > 10.8.0.10 Z"}));
    a.check();
}

TEST(SlowPathFragment, AStormIsBoundedAndSparesOthers) {
    SiteA a;
    for (uint32_t i = 0; i < 20'000; i++) {
        PacketBuilder storm =
            a.frame(wan)
                .from(Ipv4Addr{11, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)})
                .to("10.0.1.2");
        a.work(wan, {piece(storm, last, static_cast<uint16_t>(i)).build()});
        if (i % 100 == 0) {
            a.turn();
        }
    }
    EXPECT_EQ(a.slow->exception_path().output().held(), FragmentMap::max_waiting);
    EXPECT_EQ(a.dropped(DropReason::fragment_storm), 20'000U - FragmentMap::max_waiting);
    a.receive(lan, piece(a.frame(lan), last)); // our host's waits in a map of its own
    a.receive(lan, piece(a.frame(lan), first));
    EXPECT_EQ(pieces(a, wan), (Lines{"10.0.1.2 > 10.9.0.10 P", "10.0.1.2 > 10.9.0.10 Z"}));
    a.receive(wan, {reply_piece(a, first).build(), reply_piece(a, last).build()});
    EXPECT_EQ(a.lines(lan).size(), 2U) << "what comes in order need not wait";
    a.check();
    a.advance(from_s(2));
    EXPECT_EQ(a.slow->exception_path().output().held(), 0U);
    a.check();
}

} // namespace
} // namespace sacip::test
