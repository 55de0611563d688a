// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/prefix_map.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace sacip {
namespace {

IpPrefix of(std::string_view text) { return IpPrefix::from_text(text).value(); }

TEST(PrefixMap, TheLongestComesFirst) {
    PrefixMap<int> map{7};
    map[of("0.0.0.0/0")] = 0;
    map[of("10.0.0.0/8")] = 8;
    map[of("10.1.0.0/16")] = 16;
    map[of("10.1.2.3")] = 32;
    std::vector<int> seen;
    EXPECT_FALSE(map.visit_around({10, 1, 2, 3}, [&](const IpPrefix& prefix, int value) {
        EXPECT_EQ(prefix.length(), value);
        seen.push_back(value);
        return false;
    }));
    EXPECT_EQ(seen, (std::vector{32, 16, 8, 0}));
    EXPECT_EQ(*map.longest({10, 1, 2, 4}), 16);
    EXPECT_EQ(*map.longest({11, 1, 2, 4}), 0);
    map.erase(of("0.0.0.0/0"));
    EXPECT_EQ(map.longest({11, 1, 2, 4}), nullptr);
    EXPECT_EQ(map.find(of("10.1.0.0/17")), nullptr) << "exactly this one";
    EXPECT_FALSE(map.empty());
    map.erase_if([](const IpPrefix&, int&) { return true; });
    EXPECT_TRUE(map.empty());
}

TEST(PrefixMap, SaysWhatALookAtAllSays) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 dice{seed};
    PrefixMap<uint32_t> map{dice()};
    std::map<IpPrefix, uint32_t> model;
    /// Of both families, of which those of IPv6 differ in their first bits.
    const auto any_address = [&] {
        const uint32_t bits = static_cast<uint32_t>(dice()) & 0x0F0F0F0F;
        return dice() % 2 == 0 ? IpAddr{Ipv4Addr{Be32{bits}}} : IpAddr{uint64_t{bits} << 32, 0};
    };
    for (uint32_t round = 0; round < 5000; round++) {
        const IpPrefix prefix{any_address(), static_cast<uint8_t>(dice() % 33)};
        if (dice() % 3 == 0) {
            map.erase(prefix);
            model.erase(prefix);
        } else {
            map[prefix] = round;
            model[prefix] = round;
        }
        const IpAddr asked = any_address();
        const std::pair<const IpPrefix, uint32_t>* wanted = nullptr;
        for (const auto& each : model) {
            if (each.first.contains(asked) &&
                (wanted == nullptr || each.first.length() > wanted->first.length())) {
                wanted = &each;
            }
        }
        const uint32_t* found = map.longest(asked);
        ASSERT_EQ(found == nullptr, wanted == nullptr);
        ASSERT_TRUE(found == nullptr || *found == wanted->second);
    }
    size_t count = 0;
    map.visit_all([&](const IpPrefix& prefix, uint32_t value) {
        count++;
        EXPECT_EQ(model.at(prefix), value);
    });
    EXPECT_EQ(count, model.size());
}

} // namespace
} // namespace sacip
