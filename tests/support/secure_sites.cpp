// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/secure_sites.hpp"

namespace sacip::test {

std::array<std::byte, secret_bytes> made_up(uint8_t with) {
    std::array<std::byte, secret_bytes> out;
    out.fill(std::byte{with});
    return out;
}

Identity identity_of(uint8_t number, uint64_t boot) {
    Identity out;
    const uint8_t other = number == 1 ? 2 : 1;
    out.sender = {number};
    out.epoch = {boot};
    out.challenge_key = MacKey{made_up(static_cast<uint8_t>(number * 16 + boot % 16))};
    out.peers.add(PeerKeys{{other},
                           MacKey{made_up(static_cast<uint8_t>(100 + number))},
                           MacKey{made_up(static_cast<uint8_t>(100 + other))}});
    return out;
}

Config secure_a() {
    Config c = uplink_config();
    c.basic_peers.clear();
    c.identity.emplace();
    PeerConfig b;
    b.name = "b";
    b.addresses = {prefix("10.9.0.0/24")};
    b.roam_to = {prefix("10.0.0.0/8")};
    c.peers = {b};
    return c;
}
Config secure_b() {
    Config c = routed_config();
    c.basic_peers.clear();
    c.identity.emplace();
    PeerConfig a;
    a.name = "a";
    a.addresses = {prefix("10.0.1.0/24"), prefix("10.0.2.0/24")};
    a.roam_to = {prefix("10.0.0.0/8")};
    c.peers = {a};
    return c;
}

SecurePair::SecurePair(Config left, Config right)
    : a{std::make_unique<SiteA>(std::move(left), identity_of(1, 1000))},
      b{std::make_unique<SiteB>(std::move(right), identity_of(2, 1000))} {}

void SecurePair::settle() {
    settle([](const Bytes&) { return false; });
}

void SecurePair::run(int milliseconds) {
    for (int i = 0; i < milliseconds; i++) {
        a->advance(from_ms(1));
        b->advance(from_ms(1));
        settle();
    }
}

void SecurePair::from_a(const PacketBuilder& packet) {
    a->receive(lan, packet);
    settle();
}

void SecurePair::from_b(const PacketBuilder& packet) {
    b->receive(lan, packet);
    settle();
}

PacketBuilder SecurePair::of_a() { return a->frame(lan).from("10.1.0.10").to("10.9.0.10"); }

PacketBuilder SecurePair::of_b() { return b->frame(lan).from("10.9.0.10").to("10.0.1.2"); }

void SecurePair::handshake(uint16_t port) {
    from_a(of_a().tcp(port, 80, tcp_syn));
    from_b(of_b().tcp(80, port, tcp_syn | tcp_ack));
    from_a(of_a().tcp(port, 80));
    run(5);
    a->take(lan);
    b->take(lan);
}

void SecurePair::expect_alive(const std::string& text, uint16_t port) {
    const std::string p = std::to_string(port);
    from_a(of_a().tcp(port, 80).payload(text));
    run(5);
    EXPECT_EQ(b->lines(lan), Lines{"tcp 10.0.1.2:" + p + " > 10.9.0.10:80 " + text}) << text;
    from_b(of_b().tcp(80, port).payload(text));
    run(5);
    EXPECT_EQ(a->lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:" + p + ' ' + text}) << text;
}

void SecurePair::check() {
    a->check();
    b->check();
}

const Peer& SecurePair::peer_of_a() const { return a->slow->peer_session()->peers()[{0}]; }

const Peer& SecurePair::peer_of_b() const { return b->slow->peer_session()->peers()[{0}]; }

bool SecurePair::reaches(const GatewayRig& to, Ipv4Addr destination) {
    return !prefix("10.0.0.0/16").contains(destination) || to.host.is_local(destination);
}

Bytes sealed_frame(const GatewayRig& a, const Identity& keys, const SecureHeader& header,
                   const SecureBody& body, Ipv4Addr from) {
    std::array<std::byte, secure_message_max_bytes> message;
    const std::span<std::byte> bytes{message.data(), encode(header, body, message)};
    const CarrierRoute route{Carrier::icmp, {from, addr("10.0.1.2")}, {}, {}};
    EXPECT_TRUE(seal(bytes, keys.peers[{0}].send, route.addresses));
    Bytes out(secure_frame_max_bytes);
    out.resize(encode_carrier(bytes, route, 20, {a.ports[wan.value].mac, default_sender_mac}, out));
    return out;
}

Said said_in(Bytes& frame, const Identity& keys) {
    const auto carried = decode_carrier(frame_of(frame), view_of(frame));
    const auto& [route, message] = std::get<CarriedMessage>(carried);
    const auto envelope = std::get<Envelope>(decode_envelope(message));
    EXPECT_TRUE(is_genuine(envelope, keys.peers[{0}].receive, route.addresses));
    return {route, envelope.header, std::get<SecureBody>(decode_body(envelope))};
}

bool is_notification(const Bytes& bytes) {
    const std::byte* ip = bytes.data() + ether_header_bytes;
    const std::byte* l4 = ip + ipv4::header_length(ip);
    return ipv4::proto(ip) == static_cast<uint8_t>(IpProto::icmp)
               ? icmp::type(l4) == 20
               : ipv4::proto(ip) == static_cast<uint8_t>(IpProto::udp) &&
                     udp::destination_port(l4) == Be16{default_notification_udp_port};
}

} // namespace sacip::test
