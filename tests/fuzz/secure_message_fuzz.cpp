// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: a secure message through every stage; what is understood must survive encode().
//
// Input: one byte of choices, then a frame (bit 0 clear) or a message (bit 0 set).
//   bit 1  the frame's checksum is put right first
//   bit 2  the message is sealed first, so that the fuzzer gets past the tag
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/wire/secure_carrier.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using namespace sacip;

constexpr MacAddr port_mac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr ParseContext context{.port_mac = port_mac, .outside = true};
constexpr SecureAddresses addresses{.source = {203, 0, 113, 7}, .destination = {198, 51, 100, 1}};

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

const MacKey& key() {
    static const MacKey made = [] {
        MacKey out;
        std::fill_n(out.overwrite().begin(), secret_bytes, std::byte{7});
        return out;
    }();
    return made;
}

/// Reserved bytes and unknown flags are not said again, hence not the bytes but their meaning.
void say_it_again(const Envelope& envelope, const SecureBody& body) {
    SecureHeader header = envelope.header;
    header.flags &= known_flags;
    std::array<std::byte, secure_message_max_bytes> out;
    const size_t length = encode(header, body, out);
    require(length == envelope.body.size() + secure_message_min_bytes);
    const auto again = decode_envelope(std::span{out}.first(length));
    require(std::holds_alternative<Envelope>(again));
    require(std::get<Envelope>(again).header == header);
    const auto same = decode_body(std::get<Envelope>(again));
    require(std::holds_alternative<SecureBody>(same) && std::get<SecureBody>(same) == body);
}

void try_message(std::span<std::byte> message, bool sealed) {
    const bool is_sealed = sealed && seal(message, key(), addresses);
    const auto result = decode_envelope(message);
    if (const auto* why = std::get_if<DropReason>(&result)) {
        require(*why == DropReason::notification_malformed && !is_sealed);
        return;
    }
    const auto& envelope = std::get<Envelope>(result);
    require(envelope.body.size() + secure_message_min_bytes == message.size());
    require(is_genuine(envelope, key(), addresses) || !is_sealed);
    const auto body = decode_body(envelope);
    if (const auto* why = std::get_if<DropReason>(&body)) {
        require(*why == DropReason::notification_body || *why == DropReason::notification_family);
        return;
    }
    require(kind_of(std::get<SecureBody>(body)) == static_cast<SecureKind>(envelope.kind));
    say_it_again(envelope, std::get<SecureBody>(body));
}

void mend_checksum_of(const Frame& frame, const PacketView& view) {
    std::byte* const l4 = frame.data + view.l4;
    if (view.is(IpProto::udp)) {
        udp::set_checksum(l4, 0);
    } else {
        icmp::set_checksum(l4, 0);
        icmp::set_checksum(l4, internet_checksum({l4, view.l4_length}));
    }
}

void try_frame(std::span<std::byte> bytes, bool mended, bool sealed) {
    const Frame frame{bytes.data(), static_cast<uint32_t>(bytes.size()), RxFacts::ip_checksum_good};
    PacketView view;
    const Verdict verdict = parse(frame, context, view);
    const bool over_udp = !verdict.decided() && view.is(IpProto::udp);
    if (verdict.punt_reason() != PuntReason::notification && !over_udp) {
        return;
    }
    if (mended) {
        mend_checksum_of(frame, view);
    }
    const auto result = decode_carrier(frame, view);
    if (const auto* why = std::get_if<DropReason>(&result)) {
        require(*why != DropReason::none);
        return;
    }
    const auto& carried = std::get<CarriedMessage>(result);
    std::array<std::byte, secure_frame_max_bytes> out;
    const size_t length = encode_carrier(carried.message, carried.route, view.icmp_type,
                                         {.destination = port_mac, .source = {}}, out);
    require((length != 0) == (carried.message.size() <= secure_message_max_bytes));
    const auto at = static_cast<size_t>(carried.message.data() - bytes.data());
    try_message(bytes.subspan(at, carried.message.size()), sealed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 1) {
        return 0;
    }
    const size_t length = size - 1;
    auto* const memory = new std::byte[length]; // of its exact length, for the sanitiser
    std::copy_n(reinterpret_cast<const std::byte*>(data + 1), length, memory);
    const unsigned choices = data[0];
    if ((choices & 1) != 0) {
        try_message({memory, length}, (choices & 4) != 0);
    } else {
        try_frame({memory, length}, (choices & 2) != 0, (choices & 4) != 0);
    }
    delete[] memory;
    return 0;
}
