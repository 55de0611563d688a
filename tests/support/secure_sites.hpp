// SPDX-License-Identifier: BSD-3-Clause
//
// SecureSites: the two gateways of rig_sites as peers with keys, and a cable with a delay.
//
//   host 10.1.0.10 -- lan  A  wan 10.0.1.2 ==== 10.0.9.2 wan  B  lan -- hosts 10.9.0.0/24
//
// The keys are made up: what derives them from real ones has tests of its own.
#pragma once

#include "tests/support/rig_sites.hpp"

namespace sacip::test {

inline std::array<std::byte, secret_bytes> made_up(uint8_t with) {
    std::array<std::byte, secret_bytes> out;
    out.fill(std::byte{with});
    return out;
}

/// Number 1 is A, 2 is B; `boot` is the epoch.
inline Identity identity_of(uint8_t number, uint64_t boot) {
    Identity out;
    const uint8_t other = number == 1 ? 2 : 1;
    out.sender = {number};
    out.epoch = {boot};
    out.challenge_key = MacKey{made_up(static_cast<uint8_t>(number * 16 + boot % 16))};
    out.peers.resize(1);
    out.peers[0].sender = {other};
    out.peers[0].send = MacKey{made_up(static_cast<uint8_t>(100 + number))};
    out.peers[0].receive = MacKey{made_up(static_cast<uint8_t>(100 + other))};
    return out;
}

inline Config secure_a() {
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
inline Config secure_b() {
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

/// Two gateways whose frames meet when told to. Either can be replaced by one that knows nothing.
struct SecurePair {
    explicit SecurePair(Config left = secure_a(), Config right = secure_b())
        : a{std::make_unique<SiteA>(std::move(left), identity_of(1, 1000))},
          b{std::make_unique<SiteB>(std::move(right), identity_of(2, 1000))} {}

    /// Carries frames until the cable is empty; `lose` judges each by its bytes.
    template <typename Lose>
    void settle(Lose&& lose) {
        for (int rounds = 0; rounds < 200; rounds++) {
            if (!carry(*a, *b, lose) && !carry(*b, *a, lose)) {
                return;
            }
        }
        ADD_FAILURE() << "packets circle between the gateways";
    }
    void settle() {
        settle([](const Bytes&) { return false; });
    }
    /// In steps of a millisecond, the cable emptied after each.
    void run(int milliseconds) {
        for (int i = 0; i < milliseconds; i++) {
            a->advance(from_ms(1));
            b->advance(from_ms(1));
            settle();
        }
    }
    void from_a(const PacketBuilder& packet) {
        a->receive(lan, packet);
        settle();
    }
    void from_b(const PacketBuilder& packet) {
        b->receive(lan, packet);
        settle();
    }
    PacketBuilder of_a() { return a->frame(lan).from("10.1.0.10").to("10.9.0.10"); }
    PacketBuilder of_b() { return b->frame(lan).from("10.9.0.10").to("10.0.1.2"); }
    void handshake(uint16_t port = 4000) {
        from_a(of_a().tcp(port, 80, tcp_syn));
        from_b(of_b().tcp(80, port, tcp_syn | tcp_ack));
        from_a(of_a().tcp(port, 80));
        run(5);
        a->take(lan);
        b->take(lan);
    }
    /// One packet each way arrives as the hosts know it.
    void expect_alive(const std::string& text, uint16_t port = 4000) {
        const std::string p = std::to_string(port);
        from_a(of_a().tcp(port, 80).payload(text));
        run(5);
        EXPECT_EQ(b->lines(lan), Lines{"tcp 10.0.1.2:" + p + " > 10.9.0.10:80 " + text}) << text;
        from_b(of_b().tcp(80, port).payload(text));
        run(5);
        EXPECT_EQ(a->lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:" + p + ' ' + text}) << text;
    }
    void check() {
        a->check();
        b->check();
    }
    const Peer& peer_of_a() const { return a->slow->peer_session()->peers()[0]; }
    const Peer& peer_of_b() const { return b->slow->peer_session()->peers()[0]; }

    template <typename Lose>
    static bool carry(GatewayRig& from, GatewayRig& to, Lose&& lose) {
        std::vector<Bytes> burst = from.take(wan);
        const bool any = !burst.empty();
        for (Bytes& bytes : burst) {
            if (!lose(bytes) && reaches(to, ipv4::destination(bytes.data() + ether_header_bytes))) {
                ether::set_destination(bytes.data(), to.ports[wan.value].mac);
                to.receive(wan, std::vector<Bytes>{std::move(bytes)});
            }
        }
        return any;
    }

    /// The network brings packets to the uplink's own addresses, and to all of B's prefixes.
    static bool reaches(const GatewayRig& to, Ipv4Addr destination) {
        return !prefix("10.0.0.0/16").contains(destination) || to.host.is_local(destination);
    }

    std::unique_ptr<SiteA> a;
    std::unique_ptr<SiteB> b;
};

/// What a peer with keys says, or the gateway.
struct Said {
    CarrierRoute route;
    SecureHeader header;
    SecureBody body;
};

/// The frame in which whoever has `keys`, those of one peer, says so by ICMP to gateway A.
inline Bytes sealed_frame(const GatewayRig& a, const Identity& keys, const SecureHeader& header,
                          const SecureBody& body, Ipv4Addr from) {
    std::array<std::byte, secure_message_max_bytes> message;
    const std::span<std::byte> bytes{message.data(), encode(header, body, message)};
    const CarrierRoute route{Carrier::icmp, {from, addr("10.0.1.2")}, {}, {}};
    EXPECT_TRUE(seal(bytes, keys.peers[0].send, route.addresses));
    Bytes out(secure_frame_max_bytes);
    out.resize(encode_carrier(bytes, route, 20, {a.ports[wan.value].mac, default_sender_mac}, out));
    return out;
}

/// What a notification for whoever has `keys` says.
inline Said said_in(Bytes& frame, const Identity& keys) {
    const auto carried = decode_carrier(frame_of(frame), view_of(frame));
    const auto& [route, message] = std::get<CarriedMessage>(carried);
    const auto envelope = std::get<Envelope>(decode_envelope(message));
    EXPECT_TRUE(is_genuine(envelope, keys.peers[0].receive, route.addresses));
    return {route, envelope.header, std::get<SecureBody>(decode_body(envelope))};
}

/// A notification, by either carrier.
inline bool is_notification(const Bytes& bytes) {
    const std::byte* ip = bytes.data() + ether_header_bytes;
    const std::byte* l4 = ip + ipv4::header_length(ip);
    return ipv4::proto(ip) == static_cast<uint8_t>(IpProto::icmp)
               ? icmp::type(l4) == 20
               : ipv4::proto(ip) == static_cast<uint8_t>(IpProto::udp) &&
                     udp::destination_port(l4) == Be16{default_notification_udp_port};
}

} // namespace sacip::test
