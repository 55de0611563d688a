// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/packet/parse.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace sacip {
namespace {

constexpr FlowTimeouts timeouts{{1000}, {100}, {50}, {20}};

FlowKey key_of(uint16_t port, IpProto proto = IpProto::udp) {
    return {{10, 1, 0, 10}, {10, 9, 0, 10}, Be16{port}, Be16{80}, static_cast<uint8_t>(proto), {}};
}

class FlowTableTest : public testing::Test {
protected:
    std::unique_ptr<FlowTable> make(uint32_t capacity) {
        return std::get<0>(FlowTable::create(capacity, *grace_));
    }
    std::vector<FlowInfo> expired(FlowTable& table, uint32_t now) {
        std::vector<FlowInfo> out;
        table.collect_expired({now}, timeouts, table.positions(), out);
        return out;
    }
    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
};

TEST_F(FlowTableTest, InsertFindErase) {
    const auto table = make(4);
    EXPECT_EQ(table->find(key_of(1)), HashIndex::not_found);
    const auto id = table->insert(key_of(1), {7}, {5});
    ASSERT_TRUE(id);
    EXPECT_EQ(table->find(key_of(1)), static_cast<int32_t>(id->value));
    EXPECT_EQ(table->find(key_of(2)), HashIndex::not_found);
    const auto info = table->at(*id);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->key, key_of(1));
    EXPECT_EQ(info->path, PathId{7});
    EXPECT_EQ(info->last_seen, Tick{5});
    EXPECT_EQ(info->seen, 0);
    table->erase(*info);
    EXPECT_EQ(table->find(key_of(1)), HashIndex::not_found);
    EXPECT_FALSE(table->at(*id));
    EXPECT_EQ(table->size(), 0U);
}

TEST_F(FlowTableTest, HoldsExactlyItsCapacityAndFindsABurst) {
    const auto table = make(10);
    for (uint16_t i = 0; i < 10; i++) {
        ASSERT_TRUE(table->insert(key_of(i), {i}, {}));
    }
    EXPECT_FALSE(table->insert(key_of(99), {}, {}));
    FlowKey keys[12];
    const FlowKey* pointers[12];
    int32_t positions[12];
    for (uint16_t i = 0; i < 12; i++) {
        keys[i] = key_of(i);
        pointers[i] = &keys[i];
    }
    table->find_burst(pointers, 12, positions);
    std::set<int32_t> distinct;
    for (uint16_t i = 0; i < 10; i++) {
        ASSERT_GE(positions[i], 0);
        EXPECT_EQ(table->record(positions[i]).path.load(), i);
        distinct.insert(positions[i]);
    }
    EXPECT_EQ(distinct.size(), 10U);
    EXPECT_EQ(positions[10], HashIndex::not_found);
    EXPECT_EQ(positions[11], HashIndex::not_found);
    table->erase(*table->at({static_cast<uint32_t>(positions[3])}));
    EXPECT_TRUE(table->insert(key_of(99), {}, {})) << "room again";
}

TEST_F(FlowTableTest, APositionIsNotGivenOutWhileAReaderMayHoldIt) {
    const auto table = make(2);
    const auto first = table->insert(key_of(1), {1}, {});
    grace_->online({0});
    table->erase(*table->at(*first));
    const auto second = table->insert(key_of(2), {2}, {});
    ASSERT_TRUE(second);
    EXPECT_NE(second->value, first->value);
    EXPECT_EQ(table->record(static_cast<int32_t>(first->value)).path.load(), no_path.value);
    grace_->quiescent({0});
    const auto third = table->insert(key_of(3), {3}, {});
    ASSERT_TRUE(third);
    EXPECT_EQ(third->value, first->value);
    EXPECT_EQ(table->at(*third)->seen, 0) << "nothing of the one before is left";
    grace_->offline({0});
}

