// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/claim_table.hpp"

#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>
#include <random>

namespace sacip::test {
namespace {

constexpr uint32_t peers = 3;

/// The same without an index.
struct Model {
    std::vector<std::map<IpPrefix, Claim>> claims{peers};
    std::vector<sacip::Departure> departures;

    const Claim* around(PeerId peer, Ipv4Addr address) const {
        const Claim* out = nullptr;
        for (const auto& [original, claim] : claims[peer.value]) {
            if (original.contains(address) &&
                (out == nullptr || original.length() > out->original.length())) {
                out = &claim;
            }
        }
        return out;
    }
    /// The length of its longest place around the address.
    std::optional<int> place(PeerId peer, Ipv4Addr address) const {
        std::optional<int> out;
        for (const auto& [original, claim] : claims[peer.value]) {
            if (claim.active.contains(address)) {
                out = std::max(out.value_or(0), int{claim.active.length()});
            }
        }
        return out;
    }
    std::optional<PeerId> peer_at(Ipv4Addr address) const {
        std::optional<PeerId> out;
        for (PeerId peer{}; peer.value < peers; peer.value++) {
            if (const auto length = place(peer, address);
                length && (!out || *length > *place(*out, address))) {
                out = peer;
            }
        }
        return out;
    }
    void depart(const sacip::Departure& departure) {
        std::erase_if(departures, [&](const sacip::Departure& d) {
            return d.peer == departure.peer &&
                   (d.from == departure.from || d.from.overlaps(departure.to));
        });
        for (sacip::Departure& d : departures) {
            if (d.peer == departure.peer && d.to == departure.from) {
                d.to = departure.to;
            }
        }
        departures.push_back(departure);
    }
    /// Of anyone, or of one peer, the longest around the address.
    std::vector<sacip::Departure> departed_from(std::optional<PeerId> peer, Ipv4Addr address,
                                                Nanos now) const {
        std::vector<sacip::Departure> out;
        for (const sacip::Departure& d : departures) {
            if (d.until <= now || !d.from.contains(address) || (peer && d.peer != *peer) ||
                (!out.empty() && d.from.length() < out[0].from.length())) {
                continue;
            }
            if (!out.empty() && d.from.length() > out[0].from.length()) {
                out.clear();
            }
            out.push_back(d);
        }
        return out;
    }
};

bool same(const Claim* a, const Claim* b) {
    return a == nullptr || b == nullptr ? a == b
                                        : a->original == b->original && a->active == b->active;
}

bool same(const sacip::Departure* found, const std::vector<sacip::Departure>& wanted) {
    return found == nullptr ? wanted.empty()
                            : std::ranges::any_of(wanted, [&](const sacip::Departure& d) {
                                  return d.peer == found->peer && d.from == found->from &&
                                         d.to == found->to && d.until == found->until;
                              });
}

class ClaimTableProperty : public testing::TestWithParam<uint32_t> {
protected:
    ClaimTableProperty() { table_.cover(peers); }
    uint32_t number(uint32_t below) { return static_cast<uint32_t>(random_() % below); }
    Ipv4Addr address(uint8_t net) {
        return {10, net, static_cast<uint8_t>(number(2)), static_cast<uint8_t>(number(64))};
    }
    uint8_t length() { return static_cast<uint8_t>(number(3) == 0 ? 32 : 24 + number(9)); }

