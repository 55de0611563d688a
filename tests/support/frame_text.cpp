// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/frame_text.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/wire/basic_notification.hpp"

namespace sacip::test {

std::string payload_of(const Bytes& bytes, const PacketView& view) {
    size_t skip = 0;
    if (!view.fragment) {
        skip = view.is(IpProto::tcp) ? 20 : view.is(IpProto::udp) || view.is(IpProto::icmp) ? 8 : 0;
    }
    const size_t from = view.l4 + skip;
    const size_t to = size_t{view.l4} + view.l4_length;
    return from < to ? std::string(reinterpret_cast<const char*>(bytes.data() + from), to - from)
                     : std::string{};
}

PacketView view_of(Bytes& bytes) {
    PacketView view;
    const ParseContext context{.port_mac = ether::destination(bytes.data()), .outside = true};
    parse(frame_of(bytes, RxFacts::ip_checksum_good), context, view);
    return view;
}

bool l4_checksum_fits(const Bytes& bytes, const PacketView& view, Ipv4Addr source,
                      Ipv4Addr destination) {
    const bool has_sum = view.is(IpProto::tcp) || view.is(IpProto::udp);
    if (!has_sum || view.fragment || (view.is(IpProto::udp) && read16(bytes, view.l4 + 6U) == 0)) {
        return true;
    }
    const std::span<const std::byte> l4 = std::span{bytes}.subspan(view.l4, view.l4_length);
    return naive_checksum(
               l4, naive_pseudo_header(source, destination, view.proto, view.l4_length)) == 0;
}

std::string tcp_flags_text(uint8_t flags) {
    std::string out;
    for (const auto& [bit, letter] : {std::pair{tcp_syn, 'S'}, {tcp_fin, 'F'}, {tcp_rst, 'R'}}) {
        if ((flags & bit) != 0) {
            out += letter;
        }
    }
    return out.empty() ? out : " [" + out + "]";
}

std::string text_of(Bytes bytes, bool with_l4_checksum) {
    if (bytes.size() < ether_header_bytes) {
        return "runt";
    }
    if (ether::type(bytes.data()) == Be16{ether_type_arp} && bytes.size() >= 42) {
        const std::byte* p = bytes.data() + ether_header_bytes;
        return arp::operation(p) == Be16{arp::operation_reply}
                   ? "arp " + arp::sender(p).to_text() + " is at " + arp::sender_mac(p).to_text()
               : arp::sender(p) == arp::target(p) ? "arp announces " + arp::sender(p).to_text() +
                                                        " at " + arp::sender_mac(p).to_text()
                                                  : "arp who has " + arp::target(p).to_text();
    }
    if (ether::type(bytes.data()) != Be16{ether_type_ipv4}) {
        return "type " + std::to_string(ether::type(bytes.data()).value());
    }
    const PacketView v = view_of(bytes);
    const std::string from = v.source.to_text(), to = v.destination.to_text();
    const std::string payload = payload_of(bytes, v);
    std::string out;
    if (v.fragment) {
        out = "frag " + std::to_string(v.proto) + ' ' + from + " > " + to;
    } else if (v.is(IpProto::tcp) || v.is(IpProto::udp)) {
        out = (v.is(IpProto::tcp) ? "tcp " : "udp ") + from + ':' +
              std::to_string(v.source_port.value()) + " > " + to + ':' +
              std::to_string(v.destination_port.value()) + tcp_flags_text(v.tcp_flags) +
              (payload.empty() ? "" : " ") + payload;
    } else if (v.is(IpProto::icmp) && v.icmp_type == default_notification_icmp_type) {
        const DecodedNotification heard = decode(frame_of(bytes), v);
        const auto* said = std::get_if<BasicNotification>(&heard);
        out = said == nullptr
                  ? "moved ?"
                  : "moved " + from + " > " + said->new_address.to_text() + ", told " + to;
    } else if (v.is(IpProto::icmp) && (v.icmp_type == 0 || v.icmp_type == 8)) {
        out = "echo " + std::to_string(v.icmp_type) + ' ' + from + " id " +
              std::to_string(v.source_port.value()) + " > " + to;
    } else if (v.is(IpProto::icmp)) {
        out = "icmp " + std::to_string(v.icmp_type) + '/' + std::to_string(v.icmp_code) + ' ' +
              from + " > " + to;
    } else {
        out = "proto " + std::to_string(v.proto) + ' ' + from + " > " + to;
    }
    const size_t header = v.l4 - size_t{ether_header_bytes};
    if (naive_checksum(std::span{bytes}.subspan(ether_header_bytes, header)) != 0) {
        out += " BAD IP";
    }
    if (with_l4_checksum && !l4_checksum_fits(bytes, v, v.source, v.destination)) {
        out += " BAD L4";
    }
    return out;
}

} // namespace sacip::test
