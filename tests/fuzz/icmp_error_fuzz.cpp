// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: one frame as an ICMP error, its quote read and translated there and back.
//
// Input: one byte of choices, then the frame.
//   bit 0  the port is an outside one     bit 2  L4 checksum mode `original`
//   bit 1  the device vouches for the IPv4 checksum   bit 3  the error came from the wire
//
// Whatever comes: nothing but addresses and checksums is written, what was wrong by some sum stays
// wrong by as much, and the way back gives every byte again.
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/icmp_error.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace sacip;

using Bytes = std::vector<std::byte>;

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

uint16_t sum_of(const std::byte* data, size_t from, size_t bytes) {
    return as_delta(sum_of_bytes({data + from, bytes}));
}

/// TCP and UDP checksum of the quote, if a mending reaches it; 0: it does not.
size_t quoted_checksum_at(const std::byte* data, const PacketView& quoted) {
    if (ipv4::has_fragment_offset(data + quoted.l3)) {
        return 0;
    }
    if (quoted.is(IpProto::tcp) && quoted.l4_length >= 18) {
        return quoted.l4 + size_t{16};
    }
    return quoted.is(IpProto::udp) ? quoted.l4 + size_t{6} : 0;
}

bool may_change(size_t at, const PacketView& error, const PacketView& quoted, size_t checksum) {
    const auto is_address_or_checksum = [at](size_t ip) { return at >= ip + 10 && at < ip + 20; };
    return is_address_or_checksum(error.l3) || is_address_or_checksum(quoted.l3) ||
           at == error.l4 + size_t{2} || at == error.l4 + size_t{3} ||
           (checksum != 0 && (at == checksum || at == checksum + 1));
}

/// The checksum fields that one's complement can't give back: 0xFFFF returns as 0.
bool is_exact(const std::byte* data, const PacketView& error, const PacketView& quoted,
              size_t checksum) {
    return ipv4::checksum(data + error.l3) != 0xFFFF &&
           ipv4::checksum(data + quoted.l3) != 0xFFFF &&
           icmp::checksum(data + error.l4) != 0xFFFF &&
           (checksum == 0 || quoted.is(IpProto::udp) || load<uint16_t>(data + checksum) != 0xFFFF);
}

void translate_and_undo(const Frame& frame, const PacketView& error, const Quote& quote,
                        L4ChecksumMode mode, bool inbound) {
    const PacketView& quoted = quote.packet;
    require(quoted.l3 == error.l4 + 8 && quoted.l4 >= quoted.l3 + 20);
    require(quoted.l4 + quoted.l4_length <= error.l4 + error.l4_length);
    require(quoted.source == error.destination);
    RewriteSlot slot;
    prepare_rewrite({.host = {10, 1, 0, 10},
                     .local_original = {10, 0, 1, 2},
                     .local_active = {172, 16, 5, 9},
                     .remote_original = {10, 9, 0, 10},
                     .remote_active = {192, 0, 2, 200}},
                    mode, slot);
    const DirectionRewrite& to = inbound ? slot.inbound : slot.outbound;
    DirectionRewrite back = inbound ? slot.outbound : slot.inbound;
    back.source = quoted.destination;
    back.destination = quoted.source;

    const Bytes before(frame.data, frame.data + frame.length);
    const size_t checksum = quoted_checksum_at(frame.data, quoted);
    const size_t outer_header = size_t{error.l4} - error.l3;
    rewrite_error(frame, error, quoted, to, translated_source(error, quote, to));
    for (size_t i = 0; i < before.size(); i++) {
        require(frame.data[i] == before[i] || may_change(i, error, quoted, checksum));
    }
    require(sum_of(frame.data, error.l4, error.l4_length) ==
            sum_of(before.data(), error.l4, error.l4_length));
    require(sum_of(frame.data, error.l3, outer_header) ==
            sum_of(before.data(), error.l3, outer_header));
    require(ipv4::source(frame.data + quoted.l3) == to.destination);
    require(ipv4::destination(frame.data + quoted.l3) == to.source);
    require(ipv4::destination(frame.data + error.l3) == to.destination);

    PacketView written = error;
    written.source = ipv4::source(frame.data + error.l3);
    written.destination = ipv4::destination(frame.data + error.l3);
    const auto again = read_quote(frame, written);
    require(again && again->keyed == quote.keyed);
    require(answer_to(*again).source_port == answer_to(quote).source_port);
    rewrite_error(frame, written, again->packet, back, error.source);
    require(!is_exact(before.data(), error, quoted, checksum) ||
            std::equal(before.begin(), before.end(), frame.data));
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
    if (parse(frame, context, view).punt_reason() == PuntReason::icmp) {
        if (const auto quote = read_quote(frame, view)) {
            const auto mode = (choices & 4) != 0 ? L4ChecksumMode::original : L4ChecksumMode::wire;
            translate_and_undo(frame, view, *quote, mode, (choices & 8) != 0);
        }
    }
    delete[] memory;
    return 0;
}
