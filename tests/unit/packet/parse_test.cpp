// SPDX-License-Identifier: BSD-3-Clause
//
// What parse() sees in a frame, and in which order it refuses. That every verdict comes out for
// literal bytes is shown by the rows of tests/vectors; here is what the view holds.
#include "sacip_core/packet/parse.hpp"

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse_plain.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr ParseContext inside{.port_mac = test::default_port_mac};
constexpr ParseContext outside{.port_mac = test::default_port_mac, .outside = true};

struct Parsed {
    Verdict verdict;
    PacketView view;
};

Parsed parse_bytes(Bytes bytes, const ParseContext& context = inside,
                   RxFacts facts = RxFacts::none) {
    Parsed out;
    out.verdict = parse(test::frame_of(bytes, facts), context, out.view);
    return out;
}

DropReason drop_of(const PacketBuilder& packet, const ParseContext& context = inside) {
    return parse_bytes(packet.build(), context).verdict.drop_reason();
}
PuntReason punt_of(const PacketBuilder& packet, const ParseContext& context = inside) {
    return parse_bytes(packet.build(), context).verdict.punt_reason();
}

Bytes no_operations(size_t count) { return Bytes(count, std::byte{1}); }

TEST(Packet, TcpViewHoldsTheFlow) {
    const auto [verdict, view] =
        parse_bytes(PacketBuilder{}.ttl(9).tcp(40000, 80, tcp_syn | tcp_ack).payload("x").build());
    EXPECT_EQ(verdict, Verdict::proceed());
    EXPECT_EQ(view.l3, 14);
    EXPECT_EQ(view.l4, 34);
    EXPECT_EQ(view.l4_length, 21);
    EXPECT_TRUE(view.is(IpProto::tcp));
    EXPECT_EQ(view.ttl, 9);
    EXPECT_EQ(view.source, Ipv4Addr(10, 1, 0, 10));
    EXPECT_EQ(view.destination, Ipv4Addr(10, 9, 0, 10));
    EXPECT_EQ(view.source_port, L4Port{40000});
    EXPECT_EQ(view.destination_port, L4Port{80});
    EXPECT_EQ(view.tcp_flags, tcp_syn | tcp_ack);
    EXPECT_EQ(view.icmp_type, 0);
    EXPECT_FALSE(view.fragment);
}

TEST(Packet, OptionsMoveL4) {
    const auto [verdict, view] =
        parse_bytes(PacketBuilder{}.options(no_operations(40)).udp(5000, 53).build());
    EXPECT_EQ(verdict, Verdict::proceed());
    EXPECT_EQ(view.l4, 74);
    EXPECT_EQ(view.l4_length, 8);
    EXPECT_EQ(view.destination_port, L4Port{53});
    EXPECT_EQ(view.tcp_flags, 0);
}

TEST(Packet, PaddingIsNotPartOfThePacket) {
    const auto [verdict, view] =
        parse_bytes(PacketBuilder{}.udp(1, 2).payload("ab").pad_to(60).build());
    EXPECT_EQ(verdict, Verdict::proceed());
    EXPECT_EQ(view.l4_length, 10);
}

TEST(Packet, WhatNoLinkOfThePortsMtuCarriesIsTooLong) {
    const ParseContext port{.port_mac = test::default_port_mac, .mtu = 1500};
    const auto of_length = [](size_t ip_length, uint16_t fragment_field) {
        return PacketBuilder{}
            .fragment_field(fragment_field)
            .udp(1, 2)
            .payload(std::string(ip_length - 28, 'x'))
            .build();
    };
    const auto verdict = [&](const Bytes& bytes) { return parse_bytes(bytes, port).verdict; };
    const Verdict too_long = Verdict::drop(DropReason::frame_too_long);
    constexpr uint16_t dont_fragment = 0x4000;
    EXPECT_EQ(verdict(of_length(1500, dont_fragment)), Verdict::proceed());
    EXPECT_EQ(verdict(of_length(1501, dont_fragment)), too_long);
    EXPECT_EQ(verdict(of_length(1501, 0)), Verdict::proceed()) << "fragments, put together";
    EXPECT_EQ(parse_bytes(of_length(9000, dont_fragment)).verdict, Verdict::proceed())
        << "no MTU is known";

    Bytes cut = of_length(9000, 0);
    cut.resize(14 + 1501);
    EXPECT_EQ(verdict(cut), too_long);
    cut.resize(14 + 1500);
    EXPECT_EQ(verdict(cut), Verdict::drop(DropReason::ip_truncated));
    Bytes padded = of_length(60, dont_fragment);
    padded.resize(1600);
    EXPECT_EQ(verdict(padded), Verdict::proceed()) << "padding is not part of the packet";
}