TEST_F(FlowTableTest, EachKindHasItsTime) {
    const auto table = make(8);
    table->insert(key_of(1, IpProto::udp), {1}, {100});
    table->insert(key_of(2, IpProto::icmp), {1}, {100});
    table->insert(key_of(3, IpProto::tcp), {1}, {100});
    const auto established = table->insert(key_of(4, IpProto::tcp), {1}, {100});
    table->record(static_cast<int32_t>(established->value)).seen = flow_seen_in | flow_seen_out;
    const auto ports_at = [&](uint32_t now) {
        std::set<uint16_t> out;
        for (const FlowInfo& flow : expired(*table, now)) {
            out.insert(flow.key.host_port.value());
        }
        return out;
    };
    EXPECT_EQ(ports_at(120), (std::set<uint16_t>{}));
    EXPECT_EQ(ports_at(121), (std::set<uint16_t>{2}));
    EXPECT_EQ(ports_at(151), (std::set<uint16_t>{1, 2}));
    EXPECT_EQ(ports_at(201), (std::set<uint16_t>{1, 2, 3}));
    EXPECT_EQ(ports_at(1101), (std::set<uint16_t>{1, 2, 3, 4}));
    EXPECT_EQ(ports_at(99), (std::set<uint16_t>{})) << "a worker's clock may be ahead of ours";
}

TEST_F(FlowTableTest, AgeingWalksInSmallSteps) {
    const auto table = make(10);
    for (uint16_t i = 0; i < 10; i++) {
        table->insert(key_of(i), {1}, {0});
    }
    std::set<uint32_t> seen;
    for (int i = 0; i < 4; i++) {
        std::vector<FlowInfo> some;
        table->collect_expired({1000}, timeouts, 3, some);
        EXPECT_LE(some.size(), 3U);
        for (const FlowInfo& flow : some) {
            seen.insert(flow.id.value);
        }
    }
    EXPECT_EQ(seen.size(), 10U);
}

TEST_F(FlowTableTest, TouchMarksWhatPassed) {
    FlowRecord record;
    FlowTable::touch<Direction::outbound>(record, {9}, false, 0xFF);
    EXPECT_EQ(record.last_seen.load(), 9U);
    EXPECT_EQ(record.seen.load(), 0) << "flags mean nothing but in TCP";
    FlowTable::touch<Direction::outbound>(record, {9}, true, 0x02);
    EXPECT_EQ(record.seen.load(), flow_seen_syn);
    FlowTable::touch<Direction::inbound>(record, {9}, true, 0x10);
    FlowTable::touch<Direction::outbound>(record, {9}, true, 0x10);
    EXPECT_EQ(record.seen.load(), flow_seen_syn | flow_seen_in | flow_seen_out);
    EXPECT_FALSE(FlowTable::is_closed(record.seen));
    FlowTable::touch<Direction::outbound>(record, {9}, true, 0x11);
    EXPECT_FALSE(FlowTable::is_closed(record.seen)) << "half closed";
    FlowTable::touch<Direction::inbound>(record, {9}, true, 0x11);
    EXPECT_TRUE(FlowTable::is_closed(record.seen));
    EXPECT_TRUE(FlowTable::is_closed(flow_seen_rst));
}

