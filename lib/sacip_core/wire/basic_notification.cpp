// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/basic_notification.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/ipv4_writer.hpp"

namespace sacip {
namespace {

constexpr uint32_t new_address_at = 4;
constexpr uint32_t ip_packet_bytes = ipv4::min_header_bytes + basic_notification_bytes;
static_assert(basic_notification_frame_bytes == ether::header_bytes + ip_packet_bytes);

void write_message(std::byte* message, uint8_t icmp_type, Ipv4Addr new_address) {
    icmp::set_type(message, icmp_type);
    icmp::set_code(message, static_cast<uint8_t>(NotificationCode::basic));
    icmp::set_checksum(message, 0);
    store(message + new_address_at, new_address);
    icmp::set_checksum(message, internet_checksum({message, basic_notification_bytes}));
}

} // namespace

DecodedNotification decode(const Frame& frame, const PacketView& view) {
    const std::byte* message = frame.data + view.l4;
    if (view.l4_length < basic_notification_bytes) {
        return DropReason::notification_length;
    }
    const bool basic = icmp::code(message) == static_cast<uint8_t>(NotificationCode::basic);
    if (basic && view.l4_length != basic_notification_bytes) {
        return DropReason::notification_length;
    }
    if (!is_right_sum(sum_of_bytes({message, view.l4_length}))) {
        return DropReason::notification_checksum;
    }
    if (!basic) {
        return DropReason::notification_code;
    }
    return BasicNotification{.old_address = view.source,
                             .new_address = load<Ipv4Addr>(message + new_address_at),
                             .to = view.destination};
}

uint32_t encode(const BasicNotification& message, uint8_t icmp_type,
                const EtherAddresses& addresses, std::span<std::byte> out) {
    if (out.size() < basic_notification_frame_bytes) {
        return 0;
    }
    ether::set_destination(out.data(), addresses.destination);
    ether::set_source(out.data(), addresses.source);
    ether::set_type(out.data(), Be16{ether_type_ipv4});
    std::byte* ip = out.data() + ether::header_bytes;
    write_own_ip_header(ip, message.old_address.v4(), message.to.v4(), IpProto::icmp,
                        basic_notification_bytes);
    write_message(ip + ipv4::min_header_bytes, icmp_type, message.new_address.v4());
    return basic_notification_frame_bytes;
}

} // namespace sacip
