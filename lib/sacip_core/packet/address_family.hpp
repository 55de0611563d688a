// SPDX-License-Identifier: BSD-3-Clause
//
// AddressFamily: what of a packet's way through the data path depends on the IP version.
//
// What is the same for all families is written once, as templates on the family beside those on
// Direction: `FlowKeyOf<F>`, and `FlowKey` for the one that is instantiated, FlowKeyOf<Ipv4>. So
// all of them are named. Their bodies lie in the .cpp files where they would lie anyway, which end
// with the instantiations. What is IPv4's alone (ARP, options, cutting up, the quotes in ICMP
// errors) is no template, and has the plain name.
//
// Another family is a struct like Ipv4, its parse() for its PacketViewOf, a Published (forward/) of
// its pairs of addresses, and its lines at the end of each of those .cpp files. Pipeline says which
// family's a frame is.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/headers.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace sacip {

/// `ip` is an IP header, its fixed part whole; `writable` the same, to be written.
template <typename F>
concept AddressFamily = requires(const std::byte* ip, std::byte* writable, typename F::Addr addr,
                                 uint8_t byte, uint16_t sum, L4Port port) {
    // An address as it lies in a packet, in whole 32-bit words.
    requires std::has_unique_object_representations_v<typename F::Addr>;
    requires sizeof(typename F::Addr) % sizeof(uint32_t) == 0;
    // One word, for what is named after the family.
    { F::name } -> std::convertible_to<std::string>;
    // Of the Ethernet header.
    { F::ether_type } -> std::convertible_to<uint16_t>;
    // The fixed part of the header, which is all of it in a plain packet: both addresses are its
    // end, the source first.
    { F::min_header_bytes } -> std::convertible_to<uint32_t>;
    // The header's checksum, as devices fill it in; `none` where it has none.
    { F::header_checksum } -> std::convertible_to<TxChecksums>;
    // Its ICMP, and whether that one's checksum is of the addresses, too.
    { F::icmp } -> std::convertible_to<IpProto>;
    { F::icmp_covers_addresses } -> std::convertible_to<bool>;

    // The first byte is that of a header of this version, without options.
    { F::is_plain_start(byte) } -> std::same_as<bool>;
    { F::is_fragment(ip) } -> std::same_as<bool>;
    // The first byte of an address tells its kind. A plain packet is to one below `group`, and from
    // one below that, from `host` on, and not `loopback`.
    { F::first_byte_host } -> std::convertible_to<uint32_t>;
    { F::first_byte_loopback } -> std::convertible_to<uint32_t>;
    { F::first_byte_group } -> std::convertible_to<uint32_t>;
    // The header's checksum is right, or there is none.
    { F::is_header_sum_right(ip) } -> std::same_as<bool>;
    // A port of those that are DHCP's.
    { F::is_dhcp(port) } -> std::same_as<bool>;
    // Of the whole packet, header included, as it says itself.
    { F::total_length(ip) } -> std::same_as<uint32_t>;
    // Of a plain packet: the protocol of L4.
    { F::proto(ip) } -> std::same_as<uint8_t>;
    // Of a fragment: it isn't the first one, and has no L4 header.
    { F::has_fragment_offset(ip) } -> std::same_as<bool>;

    // Hops it may still go.
    { F::ttl(ip) } -> std::same_as<uint8_t>;
    {F::set_ttl(writable, byte)};
    {F::set_addresses(writable, addr, addr)};
    // The header's checksum; 0 and nothing where there is none.
    { F::checksum(ip) } -> std::same_as<uint16_t>;
    {F::set_checksum(writable, sum)};
};

/// RFC 791.
struct Ipv4 {
    using Addr = Ipv4Addr;
    static constexpr const char* name = "ipv4";
    static constexpr uint16_t ether_type = ether_type_ipv4;
    static constexpr uint32_t min_header_bytes = ipv4::min_header_bytes;
    static constexpr TxChecksums header_checksum = TxChecksums::ipv4;
    static constexpr IpProto icmp = IpProto::icmp;
    static constexpr bool icmp_covers_addresses = false;
    static constexpr uint32_t first_byte_host = 1, first_byte_loopback = 127,
                              first_byte_group = 224;

    static bool is_plain_start(uint8_t first) {
        constexpr uint8_t version_4_no_options = 0x45;
        return first == version_4_no_options;
    }
    static bool is_fragment(const std::byte* ip) { return ipv4::is_fragment(ip); }
    static bool is_header_sum_right(const std::byte* ip) {
        return is_right_sum(sum_of_plain_ipv4_header(ip));
    }
    static bool is_dhcp(L4Port port) {
        return port == udp::dhcp_server || port == udp::dhcp_client;
    }
    static uint32_t total_length(const std::byte* ip) { return ipv4::total_length(ip).value(); }
    static uint8_t proto(const std::byte* ip) { return ipv4::proto(ip); }
    static bool has_fragment_offset(const std::byte* ip) { return ipv4::has_fragment_offset(ip); }

    static uint8_t ttl(const std::byte* ip) { return ipv4::ttl(ip); }
    static void set_ttl(std::byte* ip, uint8_t ttl) { ipv4::set_ttl(ip, ttl); }
    static void set_addresses(std::byte* ip, Addr source, Addr destination) {
        ipv4::set_addresses(ip, source, destination);
    }
    static uint16_t checksum(const std::byte* ip) { return ipv4::checksum(ip); }
    static void set_checksum(std::byte* ip, uint16_t sum) { ipv4::set_checksum(ip, sum); }
};
static_assert(AddressFamily<Ipv4>);

} // namespace sacip
