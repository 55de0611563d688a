// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/secure_carrier.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/ipv4_writer.hpp"

#include <algorithm>

namespace sacip {
namespace {

static_assert(secure_frame_max_bytes ==
              ether::header_bytes + ipv4::min_header_bytes + udp::header_bytes + 1200);

constexpr size_t carrier_header_bytes(Carrier carrier) {
    return carrier == Carrier::udp ? udp::header_bytes : icmp::min_header_bytes;
}

constexpr IpProto proto_of(Carrier carrier) {
    return carrier == Carrier::udp ? IpProto::udp : IpProto::icmp;
}

/// The message already lies behind the header.
void write_icmp_header(std::span<std::byte> l4, uint8_t icmp_type) {
    icmp::set_type(l4.data(), icmp_type);
    icmp::set_code(l4.data(), static_cast<uint8_t>(NotificationCode::secure));
    icmp::set_checksum(l4.data(), 0);
    icmp::set_checksum(l4.data(), internet_checksum(l4));
}

void write_udp_header(std::span<std::byte> l4, const CarrierRoute& route) {
    udp::set_source_port(l4.data(), route.source_port);
    udp::set_destination_port(l4.data(), route.destination_port);
    udp::set_length(l4.data(), Be16{static_cast<uint16_t>(l4.size())});
    udp::set_checksum(l4.data(), 0);
    udp::set_checksum(l4.data(), udp_checksum_on_wire(l4_checksum(
                                     route.addresses.source.v4(), route.addresses.destination.v4(),
                                     static_cast<uint8_t>(IpProto::udp), l4)));
}

bool has_right_checksum(std::span<const std::byte> l4, const CarrierRoute& route) {
    if (route.carrier == Carrier::icmp) {
        return is_right_sum(sum_of_bytes(l4));
    }
    const uint16_t pseudo =
        sum_of_pseudo_header(route.addresses.source.v4(), route.addresses.destination.v4(),
                             static_cast<uint8_t>(IpProto::udp), static_cast<uint16_t>(l4.size()));
    return udp::checksum(l4.data()) == 0 || is_right_sum(ones_add(pseudo, sum_of_bytes(l4)));
}

} // namespace

size_t encode_carrier(std::span<const std::byte> message, const CarrierRoute& route,
                      uint8_t icmp_type, const EtherAddresses& ether, std::span<std::byte> out) {
    const size_t header_bytes = carrier_header_bytes(route.carrier);
    const size_t l4_bytes = header_bytes + message.size();
    const size_t total = ether::header_bytes + ipv4::min_header_bytes + l4_bytes;
    if (message.size() > secure_message_max_bytes || total > out.size()) {
        return 0;
    }
    ether::set_destination(out.data(), ether.destination);
    ether::set_source(out.data(), ether.source);
    ether::set_type(out.data(), Be16{ether_type_ipv4});
    std::byte* const ip = out.data() + ether::header_bytes;
    write_own_ip_header(ip, route.addresses.source.v4(), route.addresses.destination.v4(),
                        proto_of(route.carrier), l4_bytes);
    const std::span<std::byte> l4{ip + ipv4::min_header_bytes, l4_bytes};
    std::copy(message.begin(), message.end(), l4.data() + header_bytes);
    if (route.carrier == Carrier::udp) {
        write_udp_header(l4, route);
    } else {
        write_icmp_header(l4, icmp_type);
    }
    return total;
}

std::variant<CarriedMessage, DropReason> decode_carrier(const Frame& frame,
                                                        const PacketView& view) {
    CarriedMessage carried;
    CarrierRoute& route = carried.route;
    route.carrier = view.is(IpProto::udp) ? Carrier::udp : Carrier::icmp;
    route.addresses = {.source = view.source, .destination = view.destination};
    route.source_port = view.source_port;
    route.destination_port = view.destination_port;
    const std::span<const std::byte> l4{frame.data + view.l4, view.l4_length};
    const size_t header_bytes = carrier_header_bytes(route.carrier);
    if (l4.size() < header_bytes + secure_message_min_bytes ||
        (route.carrier == Carrier::udp && udp::length(l4.data()).value() != l4.size())) {
        return DropReason::notification_malformed;
    }
    if (!has_right_checksum(l4, route)) {
        return DropReason::notification_checksum;
    }
    if (route.carrier == Carrier::icmp &&
        icmp::code(l4.data()) != static_cast<uint8_t>(NotificationCode::secure)) {
        return DropReason::notification_code;
    }
    carried.message = l4.subspan(header_bytes);
    return carried;
}

} // namespace sacip