TEST(Packet, EchoHasItsIdentifierAsBothPorts) {
    for (const auto& packet :
         {PacketBuilder{}.echo_request(77, 1), PacketBuilder{}.echo_reply(77, 1)}) {
        const auto [verdict, view] = parse_bytes(packet.build());
        EXPECT_EQ(verdict, Verdict::proceed());
        EXPECT_EQ(view.source_port, L4Port{77});
        EXPECT_EQ(view.destination_port, L4Port{77});
    }
}

TEST(Packet, OtherProtocolsHaveNoPorts) {
    const auto [verdict, view] = parse_bytes(PacketBuilder{}.proto(253).payload("raw").build());
    EXPECT_EQ(verdict, Verdict::proceed());
    EXPECT_EQ(view.proto, 253);
    EXPECT_EQ(view.source_port, L4Port{0});
    EXPECT_EQ(view.destination_port, L4Port{0});
    EXPECT_EQ(view.l4_length, 3);
    EXPECT_EQ(parse_bytes(PacketBuilder{}.proto(50).build()).verdict, Verdict::proceed());
}

TEST(Packet, ViewIsFreshEachTime) {
    Bytes good = PacketBuilder{}.tcp(40000, 80, tcp_fin).build();
    Bytes runt(3);
    PacketView view;
    EXPECT_EQ(parse(test::frame_of(good), inside, view), Verdict::proceed());
    EXPECT_EQ(parse(test::frame_of(runt), inside, view), Verdict::drop(DropReason::frame_runt));
    EXPECT_EQ(view.l3, 0);
    EXPECT_EQ(view.proto, 0);
    EXPECT_EQ(view.tcp_flags, 0);
    EXPECT_TRUE(view.source.is_unspecified());
}

TEST(Packet, LinkLayerIsJudgedFirst) {
    const PacketBuilder broken = PacketBuilder{}.tcp(1, 2).version(6).ip_checksum(0);
    EXPECT_EQ(punt_of(PacketBuilder{broken}.ether(test::mac("ff:ff:ff:ff:ff:ff"))),
              PuntReason::link_group);
    EXPECT_EQ(punt_of(PacketBuilder{broken}.ether(test::mac("01:00:5e:00:00:05"))),
              PuntReason::link_group);
    for (const char* other : {"02:00:00:00:00:02", "00:00:00:00:00:01", "02:00:00:00:01:01"}) {
        EXPECT_EQ(drop_of(PacketBuilder{broken}.ether(test::mac(other))),
                  DropReason::frame_not_ours);
    }
    EXPECT_EQ(drop_of(PacketBuilder{broken}.ether(MacAddr{})), DropReason::frame_not_ours)
        << "not even where the port had no other address before";
    EXPECT_EQ(punt_of(PacketBuilder{broken}.ether_type(0x86DD)), PuntReason::not_ip);
    EXPECT_EQ(punt_of(PacketBuilder{broken}.ether_type(ether_type_arp)), PuntReason::not_ip);
    EXPECT_EQ(drop_of(PacketBuilder{broken}), DropReason::ip_version);
}

/// A neighbour that has not heard of the port's new address; Linux would refuse the frame as it is.
TEST(Packet, TheFormerMacIsReplacedByThePorts) {
    ParseContext context = inside;
    context.former_mac = test::mac("02:00:00:00:00:77");
    Bytes bytes = PacketBuilder{}.ether(context.former_mac).tcp(1, 2).build();
    const Frame frame = test::frame_of(bytes);
    PacketView view;
    EXPECT_FALSE(parse_plain(frame, context, view)) << "too strict, never too lax";
    EXPECT_EQ(parse(frame, context, view), Verdict::proceed());
    EXPECT_EQ(ether::destination(frame.data), context.port_mac);
    EXPECT_TRUE(parse_plain(frame, context, view));
    EXPECT_EQ(drop_of(PacketBuilder{}.ether(context.former_mac).tcp(1, 2)),
              DropReason::frame_not_ours);
}

