// SPDX-License-Identifier: BSD-3-Clause
//
// RigSites: the two gateways that most stories need, and the cable between them.
//
//   host 10.1.0.10 -- lan  A  wan 10.0.1.2 ==== 10.0.9.2 wan  B  lan -- hosts 10.9.0.0/24
//      behind an uplink, 1:1                        routed, own addresses on the wire
//
// Each takes the other for a basic peer that may roam anywhere in 10/8.
#pragma once

#include "tests/support/gateway_rig.hpp"

#include <deque>

namespace sacip::test {

inline Config uplink_config() {
    Config c = small_config();
    c.hosts = {uplink_host("10.1.0.10")};
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
    return c;
}
inline Config routed_config() {
    Config c = small_config();
    c.hosts = {routed("10.9.0.0/24", "10.9.0.0/24")};
    c.basic_peers = {peer("10.0.1.0/24", {prefix("10.0.0.0/8")})};
    return c;
}
inline Config box_config(std::vector<BoxPort> ports = {}) {
    Config c = small_config();
    c.hosts = {box(std::move(ports))};
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
    return c;
}

/// Linux as it is on A's side once all is up.
inline void set_up_a(GatewayRig& rig) {
    rig.add_address(lan, "10.1.0.1/24");
    rig.add_address(wan, "10.0.1.2/24");
    rig.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    rig.add_neighbour(lan, "10.1.0.10");
    rig.add_neighbour(wan, "10.0.1.1");
    rig.notice();
}
inline void set_up_b(GatewayRig& rig) {
    rig.add_address(lan, "10.9.0.1/24");
    rig.add_address(wan, "10.0.9.2/24");
    rig.add_route(wan, "0.0.0.0/0", "10.0.9.1");
    for (const char* host : {"10.9.0.10", "10.9.0.11", "10.9.0.12"}) {
        rig.add_neighbour(lan, host);
    }
    rig.add_neighbour(wan, "10.0.9.1");
    rig.notice();
}

struct SiteA : GatewayRig {
    explicit SiteA(Config c = uplink_config(), std::optional<Identity> i = {})
        : GatewayRig{std::move(c), 1, std::move(i)} {
        set_up_a(*this);
    }
    /// `ip addr add NEW; ip addr del OLD`, as one burst of events.
    void change_address(std::string_view from, std::string_view to) {
        add_address(wan, to, true);
        del_address(wan, from);
        notice();
    }
};
struct SiteB : GatewayRig {
    explicit SiteB(Config c = routed_config(), std::optional<Identity> i = {})
        : GatewayRig{std::move(c), 9, std::move(i)} {
        set_up_b(*this);
    }
};

/// A and B back to back. Routers between them are assumed to deliver whatever either sends.
struct Joined {
    explicit Joined(Config left = uplink_config(), Config right = routed_config())
        : a{std::move(left)}, b{std::move(right)} {}

    /// Carries frames until the cable is empty.
    void settle() {
        for (int rounds = 0; rounds < 64; rounds++) {
            if (!carry(a, b) && !carry(b, a)) {
                return;
            }
        }
        ADD_FAILURE() << "packets circle between the gateways";
    }
    void from_a(const PacketBuilder& packet) {
        a.receive(lan, packet);
        settle();
    }
    void from_b(const PacketBuilder& packet) {
        b.receive(lan, packet);
        settle();
    }
    void advance(Nanos time) {
        a.advance(time);
        b.advance(time);
        settle();
    }
    void check() {
        a.check();
        b.check();
    }
    static bool carry(GatewayRig& from, GatewayRig& to) {
        std::vector<Bytes> burst = from.take(wan);
        const bool any = !burst.empty();
        for (Bytes& bytes : burst) {
            ether::set_destination(bytes.data(), to.ports[wan.value].mac);
            to.receive(wan, std::vector<Bytes>{std::move(bytes)});
        }
        return any;
    }

    SiteA a;
    SiteB b;
};

} // namespace sacip::test
