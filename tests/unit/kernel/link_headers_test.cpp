// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/link_headers.hpp"

#include <gtest/gtest.h>

#include <array>

namespace sacip {
namespace {

constexpr MacAddr router{{0x06, 1, 2, 3, 4, 5}}, other_router{{0x06, 9, 8, 7, 6, 5}};
constexpr MacAddr port{{0x02, 0xA, 0xB, 0xC, 0xD, 0xE}}, other_port{{0x0A, 0xF, 0, 0, 0, 1}};
constexpr NeighbourKey gateway{IfIndex{7}, {10, 0, 1, 1}}, nobody{};

std::array<std::byte, 14> frame_with(const LinkHeader& header) {
    std::array<std::byte, 14> frame{};
    header.write_to(frame.data());
    return frame;
}

TEST(LinkHeader, IsTwelveBytesOfAFrame) {
    LinkHeader header{router, port};
    EXPECT_EQ(ether::destination(frame_with(header).data()), router);
    EXPECT_EQ(ether::source(frame_with(header).data()), port);
    EXPECT_EQ(ether::type(frame_with(header).data()), Be16{0}) << "what follows is left alone";
    header.set_next_hop(other_router);
    EXPECT_EQ(ether::destination(frame_with(header).data()), other_router);
    EXPECT_EQ(ether::source(frame_with(header).data()), port);
    EXPECT_EQ(header.next_hop(), other_router);
    EXPECT_EQ(header.port_mac(), port);
}

TEST(LinkHeaders, ANextHopHasOneWhateverItsAddress) {
    LinkHeaders links;
    const LinkHeader* const header = links.obtain(gateway, {router, port});
    EXPECT_EQ(links.obtain(gateway, {router, port}), header);
    EXPECT_EQ(links.obtain(gateway, {other_router, port}), header);
    EXPECT_EQ(header->next_hop(), other_router) << "Linux has just said so";
    links.set_next_hop(gateway, router);
    EXPECT_EQ(header->next_hop(), router);
    links.set_next_hop({IfIndex{8}, gateway.address}, other_router);
    EXPECT_EQ(header->next_hop(), router) << "that was another interface's";
}

TEST(LinkHeaders, APortWithAnotherAddressHasOthers) {
    LinkHeaders links;
    const LinkHeader* const before = links.obtain(gateway, {router, port});
    const LinkHeader* const after = links.obtain(gateway, {router, other_port});
    EXPECT_NE(before, after);
    EXPECT_EQ(before->port_mac(), port) << "a worker may be sending by it";
    links.set_next_hop(gateway, other_router);
    EXPECT_EQ(before->next_hop(), other_router);
    EXPECT_EQ(after->next_hop(), other_router);
}

TEST(LinkHeaders, WithoutANeighbourTheAddressIsAllThereIs) {
    LinkHeaders links;
    const LinkHeader* const one = links.obtain(nobody, {router, port});
    EXPECT_NE(links.obtain(nobody, {other_router, port}), one);
    EXPECT_EQ(links.obtain(nobody, {router, port}), one);
    EXPECT_EQ(one->next_hop(), router);
}

TEST(LinkHeaders, AreThereAsLongAsTheyAreHeld) {
    LinkHeaders links;
    const LinkHeader* const header = links.obtain(gateway, {router, port});
    links.obtain(nobody, {router, port}); // for one packet
    links.hold(header);
    links.hold(header);
    links.sweep();
    EXPECT_EQ(links.size(), 1U);
    EXPECT_EQ(links.obtain(gateway, {router, port}), header);
    links.release(header);
    links.sweep();
    EXPECT_EQ(links.size(), 1U);
    links.release(header);
    links.hold(header); // by another, before anybody looks
    links.release(header);
    EXPECT_EQ(links.size(), 1U) << "until somebody looks";
    links.sweep();
    EXPECT_EQ(links.size(), 0U);
    links.sweep();
}

TEST(LinkHeaders, WhatLeadsNowhereIsNobodys) {
    LinkHeaders links;
    links.hold(&no_link_header);
    links.release(&no_link_header);
    links.release(&no_link_header);
    links.sweep();
    EXPECT_EQ(links.size(), 0U);
}

} // namespace
} // namespace sacip
