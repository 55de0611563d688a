// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/ledger.hpp"

#include "tests/support/rig_sites.hpp"

#include <set>

namespace sacip::test {
namespace {

class LedgerTest : public testing::Test {
protected:
    static Config make() {
        Config c = small_config();
        c.hosts = {uplink_host("10.1.0.10"), routed("10.2.0.0/24", "10.3.0.0/24"), box()};
        c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
        return c;
    }
    Config config_{make()};
    Ledger ledger_{config_};
};

TEST_F(LedgerTest, SitesAndTheirAddresses) {
    EXPECT_EQ(ledger_.site_of_host(addr("10.1.0.10")), 0U);
    EXPECT_EQ(ledger_.site_of_host(addr("10.2.0.7")), 1U);
    EXPECT_FALSE(ledger_.site_of_host(addr("10.4.0.1")));
    EXPECT_EQ(ledger_.box_site(wan), 2U);
    EXPECT_FALSE(ledger_.box_site(lan));
    EXPECT_FALSE(ledger_.wire_of(0, addr("10.1.0.10"))) << "no address yet";
    EXPECT_EQ(ledger_.wire_of(1, addr("10.2.0.7")), addr("10.3.0.7"));
    EXPECT_EQ(ledger_.host_of(1, addr("10.3.0.7")), addr("10.2.0.7"));
    EXPECT_EQ(ledger_.site_of_wire(addr("10.3.0.7")), 1U);
    ledger_.sites()[0].wire = prefix("10.0.1.2");
    ledger_.sites()[2].wire = prefix("10.0.1.2");
    EXPECT_EQ(ledger_.site_of_wire(addr("10.0.1.2")), 0U) << "never the box";
    EXPECT_EQ(ledger_.host_of(0, addr("10.0.1.2")), addr("10.1.0.10"));
    EXPECT_TRUE(ledger_.is_own_wire(addr("10.0.1.2")));
    ledger_.sites()[0].wire.reset();
    EXPECT_TRUE(ledger_.is_own_wire(addr("10.0.1.2"))) << "the box's counts too";
    EXPECT_FALSE(ledger_.is_own_wire(addr("10.0.1.3")));
}

TEST_F(LedgerTest, BindingsAreFoundAgainAndUnderTheirNewAddress) {
    const LocalId id = ledger_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), 0);
    EXPECT_EQ(ledger_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), 0), id);
    ledger_.set_active(id, addr("10.0.1.3"));
    EXPECT_TRUE(ledger_.locals_active_in(prefix("10.0.1.2")).empty());
    EXPECT_EQ(ledger_.locals_active_in(prefix("10.0.1.3")), std::vector{id});
    EXPECT_EQ(ledger_.locals_active_in(prefix("10.0.1.0/24")), std::vector{id});
    const LocalId fresh = ledger_.local(addr("10.1.0.10"), addr("10.0.1.3"), addr("10.0.1.3"), 0);
    EXPECT_NE(fresh, id) << "another original";
    EXPECT_EQ(ledger_.locals_active_in(prefix("10.0.1.3")).size(), 2U);

    const RemoteId far = ledger_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    ledger_.set_active(far, addr("10.19.0.10"));
    EXPECT_TRUE(ledger_.remotes_active_at(addr("10.9.0.10")).empty());
    EXPECT_EQ(ledger_.remotes_active_at(addr("10.19.0.10")), std::vector{far});
    EXPECT_NE(ledger_.remote(addr("10.9.0.10"), addr("10.9.0.10")), far)
        << "whoever has the old address now";
}

/// Removal moves the last path into the free place of both lists: each list still names its own.
TEST_F(LedgerTest, PathsLeaveTheirBindingsInAnyOrder) {
    const LocalId local = ledger_.local(addr("10.2.0.7"), addr("10.3.0.7"), addr("10.3.0.7"), 1);
    std::vector<RemoteId> remotes;
    for (uint8_t i = 0; i < 6; i++) {
        remotes.push_back(ledger_.remote(Ipv4Addr{10, 9, 0, i}, Ipv4Addr{10, 9, 0, i}));
        ledger_.add_path({i}, local, remotes[i]);
    }
    std::set<uint32_t> left{0, 1, 2, 3, 4, 5};
    for (const uint32_t gone : {2U, 5U, 0U, 4U, 3U}) {
        ledger_.remove_path({gone});
        left.erase(gone);
        std::set<uint32_t> listed;
        for (const PathId id : ledger_.at(local).paths) {
            listed.insert(id.value);
        }
        EXPECT_EQ(listed, left);
        for (const uint32_t id : left) {
            EXPECT_EQ(ledger_.find_path(local, remotes[id]), PathId{id});
            EXPECT_EQ(ledger_.at(remotes[id]).paths, std::vector{PathId{id}});
        }
    }
    ledger_.remove_path({1});
    EXPECT_EQ(ledger_.local_count(), 0U);
    EXPECT_EQ(ledger_.remote_count(), 0U);
}

TEST_F(LedgerTest, WhoMaySpeakForAnAddress) {
    EXPECT_EQ(ledger_.basic_peer_of(addr("10.9.0.10")), 0U);
    EXPECT_FALSE(ledger_.basic_peer_of(addr("10.19.0.10")));
    const RemoteId far = ledger_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    ledger_.set_active(far, addr("10.19.0.10"));
    EXPECT_EQ(ledger_.basic_peer_of(addr("10.19.0.10")), 0U) << "it roamed there";
    EXPECT_TRUE(
        ledger_.at(ledger_.remote(addr("10.19.0.10"), addr("10.19.0.10"))).speaker.is_basic());
    EXPECT_EQ(ledger_.at(ledger_.remote(addr("10.8.0.1"), addr("10.8.0.1"))).speaker, Speaker{});
    EXPECT_EQ(ledger_.checksum_mode(far), L4ChecksumMode::original);
}

TEST_F(LedgerTest, BindingsGoWithTheirLastPath) {
    const LocalId local = ledger_.local(addr("10.1.0.10"), addr("10.0.1.2"), addr("10.0.1.2"), 0);
    const RemoteId a = ledger_.remote(addr("10.9.0.10"), addr("10.9.0.10"));
    const RemoteId b = ledger_.remote(addr("10.9.0.11"), addr("10.9.0.11"));
    ledger_.add_path({3}, local, a);
    ledger_.add_path({4}, local, b);
    EXPECT_EQ(ledger_.find_path(local, a), PathId{3});
    EXPECT_EQ(ledger_.any_path(addr("10.1.0.10"), addr("10.9.0.11")), PathId{4});
    EXPECT_FALSE(ledger_.any_path(addr("10.1.0.11"), addr("10.9.0.11")));
    ledger_.remove_path({3});
    EXPECT_FALSE(ledger_.find_path(local, a));
    EXPECT_EQ(ledger_.local_count(), 1U);
    EXPECT_EQ(ledger_.remote_count(), 1U);
    ledger_.remove_path({4});
    EXPECT_EQ(ledger_.local_count(), 0U);
    EXPECT_EQ(ledger_.remote_count(), 0U);
    EXPECT_TRUE(ledger_.locals_active_in(prefix("0.0.0.0/0")).empty());
    const RemoteId again = ledger_.remote(addr("10.9.0.12"), addr("10.9.0.12"));
    EXPECT_TRUE(ledger_.at(again).paths.empty()) << "a place used before starts empty";
    ledger_.forget_unused(ledger_.local(addr("10.1.0.10"), {}, {}, 0), again);
    EXPECT_EQ(ledger_.local_count() + ledger_.remote_count(), 0U);
}

} // namespace
} // namespace sacip::test