    std::mt19937 random_{GetParam()};
    ClaimTable table_{1};
    Model model_;
};

TEST_P(ClaimTableProperty, AnswersAsAModelWithoutIndexes) {
    for (int64_t round = 1; round <= 3000; round++) {
        const Nanos now{round};
        const PeerId peer{number(peers)};
        const uint8_t size = length();
        const IpPrefix original{address(9), size};
        const IpPrefix active{address(number(3) == 0 ? 9 : 19), size};
        const auto known = table_.of(peer);
        switch (number(8)) {
        case 0: // one that there is, if any is
            if (!known.empty()) {
                const IpPrefix gone = known[number(static_cast<uint32_t>(known.size()))].original;
                table_.erase(peer, gone);
                model_.claims[peer.value].erase(gone);
            }
            table_.erase(peer, original);
            model_.claims[peer.value].erase(original);
            break;
        case 1: {
            auto wanted = std::erase_if(model_.claims[peer.value],
                                        [&](const auto& e) { return e.second.expires <= now; });
            EXPECT_EQ(table_.expire(peer, now).size(), wanted);
            break;
        }
        case 2:
        case 3: {
            const sacip::Departure gone{
                peer, {address(19), size}, active, now + Nanos{number(100)}};
            table_.depart(gone);
            model_.depart(gone);
            break;
        }
        case 4:
            table_.forget_departures(peer, now);
            std::erase_if(model_.departures, [&](const sacip::Departure& d) {
                return d.peer == peer && d.until <= now;
            });
            break;
        case 5:
            if (number(8) == 0) {
                table_.hasten_departures(peer, now + Nanos{3});
                for (sacip::Departure& d : model_.departures) {
                    d.until = d.peer == peer ? std::min(d.until, now + Nanos{3}) : d.until;
                }
            }
            break;
        default: {
            const Claim claim{original, active, {}, now, now + Nanos{number(1000)}};
            table_.set(peer, claim);
            model_.claims[peer.value].insert_or_assign(original, claim);
        }
        }
        const Ipv4Addr asked = address(number(2) == 0 ? 9 : 19);
        SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", round " + std::to_string(round) +
                     ", " + asked.to_text());
        std::vector<const Claim*> all;
        for (PeerId p{}; p.value < peers; p.value++) {
            ASSERT_EQ(table_.of(p).size(), model_.claims[p.value].size());
            ASSERT_TRUE(same(table_.around(p, asked), model_.around(p, asked)));
            ASSERT_EQ(table_.is_at(p, asked), model_.place(p, asked).has_value());
            ASSERT_TRUE(
                same(table_.departed_from(p, asked, now), model_.departed_from(p, asked, now)));
            if (const Claim* claim = table_.around(p, asked)) {
                all.push_back(claim);
            }
        }
        ASSERT_EQ(table_.peer_at(asked), model_.peer_at(asked));
        ASSERT_TRUE(
            same(table_.departed_from(asked, now), model_.departed_from(std::nullopt, asked, now)));
        auto found = table_.all_around(asked);
        std::ranges::sort(found);
        std::ranges::sort(all);
        ASSERT_EQ(found, all);
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ClaimTableProperty, testing::Range(1U, 9U));

/// Otherwise a peer could make others' packets, and its own messages, as slow as it likes.
TEST(ClaimTableTest, DeparturesOfAPeerAreBounded) {
    ClaimTable table{1};
    table.cover(2);
    for (uint32_t i = 0; i < 2000; i++) {
        const Ipv4Addr from{Be32{(10U << 24) + i}};
        table.depart({PeerId{0}, IpPrefix::host(from), prefix("10.9.0.1"), Nanos{10}});
    }
    EXPECT_NE(table.departed_from(addr("10.0.0.0"), Nanos{1}), nullptr);
    EXPECT_EQ(table.departed_from(addr("10.0.7.0"), Nanos{1}), nullptr);
    table.depart({PeerId{1}, prefix("10.0.7.0"), prefix("10.9.0.1"), Nanos{10}});
    EXPECT_NE(table.departed_from(addr("10.0.7.0"), Nanos{1}), nullptr) << "of another peer";
    table.forget_departures(PeerId{0}, Nanos{10});
    table.depart({PeerId{0}, prefix("10.0.7.1"), prefix("10.9.0.1"), Nanos{20}});
    EXPECT_NE(table.departed_from(addr("10.0.7.1"), Nanos{11}), nullptr) << "there is room again";
}

TEST(ClaimTableTest, SeveralPeersMayBeAtOnePlace) {
    ClaimTable table{1};
    table.cover(3);
    table.set(PeerId{2}, {prefix("10.9.0.1"), prefix("10.19.0.1"), {}, {}, {}});
    table.set(PeerId{1}, {prefix("10.9.0.2"), prefix("10.19.0.1"), {}, {}, {}});
    table.set(PeerId{1}, {prefix("10.9.0.3"), prefix("10.19.0.1"), {}, {}, {}});
    EXPECT_EQ(table.peer_at(addr("10.19.0.1")), PeerId{1});
    table.erase(PeerId{1}, prefix("10.9.0.2"));
    EXPECT_EQ(table.peer_at(addr("10.19.0.1")), PeerId{1}) << "by its other claim";
    table.set(PeerId{1}, {prefix("10.9.0.3"), prefix("10.19.0.2"), {}, {}, {}});
    EXPECT_EQ(table.peer_at(addr("10.19.0.1")), PeerId{2});
    table.erase(PeerId{2}, prefix("10.9.0.1"));
    EXPECT_FALSE(table.peer_at(addr("10.19.0.1")));
}

} // namespace
} // namespace sacip::test
