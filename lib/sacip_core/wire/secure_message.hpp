// SPDX-License-Identifier: BSD-3-Clause
//
// Secure notification: the bytes of the authenticated message family, and all its numbers.
//
// One layout for every kind; over ICMP (code 1) it follows the four bytes type, code, checksum,
// over UDP it is the payload (secure_carrier.hpp). All integers are big-endian.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1   offset
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |        Magic = 0x5AC1         |  Version = 2  |     Kind      |     0
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |    Length of body in bytes    |             Flags             |     4
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |      Sender: first 8 bytes of SHA-256(its public key)         |     8
// +                                                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                            Epoch                              |    16
// +                                                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                           Sequence                            |    24
// +                                                               +
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                            Body ...                           |    32
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |         Tag, 16 bytes: HMAC-SHA-256-128 over a pseudo         |    32 + length
// +       header (IP source and destination, 4 + 4 bytes)         +
// |         and all bytes above, under the directional key        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// Reading is staged, because what is not authenticated must not be looked at: decode_envelope()
// (length, magic, version), then the caller's known sender and rate, then is_genuine(), then the
// caller's epoch and sequence, then decode_body(), then the caller's authorisation. Each stage has
// its own reasons in verdict.hpp. Everything here is pure and works on bytes.
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/base/verdict.hpp"
#include "sacip_core/packet/notification_marks.hpp"
#include "sacip_core/wire/mac.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

