// SPDX-License-Identifier: BSD-3-Clause
//
// What `sacipctl -j why` is told of a packet that nobody has sent.
#include "app/control/request.hpp"
#include "app/operator/gateway_text.hpp"
#include "app/operator/gateway_view.hpp"

#include <charconv>

namespace sacip {
namespace {

using nlohmann::json;

struct End {
    Ipv4Addr address;
    L4Port port;
};

/// "10.0.1.2:80"; the port may be missing where `port_needed` is false.
std::optional<End> end_from_text(const std::string& text, bool port_needed) {
    const auto colon = text.find(':');
    const auto address = Ipv4Addr::from_text(text.substr(0, colon));
    if (!address || (colon == std::string::npos && port_needed)) {
        return std::nullopt;
    }
    uint16_t port = 0;
    if (colon != std::string::npos) {
        const char* end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
        if (error != std::errc{} || stop != end) {
            return std::nullopt;
        }
    }
    return End{*address, L4Port{port}};
}

std::optional<PacketView> packet_from(const json& args) {
    const auto proto = args.value("proto", std::string{"tcp"});
    PacketView out;
    out.proto = static_cast<uint8_t>(proto == "udp"    ? IpProto::udp
                                     : proto == "icmp" ? IpProto::icmp
                                                       : IpProto::tcp);
    const bool icmp = out.is(IpProto::icmp);
    const auto from = end_from_text(args.value("source", std::string{}), !icmp);
    const auto to = end_from_text(args.value("destination", std::string{}), !icmp);
    if (!from || !to || proto != proto_text(out.proto)) {
        return std::nullopt;
    }
    out.source = from->address;
    out.destination = to->address;
    out.source_port = from->port;
    out.destination_port = to->port;
    if (icmp) { // an echo's identifier, given at either end
        out.source_port = from->port == L4Port{} ? to->port : from->port;
        out.destination_port = out.source_port;
    }
    return out;
}

} // namespace

json GatewayView::why(const json& args, Nanos now) const {
    const auto packet = packet_from(args);
    if (!packet) {
        return control::refusal("why takes SRC:PORT DST:PORT and one of tcp, udp, icmp",
                                "as in: sacipctl why 10.1.0.10:40000 10.9.0.10:80 tcp");
    }
    const Explanation e = slow_path.explain(*packet, now);
    json out = {{"verdict", to_text(e.fate)},
                {"reason", e.reason.empty() ? json(nullptr) : json(e.reason)},
                {"text", e.text},
                {"direction", e.direction == Direction::outbound ? "outbound" : "inbound"},
                {"flow", e.flow ? flow_json(*e.flow, now) : json(nullptr)},
                {"path", e.path ? path_json(*e.path) : json(nullptr)},
                {"rewrites_to", nullptr}};
    if (e.becomes) {
        out["rewrites_to"] = endpoint(e.becomes->source, packet->source_port) + " > " +
                             endpoint(e.becomes->destination, packet->destination_port);
    }
    return out;
}

} // namespace sacip
