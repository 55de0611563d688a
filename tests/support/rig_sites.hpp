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

namespace sacip::test {

Config uplink_config();
Config routed_config();
Config box_config(std::vector<BoxPort> ports = {});

/// Linux as it is on A's side once all is up.
void set_up_a(GatewayRig& rig);
void set_up_b(GatewayRig& rig);

struct SiteA : GatewayRig {
    explicit SiteA(Config c = uplink_config(), std::optional<Identity> i = {});
    /// `ip addr add NEW; ip addr del OLD`, as one burst of events.
    void change_address(std::string_view from, std::string_view to);
};
struct SiteB : GatewayRig {
    explicit SiteB(Config c = routed_config(), std::optional<Identity> i = {});
};

/// A and B back to back. Routers between them are assumed to deliver whatever either sends.
struct Joined {
    explicit Joined(Config left = uplink_config(), Config right = routed_config());

    /// Carries frames until the cable is empty.
    void settle();
    void from_a(const PacketBuilder& packet);
    void from_b(const PacketBuilder& packet);
    void advance(Nanos time);
    void check();
    static bool carry(GatewayRig& from, GatewayRig& to);

    SiteA a;
    SiteB b;
};

} // namespace sacip::test