/// Each packet has the fault of its row and those of all rows below.
TEST(Packet, Ipv4ChecksComeInOrder) {
    const PacketBuilder bad_source = PacketBuilder{}.from("224.0.0.1").to("224.0.0.2").tcp(1, 2);
    const PacketBuilder bad_checksum = PacketBuilder{bad_source}.ip_checksum(0xFFFF);
    const PacketBuilder bad_total = PacketBuilder{bad_checksum}.total_length(1000);
    const PacketBuilder bad_header = PacketBuilder{bad_total}.header_words(4);
    const PacketBuilder bad_version = PacketBuilder{bad_header}.version(5);
    EXPECT_EQ(drop_of(PacketBuilder{bad_version}.cut_to(33)), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(bad_version), DropReason::ip_version);
    EXPECT_EQ(drop_of(bad_header), DropReason::ip_header_length);
    EXPECT_EQ(drop_of(bad_total), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(bad_checksum), DropReason::ip_checksum);
    EXPECT_EQ(drop_of(bad_source), DropReason::ip_source);
}

TEST(Packet, LengthsAtTheirEdges) {
    const PacketBuilder empty = PacketBuilder{}.proto(253);
    EXPECT_EQ(parse_bytes(empty.build()).verdict, Verdict::proceed());
    EXPECT_EQ(drop_of(PacketBuilder{empty}.total_length(19)), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{empty}.total_length(21)), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{empty}.header_words(6)), DropReason::ip_header_length);
    EXPECT_EQ(drop_of(PacketBuilder{empty}.cut_to(14)), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{empty}.cut_to(13)), DropReason::frame_runt);
    const PacketBuilder optioned = PacketBuilder{}.options(no_operations(4)).proto(253);
    EXPECT_EQ(drop_of(PacketBuilder{optioned}.total_length(23)), DropReason::ip_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{optioned}.cut_to(34)), DropReason::ip_header_length);
}

TEST(Packet, DeviceMayVouchForTheHeaderChecksum) {
    const Bytes bytes = PacketBuilder{}.tcp(1, 2).ip_checksum(0xBAD0).build();
    EXPECT_EQ(parse_bytes(bytes).verdict.drop_reason(), DropReason::ip_checksum);
    EXPECT_EQ(parse_bytes(bytes, inside, RxFacts::l4_checksum_good).verdict.drop_reason(),
              DropReason::ip_checksum);
    EXPECT_EQ(parse_bytes(bytes, inside, RxFacts::ip_checksum_good).verdict, Verdict::proceed());
}

TEST(Packet, SourcesThatNoHostHas) {
    for (const char* source :
         {"224.0.0.1", "239.1.2.3", "255.255.255.255", "127.0.0.1", "127.255.1.1", "0.0.0.0"}) {
        EXPECT_EQ(drop_of(PacketBuilder{}.from(source).tcp(1, 2)), DropReason::ip_source) << source;
    }
}

TEST(Packet, AddresslessHostMaySpeakDhcpOnly) {
    const PacketBuilder discover = PacketBuilder{}.from("0.0.0.0").udp(68, 67);
    EXPECT_EQ(punt_of(discover), PuntReason::dhcp);
    EXPECT_EQ(punt_of(PacketBuilder{discover}.to("255.255.255.255")), PuntReason::ip_group);
    EXPECT_EQ(drop_of(PacketBuilder{}.from("0.0.0.0").udp(68, 53)), DropReason::ip_source);
    EXPECT_EQ(drop_of(PacketBuilder{discover}.cut_l4_to(7)), DropReason::ip_source);
    EXPECT_EQ(drop_of(PacketBuilder{discover}.fragment_field(0x2000)), DropReason::ip_source);
    EXPECT_EQ(drop_of(PacketBuilder{}.from("0.0.0.0").tcp(68, 67)), DropReason::ip_source);
}

TEST(Packet, DhcpEitherWay) {
    EXPECT_EQ(punt_of(PacketBuilder{}.udp(68, 67)), PuntReason::dhcp);
    EXPECT_EQ(punt_of(PacketBuilder{}.udp(67, 68)), PuntReason::dhcp);
    EXPECT_EQ(parse_bytes(PacketBuilder{}.udp(67, 69).build()).verdict, Verdict::proceed());
    EXPECT_EQ(parse_bytes(PacketBuilder{}.tcp(1, 67).build()).verdict, Verdict::proceed());
}

TEST(Packet, PuntedPacketsAreUnderstoodAsFarAsTheyGo) {
    const Parsed group = parse_bytes(PacketBuilder{}.to("224.0.0.9").udp(520, 520).build());
    EXPECT_EQ(group.verdict.punt_reason(), PuntReason::ip_group);
    EXPECT_EQ(group.view.destination, Ipv4Addr(224, 0, 0, 9));
    EXPECT_EQ(group.view.l4, 34);
    EXPECT_TRUE(group.view.is(IpProto::udp));

    const Parsed error = parse_bytes(PacketBuilder{}.icmp(3, 4).payload("quote").build());
    EXPECT_EQ(error.verdict.punt_reason(), PuntReason::icmp);
    EXPECT_EQ(error.view.icmp_type, 3);
    EXPECT_EQ(error.view.icmp_code, 4);
    EXPECT_EQ(error.view.source_port, L4Port{0});
}

