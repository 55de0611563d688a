// SPDX-License-Identifier: BSD-3-Clause
//
// Wire cursor: a Writer and a Reader that walk the bytes of a secure notification.
//
// Field after field in the order of PROTOCOL §3, integers big-endian. Neither looks at lengths on
// the way: whoever makes one has seen that the bytes are there.
#pragma once

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/wire/secure_message.hpp"

#include <algorithm>

namespace sacip {

inline constexpr size_t wire_address_bytes = 16;
inline constexpr uint8_t family_ipv4 = 4;
inline constexpr uint8_t family_ipv6 = 6;

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
    void address(IpAddr address) {
        field(address.v4());
        zeros(wire_address_bytes - sizeof(Ipv4Addr));
    }
    void prefix(const IpPrefix& prefix) {
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
    IpAddr address(uint8_t family) {
        const std::byte* const begin = at_;
        at_ += wire_address_bytes;
        if (family == family_ipv6) {
            return {};
        }
        require(std::all_of(begin + sizeof(Ipv4Addr), begin + wire_address_bytes,
                            [](std::byte b) { return b == std::byte{0}; }));
        return load<Ipv4Addr>(begin);
    }
    IpPrefix prefix() {
        const uint8_t family = judged_family();
        const uint8_t length = u8();
        skip(2);
        if (family == family_ipv6) {
            require_clear_host_bits(length);
            skip(wire_address_bytes);
            last_length_ = length;
            return {};
        }
        const IpAddr first = address(family);
        require(length <= 32);
        const IpPrefix prefix{first, length};
        require(prefix.address() == first);
        last_length_ = length;
        return prefix;
    }
    /// The two of a binding.
    void prefixes(IpPrefix& original, IpPrefix& active) {
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
    IpAddr address_of_tuple() { return address(tuple_family_); }
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

} // namespace sacip
