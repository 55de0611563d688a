// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes of labels, numbers and addresses, as keys and tags are made of them: big-endian, an IPv4
// address mapped (RFC 4291 §2.5.5.2).
#pragma once

#include "sacip_core/base/ip_addr.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

namespace sacip::crypto {

inline std::span<const std::byte> bytes_of(std::string_view label) {
    return std::as_bytes(std::span{label.data(), label.size()});
}

template <std::unsigned_integral Number>
std::array<std::byte, sizeof(Number)> bytes_of(Number number) {
    std::array<std::byte, sizeof number> out;
    for (size_t i = 0; i < out.size(); i++) {
        out[i] = static_cast<std::byte>(number >> (8 * (out.size() - 1 - i)));
    }
    return out;
}

inline std::array<std::byte, 16> bytes_of(IpAddr address) {
    std::array<std::byte, 16> out;
    const auto high = bytes_of(address.high());
    const auto low = bytes_of(address.low());
    std::copy(low.begin(), low.end(), std::copy(high.begin(), high.end(), out.begin()));
    return out;
}

} // namespace sacip::crypto
