// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/fragment_map.hpp"

#include "tests/property/random_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::PacketBuilder;
using test::Random;
using Way = FragmentRoute::Way;

constexpr uint64_t secret = 0x5AC1'F00D'5EC2'E70FULL;
constexpr ParseContext context{.port_mac = test::default_port_mac};

FragmentKey key(uint16_t id, Ipv4Addr source = {10, 1, 0, 10}) {
    return {source, {10, 9, 0, 10}, Be16{id}, 17};
}
FragmentRoute by_path(uint32_t id) { return {Way::path, PathId{id}}; }

TEST(FragmentMap, FollowersDoAsTheFirst) {
    FragmentMap map{secret};
    EXPECT_FALSE(map.find(key(1), {}));
    EXPECT_EQ(map.learn(key(1), by_path(7), {}), 0U);
    EXPECT_EQ(map.learn(key(2), {Way::refused, no_path}, {}), 0U);
    EXPECT_EQ(map.find(key(1), from_ms(1)), by_path(7));
    EXPECT_EQ(map.find(key(2), from_ms(1))->way, Way::refused);
    EXPECT_FALSE(map.find(key(3), from_ms(1)));
    EXPECT_EQ(map.routes(), 2U);
}

TEST(FragmentMap, EveryPartOfTheKeyCounts) {
    FragmentMap map{secret};
    const FragmentKey known{{10, 1, 0, 10}, {10, 9, 0, 10}, Be16{7}, 17};
    map.learn(known, by_path(1), {});
    FragmentKey other = known;
    other.source = {10, 1, 0, 11};
    EXPECT_FALSE(map.find(other, {}));
    other = known;
    other.destination = {10, 9, 0, 11};
    EXPECT_FALSE(map.find(other, {}));
    other = known;
    other.id = Be16{8};
    EXPECT_FALSE(map.find(other, {}));
    other = known;
    other.proto = 6;
    EXPECT_FALSE(map.find(other, {}));
}

TEST(FragmentMap, LivesForASecond) {
    FragmentMap map{secret};
    map.learn(key(1), by_path(1), from_s(5));
    EXPECT_TRUE(map.find(key(1), from_ms(5999)));
    EXPECT_FALSE(map.find(key(1), from_ms(6000)));
    map.learn(key(1), by_path(2), from_ms(5500)); // the number is used again: another life
    EXPECT_EQ(map.routes(), 1U);
    EXPECT_EQ(map.find(key(1), from_ms(6400)), by_path(2));
    map.tick(from_ms(6499), 10);
    EXPECT_EQ(map.routes(), 1U);
    map.tick(from_ms(6500), 10);
    EXPECT_EQ(map.routes(), 0U);
}

TEST(FragmentMap, EarlyOnesWaitForTheirFirst) {
    FragmentMap map{secret};
    EXPECT_EQ(map.wait(key(1), {}), FragmentMap::life);
    EXPECT_EQ(map.wait(key(1), from_ms(10)), from_ms(990)); // all leave together
    EXPECT_EQ(map.wait(key(2), from_ms(10)), FragmentMap::life);
    EXPECT_FALSE(map.find(key(1), from_ms(10)));
    EXPECT_EQ(map.waiting(), 3U);
    EXPECT_EQ(map.learn(key(1), by_path(4), from_ms(20)), 2U);
    EXPECT_EQ(map.waiting(), 1U);
    EXPECT_EQ(map.find(key(1), from_ms(20)), by_path(4));
    EXPECT_EQ(map.learn(key(1), by_path(4), from_ms(30)), 0U) << "told once";
    map.tick(from_ms(1010), 10);
    EXPECT_EQ(map.waiting(), 0U) << "the second's first never came";
    EXPECT_EQ(map.learn(key(2), by_path(5), from_ms(1020)), 0U);
}

