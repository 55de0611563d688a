// SPDX-License-Identifier: BSD-3-Clause
//
// IpAddr, IpPrefix: addresses and prefixes of either family, as the control path knows them.
//
// 128 bits that know their family: an IPv4 address is the IPv4-mapped one (RFC 4291 §2.5.5.2), so
// both families have one order, one hash and one arithmetic of prefixes, and no value of one equals
// one of the other. The data path has the addresses of its family as they lie in packets
// (Ipv4Addr); going over to IpAddr says nothing new and is implicit, coming back is said: v4().
#pragma once

#include "sacip_core/base/units.hpp"

namespace sacip {

class IpAddr {
public:
    /// 0.0.0.0, which says that there is no address.
    constexpr IpAddr() = default;
    constexpr IpAddr(Ipv4Addr address) : low_{mapped | address.value()} {} // NOLINT: on purpose
    constexpr IpAddr(uint8_t a, uint8_t b, uint8_t c, uint8_t d) : IpAddr{Ipv4Addr{a, b, c, d}} {}
    /// The first and the last 64 bits, as numbers.
    constexpr IpAddr(uint64_t high, uint64_t low) : high_{high}, low_{low} {}
    /// Dotted quad only (Ipv4Addr::from_text): no port of ours carries IPv6.
    static std::optional<IpAddr> from_text(std::string_view text);
    /// Dotted quad, or RFC 5952.
    std::string to_text() const;

    constexpr bool is_v4() const { return high_ == 0 && low_ >> 32 == mapped >> 32; }
    /// is_v4() only.
    constexpr Ipv4Addr v4() const { return Ipv4Addr{Be32{static_cast<uint32_t>(low_)}}; }
    constexpr uint64_t high() const { return high_; }
    constexpr uint64_t low() const { return low_; }
    constexpr IpAddr next() const { return {low_ == UINT64_MAX ? high_ + 1 : high_, low_ + 1}; }
    /// 32 or 128.
    constexpr uint8_t bits() const { return is_v4() ? 32 : 128; }

    constexpr bool is_unspecified() const { return high_ == 0 && (low_ == mapped || low_ == 0); }
    /// True for an address that one host may use as its own on a routed network.
    constexpr bool is_host_unicast() const {
        constexpr uint64_t link_local = 0xFE80, multicast = 0xFF; // RFC 4291 §2.4
        return is_v4() ? v4().is_host_unicast()
                       : high_ >> 54 != link_local >> 6 && high_ >> 56 != multicast &&
                             (high_ != 0 || low_ > 1);
    }
    constexpr bool is_multicast() const {
        return is_v4() ? v4().is_multicast() : high_ >> 56 == 0xFF;
    }
    constexpr bool is_loopback() const {
        return is_v4() ? v4().is_loopback() : high_ == 0 && low_ == 1;
    }
    constexpr bool operator==(const IpAddr&) const = default;
    /// As numbers; IPv4 addresses lie together.
    constexpr auto operator<=>(const IpAddr&) const = default;

private:
    static constexpr uint64_t mapped = 0xFFFF'0000'0000;
    uint64_t high_{0};
    uint64_t low_{mapped};
};
static_assert(sizeof(IpAddr) == 16);

/// Invariant: bits behind the length are zero.
class IpPrefix {
public:
    /// 0.0.0.0/0
    constexpr IpPrefix() = default;
    /// `length`: 0 to address.bits(); what is longer is taken for that. Bits behind it are cleared.
    constexpr IpPrefix(IpAddr address, uint8_t length)
        : v4_{address.is_v4()}, ones_{static_cast<uint8_t>(
                                    128 - address.bits() +
                                    (length < address.bits() ? length : address.bits()))},
          address_{address.high() & mask().high(), address.low() & mask().low()} {}
    static constexpr IpPrefix host(IpAddr address) { return {address, 128}; }
    /// "10.1.0.0/24" or "10.1.0.7" (a /32). Host bits set, or a bad length: nothing.
    static std::optional<IpPrefix> from_text(std::string_view text);
    /// "10.1.0.0/24"; that of one address prints without its length.
    std::string to_text() const;

    constexpr IpAddr address() const { return address_; }
    /// The greatest one in it.
    constexpr IpAddr last() const {
        const IpAddr m = mask();
        return {address_.high() | ~m.high(), address_.low() | ~m.low()};
    }
    constexpr uint8_t length() const { return v4_ ? ones_ - 96 : ones_; }
    constexpr bool is_v4() const { return v4_; }
    constexpr bool is_host() const { return ones_ == 128; }
    constexpr bool contains(IpAddr a) const {
        const IpAddr m = mask();
        return a.is_v4() == v4_ && (((a.high() ^ address_.high()) & m.high()) |
                                    ((a.low() ^ address_.low()) & m.low())) == 0;
    }
    constexpr bool contains(const IpPrefix& other) const {
        return other.ones_ >= ones_ && contains(other.address_);
    }
    constexpr bool overlaps(const IpPrefix& other) const {
        return ones_ <= other.ones_ ? contains(other.address_) : other.contains(address_);
    }
    /// The address in this prefix that has the host part of `a`, which is of the same family.
    constexpr IpAddr with_host_part_of(IpAddr a) const {
        const IpAddr m = mask();
        return {address_.high() | (a.high() & ~m.high()), address_.low() | (a.low() & ~m.low())};
    }
    constexpr bool operator==(const IpPrefix&) const = default;
    /// Shorter ones first.
    constexpr auto operator<=>(const IpPrefix&) const = default;

private:
    /// Ones in front, as many as are compared.
    constexpr IpAddr mask() const {
        constexpr uint64_t all = ~uint64_t{0};
        return {ones_ >= 64 ? all : ~(all >> ones_), ones_ <= 64 ? 0 : all << (128 - ones_)};
    }

    bool v4_{true};
    uint8_t ones_{96}; ///< leading bits of the 128 that are the prefix's
    IpAddr address_{};
};

} // namespace sacip

template <>
struct std::hash<sacip::IpAddr> {
    size_t operator()(sacip::IpAddr a) const noexcept {
        return std::hash<uint64_t>{}((a.low() ^ a.high()) * 0x9E3779B97F4A7C15ULL);
    }
};
