// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/binding_cache.hpp"

#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>
#include <set>

namespace sacip::test {
namespace {

class BindingCacheTest : public testing::Test {
protected:
    static Config make() {
        Config c = small_config();
        c.hosts = {uplink_host("10.1.0.10"), routed("10.2.0.0/24", "10.3.0.0/24"), box()};
        c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
        c.peers.resize(1);
        return c;
    }
    Config config_{make()};
    CurrentPolicy policy_{std::make_shared<const Policy>(make_policy(config_))};
    BindingCache cache_{config_, policy_, 1};
};

TEST_F(BindingCacheTest, BindingsAreFoundAgainAndUnderTheirNewAddress) {
    const LocalId id = cache_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), {0});
    EXPECT_EQ(cache_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), {0}), id);
    cache_.set_active(id, addr("10.0.1.3"));
    EXPECT_TRUE(cache_.locals_active_in(prefix("10.0.1.2")).empty());
    EXPECT_EQ(cache_.locals_active_in(prefix("10.0.1.3")), std::vector{id});
    EXPECT_EQ(cache_.locals_active_in(prefix("10.0.1.0/24")), std::vector{id});
    const LocalId fresh = cache_.local(addr("10.1.0.10"), addr("10.0.1.3"), addr("10.0.1.3"), {0});
    EXPECT_NE(fresh, id) << "another original";
    EXPECT_EQ(cache_.locals_active_in(prefix("10.0.1.3")).size(), 2U);

    const RemoteId far = cache_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    cache_.set_active(far, addr("10.19.0.10"));
    EXPECT_TRUE(cache_.remotes_active_at(addr("10.9.0.10")).empty());
    EXPECT_EQ(cache_.remotes_active_at(addr("10.19.0.10")), std::vector{far});
    EXPECT_NE(cache_.remote(addr("10.9.0.10"), addr("10.9.0.10")), far)
        << "whoever has the old address now";
}

/// Removal moves the last path into the free place of both lists: each list still names its own.
TEST_F(BindingCacheTest, PathsLeaveTheirBindingsInAnyOrder) {
    const LocalId local = cache_.local(addr("10.2.0.7"), addr("10.3.0.7"), addr("10.3.0.7"), {1});
    std::vector<RemoteId> remotes;
    for (uint8_t i = 0; i < 6; i++) {
        remotes.push_back(cache_.remote(Ipv4Addr{10, 9, 0, i}, Ipv4Addr{10, 9, 0, i}));
        cache_.add_path({i}, local, remotes[i]);
    }
    std::set<uint32_t> left{0, 1, 2, 3, 4, 5};
    for (const uint32_t gone : {2U, 5U, 0U, 4U, 3U}) {
        cache_.remove_path({gone});
        left.erase(gone);
        std::set<uint32_t> listed;
        for (const PathId id : cache_.at(local).paths) {
            listed.insert(id.value);
        }
        EXPECT_EQ(listed, left);
        for (const uint32_t id : left) {
            EXPECT_EQ(cache_.find_path(local, remotes[id]), PathId{id});
            EXPECT_EQ(cache_.at(remotes[id]).paths, std::vector{PathId{id}});
        }
    }
    cache_.remove_path({1});
    EXPECT_EQ(cache_.local_count(), 0U);
    EXPECT_EQ(cache_.remote_count(), 0U);
}

TEST_F(BindingCacheTest, WhoMaySpeakForAnAddress) {
    EXPECT_EQ(cache_.basic_peer_of(addr("10.9.0.10")), BasicPeerId{0});
    EXPECT_FALSE(cache_.basic_peer_of(addr("10.19.0.10")));
    const RemoteId far = cache_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    cache_.set_active(far, addr("10.19.0.10"));
    EXPECT_EQ(cache_.basic_peer_of(addr("10.19.0.10")), BasicPeerId{0}) << "it roamed there";
    EXPECT_TRUE(
        cache_.at(cache_.remote(addr("10.19.0.10"), addr("10.19.0.10"))).speaker.is_basic());
    EXPECT_EQ(cache_.at(cache_.remote(addr("10.8.0.1"), addr("10.8.0.1"))).speaker, Speaker{});
    EXPECT_EQ(cache_.checksum_mode(far), L4ChecksumMode::original);
}

TEST_F(BindingCacheTest, BindingsGoWithTheirLastPath) {
    const LocalId local = cache_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), {0});
    const RemoteId a = cache_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    const RemoteId b = cache_.remote(addr("10.9.0.11"), addr("10.9.0.11"));
    cache_.add_path({3}, local, a);
    cache_.add_path({4}, local, b);
    EXPECT_EQ(cache_.find_path(local, a), PathId{3});
    EXPECT_EQ(cache_.any_path(addr("10.1.0.10"), addr("10.9.0.11")), PathId{4});
    EXPECT_FALSE(cache_.any_path(addr("10.1.0.11"), addr("10.9.0.11")));
    cache_.remove_path({3});
    EXPECT_FALSE(cache_.find_path(local, a));
    EXPECT_EQ(cache_.local_count(), 1U);
    EXPECT_EQ(cache_.remote_count(), 1U);
    cache_.remove_path({4});
    EXPECT_EQ(cache_.local_count(), 0U);
    EXPECT_EQ(cache_.remote_count(), 0U);
    EXPECT_TRUE(cache_.locals_active_in(prefix("0.0.0.0/0")).empty());
    const RemoteId again = cache_.remote(addr("10.9.0.12"), addr("10.9.0.12"));
    EXPECT_TRUE(cache_.at(again).paths.empty()) << "a place used before starts empty";
    cache_.forget_unused(cache_.local(addr("10.1.0.10"), {}, {}, {0}), again);
    EXPECT_EQ(cache_.local_count() + cache_.remote_count(), 0U);
}

TEST_F(BindingCacheTest, APathsIdIsGivenOutAgainButNotItsGeneration) {
    const LocalId local = cache_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), {0});
    const auto far_end = [&](std::string_view at) { return cache_.remote(addr(at), addr(at)); };
    cache_.add_path({3}, local, far_end("10.9.0.10"));
    cache_.add_path({4}, local, far_end("10.9.0.11"));
    const PathRef first = cache_.ref({3});
    EXPECT_TRUE(cache_.is_there(first));
    cache_.remove_path({3});
    EXPECT_FALSE(cache_.is_there(first));
    cache_.add_path({3}, local, far_end("10.9.0.12"));
    EXPECT_FALSE(cache_.is_there(first)) << "another path";
    EXPECT_TRUE(cache_.is_there(cache_.ref({3})));
}

} // namespace
} // namespace sacip::test
