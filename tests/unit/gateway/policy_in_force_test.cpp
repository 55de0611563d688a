// SPDX-License-Identifier: BSD-3-Clause
//
// Another policy is in force from one turn to the next: rooms keep nothing of the one before.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

/// What `a` was configured with is changed, and comes into force.
template <typename Change>
void change_policy(GatewayRig& a, Change&& change) {
    change(a.config);
    a.policy.set(std::make_shared<const Policy>(make_policy(a.config, *a.policy)));
}

TEST(PolicyInForce, TimesAreThoseOfNow) {
    SiteA a;
    a.receive(lan, a.frame(lan).from("10.1.0.10").to("10.9.0.10").udp(4000, 53));
    ASSERT_EQ(a.flows->size(), 1U);
    a.advance(from_s(100));
    ASSERT_EQ(a.flows->size(), 1U);
    change_policy(a, [](Config& c) { c.timeouts.udp = std::chrono::seconds{60}; });
    a.advance(from_s(1));
    EXPECT_EQ(a.flows->size(), 0U);
}

TEST(PolicyInForce, AMoveDrainsAsLongAsItSaysThen) {
    SiteA a;
    a.receive(lan, a.frame(lan).from("10.1.0.10").to("10.9.0.10").udp(4000, 53));
    change_policy(a, [](Config& c) { c.move.drain = Milliseconds{50}; });
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    const PathEntry& path = a.slow->cache().at(PathId{0});
    ASSERT_EQ(path.draining.size(), 1U);
    EXPECT_LE(path.draining[0].until, a.now + from_ms(50));
}

TEST(PolicyInForce, ABasicPeerIsTheSameInAnotherPlace) {
    SiteA a;
    const auto may_roam = [&] {
        const auto who = a.slow->cache().basic_peer_of(addr("10.9.0.10")).value();
        return a.slow->cache().may_roam_to(Speaker::of(who), addr("10.0.7.7"));
    };
    EXPECT_TRUE(may_roam());
    change_policy(a, [](Config& c) {
        c.basic_peers.insert(c.basic_peers.begin(), peer("10.8.0.0/24", {prefix("10.7.0.0/16")}));
    });
    EXPECT_TRUE(may_roam());
    change_policy(a, [](Config& c) { c.basic_peers[1].roam_to = {prefix("10.7.0.0/16")}; });
    EXPECT_FALSE(may_roam());
}

TEST(PolicyInForce, APeerWithKeysHasAnotherNameInAnotherPlace) {
    SecurePair pair;
    pair.handshake();
    change_policy(*pair.a, [](Config& c) {
        PeerConfig other;
        other.name = "other";
        other.public_key.bytes.fill(std::byte{7});
        c.peers.insert(c.peers.begin(), other);
        c.peers[1].name = "renamed";
        c.peers[1].roam_to = {prefix("10.19.0.0/16")};
    });
    const auto peer = pair.a->slow->cache().peer_of(addr("10.9.0.10"));
    ASSERT_TRUE(peer);
    EXPECT_EQ(pair.a->policy->peer(*peer).name, "renamed");
    const auto may_roam = [&](const char* to) {
        return pair.a->slow->cache().may_roam_to(Speaker::of(*peer), addr(to));
    };
    EXPECT_TRUE(may_roam("10.19.0.7"));
    EXPECT_FALSE(may_roam("10.0.7.7"));
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.run(5);
    const auto& trace = pair.a->slow->events().events();
    EXPECT_TRUE(std::ranges::any_of(trace, [](const auto& e) { return e.peer == "renamed"; }));
    EXPECT_TRUE(std::ranges::none_of(trace, [](const auto& e) { return e.peer == "other"; }));
}

} // namespace
} // namespace sacip::test
