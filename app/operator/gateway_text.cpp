// SPDX-License-Identifier: BSD-3-Clause
#include "app/operator/gateway_text.hpp"

#include <ctime>

namespace sacip {

std::string proto_text(uint8_t proto) {
    switch (static_cast<IpProto>(proto)) {
    case IpProto::tcp:
        return "tcp";
    case IpProto::udp:
        return "udp";
    case IpProto::icmp:
        return "icmp";
    case IpProto::udp_lite:
        return "udplite";
    case IpProto::dccp:
        return "dccp";
    }
    return std::to_string(proto);
}

std::string endpoint(IpAddr address, L4Port port) {
    return address.to_text() + ':' + std::to_string(port.value());
}

std::string rfc3339(WallTime date) {
    const std::time_t seconds = date.value / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    char fraction[8];
    std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(date.value % 1000));
    return std::string(text, length) + fraction;
}

} // namespace sacip
