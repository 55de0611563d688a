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

std::array<std::byte, secret_bytes> made_up(uint8_t with);

/// Number 1 is A, 2 is B; `boot` is the epoch.
Identity identity_of(uint8_t number, uint64_t boot);

Config secure_a();
Config secure_b();

/// Two gateways whose frames meet when told to. Either can be replaced by one that knows nothing.
struct SecurePair {
    explicit SecurePair(Config left = secure_a(), Config right = secure_b());

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
    void settle();
    /// In steps of a millisecond, the cable emptied after each.
    void run(int milliseconds);
    void from_a(const PacketBuilder& packet);
    void from_b(const PacketBuilder& packet);
    PacketBuilder of_a();
    PacketBuilder of_b();
    void handshake(uint16_t port = 4000);
    /// One packet each way arrives as the hosts know it.
    void expect_alive(const std::string& text, uint16_t port = 4000);
    void check();
    const Peer& peer_of_a() const;
    const Peer& peer_of_b() const;

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
    static bool reaches(const GatewayRig& to, Ipv4Addr destination);

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
Bytes sealed_frame(const GatewayRig& a, const Identity& keys, const SecureHeader& header,
                   const SecureBody& body, Ipv4Addr from);

/// What a notification for whoever has `keys` says.
Said said_in(Bytes& frame, const Identity& keys);

/// A notification, by either carrier.
bool is_notification(const Bytes& bytes);

} // namespace sacip::test
