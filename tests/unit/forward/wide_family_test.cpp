// SPDX-License-Identifier: BSD-3-Clause
//
// That the data path has room for another address family: one that nobody speaks, with addresses of
// 16 bytes, no checksum in its header, and an ICMP that covers the addresses.
//
//   version proto  length   ttl   0 0 0   source   destination
//      1      1      2       1      3       16          16
//
// The templates' bodies lie in the .cpp files, which are compiled here once more, for it.
#include "sacip_core/forward/published.hpp"

namespace sacip {

/// One thread is all there is here.
template <typename T>
requires(sizeof(T) > sizeof(uint64_t)) class Published<T> {
public:
    T load() const { return value_; }
    bool is(const T& value) const { return value_ == value; }
    void store(const T& value, std::memory_order = {}) { value_ = value; }
    T exchange(const T& value) {
        const T out = value_;
        value_ = value;
        return out;
    }

private:
    T value_{};
};

} // namespace sacip

#include "sacip_core/forward/flow_table.cpp"
#include "sacip_core/forward/path_table.cpp"
#include "sacip_core/forward/pipeline.cpp"
#include "sacip_core/packet/rewrite.cpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip::test {

struct WideAddr {
    std::array<uint8_t, 16> bytes{};
    constexpr bool operator==(const WideAddr&) const = default;
    constexpr auto operator<=>(const WideAddr&) const = default;
};

struct Wide {
    using Addr = WideAddr;
    static constexpr const char* name = "wide";
    static constexpr uint16_t ether_type = 0x88B5; // for experiments
    static constexpr uint32_t min_header_bytes = 40;
    static constexpr TxChecksums header_checksum = TxChecksums::none;
    static constexpr IpProto icmp = IpProto::icmp;
    static constexpr bool icmp_covers_addresses = true;
    static constexpr uint32_t first_byte_host = 0x20, first_byte_loopback = 0,
                              first_byte_group = 0xFF;

    static bool is_plain_start(uint8_t first) { return first == 9; }
    static bool is_fragment(const std::byte*) { return false; }
    static bool is_header_sum_right(const std::byte*) { return true; }
    static bool is_dhcp(L4Port port) { return port == L4Port{547}; }
    static uint32_t total_length(const std::byte* ip) { return load<Be16>(ip + 2).value(); }
    static uint8_t proto(const std::byte* ip) { return load<uint8_t>(ip + 1); }
    static bool has_fragment_offset(const std::byte*) { return false; }
    static uint8_t ttl(const std::byte* ip) { return load<uint8_t>(ip + 4); }
    static void set_ttl(std::byte* ip, uint8_t ttl) { store(ip + 4, ttl); }
    static void set_addresses(std::byte* ip, Addr source, Addr destination) {
        store(ip + 8, source);
        store(ip + 24, destination);
    }
    static uint16_t checksum(const std::byte*) { return 0; }
    static void set_checksum(std::byte*, uint16_t) {}
};
static_assert(AddressFamily<Wide>);

/// Of what is not plain: echoes have a flow key.
Verdict parse(const Frame& frame, const ParseContext&, PacketViewOf<Wide>& view) {
    const std::byte* ip = frame.data + ether_header_bytes;
    if (ether::type(frame.data) != Be16{Wide::ether_type}) {
        return Verdict::punt(PuntReason::not_ip);
    }
    if (frame.length < ether_header_bytes + Wide::min_header_bytes + icmp::header_bytes) {
        return Verdict::drop(DropReason::ip_truncated);
    }
    view = {.source = load<WideAddr>(ip + 8),
            .destination = load<WideAddr>(ip + 24),
            .source_port = icmp::identifier(ip + Wide::min_header_bytes),
            .destination_port = icmp::identifier(ip + Wide::min_header_bytes),
            .proto = Wide::proto(ip),
            .ttl = Wide::ttl(ip),
            .l3 = ether_header_bytes,
            .l4 = ether_header_bytes + Wide::min_header_bytes,
            .l4_length = static_cast<uint16_t>(Wide::total_length(ip) - Wide::min_header_bytes)};
    return view.is(Wide::icmp) ? Verdict::proceed() : Verdict::punt(PuntReason::not_ip);
}