TEST(Packet, FragmentsHaveNoPorts) {
    for (const uint16_t field :
         std::initializer_list<uint16_t>{0x2000, 0x0001, 0x2001, 0x1FFF, 0xC001}) {
        const Parsed f = parse_bytes(PacketBuilder{}.fragment_field(field).tcp(1, 2).build());
        EXPECT_EQ(f.verdict.punt_reason(), PuntReason::fragment) << field;
        EXPECT_TRUE(f.view.fragment);
        EXPECT_EQ(f.view.source_port, L4Port{0});
        EXPECT_EQ(f.view.source, Ipv4Addr(10, 1, 0, 10));
        EXPECT_EQ(f.view.l4_length, 20);
    }
    // Don't fragment, and the reserved bit.
    for (const uint16_t field : std::initializer_list<uint16_t>{0x0000, 0x4000, 0x8000, 0xC000}) {
        EXPECT_FALSE(
            parse_bytes(PacketBuilder{}.fragment_field(field).tcp(1, 2).build()).view.fragment);
    }
    EXPECT_EQ(punt_of(PacketBuilder{}.fragment_field(0x2000).udp(1, 2).cut_l4_to(4)),
              PuntReason::fragment);
}

TEST(Packet, L4HeaderMustFit) {
    EXPECT_EQ(drop_of(PacketBuilder{}.tcp(1, 2).cut_l4_to(19)), DropReason::l4_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{}.udp(1, 2).cut_l4_to(7)), DropReason::l4_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{}.echo_request(1, 2).cut_l4_to(7)), DropReason::l4_truncated);
    EXPECT_EQ(drop_of(PacketBuilder{}.icmp(3, 1).cut_l4_to(7)), DropReason::l4_truncated);
    // The padding does not help.
    EXPECT_EQ(drop_of(PacketBuilder{}.tcp(1, 2).cut_l4_to(19).pad_to(60)),
              DropReason::l4_truncated);
}

TEST(Packet, LyingL4LengthsAreTheHostsBusiness) {
    EXPECT_FALSE(parse_bytes(PacketBuilder{}.udp(1, 2).udp_length(9).build()).verdict.decided());
    EXPECT_FALSE(parse_bytes(PacketBuilder{}.udp(1, 2).udp_length(0).build()).verdict.decided());
    EXPECT_FALSE(parse_bytes(PacketBuilder{}.tcp(1, 2).data_offset(15).build()).verdict.decided());
    EXPECT_FALSE(parse_bytes(PacketBuilder{}.tcp(1, 2).data_offset(0).build()).verdict.decided());
}

TEST(Packet, NotificationsOnOutsidePortsOnly) {
    const PacketBuilder message = PacketBuilder{}.icmp(20, 0, 0x0A070001);
    EXPECT_EQ(punt_of(message, outside), PuntReason::notification);
    EXPECT_EQ(punt_of(message, inside), PuntReason::icmp);
    EXPECT_EQ(punt_of(PacketBuilder{message}.payload("too long"), outside),
              PuntReason::notification);
    EXPECT_EQ(punt_of(PacketBuilder{message}.cut_l4_to(5), outside), PuntReason::notification);
    EXPECT_EQ(drop_of(PacketBuilder{message}.cut_l4_to(3), outside), DropReason::l4_truncated);
    EXPECT_EQ(punt_of(PacketBuilder{message}.fragment_field(0x2000), outside),
              PuntReason::fragment);
    ParseContext other = outside;
    other.notification_icmp_type = 253;
    EXPECT_EQ(punt_of(message, other), PuntReason::icmp);
    EXPECT_EQ(punt_of(PacketBuilder{}.icmp(253, 1), other), PuntReason::notification);
}

TEST(Packet, LargestPacket) {
    const Bytes big(65535 - 28, std::byte{0x5A});
    const auto [verdict, view] = parse_bytes(PacketBuilder{}.udp(1, 2).payload(big).build());
    EXPECT_EQ(verdict, Verdict::proceed());
    EXPECT_EQ(view.l4_length, 65515);
}

} // namespace
} // namespace sacip