TEST_F(FlowTableTest, WhatEndsATcpFlowAndWhatBeginsItAgain) {
    struct Segment {
        Direction direction;
        uint8_t flags;
    };
    constexpr auto out = Direction::outbound, in = Direction::inbound;
    constexpr uint8_t syn = tcp_syn, ack = tcp_ack, fin = tcp_fin | tcp_ack, rst = tcp_rst;
    struct Row {
        const char* what;
        std::vector<Segment> segments;
        bool closed;
        bool long_lived;
        bool again; // of the last segment
    };
    const std::vector<Segment> open{{out, syn}, {in, syn | ack}, {out, ack}, {in, ack}};
    const auto then = [&](std::vector<Segment> more) {
        std::vector<Segment> all = open;
        all.insert(all.end(), more.begin(), more.end());
        return all;
    };
    const std::vector<Row> rows{
        {"a SYN", {{out, syn}}, false, false, false},
        {"a SYN, and again", {{out, syn}, {out, syn}}, false, false, false},
        {"open", open, false, true, false},
        {"a SYN within", then({{out, syn}}), false, true, false},
        {"one FIN", then({{out, fin}}), false, true, false},
        {"both FINs", then({{out, fin}, {in, fin}}), true, false, false},
        {"and the last ACK", then({{out, fin}, {in, fin}, {out, ack}}), true, false, false},
        {"and a SYN", then({{out, fin}, {in, fin}, {out, ack}, {out, syn}}), true, false, true},
        {"the server's", then({{out, fin}, {in, fin}, {in, syn}}), true, false, true},
        {"a SYN+ACK is no begin", then({{out, fin}, {in, fin}, {in, syn | ack}}), true, false,
         false},
        {"a RST", then({{in, rst}}), true, false, false},
        {"two", then({{in, rst}, {out, rst}}), true, false, false},
        {"a RST and a SYN", then({{in, rst}, {out, syn}}), true, false, true},
        {"refused, and again", {{out, syn}, {in, rst | ack}, {out, syn}}, true, false, true},
        {"a RST, and it goes on", then({{in, rst}, {out, ack}}), false, true, false},
        {"two, and it goes on", then({{in, rst}, {out, rst}, {in, ack}}), false, true, false},
        {"goes on, then a SYN", then({{in, rst}, {out, ack}, {out, syn}}), false, true, false},
        {"not open yet", {{out, syn}, {in, rst}, {out, ack}}, false, false, false},
        {"a RST after both FINs", then({{out, fin}, {in, fin}, {in, rst}, {out, ack}}), true, false,
         false},
        {"a RST between", then({{out, fin}, {in, rst}, {in, ack}, {in, fin}}), true, false, false},
    };
    const FlowTimeouts lives{{100}, {10}, {10}, {10}};
    for (const Row& row : rows) {
        const auto table = make(2);
        const auto id = table->insert(key_of(1, IpProto::tcp), {1}, {});
        ASSERT_TRUE(id);
        FlowRecord& record = table->record(id->value);
        bool again = false;
        for (const Segment& s : row.segments) {
            again = s.direction == out
                        ? FlowTable::touch<Direction::outbound>(record, {1}, true, s.flags)
                        : FlowTable::touch<Direction::inbound>(record, {1}, true, s.flags);
        }
        EXPECT_EQ(FlowTable::is_closed(record.seen), row.closed) << row.what;
        EXPECT_EQ(again, row.again) << row.what;
        std::vector<FlowInfo> expired;
        table->collect_expired({50}, lives, table->positions(), expired);
        EXPECT_EQ(expired.empty(), row.long_lived) << row.what;
    }
}

/// Few hosts and ports, so that most have several far ends. The model is a list.
TEST_F(FlowTableTest, FindsListedFlowsByTheirPorts) {
    for (unsigned seed = 1; seed <= 8; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random{seed};
        const auto below = [&](unsigned n) { return static_cast<uint8_t>(random() % n); };
        const auto table = make(256);
        std::vector<FlowInfo> listed; // in the order in which they began
        const auto random_key = [&] {
            return FlowKey{{10, 1, 0, below(2)},
                           {10, 9, 0, below(20)},
                           Be16{below(3)},
                           Be16{below(3)},
                           static_cast<uint8_t>(below(2) == 0 ? IpProto::tcp : IpProto::udp),
                           {}};
        };
        for (int step = 0; step < 2000; step++) {
            const FlowKey key = random_key();
            const int32_t known = table->find(key);
            if (known >= 0) {
                const FlowInfo flow = *table->at({static_cast<uint32_t>(known)});
                table->erase(flow);
                std::erase_if(listed, [&](const FlowInfo& f) { return f.key == key; });
            } else if (const auto id = table->insert(key, {1}, {}); id && below(4) != 0) {
                table->list_by_ports(*id);
                listed.push_back(*table->at(*id));
            }
            if (below(20) != 0) {
                continue; // what is to be listed waits
            }
            const FlowKey asked = random_key();
            std::vector<Ipv4Addr> expected, found;
            for (const FlowInfo& f : listed) {
                FlowKey same = f.key;
                same.remote = asked.remote;
                if (same == asked) {
                    expected.insert(expected.begin(), f.key.remote);
                }
            }
            table->with_ports(asked.host, asked.host_port, asked.remote_port, asked.proto,
                              [&](const FlowInfo& f) {
                                  found.push_back(f.key.remote);
                                  return false;
                              });
            ASSERT_EQ(found, expected) << "step " << step;
        }
    }
}

TEST_F(FlowTableTest, ManyFlowsWithTheSamePortsCostAsMuchAsAFew) {
    const auto table = make(256);
    for (uint8_t i = 0; i < 100; i++) {
        const auto id = table->insert({{10, 1, 0, 1}, {10, 9, 0, i}, {}, {}, 6, {}}, {1}, {});
        table->list_by_ports(*id);
    }
    unsigned seen = 0;
    table->with_ports({10, 1, 0, 1}, {}, {}, 6, [&](const FlowInfo&) {
        seen++;
        return false;
    });
    EXPECT_EQ(seen, FlowPorts::most_visited);
}

} // namespace
} // namespace sacip
