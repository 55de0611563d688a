// SPDX-License-Identifier: BSD-3-Clause
//
// The pairs of put() and get() below are the layout, each field once in each direction. The length
// of a body is checked before it is read.
#include "sacip_core/wire/secure_codec.hpp"

#include "sacip_core/wire/wire_cursor.hpp"

#include <algorithm>

namespace sacip {
namespace {

// ---- one body each: its length, how it is written, how it is read

template <SecureKind K>
size_t body_bytes(const HelloOf<K>&) {
    return hello_body_bytes;
}
size_t body_bytes(const Bind& bind) { return bind_fixed_bytes + bind.count * bind_entry_bytes; }
size_t body_bytes(const BindAck&) { return bind_ack_body_bytes; }
size_t body_bytes(const Solicit&) { return solicit_body_bytes; }
size_t body_bytes(const SolicitAck&) { return solicit_ack_body_bytes; }
template <SecureKind K>
size_t body_bytes(const ProbeOf<K>& probe) {
    return probe_fixed_bytes + probe.padding_bytes;
}

template <SecureKind K>
void put(Writer& to, const HelloOf<K>& hello) {
    to.field(hello.public_key);
    to.u32(hello.capabilities);
    to.field(hello.checksum);
    to.zeros(3);
    to.field(hello.challenge);
    to.field(hello.echo);
}
template <SecureKind K>
void get(Reader& from, HelloOf<K>& hello) {
    hello.public_key = from.field<PublicKey>();
    hello.capabilities = from.u32();
    hello.checksum = from.field<WireChecksum>();
    from.require(hello.checksum == WireChecksum::wire || hello.checksum == WireChecksum::original);
    from.skip(3);
    hello.challenge = from.field<Challenge>();
    hello.echo = from.field<Challenge>();
}

void put(Writer& to, const Bind& bind) {
    to.field(bind.echo);
    to.u16(bind.count);
    to.zeros(2);
    for (const BindEntry& entry : bind.entries()) {
        to.prefix(entry.original);
        to.prefix(entry.active);
        to.u8(entry.preference);
        to.u32(entry.lifetime_s);
    }
}
/// The count is right: has_right_length() has looked.
void get(Reader& from, Bind& bind) {
    bind.echo = from.field<Challenge>();
    const uint16_t count = from.u16();
    from.skip(2);
    for (uint16_t i = 0; i < count; i++) {
        BindEntry entry;
        from.prefixes(entry.original, entry.active);
        entry.preference = from.u8();
        entry.lifetime_s = from.u32();
        bind.add(entry);
    }
}

void put(Writer& to, const BindAck& ack) {
    to.u64(ack.epoch.value);
    to.u64(ack.sequence.value);
    to.field(ack.status);
    to.field(ack.reason);
    to.zeros(2);
    to.field(ack.challenge);
}
void get(Reader& from, BindAck& ack) {
    ack.epoch.value = from.u64();
    ack.sequence.value = from.u64();
    ack.status = from.field<BindStatus>();
    from.require(ack.status <= BindStatus::refused);
    ack.reason = from.field<BindReason>();
    from.skip(2);
    ack.challenge = from.field<Challenge>();
}

void put(Writer& to, const Solicit& solicit) { to.tuple(solicit.tuple); }
void get(Reader& from, Solicit& solicit) { solicit.tuple = from.tuple(); }

void put(Writer& to, const SolicitAck& ack) {
    to.tuple(ack.tuple);
    to.address(ack.original_source);
    to.address(ack.original_destination);
    to.field(ack.status);
    to.zeros(7);
}
void get(Reader& from, SolicitAck& ack) {
    ack.tuple = from.tuple();
    ack.original_source = from.address_of_tuple();
    ack.original_destination = from.address_of_tuple();
    ack.status = from.field<SolicitStatus>();
    from.skip(7);
}

template <SecureKind K>
void put(Writer& to, const ProbeOf<K>& probe) {
    to.field(probe.nonce);
    to.u64(probe.send_time);
    to.zeros(probe.padding_bytes);
}
template <SecureKind K>
void get(Reader& from, ProbeOf<K>& probe) {
    probe.nonce = from.field<std::array<std::byte, 8>>();
    probe.send_time = from.u64();
    // How much padding there is, only the length tells; it was set before.
}

/// Sets what of a body only its length tells, and says whether the kind can be that long.
template <typename Body>
bool has_right_length(std::span<const std::byte> bytes, const Body& body) {
    return bytes.size() == body_bytes(body);
}
bool has_right_length(std::span<const std::byte> bytes, const Bind&) {
    constexpr size_t count_at = sizeof(Challenge);
    return bytes.size() >= bind_fixed_bytes &&
           bytes.size() ==
               bind_fixed_bytes + load<Be16>(bytes.data() + count_at).value() * bind_entry_bytes;
}
template <SecureKind K>
bool has_right_length(std::span<const std::byte> bytes, ProbeOf<K>& probe) {
    if (bytes.size() < probe_fixed_bytes) {
        return false;
    }
    probe.padding_bytes = static_cast<uint16_t>(bytes.size() - probe_fixed_bytes);
    return true;
}

template <typename Body>
std::variant<SecureBody, DropReason> read_as(std::span<const std::byte> bytes) {
    Body body;
    if (!has_right_length(bytes, body)) {
        return DropReason::notification_body;
    }
    Reader from{bytes.data()};
    get(from, body);
    if (from.why() != DropReason::none) {
        return from.why();
    }
    return SecureBody{body};
}

} // namespace

bool Bind::operator==(const Bind& other) const {
    return echo == other.echo && std::equal(entries().begin(), entries().end(),
                                            other.entries().begin(), other.entries().end());
}

size_t bytes_of_body(const SecureBody& body) {
    return std::visit([](const auto& one) { return body_bytes(one); }, body);
}

void write_body(const SecureBody& body, std::byte* at) {
    Writer to{at};
    std::visit([&to](const auto& one) { put(to, one); }, body);
}

std::variant<SecureBody, DropReason> read_body(uint8_t kind, std::span<const std::byte> bytes) {
    switch (static_cast<SecureKind>(kind)) {
    case SecureKind::hello:
        return read_as<Hello>(bytes);
    case SecureKind::hello_ack:
        return read_as<HelloAck>(bytes);
    case SecureKind::bind:
        return read_as<Bind>(bytes);
    case SecureKind::bind_ack:
        return read_as<BindAck>(bytes);
    case SecureKind::solicit:
        return read_as<Solicit>(bytes);
    case SecureKind::solicit_ack:
        return read_as<SolicitAck>(bytes);
    case SecureKind::probe:
        return read_as<Probe>(bytes);
    case SecureKind::probe_ack:
        return read_as<ProbeAck>(bytes);
    }
    return DropReason::notification_body;
}

} // namespace sacip