TEST(FragmentMap, WaitingAgainAfterAllTimeIsUp) {
    FragmentMap map{secret};
    map.learn(key(1), by_path(1), {});
    EXPECT_EQ(map.wait(key(1), from_s(2)), FragmentMap::life) << "that was another datagram";
    EXPECT_EQ(map.routes(), 0U);
    EXPECT_EQ(map.wait(key(1), from_s(4)), FragmentMap::life);
    EXPECT_EQ(map.waiting(), 1U);
}

TEST(FragmentMap, AStormOfOneSourcePushesOutItsOwn) {
    FragmentMap map{secret};
    const Ipv4Addr quiet{10, 1, 0, 10}, loud{10, 1, 0, 66};
    map.learn(key(1, quiet), by_path(1), {});
    ASSERT_TRUE(map.wait(key(2, quiet), {}));
    for (uint32_t i = 0; i < 50'000; i++) {
        const auto id = static_cast<uint16_t>(i);
        map.learn(key(id, loud), by_path(2), {});
        map.wait(key(static_cast<uint16_t>(id + 1), loud), {});
    }
    EXPECT_EQ(map.find(key(1, quiet), {}), by_path(1));
    EXPECT_EQ(map.routes(), 1 + FragmentMap::max_routes_per_source);
    EXPECT_LE(map.waiting(), 1 + FragmentMap::max_waiting_per_source);
    EXPECT_TRUE(map.wait(key(3, quiet), {}));
    EXPECT_EQ(map.learn(key(2, quiet), by_path(3), {}), 1U);
    EXPECT_TRUE(map.find(key(static_cast<uint16_t>(49'999), loud), {})) << "the newest stays";
}

TEST(FragmentMap, TheOldestMakesRoom) {
    FragmentMap map{secret};
    const auto source = [](uint32_t i) { return Ipv4Addr{10, 1, 0, static_cast<uint8_t>(i)}; };
    const auto knows = [&](uint32_t id, uint32_t of) {
        return map.find(key(static_cast<uint16_t>(id), source(of)), {}).has_value();
    };
    constexpr uint32_t share = FragmentMap::max_routes_per_source;
    for (uint32_t id = 0; id < share; id++) {
        map.learn(key(static_cast<uint16_t>(id), source(0)), by_path(1), {});
    }
    map.learn(key(0, source(0)), by_path(2), {}); // young again
    map.learn(key(share, source(0)), by_path(1), {});
    EXPECT_TRUE(knows(0, 0) && !knows(1, 0) && knows(2, 0) && knows(share, 0));

    for (uint32_t i = share; i < FragmentMap::max_routes; i++) {
        map.learn(key(static_cast<uint16_t>(i), source(i / share)), by_path(1), {});
    }
    ASSERT_EQ(map.routes(), FragmentMap::max_routes);
    EXPECT_TRUE(knows(2, 0));
    map.learn(key(1, source(200)), by_path(1), {});
    EXPECT_TRUE(!knows(2, 0) && knows(3, 0) && knows(0, 0) && knows(1, 200));
    EXPECT_EQ(map.routes(), FragmentMap::max_routes);
}

TEST(FragmentMap, AStormOfManySourcesIsBounded) {
    FragmentMap map{secret};
    uint32_t waited = 0;
    for (uint32_t i = 0; i < 200'000; i++) {
        const Ipv4Addr source = Ipv4Addr::from_raw(i * 2654435761U);
        const Nanos now = from_us(i);
        if (i % 2 == 0) {
            map.learn(key(static_cast<uint16_t>(i), source), by_path(i), now);
            ASSERT_TRUE(map.find(key(static_cast<uint16_t>(i), source), now));
        } else {
            waited += map.wait(key(static_cast<uint16_t>(i), source), now).has_value();
        }
        ASSERT_LE(map.routes(), FragmentMap::max_routes);
        ASSERT_LE(map.waiting(), FragmentMap::max_waiting);
    }
    EXPECT_EQ(map.routes(), FragmentMap::max_routes);
    EXPECT_EQ(map.waiting(), FragmentMap::max_waiting);
    EXPECT_EQ(waited, FragmentMap::max_waiting) << "nobody's time was up";
    map.tick(from_s(10), FragmentMap::max_routes);
    EXPECT_EQ(map.routes() + map.waiting(), 0U);
}

TEST(FragmentMap, HoldKeysAreTheirOwnKind) {
    const FragmentMap map{secret};
    std::set<uint64_t> keys;
    for (uint32_t i = 0; i < 10'000; i++) {
        const uint64_t k = map.hold_key(key(static_cast<uint16_t>(i)));
        EXPECT_EQ(k >> 62, 2U); // no path's id, and not near the end of the range
        keys.insert(k);
    }
    EXPECT_EQ(keys.size(), 10'000U);
    EXPECT_NE(FragmentMap{1}.hold_key(key(1)), FragmentMap{2}.hold_key(key(1)));
}

// ---- against a model that searches lists from end to end

struct Model {
    struct Entry {
        FragmentKey key;
        Nanos deadline;
        FragmentRoute route;
        uint32_t waiting{0};
    };
    std::vector<Entry> routes, waiters; // oldest first

    static auto of(std::vector<Entry>& entries, const FragmentKey& key) {
        return std::ranges::find_if(entries, [&](const Entry& e) { return e.key == key; });
    }
    uint32_t waiting(const Ipv4Addr* source = nullptr) const {
        uint32_t sum = 0;
        for (const Entry& e : waiters) {
            sum += source == nullptr || e.key.source == *source ? e.waiting : 0;
        }
        return sum;
    }
    void tick(Nanos now, uint32_t steps) {
        for (auto* list : {&routes, &waiters}) {
            for (uint32_t i = 0; i < steps && !list->empty() && list->front().deadline <= now;
                 i++) {
                list->erase(list->begin());
            }
        }
    }
    std::optional<FragmentRoute> find(const FragmentKey& key, Nanos now) {
        const auto at = of(routes, key);
        return at != routes.end() && at->deadline > now ? std::optional{at->route} : std::nullopt;
    }
    std::optional<Nanos> wait(const FragmentKey& key, Nanos now) {
        tick(now, 2);
        if (const auto route = of(routes, key); route != routes.end()) {
            routes.erase(route);
        }
        auto at = of(waiters, key);
        if (at != waiters.end() && at->deadline <= now) {
            waiters.erase(at);
            at = waiters.end();
        }
        if (waiting() >= FragmentMap::max_waiting ||
            waiting(&key.source) >= FragmentMap::max_waiting_per_source) {
            return std::nullopt;
        }
        if (at == waiters.end()) {
            at = waiters.insert(at, {key, now + FragmentMap::life, {}, 0});
        }
        at->waiting++;
        return at->deadline - now;
    }
    uint32_t learn(const FragmentKey& key, FragmentRoute route, Nanos now) {
        tick(now, 2);
        uint32_t waited = 0;
        if (const auto at = of(waiters, key); at != waiters.end()) {
            waited = at->waiting;
            waiters.erase(at);
        }
        if (const auto at = of(routes, key); at != routes.end()) {
            routes.erase(at);
        }
        const auto same_source = [&](const Entry& e) { return e.key.source == key.source; };
        if (std::ranges::count_if(routes, same_source) >= FragmentMap::max_routes_per_source) {
            routes.erase(std::ranges::find_if(routes, same_source));
        } else if (routes.size() >= FragmentMap::max_routes) {
            routes.erase(routes.begin());
        }
        routes.push_back({key, now + FragmentMap::life, route, 0});
        return waited;
    }
};

TEST(FragmentMap, DoesWhatItsModelDoes) {
    for_all(8, [](Random& random) {
        // Fixed, and no two of one class under this secret (else the bound per source would show).
        constexpr uint32_t sources = 12;
        const uint32_t ids = random.one_in(2) ? 40 : 700;
        const int64_t pause_us = random.one_in(2) ? 50 : 3000;
        const uint32_t pauses = random.one_in(2) ? 500 : 5000; // seldom: the bounds are reached
        FragmentMap map{secret};
        Model model;
        Nanos now{};
        for (int i = 0; i < 16'000; i++) {
            now = now + from_us(random.below(static_cast<uint32_t>(pause_us)));
            const auto host = static_cast<uint8_t>(random.one_in(3) ? 0 : random.below(sources));
            const FragmentKey k = key(static_cast<uint16_t>(random.below(ids)), {10, 1, 0, host});
            const auto found = map.find(k, now);
            ASSERT_EQ(found, model.find(k, now));
            if (random.one_in(2)) {
                const FragmentRoute route{static_cast<Way>(random.below(4)), {random.below(99)}};
                ASSERT_EQ(map.learn(k, route, now), model.learn(k, route, now));
            } else if (!found) {
                ASSERT_EQ(map.wait(k, now), model.wait(k, now));
            }
            if (random.one_in(pauses)) {
                now = now + from_ms(random.below(1500));
                const uint32_t steps = random.below(200);
                map.tick(now, steps);
                model.tick(now, steps);
            }
            ASSERT_EQ(map.routes(), model.routes.size());
            ASSERT_EQ(map.waiting(), model.waiting());
        }
    });
}

// ---- what is read from the packets

PacketView fragment_view(Bytes& bytes) {
    PacketView view;
    EXPECT_EQ(parse(test::frame_of(bytes), context, view), Verdict::punt(PuntReason::fragment));
    return view;
}

TEST(FragmentMap, KeyIsWhatAllFragmentsShare) {
    Bytes first = PacketBuilder{}.id(0x7788).fragment_field(0x2000).udp(5000, 53).build();
    Bytes later = PacketBuilder{}.id(0x7788).fragment_field(0x0001).proto(17).payload("x").build();
    const PacketView a = fragment_view(first), b = fragment_view(later);
    const FragmentKey k = fragment_key(test::frame_of(first), a);
    EXPECT_EQ(k, fragment_key(test::frame_of(later), b));
    EXPECT_EQ(k, (FragmentKey{{10, 1, 0, 10}, {10, 9, 0, 10}, Be16{0x7788}, 17}));
}

TEST(FragmentMap, FirstFragmentHasThePorts) {
    const auto ports_of = [](PacketBuilder builder) {
        Bytes bytes = builder.fragment_field(0x2000).build();
        PacketView view = fragment_view(bytes);
        EXPECT_TRUE(read_first_fragment(test::frame_of(bytes), view));
        EXPECT_TRUE(view.fragment);
        return std::pair{view.source_port.value(), view.destination_port.value()};
    };
    using Ports = std::pair<uint16_t, uint16_t>;
    EXPECT_EQ(ports_of(PacketBuilder{}.udp(5000, 53).payload("data")), (Ports{5000, 53}));
    EXPECT_EQ(ports_of(PacketBuilder{}.tcp(40000, 80)), (Ports{40000, 80}));
    EXPECT_EQ(ports_of(PacketBuilder{}.echo_request(7, 1)), (Ports{7, 7}));
    EXPECT_EQ(ports_of(PacketBuilder{}.icmp(13, 0)), (Ports{0, 0}));
    EXPECT_EQ(ports_of(PacketBuilder{}.proto(50).payload("esp")), (Ports{0, 0}));
}

TEST(FragmentMap, FirstFragmentWithoutItsHeaderIsToldFromOthers) {
    for (const uint8_t proto : {uint8_t{1}, uint8_t{6}, uint8_t{17}, uint8_t{50}}) {
        const size_t whole = proto == 6 ? 20 : proto == 50 ? 0 : 8;
        for (size_t length = 0; length < 24; length++) {
            Bytes bytes = PacketBuilder{}
                              .fragment_field(0x2000)
                              .proto(proto)
                              .payload(Bytes(length, std::byte{1}))
                              .build();
            PacketView view = fragment_view(bytes);
            EXPECT_EQ(read_first_fragment(test::frame_of(bytes), view), length >= whole);
        }
    }
}

} // namespace
} // namespace sacip
