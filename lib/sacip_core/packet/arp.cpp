// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/arp.hpp"

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"

#include <utility>

namespace sacip {

std::optional<ArpRequest> read_arp_request(const Frame& frame) {
    if (frame.length < arp_frame_bytes || ether::type(frame.data) != Be16{ether_type_arp}) {
        return std::nullopt;
    }
    const std::byte* p = frame.data + ether::header_bytes;
    if (arp::hardware(p) != Be16{arp::hardware_ethernet} ||
        arp::protocol(p) != Be16{ether_type_ipv4} || arp::hardware_length(p) != 6 ||
        arp::protocol_length(p) != 4 || arp::operation(p) != Be16{arp::operation_request}) {
        return std::nullopt;
    }
    return ArpRequest{arp::sender_mac(p), arp::sender(p), arp::target(p)};
}

namespace {

void write(const Frame& frame, uint16_t operation, std::pair<MacAddr, Ipv4Addr> sender,
           std::pair<MacAddr, Ipv4Addr> target) {
    ether::set_source(frame.data, sender.first);
    ether::set_type(frame.data, Be16{ether_type_arp});
    std::byte* p = frame.data + ether::header_bytes;
    arp::set_hardware(p, Be16{arp::hardware_ethernet});
    arp::set_protocol(p, Be16{ether_type_ipv4});
    arp::set_hardware_length(p, 6);
    arp::set_protocol_length(p, 4);
    arp::set_operation(p, Be16{operation});
    arp::set_sender_mac(p, sender.first);
    arp::set_sender(p, sender.second);
    arp::set_target_mac(p, target.first);
    arp::set_target(p, target.second);
}

} // namespace

void write_arp_reply(const Frame& frame, const ArpRequest& request, MacAddr mac) {
    ether::set_destination(frame.data, request.sender_mac);
    write(frame, arp::operation_reply, {mac, request.target}, {request.sender_mac, request.sender});
}

void write_arp_announcement(const Frame& frame, Ipv4Addr address, MacAddr mac) {
    ether::set_destination(frame.data, ether::broadcast);
    write(frame, arp::operation_request, {mac, address}, {{}, address});
}

} // namespace sacip