namespace sacip {

inline constexpr uint8_t secure_version = 2;

enum class SecureKind : uint8_t {
    hello = 1,
    hello_ack = 2,
    bind = 3,
    bind_ack = 4,
    solicit = 5,
    solicit_ack = 6,
    probe = 7,
    probe_ack = 8,
};

/// Bits of the flags; others are 0 on send and ignored on receipt.
inline constexpr uint16_t flag_old_address_lost = 0x0001;
inline constexpr uint16_t flag_nat = 0x0002; ///< take the observed source; pseudo header is zero
inline constexpr uint16_t known_flags = flag_old_address_lost | flag_nat;

inline constexpr size_t secure_header_bytes = 32;
inline constexpr size_t secure_pseudo_header_bytes = 4 + 4; ///< of IPv4
inline constexpr size_t secure_message_max_bytes = 1200; ///< header, body and tag, not the carrier
inline constexpr size_t secure_message_min_bytes = secure_header_bytes + tag_bytes;
inline constexpr size_t secure_body_max_bytes = secure_message_max_bytes - secure_message_min_bytes;

// Sizes of bodies.
inline constexpr size_t hello_body_bytes = 32 + 4 + 1 + 3 + 16 + 16;
inline constexpr size_t bind_fixed_bytes = 16 + 2 + 2;
inline constexpr size_t wire_prefix_bytes = 1 + 1 + 2 + 16;
inline constexpr size_t bind_entry_bytes = 2 * wire_prefix_bytes + 1 + 4;
inline constexpr size_t bind_ack_body_bytes = 8 + 8 + 1 + 1 + 2 + 16;
inline constexpr size_t wire_tuple_bytes = 1 + 1 + 2 + 2 + 16 + 16;
inline constexpr size_t solicit_body_bytes = wire_tuple_bytes;
inline constexpr size_t solicit_ack_body_bytes = wire_tuple_bytes + 16 + 16 + 1 + 7;
inline constexpr size_t probe_fixed_bytes = 8 + 8;
inline constexpr size_t probe_max_padding_bytes = secure_body_max_bytes - probe_fixed_bytes;
inline constexpr size_t bind_max_entries =
    (secure_body_max_bytes - bind_fixed_bytes) / bind_entry_bytes;
static_assert(bind_max_entries == 25);

// Retransmission of HELLO and BIND.
inline constexpr Nanos first_retry_delay = from_ms(50); ///< where no round-trip time is known
inline constexpr Nanos max_retry_delay = from_s(5);
inline constexpr Nanos retry_eager_time = from_s(60); ///< of trying while flows exist; afterwards
inline constexpr Nanos retry_patient_delay = from_s(30); ///< this long apart
/// From the try number `tries` (1: the first) to the next within the eager time: 50 ms, 100 ms ...
/// 5 s, or from 2 x smoothed round-trip time on, where known.
constexpr Nanos retry_delay(unsigned tries, std::optional<Nanos> smoothed_rtt = {}) {
    int64_t delay = smoothed_rtt ? 2 * smoothed_rtt->value : first_retry_delay.value;
    delay = delay < 1 ? 1 : delay;
    for (; tries > 1 && delay < max_retry_delay.value; tries--) {
        delay *= 2;
    }
    return delay < max_retry_delay.value ? Nanos{delay} : max_retry_delay;
}

// Validation of a new active address.
inline constexpr unsigned unvalidated_bytes_factor = 3; ///< times the bytes received from there
inline constexpr unsigned validation_rto_factor = 3;    ///< times the retransmission time-out ...
inline constexpr Nanos validation_min_time = from_s(1); ///< ... but at least

using SenderId = Id<struct SenderIdTag, uint64_t>; ///< the eight bytes read as a big-endian number
using Epoch = Id<struct EpochTag, uint64_t>;       ///< us of wall clock at the sender's start
using Sequence = Id<struct SequenceTag, uint64_t>; ///< strictly increasing within an epoch

/// 16 random bytes that only who receives at an address can say back; zero: none.
struct Challenge {
    std::array<std::byte, 16> bytes{};
    constexpr bool operator==(const Challenge&) const = default;
    constexpr bool is_zero() const { return *this == Challenge{}; }
};

/// X25519, RFC 7748 §5: little-endian u coordinate, as it comes.
struct PublicKey {
    std::array<std::byte, 32> bytes{};
    constexpr bool operator==(const PublicKey&) const = default;
};

/// How the sender leaves TCP and UDP checksums on the wire.
enum class WireChecksum : uint8_t { wire = 0, original = 1 };

/// Bits of a HELLO's capabilities; others are 0 on send and ignored on receipt.
/// "I have flows with you": to a gateway that has just started, unknown packets may be the middle
/// of a flow. PROTOCOL.md leaves the bits open; docs/protocol.md lists them.
inline constexpr uint32_t capability_has_flows = 0x00000001;

/// HELLO and HELLO_ACK. Starts or restarts an association.
template <SecureKind K>
struct HelloOf {
    static constexpr SecureKind kind = K;
    PublicKey public_key{};   ///< the sender's
    uint32_t capabilities{0}; ///< capability_*
    WireChecksum checksum{WireChecksum::wire};
    Challenge challenge{}; ///< to be echoed
    Challenge echo{};      ///< the other's challenge; zero when none is known
    bool operator==(const HelloOf&) const = default;
};
using Hello = HelloOf<SecureKind::hello>;
using HelloAck = HelloOf<SecureKind::hello_ack>;

/// "What was set up as `original` is now reached at `active`." Equal lengths.
struct BindEntry {
    IpPrefix original{};
    IpPrefix active{};
    uint8_t preference{0};
    uint32_t lifetime_s{0};
    bool operator==(const BindEntry&) const = default;
};

/// BIND: absolute and idempotent. Several entries for one original are alternatives in the order
/// of the message, the first one active.
struct Bind {
    static constexpr SecureKind kind = SecureKind::bind;
    Challenge echo{}; ///< of a BIND_ACK `validate`; zero when none was asked
    uint16_t count{0};
    std::array<BindEntry, bind_max_entries> slots{}; ///< those from `count` on are not sent

