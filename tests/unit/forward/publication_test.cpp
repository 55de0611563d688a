// SPDX-License-Identifier: BSD-3-Clause
//
// Where threads meet: a worker rewrites while the slow path moves the path under its hands.
//
// Each published slot carries a next hop whose bytes are all the last one of its active address, so
// a packet put together from two slots, or from two addresses of a router, shows. Run under the
// thread sanitizer this also proves that a slot, and a list of views, is written or freed only when
// no reader can be in it.
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sacip {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr Ipv4Addr host{10, 1, 0, 10};
constexpr Ipv4Addr remote{10, 9, 0, 10};
constexpr WorkerId worker{0};

constexpr unsigned actives = 100;
Ipv4Addr active(unsigned number) { return {10, 7, 0, static_cast<uint8_t>(1 + number % actives)}; }

MacAddr all(uint8_t byte) { return {{byte, byte, byte, byte, byte, byte}}; }

/// Of the next hop for each active address, by its last byte.
struct Links {
    std::vector<std::unique_ptr<LinkHeader>> headers;
    Links() {
        for (unsigned last = 0; last <= actives; last++) {
            headers.push_back(std::make_unique<LinkHeader>(all(static_cast<uint8_t>(last)),
                                                           all(static_cast<uint8_t>(last))));
        }
    }
};
const Links links;

RewriteSlot slot_for(Ipv4Addr address) {
    RewriteSlot slot;
    prepare_rewrite({host, host, address, remote, remote}, L4ChecksumMode::wire, slot);
    const auto last = static_cast<uint8_t>(address.value());
    for (DirectionRewrite* side : {&slot.outbound, &slot.inbound}) {
        side->action = PathAction::forward;
        side->port = {0};
        side->link = links.headers[last].get();
    }
    return slot;
}

struct Tables {
    std::unique_ptr<GracePeriod> grace = std::move(std::get<0>(GracePeriod::create(1)));
    std::unique_ptr<FlowTable> flows = std::move(std::get<0>(FlowTable::create(64, *grace)));
    std::unique_ptr<PathTable> paths = std::move(std::get<0>(PathTable::create(64, *grace)));
};

using Check = void (*)(const std::byte* frame, Ipv4Addr source);

/// Sends packets out, checks and counts every one.
void send_packets(Tables& tables, Check check, std::atomic<bool>& stop,
                  std::atomic<uint64_t>& sent) {
    CoreCounters counters;
    Pipeline pipeline{*tables.flows, *tables.paths, counters};
    const Bytes packet = PacketBuilder{}.from(host).to(remote).proto(253).build();
    const ParseContext port{.port_mac = test::default_port_mac};
    tables.grace->online(worker);
    while (!stop.load(std::memory_order_relaxed)) {
        Bytes bytes = packet;
        Frame frame = test::frame_of(bytes);
        Verdict verdict;
        pipeline.process({&frame, 1}, port, {1}, {&verdict, 1});
        ASSERT_EQ(verdict.action, Action::forward);
        const std::byte* ip = bytes.data() + ether_header_bytes;
        check(bytes.data(), ipv4::source(ip));
        if (testing::Test::HasFatalFailure()) {
            break;
        }
        ASSERT_TRUE(is_right_sum(sum_of_plain_ipv4_header(ip)));
        sent.fetch_add(1, std::memory_order_relaxed);
        tables.grace->quiescent(worker);
    }
    tables.grace->offline(worker);
}

void is_of_one_slot(const std::byte* frame, Ipv4Addr source) {
    ASSERT_EQ(ether::destination(frame), all(static_cast<uint8_t>(source.value())));
    ASSERT_EQ(ether::source(frame), all(static_cast<uint8_t>(source.value())));
}

TEST(Publication, NoPacketIsHalfOldAndHalfNew) {
    Tables tables;
    const WireView view{host, remote};
    WirePair pair{remote, active(0)};
    const PathId path = *tables.paths->add(slot_for(active(0)), pair, view);
    ASSERT_TRUE(tables.flows->insert({host, remote, {}, {}, 253, {}}, path, {1}));
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> sent{0};
    std::thread sender{[&] { send_packets(tables, is_of_one_slot, stop, sent); }};
    unsigned moves = 0;
    for (; moves < 20'000 || (sent < 20'000 && !testing::Test::HasFatalFailure()); moves++) {
        const WirePair next{remote, active(moves + 1)};
        tables.paths->prepare(path, next, view);
        tables.paths->publish(path, slot_for(next.local), next);
        tables.paths->retire(path, pair, view);
        tables.paths->reclaim();
        pair = next;
    }
    stop = true;
    sender.join();
    RecordProperty("moves", static_cast<int>(moves));
    EXPECT_GE(sent, 20'000U);
}

void is_of_one_address(const std::byte* frame, Ipv4Addr) {
    const MacAddr next_hop = ether::destination(frame);
    ASSERT_EQ(next_hop, all(next_hop.bytes[0]));
    ASSERT_EQ(ether::source(frame), all(0));
}

TEST(Publication, NoFrameHasPartsOfTwoAddressesOfARouter) {
    Tables tables;
    LinkHeader& router = *links.headers[0];
    RewriteSlot slot = slot_for(active(0));
    slot.outbound.link = &router;
    const PathId path = *tables.paths->add(slot, {remote, active(0)}, {host, remote});
    ASSERT_TRUE(tables.flows->insert({host, remote, {}, {}, 253, {}}, path, {1}));
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> sent{0};
    std::thread sender{[&] { send_packets(tables, is_of_one_address, stop, sent); }};
    for (unsigned i = 0; i < 100'000 || (sent < 20'000 && !HasFatalFailure()); i++) {
        router.set_next_hop(all(static_cast<uint8_t>(i % 2 == 0 ? 0x5A : 0xA4)));
    }
    stop = true;
    sender.join();
    router.set_next_hop(all(0));
}

/// A pair has one view all the time; another comes before it and goes again.
TEST(Publication, AViewThatStaysIsSeenAllTheTime) {
    Tables tables;
    const WirePair pair{remote, host};
    const WireView stays{host, remote};
    const WireView comes{active(1), remote};
    tables.paths->add(slot_for(host), pair, stays);
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> looks{0};
    std::atomic<bool> both_seen{false};
    std::thread reader{[&] {
        tables.grace->online(worker);
        while (!stop.load(std::memory_order_relaxed)) {
            const PathTable::Views views = tables.paths->views(tables.paths->find(pair));
            const size_t last = views.size() - 1; // what was moved stands before it
            if (last > 1 || views[last] != stays || (last == 1 && views[0] != comes)) {
                ADD_FAILURE() << views.size() << " views, of which none is the one that stays";
                break;
            }
            both_seen = both_seen || last == 1;
            looks.fetch_add(1, std::memory_order_relaxed);
            tables.grace->quiescent(worker);
        }
        tables.grace->offline(worker);
    }};
    for (unsigned i = 0; i < 20'000 || (!both_seen && !testing::Test::HasFailure()); i++) {
        const auto path = tables.paths->add(slot_for(host), pair, comes);
        ASSERT_TRUE(path);
        tables.paths->retire(*path, pair, comes);
        tables.paths->remove(*path);
        tables.grace->wait();
        tables.paths->reclaim();
    }
    stop = true;
    reader.join();
    EXPECT_GT(looks, 0U);
}

} // namespace
} // namespace sacip
