// SPDX-License-Identifier: BSD-3-Clause
//
// The cache against the resolver itself, while Linux changes at random.
#include "sacip_core/kernel/route_cache.hpp"

#include <gtest/gtest.h>
#include <random>

namespace sacip::test {
namespace {

constexpr IfIndex lan{11};
constexpr IfIndex wan{12};
constexpr IfIndex lte{13};
const std::vector<GatewayPort> ports{
    {.name = "lan", .outside = false, .host_interface = lan},
    {.name = "wan", .outside = true, .host_interface = wan},
    {.name = "lte", .outside = true, .host_interface = lte},
};

TEST(RouteCacheTest, SaysWhatTheResolverSaysWhateverLinuxDoes) {
    for (unsigned seed = 1; seed <= 20; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random{seed};
        const auto below = [&](unsigned n) { return static_cast<uint8_t>(random() % n); };
        KernelState host;
        for (const IfIndex index : {lan, wan, lte}) {
            host.upsert(LinkInfo{index, std::to_string(index.value), {}, true, true});
        }
        const AdjacencyResolver resolver{host, ports};
        RouteCache<std::pair<Adjacency, uint64_t>> cache;
        uint64_t generation = 0;
        unsigned ready = 0;
        for (unsigned step = 0; step < 3000; step++) {
            const IfIndex out = below(2) == 0 ? wan : lte;
            RouteInfo route{{{10, 9, below(4), 0}, static_cast<uint8_t>(16 + 8 * below(2))},
                            {10, 0, 0, below(3)},
                            out};
            switch (below(12)) {
            case 0:
                host.add(route);
                break;
            case 1:
                host.remove(route);
                break;
            case 2:
                host.upsert(NeighbourInfo{out,
                                          {10, 0, 0, below(3)},
                                          {{2, 0, 0, 0, 0, below(3)}},
                                          NeighbourState::resolved});
                break;
            case 3:
                host.remove_neighbour({out, {10, 0, 0, below(3)}});
                break;
            case 4:
                host.upsert(LinkInfo{out, std::to_string(out.value), {}, below(4) != 0, true});
                break;
            case 5:
                route.type = RouteType::unreachable;
                below(2) == 0 ? host.add(route) : host.remove(route);
                break;
            case 6:
                generation++;
                break;
            default:
                break;
            }
            // More questions than it has places.
            const AdjacencyResolver::Departure question{{10, 9, below(4), below(8)},
                                                        {10, 1, 0, below(4)},
                                                        {10, 0, 0, 9},
                                                        PortId{static_cast<uint8_t>(1 + below(2))},
                                                        lan,
                                                        below(8) == 0};
            const Adjacency expected = resolver.outward(question);
            const auto& [way, of] = cache.of(question, host, generation, [&](const auto& asked) {
                return std::pair{resolver.outward(asked), generation};
            });
            ASSERT_EQ(way, expected) << "step " << step;
            ASSERT_EQ(of, generation) << "step " << step;
            ready += expected.state == Adjacency::State::ready ? 1 : 0;
        }
        EXPECT_GT(ready, 50U);
    }
}

} // namespace
} // namespace sacip::test
