// SPDX-License-Identifier: BSD-3-Clause
//
// How values of the core are written in replies (docs/control.md).
#pragma once

#include "sacip_core/base/event_log.hpp"
#include "sacip_core/base/ip_addr.hpp"

#include <nlohmann/json.hpp>

namespace sacip {

/// "tcp", "udp", "icmp", else the number.
std::string proto_text(uint8_t proto);
/// "10.0.1.2:80".
std::string endpoint(IpAddr address, L4Port port);
/// RFC 3339, UTC, milliseconds.
std::string rfc3339(WallTime date);
/// Microseconds, down to a thousandth.
inline double microseconds(Nanos time) { return static_cast<double>(time.value) / 1000.0; }
/// The value's to_text(), or null.
template <typename T>
nlohmann::json text_or_null(const std::optional<T>& value) {
    return value ? nlohmann::json(value->to_text()) : nlohmann::json(nullptr);
}

} // namespace sacip