    std::span<const BindEntry> entries() const { return {slots.data(), count}; }
    /// False when it is full.
    bool add(const BindEntry& entry) {
        if (count == bind_max_entries) {
            return false;
        }
        slots[count++] = entry;
        return true;
    }
    bool operator==(const Bind& other) const;
};

enum class BindStatus : uint8_t {
    applied = 0,  ///< sent only after the data path uses it
    stale = 1,    ///< a newer one is known
    validate = 2, ///< say it again from the new address, with `challenge` as echo
    refused = 3,  ///< see the reason
};
/// PROTOCOL.md leaves these numbers open; docs/protocol.md lists them. Unknown ones are kept.
enum class BindReason : uint8_t {
    none = 0,
    body = 1,         ///< not what a BIND looks like
    family = 2,       ///< a family the receiver does not speak
    unauthorised = 3, ///< an original or an active the sender may not bind
    capacity = 4,     ///< no room for it
};

struct BindAck {
    static constexpr SecureKind kind = SecureKind::bind_ack;
    Epoch epoch{};       ///< of the BIND
    Sequence sequence{}; ///< of the BIND
    BindStatus status{BindStatus::applied};
    BindReason reason{BindReason::none};
    Challenge challenge{}; ///< zero unless `validate`
    bool operator==(const BindAck&) const = default;
};

/// A flow's addresses and ports as they are on the wire, seen from the sender of the *packet* that
/// was not known: source is where the packet came from.
struct WireTuple {
    uint8_t protocol{0};
    L4Port source_port{};
    L4Port destination_port{};
    IpAddr source{};
    IpAddr destination{};
    bool operator==(const WireTuple&) const = default;
};

struct Solicit {
    static constexpr SecureKind kind = SecureKind::solicit;
    WireTuple tuple{};
    bool operator==(const Solicit&) const = default;
};

/// PROTOCOL.md leaves these numbers open; docs/protocol.md lists them. Unknown ones are kept.
enum class SolicitStatus : uint8_t {
    known = 0,   ///< the originals are those of the flow
    unknown = 1, ///< no such flow here; the originals are zero
};

struct SolicitAck {
    static constexpr SecureKind kind = SecureKind::solicit_ack;
    WireTuple tuple{};        ///< as it was in the SOLICIT
    IpAddr original_source{}; ///< the flow's, in the direction of the tuple
    IpAddr original_destination{};
    SolicitStatus status{SolicitStatus::known};
    bool operator==(const SolicitAck&) const = default;
};

/// PROBE and PROBE_ACK; an acknowledgement repeats nonce and time.
template <SecureKind K>
struct ProbeOf {
    static constexpr SecureKind kind = K;
    std::array<std::byte, 8> nonce{};
    uint64_t send_time{0};     ///< the prober's own clock; means nothing to anybody else
    uint16_t padding_bytes{0}; ///< zeros on send, ignored on receipt
    bool operator==(const ProbeOf&) const = default;
};
using Probe = ProbeOf<SecureKind::probe>;
using ProbeAck = ProbeOf<SecureKind::probe_ack>;

using SecureBody =
    std::variant<Hello, HelloAck, Bind, BindAck, Solicit, SolicitAck, Probe, ProbeAck>;

/// What stands in front of every body.
struct SecureHeader {
    SenderId sender{};
    Epoch epoch{};
    Sequence sequence{};
    uint16_t flags{0};
    bool operator==(const SecureHeader&) const = default;
};

/// The IP addresses a message travels between, as in the packet's IP header.
struct SecureAddresses {
    IpAddr source{};
    IpAddr destination{};
};

/// A message that has the right shape; nothing in it may be believed yet. The spans look into the
/// bytes given to decode_envelope().
struct Envelope {
    SecureHeader header{};
    uint8_t kind{0};                            ///< as it came; decode_body() judges it
    std::span<const std::byte> authenticated{}; ///< header and body
    std::span<const std::byte> body{};
    Tag tag{};
};

/// Stage one: the exact bytes of a message, without its carrier. Never DropReason::none; the only
/// reason is notification_malformed: shorter than 48 or longer than 1,200 bytes, another magic or
/// version, or a length field that is not that of the bytes there.
std::variant<Envelope, DropReason> decode_envelope(std::span<const std::byte> message);

/// Stage two, after known sender and rate: does the tag fit these addresses and this key (that of
/// messages from the sender to us)? In NAT mode addresses do not count. False with a key not set.
bool is_genuine(const Envelope& envelope, const MacKey& key, const SecureAddresses& addresses);

/// Stage three, of a genuine message that is not stale. Never DropReason::none.
/// notification_body: unknown kind, a body of another length than its kind has, a prefix with host
/// bits or beyond its family's length, two prefixes of different lengths, a family that is neither
/// 4 nor 6, bytes behind an IPv4 address that are not zero, an unknown BIND_ACK status or checksum
/// mode. notification_family: family 6 (which this gateway does not speak yet), all else right.
/// What the addresses mean is not looked at.
std::variant<SecureBody, DropReason> decode_body(const Envelope& envelope);

/// Kind of a body.
SecureKind kind_of(const SecureBody& body);

/// Writes header, body and a tag of zeros into `out`; the length of the message, or 0 if it does
/// not fit in `out` or in 1,200 bytes, and then nothing is written. Flags that have no meaning are
/// left out.
size_t encode(const SecureHeader& header, const SecureBody& body, std::span<std::byte> out);

/// Fills in the tag of an encoded message: `message` is exactly its bytes, `key` that of messages
/// from us to the receiver. False, and nothing is written, if it is no message, the key is not set,
/// or the cryptography failed.
bool seal(std::span<std::byte> message, const MacKey& key, const SecureAddresses& addresses);

} // namespace sacip
