// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/secure_message.hpp"

#include "sacip_core/wire/secure_codec.hpp"
#include "sacip_core/wire/wire_cursor.hpp"

#include <algorithm>

namespace sacip {
namespace {

std::array<std::byte, secure_pseudo_header_bytes> pseudo_header(uint16_t flags,
                                                                const SecureAddresses& addresses) {
    std::array<std::byte, secure_pseudo_header_bytes> bytes{};
    if ((flags & flag_nat) == 0) {
        Writer to{bytes.data()};
        to.field(addresses.source.v4());
        to.field(addresses.destination.v4());
    }
    return bytes;
}

void put_header(Writer& to, const SecureHeader& header, SecureKind kind, size_t length) {
    to.u16(secure_magic);
    to.u8(secure_version);
    to.field(kind);
    to.u16(static_cast<uint16_t>(length));
    to.u16(header.flags & known_flags);
    to.u64(header.sender.value);
    to.u64(header.epoch.value);
    to.u64(header.sequence.value);
}

} // namespace

SecureKind kind_of(const SecureBody& body) {
    return std::visit([](const auto& one) { return one.kind; }, body);
}

std::variant<Envelope, DropReason> decode_envelope(std::span<const std::byte> message) {
    if (message.size() < secure_message_min_bytes || message.size() > secure_message_max_bytes) {
        return DropReason::notification_malformed;
    }
    Envelope envelope;
    Reader from{message.data()};
    const uint16_t magic = from.u16();
    const uint8_t version = from.u8();
    envelope.kind = from.u8();
    const size_t length = from.u16();
    if (magic != secure_magic || version != secure_version ||
        length != message.size() - secure_message_min_bytes) {
        return DropReason::notification_malformed;
    }
    envelope.header.flags = from.u16();
    envelope.header.sender.value = from.u64();
    envelope.header.epoch.value = from.u64();
    envelope.header.sequence.value = from.u64();
    envelope.authenticated = message.first(secure_header_bytes + length);
    envelope.body = message.subspan(secure_header_bytes, length);
    envelope.tag = load<Tag>(message.data() + secure_header_bytes + length);
    return envelope;
}

bool is_genuine(const Envelope& envelope, const MacKey& key, const SecureAddresses& addresses) {
    if (!key.is_set()) {
        return false;
    }
    const auto tag = hmac_sha256_128(key, pseudo_header(envelope.header.flags, addresses),
                                     envelope.authenticated);
    return tag && equal(*tag, envelope.tag);
}

std::variant<SecureBody, DropReason> decode_body(const Envelope& envelope) {
    return read_body(envelope.kind, envelope.body);
}

size_t encode(const SecureHeader& header, const SecureBody& body, std::span<std::byte> out) {
    const size_t length = bytes_of_body(body);
    const size_t total = secure_message_min_bytes + length;
    if (total > secure_message_max_bytes || total > out.size()) {
        return 0;
    }
    Writer to{out.data()};
    put_header(to, header, kind_of(body), length);
    write_body(body, out.data() + secure_header_bytes);
    std::fill_n(out.data() + secure_header_bytes + length, tag_bytes, std::byte{0});
    return total;
}

bool seal(std::span<std::byte> message, const MacKey& key, const SecureAddresses& addresses) {
    const auto decoded = decode_envelope(message);
    const auto* envelope = std::get_if<Envelope>(&decoded);
    if (envelope == nullptr || !key.is_set()) {
        return false;
    }
    const auto tag = hmac_sha256_128(key, pseudo_header(envelope->header.flags, addresses),
                                     envelope->authenticated);
    if (tag) {
        store(message.data() + envelope->authenticated.size(), *tag);
    }
    return tag.has_value();
}

} // namespace sacip
