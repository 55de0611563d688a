// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/config/policy.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>
#include <set>

namespace sacip {
namespace {

PublicKey key(uint8_t with) {
    PublicKey out;
    out.bytes.fill(std::byte{with});
    return out;
}
PeerConfig peer(uint8_t with, std::string name) {
    PeerConfig out;
    out.name = std::move(name);
    out.public_key = key(with);
    return out;
}
IpPrefix prefix(std::string_view text) { return IpPrefix::from_text(text).value(); }

PolicyConfig with_peers(std::vector<PeerConfig> peers) {
    PolicyConfig out;
    out.peers = std::move(peers);
    return out;
}
/// The names of the peers, by their ids; "-" for those that are gone.
std::string peers_of(const Policy& policy) {
    std::string out;
    for (PeerId id{}; id.value < policy.peers.ids_given(); id.value++) {
        out += (id.value > 0 ? " " : "") + (policy.peers.has(id) ? policy.peer(id).name : "-");
    }
    return out;
}

TEST(Policy, TheFirstOneNumbersEntriesAsTheyStand) {
    PolicyConfig config = with_peers({peer(1, "a"), peer(2, "b")});
    config.hosts = {{prefix("10.1.0.10"), "wan", {}}, {Box{}, "wan", {}}};
    config.basic_peers = {{prefix("10.9.0.0/24"), {}}};
    config.move.drain = Milliseconds{7};
    const Policy policy = make_policy(config);
    EXPECT_EQ(peers_of(policy), "a b");
    ASSERT_EQ(policy.hosts.size(), 2U);
    EXPECT_FALSE(policy.hosts[{0}].is_box());
    EXPECT_TRUE(policy.hosts[{1}].is_box());
    EXPECT_EQ(policy.basic_peer({0}).prefix, prefix("10.9.0.0/24"));
    EXPECT_EQ(policy.move.drain, Milliseconds{7});
    EXPECT_FALSE(policy.peers.has({2}));
    EXPECT_TRUE(make_policy({}).peers.empty());
}

TEST(Policy, APeerIsItsKeyWhereverItStandsAndWhateverItIsCalled) {
    const Policy first = make_policy(with_peers({peer(1, "a"), peer(2, "b")}));
    const Policy second =
        make_policy(with_peers({peer(3, "c"), peer(2, "B"), peer(1, "a")}), first);
    EXPECT_EQ(peers_of(second), "a B c");
    EXPECT_EQ(second.peers.begin()->entry.name, "c") << "in the order of the configuration";
    EXPECT_EQ(second.peers.begin()->id, PeerId{2});
    EXPECT_EQ(peers_of(first), "a b") << "the former one is as it was";

    const Policy other_key = make_policy(with_peers({peer(4, "a")}), second);
    EXPECT_EQ(peers_of(other_key), "- - - a") << "a name is not who it is";
}

TEST(Policy, AnIdIsNeverGivenAgain) {
    Policy policy = make_policy(with_peers({peer(1, "a"), peer(2, "b")}));
    policy = make_policy({}, policy);
    EXPECT_EQ(peers_of(policy), "- -");
    policy = make_policy(with_peers({peer(3, "c"), peer(1, "a")}), policy);
    EXPECT_EQ(peers_of(policy), "- - c a") << "not even to who had one before it went";
}

TEST(Policy, AMappingIsItsHostsAndTheBoxItsPort) {
    PolicyConfig config;
    config.hosts = {{prefix("10.1.0.10"), "wan", {}},
                    {prefix("10.2.0.0/24"), prefix("10.3.0.0/24"), {}},
                    {Box{}, "wan", {}}};
    const Policy first = make_policy(config);
    config.hosts = {{Box{}, "dsl", {}},
                    {Box{}, "wan", {{IpProto::tcp, 22}}},
                    {prefix("10.2.0.0/25"), prefix("10.3.0.0/25"), {}},
                    {prefix("10.1.0.10"), "dsl", {}}};
    const Policy second = make_policy(config, first);
    std::vector<uint32_t> ids;
    for (const auto& [id, host] : second.hosts) {
        ids.push_back(id.value);
    }
    EXPECT_EQ(ids, (std::vector<uint32_t>{3, 2, 4, 0}));
    EXPECT_EQ(*second.hosts[{0}].outside_port(), "dsl");
    EXPECT_EQ(second.hosts[{2}].box_ports.size(), 1U);
    EXPECT_FALSE(second.hosts.has({1})) << "other hosts";
}

TEST(Policy, ABasicPeerIsItsPrefix) {
    PolicyConfig config;
    config.basic_peers = {{prefix("10.8.0.0/24"), {}}, {prefix("10.9.0.0/24"), {}}};
    const Policy first = make_policy(config);
    config.basic_peers = {{prefix("10.9.0.0/24"), {prefix("10.0.0.0/8")}},
                          {prefix("10.9.0.0/25"), {}}};
    const Policy second = make_policy(config, first);
    EXPECT_EQ(second.basic_peer({1}).roam_to.size(), 1U);
    EXPECT_EQ(second.basic_peer({2}).prefix, prefix("10.9.0.0/25"));
    EXPECT_FALSE(second.basic_peers.has({0}));
}

TEST(Policy, EntriesAlikeHaveIdsOfTheirOwn) {
    const Policy first = make_policy(with_peers({peer(1, "a"), peer(1, "b")}));
    EXPECT_EQ(peers_of(first), "a b");
    const Policy second = make_policy(with_peers({peer(1, "x"), peer(1, "y")}), first);
    EXPECT_EQ(peers_of(second), "x - y");
}

/// Many policies in a row: who stays keeps its id, and nobody gets one that another had.
TEST(Policy, IdsStayThroughManyPolicies) {
    std::mt19937 dice{20};
    Policy policy;
    std::map<uint8_t, PeerId> had;
    std::set<PeerId> given;
    for (int round = 0; round < 200; round++) {
        std::vector<uint8_t> keys(40);
        std::iota(keys.begin(), keys.end(), uint8_t{0});
        std::ranges::shuffle(keys, dice);
        keys.resize(dice() % 20);
        std::vector<PeerConfig> peers;
        for (const uint8_t k : keys) {
            peers.push_back(peer(k, std::to_string(k)));
        }
        policy = make_policy(with_peers(peers), policy);
        std::map<uint8_t, PeerId> has;
        for (const auto& [id, entry] : policy.peers) {
            const auto k = std::to_integer<uint8_t>(entry.public_key.bytes[0]);
            has[k] = id;
            EXPECT_EQ(policy.peer(id).public_key, key(k));
            EXPECT_EQ(had.contains(k) ? had[k] == id : given.insert(id).second, true) << +k;
        }
        ASSERT_EQ(has.size(), keys.size());
        had = has;
    }
    EXPECT_EQ(policy.peers.ids_given(), given.size()) << "one after another";
}

} // namespace
} // namespace sacip
