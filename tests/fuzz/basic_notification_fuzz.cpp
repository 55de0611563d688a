// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: a frame through parse() and decode(); what is understood must survive encode().
//
// Input: one byte of choices, then the frame. The device vouches for the IPv4 checksum.
//   bit 0  the ICMP checksum is put right first, so that the fuzzer need not guess it
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/wire/basic_notification.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using namespace sacip;

constexpr MacAddr port_mac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr ParseContext context{.port_mac = port_mac, .outside = true};

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

void mend_icmp_checksum(const Frame& frame, const PacketView& view) {
    std::byte* message = frame.data + view.l4;
    icmp::set_checksum(message, 0);
    icmp::set_checksum(message, internet_checksum({message, view.l4_length}));
}

void say_it_again(const BasicNotification& heard) {
    std::array<std::byte, basic_notification_frame_bytes> bytes;
    require(encode(heard, default_notification_icmp_type, {.destination = port_mac, .source = {}},
                   bytes) == bytes.size());
    const Frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), RxFacts::none};
    PacketView view;
    require(parse(frame, context, view) == Verdict::punt(PuntReason::notification));
    require(decode(frame, view) == DecodedNotification{heard});
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) {
        return 0;
    }
    const size_t length = size - 1;
    auto* const memory = new std::byte[length];
    std::copy_n(reinterpret_cast<const std::byte*>(data + 1), length, memory);
    const Frame frame{memory, static_cast<uint32_t>(length), RxFacts::ip_checksum_good};
    PacketView view;
    if (parse(frame, context, view).punt_reason() == PuntReason::notification) {
        if ((data[0] & 1) != 0) {
            mend_icmp_checksum(frame, view);
        }
        const DecodedNotification result = decode(frame, view);
        if (const auto* heard = std::get_if<BasicNotification>(&result)) {
            require(view.l4_length == basic_notification_bytes);
            say_it_again(*heard);
        } else {
            require(std::get<DropReason>(result) != DropReason::none);
        }
    }
    delete[] memory;
    return 0;
}
