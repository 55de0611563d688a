// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/rig_sites.hpp"

namespace sacip::test {

Config uplink_config() {
    Config c = small_config();
    c.hosts = {uplink_host("10.1.0.10")};
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
    return c;
}
Config routed_config() {
    Config c = small_config();
    c.hosts = {routed("10.9.0.0/24", "10.9.0.0/24")};
    c.basic_peers = {peer("10.0.1.0/24", {prefix("10.0.0.0/8")})};
    return c;
}
Config box_config(std::vector<BoxPort> ports) {
    Config c = small_config();
    c.hosts = {box(std::move(ports))};
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
    return c;
}

void set_up_a(GatewayRig& rig) {
    rig.add_address(lan, "10.1.0.1/24");
    rig.add_address(wan, "10.0.1.2/24");
    rig.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    rig.add_neighbour(lan, "10.1.0.10");
    rig.add_neighbour(wan, "10.0.1.1");
    rig.notice();
}
void set_up_b(GatewayRig& rig) {
    rig.add_address(lan, "10.9.0.1/24");
    rig.add_address(wan, "10.0.9.2/24");
    rig.add_route(wan, "0.0.0.0/0", "10.0.9.1");
    for (const char* host : {"10.9.0.10", "10.9.0.11", "10.9.0.12"}) {
        rig.add_neighbour(lan, host);
    }
    rig.add_neighbour(wan, "10.0.9.1");
    rig.notice();
}

SiteA::SiteA(Config c, std::optional<Identity> i) : GatewayRig{std::move(c), 1, std::move(i)} {
    set_up_a(*this);
}

void SiteA::change_address(std::string_view from, std::string_view to) {
    add_address(wan, to, true);
    del_address(wan, from);
    notice();
}

SiteB::SiteB(Config c, std::optional<Identity> i) : GatewayRig{std::move(c), 9, std::move(i)} {
    set_up_b(*this);
}

Joined::Joined(Config left, Config right) : a{std::move(left)}, b{std::move(right)} {}

void Joined::settle() {
    for (int rounds = 0; rounds < 64; rounds++) {
        if (!carry(a, b) && !carry(b, a)) {
            return;
        }
    }
    ADD_FAILURE() << "packets circle between the gateways";
}

void Joined::from_a(const PacketBuilder& packet) {
    a.receive(lan, packet);
    settle();
}

void Joined::from_b(const PacketBuilder& packet) {
    b.receive(lan, packet);
    settle();
}

void Joined::advance(Nanos time) {
    a.advance(time);
    b.advance(time);
    settle();
}

void Joined::check() {
    a.check();
    b.check();
}

bool Joined::carry(GatewayRig& from, GatewayRig& to) {
    std::vector<Bytes> burst = from.take(wan);
    const bool any = !burst.empty();
    for (Bytes& bytes : burst) {
        ether::set_destination(bytes.data(), to.ports[wan.value].mac);
        to.receive(wan, std::vector<Bytes>{std::move(bytes)});
    }
    return any;
}

} // namespace sacip::test
