// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/ip_addr.hpp"

#include <arpa/inet.h>
#include <array>
#include <charconv>

namespace sacip {

std::optional<IpAddr> IpAddr::from_text(std::string_view text) {
    const auto address = Ipv4Addr::from_text(text);
    return address ? std::optional{IpAddr{*address}} : std::nullopt;
}

std::string IpAddr::to_text() const {
    if (is_v4()) {
        return v4().to_text();
    }
    const std::array<uint64_t, 2> raw{__builtin_bswap64(high_), __builtin_bswap64(low_)};
    std::array<char, INET6_ADDRSTRLEN> out{};
    return inet_ntop(AF_INET6, raw.data(), out.data(), out.size());
}

std::optional<IpPrefix> IpPrefix::from_text(std::string_view text) {
    const size_t slash = text.find('/');
    const auto address = IpAddr::from_text(text.substr(0, slash));
    if (!address || slash == std::string_view::npos) {
        return address ? std::optional{host(*address)} : std::nullopt;
    }
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), length);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (error != std::errc{} || end != digits.end() || padded || length > address->bits()) {
        return std::nullopt;
    }
    const IpPrefix out{*address, static_cast<uint8_t>(length)};
    return out.address() == *address ? std::optional{out} : std::nullopt;
}

std::string IpPrefix::to_text() const {
    return is_host() ? address_.to_text() : address_.to_text() + '/' + std::to_string(length());
}

} // namespace sacip
