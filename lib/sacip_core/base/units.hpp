// SPDX-License-Identifier: BSD-3-Clause
//
// Units: one type per kind of number, so that the compiler keeps apart what the wire keeps apart.
//
// Big-endian numbers stay big-endian in memory (Be16, Be32): most of what a gateway does with an
// address or a port is compare, hash and copy, which needs no byte order at all. Arithmetic needs
// .value(), the host-order number; there is no implicit conversion either way, because the bug of
// a forgotten ntohs() compiles, runs, and is right for 0x0101.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sacip {

static_assert(std::endian::native == std::endian::little, "byte swapping below assumes it");

/// 16-bit big-endian number as it lies in a packet.
class Be16 {
public:
    constexpr Be16() = default;
    /// From a host-order number.
    constexpr explicit Be16(uint16_t host) : raw_{__builtin_bswap16(host)} {}
    /// From memory order, unchanged.
    static constexpr Be16 from_raw(uint16_t raw) {
        Be16 out;
        out.raw_ = raw;
        return out;
    }
    /// Host-order number.
    constexpr uint16_t value() const { return __builtin_bswap16(raw_); }
    /// Memory order, for checksums and comparisons.
    constexpr uint16_t raw() const { return raw_; }
    constexpr bool operator==(const Be16&) const = default;
    constexpr auto operator<=>(const Be16& other) const { return value() <=> other.value(); }

private:
    uint16_t raw_{0};
};

/// 32-bit big-endian number as it lies in a packet.
class Be32 {
public:
    constexpr Be32() = default;
    constexpr explicit Be32(uint32_t host) : raw_{__builtin_bswap32(host)} {}
    static constexpr Be32 from_raw(uint32_t raw) {
        Be32 out;
        out.raw_ = raw;
        return out;
    }
    constexpr uint32_t value() const { return __builtin_bswap32(raw_); }
    constexpr uint32_t raw() const { return raw_; }
    constexpr bool operator==(const Be32&) const = default;
    constexpr auto operator<=>(const Be32& other) const { return value() <=> other.value(); }

private:
    uint32_t raw_{0};
};

/// TCP or UDP port, or the identifier of an ICMP echo; 0 where the protocol has none.
using L4Port = Be16;

/// IPv4 address, network order in memory.
class Ipv4Addr {
public:
    constexpr Ipv4Addr() = default;
    constexpr explicit Ipv4Addr(Be32 bits) : bits_{bits} {}
    constexpr Ipv4Addr(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
        : bits_{(uint32_t{a} << 24) | (uint32_t{b} << 16) | (uint32_t{c} << 8) | d} {}
    static constexpr Ipv4Addr from_raw(uint32_t raw) { return Ipv4Addr{Be32::from_raw(raw)}; }
    /// Dotted quad only ("10.0.1.2"); no octal, no missing parts, nothing around it.
    static std::optional<Ipv4Addr> from_text(std::string_view text);

    constexpr Be32 bits() const { return bits_; }
    constexpr uint32_t raw() const { return bits_.raw(); }
    constexpr uint32_t value() const { return bits_.value(); }
    std::string to_text() const;

    constexpr bool is_unspecified() const { return bits_.raw() == 0; }
    constexpr bool is_multicast() const { return (value() >> 28) == 0xE; }
    constexpr bool is_loopback() const { return (value() >> 24) == 127; }
    constexpr bool is_link_local() const { return (value() >> 16) == 0xA9FE; }
    constexpr bool is_broadcast() const { return bits_.raw() == 0xFFFFFFFFU; }
    /// 240.0.0.0/4, RFC 1112 §4 (the limited broadcast is part of it).
    constexpr bool is_reserved() const { return (value() >> 28) == 0xF; }
    /// 0.0.0.0/8, RFC 1122 §3.2.1.3.
    constexpr bool is_this_network() const { return (value() >> 24) == 0; }
    /// True for an address one host may use as its own on a routed network.
    constexpr bool is_host_unicast() const {
        return !is_this_network() && !is_multicast() && !is_loopback() && !is_link_local() &&
               !is_reserved();
    }
    constexpr bool operator==(const Ipv4Addr&) const = default;
    constexpr auto operator<=>(const Ipv4Addr&) const = default;

private:
    Be32 bits_{};
};

/// Ethernet address.
struct MacAddr {
    std::array<uint8_t, 6> bytes{};
    /// "02:00:00:00:00:01", lower or upper case.
    static std::optional<MacAddr> from_text(std::string_view text);
    std::string to_text() const;
    constexpr bool is_group() const { return (bytes[0] & 1) != 0; }
    constexpr bool is_zero() const { return *this == MacAddr{}; }
    constexpr bool operator==(const MacAddr&) const = default;
};

/// A number of one kind only: ids of different kinds can't be mixed.
template <typename Tag, typename Rep>
struct Id {
    Rep value{};
    constexpr bool operator==(const Id&) const = default;
    constexpr auto operator<=>(const Id&) const = default;
};

using PortId = Id<struct PortTag, uint8_t>; ///< place among the ports, which are fixed at the start
using PathId = Id<struct PathTag, uint32_t>;    ///< index into the path table
using FlowId = Id<struct FlowTag, uint32_t>;    ///< position in the flow table
using MoveId = Id<struct MoveTag, uint32_t>;    ///< counts up from 1
using IfIndex = Id<struct IfIndexTag, int>;     ///< Linux interface index; 0 is none
using WorkerId = Id<struct WorkerTag, uint8_t>; ///< 0 to workers - 1

// Of what the policy names (config/id_book.hpp): the same for as long as the process lives.
using MappingId = Id<struct MappingTag, uint32_t>; ///< a line of `hosts`
using PeerId = Id<struct PeerTag, uint32_t>;       ///< a peer with keys
using BasicPeerId = Id<struct BasicPeerTag, uint32_t>;

inline constexpr PortId no_port{0xFF};
/// Each port may need a second DPDK port for its Linux side, and DPDK is built for 32 in all.
inline constexpr size_t max_ports = 16;
inline constexpr PathId no_path{0xFFFFFFFFU};
/// A path that is remembered for longer than a turn: its id is given out again after its end.
struct PathRef {
    PathId id{no_path};
    uint32_t generation{0};
    constexpr bool operator==(const PathRef&) const = default;
};

/// Monotonic time in nanoseconds, read once a burst by the owner of the loop and handed down.
struct Nanos {
    int64_t value{0};
    constexpr bool operator==(const Nanos&) const = default;
    constexpr auto operator<=>(const Nanos&) const = default;
    constexpr Nanos operator+(Nanos d) const { return {value + d.value}; }
    constexpr Nanos operator-(Nanos d) const { return {value - d.value}; }
};
inline constexpr Nanos from_us(int64_t us) { return {us * 1000}; }
inline constexpr Nanos from_ms(int64_t ms) { return {ms * 1'000'000}; }
inline constexpr Nanos from_s(int64_t s) { return {s * 1'000'000'000}; }

/// Coarse time for flow ageing, in tenths of a second since start: 32 bits last for 13 years.
struct Tick {
    uint32_t value{0};
    constexpr bool operator==(const Tick&) const = default;
    constexpr auto operator<=>(const Tick&) const = default;
};
inline constexpr int64_t nanos_per_tick = 100'000'000;
inline constexpr Tick to_tick(Nanos n) { return {static_cast<uint32_t>(n.value / nanos_per_tick)}; }

/// IP protocol number.
enum class IpProto : uint8_t { icmp = 1, tcp = 6, udp = 17, dccp = 33, udp_lite = 136 };

} // namespace sacip