namespace {

constexpr PortId inside{0}, outside{1};
constexpr size_t ip_at = 14, l4_at = ip_at + Wide::min_header_bytes;
const MacAddr host_mac = mac("06:00:00:00:00:01"), router_mac = mac("06:00:00:00:00:02");
const LinkHeader to_router{router_mac, default_port_mac}, to_host{host_mac, default_port_mac};

/// Different in every byte from that of another number.
constexpr WideAddr wide(uint8_t number) {
    WideAddr out;
    for (uint8_t& byte : out.bytes) {
        byte = number++;
    }
    return out;
}
constexpr WideAddr host = wide(0x20), original = wide(0x40), active = wide(0x60),
                   remote = wide(0x80), other = wide(0xA0);

uint16_t sum_of_l4(std::span<const std::byte> frame) {
    uint32_t pseudo = static_cast<uint32_t>(frame[ip_at + 1]);
    pseudo += static_cast<uint32_t>(frame.size() - l4_at);
    for (size_t i = ip_at + 8; i < l4_at; i += 2) {
        pseudo += read16(frame, i);
    }
    return naive_checksum(frame.subspan(l4_at), pseudo);
}

/// `tcp`, or an echo whose identifier is the host's port.
Bytes packet(const WideAddr& from, const WideAddr& to, uint16_t source_port,
             uint16_t destination_port, IpProto proto) {
    const bool tcp = proto == IpProto::tcp;
    Bytes out(l4_at + (tcp ? tcp::min_header_bytes : icmp::header_bytes));
    ether::set_destination(out.data(), default_port_mac);
    ether::set_type(out.data(), Be16{Wide::ether_type});
    out[ip_at] = std::byte{9};
    out[ip_at + 1] = static_cast<std::byte>(proto);
    write16(out, ip_at + 2, static_cast<uint16_t>(out.size() - ip_at));
    out[ip_at + 4] = std::byte{64};
    Wide::set_addresses(out.data() + ip_at, from, to);
    write16(out, l4_at + (tcp ? 0 : 4), source_port);
    if (tcp) {
        write16(out, l4_at + 2, destination_port);
        out[l4_at + 13] = std::byte{tcp_ack};
    }
    write16(out, l4_at + (tcp ? 16 : 2), sum_of_l4(out));
    return out;
}

class WideFamilyTest : public testing::Test {
protected:
    WideFamilyTest() {
        RewriteSlotOf<Wide> slot;
        slot.outbound.link = &to_router;
        slot.outbound.port = outside;
        slot.inbound.link = &to_host;
        slot.inbound.port = inside;
        slot.outbound.action = slot.inbound.action = PathAction::forward;
        prepare_rewrite({host, original, active, remote, remote}, L4ChecksumMode::wire, slot);
        path_ = paths_->add(slot, {remote, active}, {host, remote}).value();
    }
    FlowId add(IpProto proto, uint16_t host_port, uint16_t remote_port) {
        return flows_
            ->insert(
                {host, remote, Be16{host_port}, Be16{remote_port}, static_cast<uint8_t>(proto), {}},
                path_, {1})
            .value();
    }
    template <Direction D>
    Verdict one(Bytes& bytes) {
        std::array frames{Frame{bytes.data(), static_cast<uint32_t>(bytes.size())}};
        std::array<Verdict, 1> verdicts;
        pipeline_.process_directed<D>(
            frames, {.port_mac = default_port_mac, .outside = D == Direction::inbound}, {7},
            verdicts);
        return verdicts[0];
    }
    /// As it is to be: addresses, a hop less, and a checksum that is right.
    static void expect(const Bytes& bytes, const WideAddr& from, const WideAddr& to) {
        EXPECT_EQ(load<WideAddr>(bytes.data() + ip_at + 8), from);
        EXPECT_EQ(load<WideAddr>(bytes.data() + ip_at + 24), to);
        EXPECT_EQ(Wide::ttl(bytes.data() + ip_at), 63);
        EXPECT_EQ(sum_of_l4(bytes), 0);
    }

    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<FlowTableOf<Wide>> flows_{std::get<0>(FlowTableOf<Wide>::create(16, *grace_))};
    std::unique_ptr<PathTableOf<Wide>> paths_{std::get<0>(PathTableOf<Wide>::create(4, *grace_))};
    CoreCounters counters_;
    PipelineOf<Wide> pipeline_{*flows_, *paths_, counters_};
    PathId path_;
};

/// Once by look-up, then by hint.
TEST_F(WideFamilyTest, FlowsAreFoundAndRewrittenBothWays) {
    const FlowId tcp = add(IpProto::tcp, 4000, 80);
    add(IpProto::icmp, 77, 77);
    for (int turn = 0; turn < 2; turn++) {
        for (const IpProto proto : {IpProto::tcp, IpProto::icmp}) {
            const uint16_t near = proto == IpProto::tcp ? 4000 : 77;
            const uint16_t far = proto == IpProto::tcp ? 80 : 77;
            Bytes out = packet(host, remote, near, far, proto);
            EXPECT_EQ(one<Direction::outbound>(out), Verdict::forward(outside));
            expect(out, active, remote);
            EXPECT_EQ(ether::destination(out.data()), router_mac);
            Bytes in = packet(remote, active, far, near, proto);
            EXPECT_EQ(one<Direction::inbound>(in), Verdict::forward(inside));
            expect(in, remote, host);
            EXPECT_EQ(ether::destination(in.data()), host_mac);
        }
    }
    EXPECT_EQ(flows_->at(tcp).value().seen, flow_seen_in | flow_seen_out);
    EXPECT_EQ(counters_.rewritten.get(), 8U);
}

/// Each differs from what is known in one address, and there in the last byte alone.
TEST_F(WideFamilyTest, AllOfAnAddressCounts) {
    add(IpProto::tcp, 4000, 80);
    Bytes known = packet(remote, active, 80, 4000, IpProto::tcp);
    EXPECT_EQ(one<Direction::inbound>(known), Verdict::forward(inside));
    for (const size_t last : {ip_at + 23, ip_at + 39}) {
        for (const bool out : {true, false}) {
            Bytes bytes = out ? packet(host, remote, 4000, 80, IpProto::tcp)
                              : packet(remote, active, 80, 4000, IpProto::tcp);
            bytes[last] ^= std::byte{1};
            const Bytes before = bytes;
            EXPECT_EQ(out ? one<Direction::outbound>(bytes) : one<Direction::inbound>(bytes),
                      Verdict::punt(PuntReason::first_packet));
            EXPECT_EQ(bytes, before);
        }
    }
}

TEST_F(WideFamilyTest, AMoveChangesThePath) {
    add(IpProto::tcp, 4000, 80);
    RewriteSlotOf<Wide> next = paths_->path(path_).slot();
    prepare_rewrite({host, original, other, remote, remote}, L4ChecksumMode::wire, next);
    paths_->prepare(path_, {remote, other}, {host, remote});
    paths_->publish(path_, next, {remote, other});
    Bytes out = packet(host, remote, 4000, 80, IpProto::tcp);
    EXPECT_EQ(one<Direction::outbound>(out), Verdict::forward(outside));
    expect(out, other, remote);
    for (const WideAddr& to : {active, other}) { // the old pair drains
        Bytes in = packet(remote, to, 80, 4000, IpProto::tcp);
        EXPECT_EQ(one<Direction::inbound>(in), Verdict::forward(inside));
        expect(in, remote, host);
    }
    paths_->retire(path_, {remote, active}, {host, remote});
    Bytes late = packet(remote, active, 80, 4000, IpProto::tcp);
    EXPECT_EQ(one<Direction::inbound>(late), Verdict::punt(PuntReason::first_packet));
}

TEST_F(WideFamilyTest, AnothersFrameIsNot) {
    Bytes ipv4 = PacketBuilder{}.udp(1, 2).payload("of another family altogether").build();
    EXPECT_EQ(one<Direction::outbound>(ipv4), Verdict::punt(PuntReason::not_ip));
}

/// Devices are not asked for a header checksum where there is none.
TEST_F(WideFamilyTest, DevicesFillInWhatThereIs) {
    Bytes bytes = packet(host, remote, 4000, 80, IpProto::tcp);
    Frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), RxFacts::l4_checksum_good};
    PacketViewOf<Wide> view;
    ASSERT_TRUE(parse_plain(frame, {.port_mac = default_port_mac}, view));
    DirectionRewriteOf<Wide> to = paths_->path(path_).slot().outbound;
    to.device = TxChecksums::ipv4 | TxChecksums::tcp;
    rewrite_for_device(frame, view, to);
    EXPECT_EQ(frame.unfinished, TxChecksums::tcp);
    EXPECT_EQ(tcp::checksum(bytes.data() + l4_at),
              sum_of_pseudo_header(active, remote, 6, tcp::min_header_bytes));
}

} // namespace
} // namespace sacip::test
