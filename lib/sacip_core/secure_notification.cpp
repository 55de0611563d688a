// SPDX-License-Identifier: BSD-3-Clause
//
// A Writer and a Reader walk a body in the order of PROTOCOL §3; the pairs of put() and get() below
// are the layout, each field once in each direction. The length of a body is checked before it is
// read, so neither looks at lengths on the way.
#include "sacip_core/secure_notification.hpp"

#include "sacip_core/headers.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr size_t length_at = 4;
constexpr size_t flags_at = 6;
constexpr size_t wire_address_bytes = 16;
constexpr uint8_t family_ipv4 = 4;
constexpr uint8_t family_ipv6 = 6;

class Writer {
public:
    explicit Writer(std::byte* at) : at_{at} {}
    void u8(uint8_t value) { field(value); }
    void u16(uint16_t value) { field(__builtin_bswap16(value)); }
    void u32(uint32_t value) { field(__builtin_bswap32(value)); }
    void u64(uint64_t value) { field(__builtin_bswap64(value)); }
    template <typename T>
    void field(const T& value) {
        store(at_, value);
        at_ += sizeof(T);
    }
    void zeros(size_t count) { at_ = std::fill_n(at_, count, std::byte{0}); }
    void address(Ipv4Addr address) {
        field(address);
        zeros(wire_address_bytes - sizeof address);
    }
    void prefix(const Ipv4Prefix& prefix) {
        u8(family_ipv4);
        u8(prefix.length());
        zeros(2);
        address(prefix.address());
    }
    void tuple(const WireTuple& tuple) {
        u8(family_ipv4);
        u8(tuple.protocol);
        field(tuple.source_port);
        field(tuple.destination_port);
        address(tuple.source);
        address(tuple.destination);
    }

private:
    std::byte* at_;
};

/// Reads to the end whatever it meets; the worst that was met is in why().
class Reader {
public:
    explicit Reader(const std::byte* at) : at_{at} {}
    uint8_t u8() { return field<uint8_t>(); }
    uint16_t u16() { return __builtin_bswap16(field<uint16_t>()); }
    uint32_t u32() { return __builtin_bswap32(field<uint32_t>()); }
    uint64_t u64() { return __builtin_bswap64(field<uint64_t>()); }
    template <typename T>
    T field() {
        const T value = load<T>(at_);
        at_ += sizeof(T);
        return value;
    }
    void skip(size_t count) { at_ += count; }
    /// IPv4 in the first four bytes, zeros behind; of family 6 nothing is kept.
    Ipv4Addr address(uint8_t family) {
        const std::byte* const begin = at_;
        at_ += wire_address_bytes;
        if (family == family_ipv6) {
            return {};
        }
        require(std::all_of(begin + sizeof(Ipv4Addr), begin + wire_address_bytes,
                            [](std::byte b) { return b == std::byte{0}; }));
        return load<Ipv4Addr>(begin);
    }
    Ipv4Prefix prefix() {
        const uint8_t family = judged_family();
        const uint8_t length = u8();
        skip(2);
        if (family == family_ipv6) {
            require_clear_host_bits(length);
            skip(wire_address_bytes);
            last_length_ = length;
            return {};
        }
        const Ipv4Addr first = address(family);
        require(length <= 32);
        const Ipv4Prefix prefix{first, length};
        require(prefix.address() == first);
        last_length_ = length;
        return prefix;
    }
    /// The two of a binding.
    void prefixes(Ipv4Prefix& original, Ipv4Prefix& active) {
        const uint8_t family = load<uint8_t>(at_);
        original = prefix();
        const uint8_t length = last_length_;
        require(load<uint8_t>(at_) == family);
        active = prefix();
        require(last_length_ == length);
    }
    uint8_t judged_family() {
        const uint8_t family = u8();
        require(family == family_ipv4 || family == family_ipv6);
        foreign_ = foreign_ || family == family_ipv6;
        return family;
    }
    WireTuple tuple() {
        tuple_family_ = judged_family();
        WireTuple tuple;
        tuple.protocol = u8();
        tuple.source_port = field<L4Port>();
        tuple.destination_port = field<L4Port>();
        tuple.source = address(tuple_family_);
        tuple.destination = address(tuple_family_);
        return tuple;
    }
    /// Of the family of the tuple read before.
    Ipv4Addr address_of_tuple() { return address(tuple_family_); }
    void require(bool truth) { sound_ = sound_ && truth; }
    DropReason why() const {
        if (!sound_) {
            return DropReason::notification_body;
        }
        return foreign_ ? DropReason::notification_family : DropReason::none;
    }

private:
    void require_clear_host_bits(uint8_t length) {
        require(length <= 128);
        for (size_t bit = length; bit < 128; bit++) {
            require((load<uint8_t>(at_ + bit / 8) & (0x80U >> (bit % 8))) == 0);
        }
    }

    const std::byte* at_;
    bool sound_{true};
    bool foreign_{false};
    uint8_t last_length_{0};
    uint8_t tuple_family_{0};
};

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

std::array<std::byte, secure_pseudo_header_bytes> pseudo_header(uint16_t flags,
                                                                const SecureAddresses& addresses) {
    std::array<std::byte, secure_pseudo_header_bytes> bytes{};
    if ((flags & flag_nat) == 0) {
        Writer to{bytes.data()};
        to.field(addresses.source);
        to.field(addresses.destination);
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

bool Bind::operator==(const Bind& other) const {
    return echo == other.echo && std::equal(entries().begin(), entries().end(),
                                            other.entries().begin(), other.entries().end());
}

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
    switch (static_cast<SecureKind>(envelope.kind)) {
    case SecureKind::hello:
        return read_as<Hello>(envelope.body);
    case SecureKind::hello_ack:
        return read_as<HelloAck>(envelope.body);
    case SecureKind::bind:
        return read_as<Bind>(envelope.body);
    case SecureKind::bind_ack:
        return read_as<BindAck>(envelope.body);
    case SecureKind::solicit:
        return read_as<Solicit>(envelope.body);
    case SecureKind::solicit_ack:
        return read_as<SolicitAck>(envelope.body);
    case SecureKind::probe:
        return read_as<Probe>(envelope.body);
    case SecureKind::probe_ack:
        return read_as<ProbeAck>(envelope.body);
    }
    return DropReason::notification_body;
}

size_t encode(const SecureHeader& header, const SecureBody& body, std::span<std::byte> out) {
    const size_t length = std::visit([](const auto& one) { return body_bytes(one); }, body);
    const size_t total = secure_message_min_bytes + length;
    if (total > secure_message_max_bytes || total > out.size()) {
        return 0;
    }
    Writer to{out.data()};
    put_header(to, header, kind_of(body), length);
    std::visit([&to](const auto& one) { put(to, one); }, body);
    to.zeros(tag_bytes);
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
