// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: one frame through parse() and, where something can be rewritten, there and back; and
// through the data path's short cuts, which must come to the same.
//
// Input: one byte of choices, then the frame.
//   bit 0  the port is an outside one     bit 2  L4 checksum mode `original`
//   bit 1  the device vouches for the IPv4 checksum   bit 3  inbound
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/parse_plain.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace sacip;

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

/// The two checksum fields that one's complement can't give back: 0xFFFF returns as 0.
bool has_impossible_checksum(const Frame& frame, const PacketView& view) {
    const bool tcp_there = view.is(IpProto::tcp) && view.l4_length >= tcp::min_header_bytes;
    return ipv4::checksum(frame.data + view.l3) == 0xFFFF ||
           (tcp_there && tcp::checksum(frame.data + view.l4) == 0xFFFF);
}

void rewrite_at_once(const Frame& frame, const PacketView& view, const DirectionRewrite& to) {
    std::vector<std::byte> copy(frame.data, frame.data + frame.length);
    rewrite_forwarded({copy.data(), frame.length, frame.facts}, view, to);
    rewrite_addresses(frame, view, to);
    rewrite_next_hop(frame, view, to);
    require(std::equal(copy.begin(), copy.end(), frame.data));
}

void rewrite_and_undo(const Frame& frame, const PacketView& view, L4ChecksumMode mode,
                      bool inbound) {
    RewriteSlot slot;
    prepare_rewrite({.host = {10, 1, 0, 10},
                     .local_original = {10, 0, 1, 2},
                     .local_active = {172, 16, 5, 9},
                     .remote_original = {10, 9, 0, 10},
                     .remote_active = {192, 0, 2, 200}},
                    mode, slot);
    DirectionRewrite undo = inbound ? slot.outbound : slot.inbound;
    undo.source = view.source;
    undo.destination = view.destination;
    DirectionRewrite there = inbound ? slot.inbound : slot.outbound;
    // The packet's checksums are the fuzzer's: they need not become right, they must only come
    // back.
    const std::vector<std::byte> before(frame.data, frame.data + frame.length);
    const bool exact = !has_impossible_checksum(frame, view);
    rewrite_addresses(frame, view, there);
    require(ipv4::source(frame.data + view.l3) == there.source);
    PacketView written = view; // as the other end would parse it
    written.source = there.source;
    written.destination = there.destination;
    rewrite_addresses(frame, written, undo);
    require(!exact || std::equal(before.begin(), before.end(), frame.data));
    if (!view.fragment) {
        rewrite_at_once(frame, view, there);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) {
        return 0;
    }
    const unsigned choices = data[0];
    // A copy of exactly the frame's size, for the address sanitizer to guard.
    const size_t length = size - 1;
    auto* const memory = new std::byte[length];
    std::copy_n(reinterpret_cast<const std::byte*>(data + 1), length, memory);
    const Frame frame{memory, static_cast<uint32_t>(length),
                      (choices & 2) != 0 ? RxFacts::ip_checksum_good : RxFacts::none};
    const ParseContext context{.port_mac = {{0x02, 0, 0, 0, 0, 0x01}},
                               .outside = (choices & 1) != 0};
    PacketView view;
    const Verdict verdict = parse(frame, context, view);
    require(uint32_t{view.l4} + view.l4_length <= length);
    PacketView plain;
    require(!parse_plain(frame, context, plain) || (!verdict.decided() && plain == view));
    if (!verdict.decided() || verdict.punt_reason() == PuntReason::fragment) {
        const auto mode = (choices & 4) != 0 ? L4ChecksumMode::original : L4ChecksumMode::wire;
        rewrite_and_undo(frame, view, mode, (choices & 8) != 0);
    }
    delete[] memory;
    return 0;
}
