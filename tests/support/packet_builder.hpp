// SPDX-License-Identifier: BSD-3-Clause
//
// PacketBuilder: Ethernet/IPv4 frames for tests, right unless told to be wrong.
//
// Every field has a sound default and can be overridden, also with nonsense: lengths and checksums
// are filled in at build() from what is there, unless they were set. The checksum here is written
// out word by word on purpose, apart from the product's, so that it can be its judge.
//
//   auto frame = PacketBuilder{}.from("10.1.0.10").to("10.9.0.10").tcp(40000, 80).build();
//
// Numbers are in host order. For tests only: texts that are no addresses throw.
#pragma once

#include "sacip_core/packet/parse.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace sacip::test {

using Bytes = std::vector<std::byte>;

inline Ipv4Addr addr(std::string_view text) { return Ipv4Addr::from_text(text).value(); }
inline MacAddr mac(std::string_view text) { return MacAddr::from_text(text).value(); }

/// The Ethernet address of the gateway's port in a built frame, and of whoever sent it.
inline constexpr MacAddr default_port_mac{{0x02, 0, 0, 0, 0, 0x01}};
inline constexpr MacAddr default_sender_mac{{0x02, 0, 0, 0, 0, 0x99}};

inline uint16_t read16(std::span<const std::byte> bytes, size_t at) {
    return static_cast<uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                 std::to_integer<unsigned>(bytes[at + 1]));
}
inline void write16(std::span<std::byte> bytes, size_t at, uint16_t value) {
    bytes[at] = static_cast<std::byte>(value >> 8);
    bytes[at + 1] = static_cast<std::byte>(value & 0xFF);
}
inline void write32(std::span<std::byte> bytes, size_t at, uint32_t value) {
    write16(bytes, at, static_cast<uint16_t>(value >> 16));
    write16(bytes, at + 2, static_cast<uint16_t>(value & 0xFFFF));
}

/// RFC 1071 as its text says it: host-order words, `start` is a sum so far. At most 64 KiB.
inline uint16_t naive_checksum(std::span<const std::byte> bytes, uint32_t start = 0) {
    uint32_t sum = start;
    for (size_t i = 0; i < bytes.size(); i += 2) {
        const unsigned low = i + 1 < bytes.size() ? std::to_integer<unsigned>(bytes[i + 1]) : 0;
        sum += std::to_integer<unsigned>(bytes[i]) << 8 | low;
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return static_cast<uint16_t>(~sum & 0xFFFF);
}
/// Sum of the TCP/UDP pseudo header, to start from.
inline uint32_t naive_pseudo_header(Ipv4Addr source, Ipv4Addr destination, uint8_t proto,
                                    size_t l4_length) {
    return (source.value() >> 16) + (source.value() & 0xFFFF) + (destination.value() >> 16) +
           (destination.value() & 0xFFFF) + proto + static_cast<uint32_t>(l4_length);
}

class PacketBuilder {
public:
    PacketBuilder& ether(MacAddr destination, MacAddr source = default_sender_mac) {
        ether_destination_ = destination;
        ether_source_ = source;
        return *this;
    }
    PacketBuilder& ether_type(uint16_t type) { return set(ether_type_, type); }
    PacketBuilder& from(Ipv4Addr source) { return set(source_, source); }
    PacketBuilder& to(Ipv4Addr destination) { return set(destination_, destination); }
    PacketBuilder& from(std::string_view source) { return from(addr(source)); }
    PacketBuilder& to(std::string_view destination) { return to(addr(destination)); }
    PacketBuilder& version(uint8_t v) { return set(version_, v); }
    PacketBuilder& tos(uint8_t v) { return set(tos_, v); }
    PacketBuilder& id(uint16_t v) { return set(id_, v); }
    PacketBuilder& ttl(uint8_t v) { return set(ttl_, v); }
    /// Flags and offset, as on the wire.
    PacketBuilder& fragment_field(uint16_t v) { return set(fragment_field_, v); }
    /// A multiple of 4 bytes, at most 40.
    PacketBuilder& options(Bytes bytes) { return set(options_, std::move(bytes)); }
    /// In words of 4 bytes.
    PacketBuilder& header_words(uint8_t v) { return set(header_words_, v); }
    PacketBuilder& total_length(uint16_t v) { return set(total_length_, v); }
    PacketBuilder& ip_checksum(uint16_t v) { return set(ip_checksum_, v); }

    PacketBuilder& tcp(uint16_t source_port, uint16_t destination_port, uint8_t flags = tcp_ack) {
        begin_l4(6, 20, 16);
        write16(l4_, 0, source_port);
        write16(l4_, 2, destination_port);
        write32(l4_, 4, 0x01020304);
        write32(l4_, 8, 0x05060708);
        l4_[12] = std::byte{0x50};
        l4_[13] = std::byte{flags};
        write16(l4_, 14, 0xFAF0);
        return *this;
    }
    /// Only after tcp(); in words of 4 bytes; the options themselves go into the payload.
    PacketBuilder& data_offset(uint8_t words) {
        l4_[12] = static_cast<std::byte>(words << 4);
        return *this;
    }
    PacketBuilder& udp(uint16_t source_port, uint16_t destination_port) {
        begin_l4(17, 8, 6);
        write16(l4_, 0, source_port);
        write16(l4_, 2, destination_port);
        return *this;
    }
    /// All of it is covered.
    PacketBuilder& udp_lite(uint16_t source_port, uint16_t destination_port) {
        udp(source_port, destination_port);
        proto_ = 136;
        return *this;
    }
    PacketBuilder& dccp(uint16_t source_port, uint16_t destination_port) {
        begin_l4(33, 12, 6);
        write16(l4_, 0, source_port);
        write16(l4_, 2, destination_port);
        return *this;
    }
    PacketBuilder& udp_length(uint16_t v) { return set(udp_length_, v); }
    /// `rest` is the second word of the header.
    PacketBuilder& icmp(uint8_t type, uint8_t code, uint32_t rest = 0) {
        begin_l4(1, 8, 2);
        l4_[0] = std::byte{type};
        l4_[1] = std::byte{code};
        write32(l4_, 4, rest);
        return *this;
    }
    PacketBuilder& echo_request(uint16_t id, uint16_t sequence) {
        return icmp(8, 0, uint32_t{id} << 16 | sequence);
    }
    PacketBuilder& echo_reply(uint16_t id, uint16_t sequence) {
        return icmp(0, 0, uint32_t{id} << 16 | sequence);
    }
    /// Any other protocol: nothing but the payload, no checksum.
    PacketBuilder& proto(uint8_t number) {
        begin_l4(number, 0, 0);
        return *this;
    }
    /// The protocol number alone, after tcp() and the like.
    PacketBuilder& relabel(uint8_t number) { return set(proto_, number); }
    PacketBuilder& l4_checksum(uint16_t v) { return set(l4_checksum_, v); }
    /// The L4 checksum is made for these addresses, not for those of the IP header.
    PacketBuilder& checksum_for(Ipv4Addr source, Ipv4Addr destination) {
        checksum_source_ = source;
        checksum_destination_ = destination;
        return *this;
    }
    PacketBuilder& payload(std::span<const std::byte> bytes) {
        payload_.assign(bytes.begin(), bytes.end());
        return *this;
    }
    PacketBuilder& payload(std::string_view text) {
        return payload(std::as_bytes(std::span{text.data(), text.size()}));
    }
    /// Zeros behind the IP packet up to this length of the frame (Ethernet: 60).
    PacketBuilder& pad_to(size_t length) { return set(pad_to_, length); }
    /// After all else is in place, keep only so many bytes of the frame.
    PacketBuilder& cut_to(size_t length) { return set(cut_to_, length); }
    /// After all else is in place, keep only so many bytes of L4 and let the IP header say so.
    PacketBuilder& cut_l4_to(size_t length) { return set(cut_l4_to_, length); }

    Bytes build() const {
        Bytes l4 = finished_l4();
        Bytes frame(14 + 20 + options_.size());
        const std::span<std::byte> ip = std::span{frame}.subspan(14);
        write_ether(frame);
        ip[0] = static_cast<std::byte>(version_ << 4 |
                                       header_words_.value_or(static_cast<uint8_t>(ip.size() / 4)));
        ip[1] = std::byte{tos_};
        write16(ip, 2, total_length_.value_or(static_cast<uint16_t>(ip.size() + l4.size())));
        write16(ip, 4, id_);
        write16(ip, 6, fragment_field_);
        ip[8] = std::byte{ttl_};
        ip[9] = std::byte{proto_};
        write32(ip, 12, source_.value());
        write32(ip, 16, destination_.value());
        std::copy(options_.begin(), options_.end(), ip.begin() + 20);
        write16(ip, 10, ip_checksum_.value_or(naive_checksum(ip)));
        frame.insert(frame.end(), l4.begin(), l4.end());
        frame.resize(std::max(frame.size(), pad_to_));
        frame.resize(std::min(frame.size(), cut_to_));
        return frame;
    }

private:
    template <typename Field, typename Value>
    PacketBuilder& set(Field& field, Value&& value) {
        field = std::forward<Value>(value);
        return *this;
    }
    void begin_l4(uint8_t proto, size_t header_bytes, size_t checksum_at) {
        proto_ = proto;
        l4_.assign(header_bytes, std::byte{0});
        checksum_at_ = checksum_at;
    }
    void write_ether(std::span<std::byte> frame) const {
        for (size_t i = 0; i < 6; i++) {
            frame[i] = std::byte{ether_destination_.bytes[i]};
            frame[6 + i] = std::byte{ether_source_.bytes[i]};
        }
        write16(frame, 12, ether_type_);
    }
    /// Header and payload, UDP length and checksum filled in.
    Bytes finished_l4() const {
        Bytes l4 = l4_;
        l4.insert(l4.end(), payload_.begin(), payload_.end());
        const bool has_ports = checksum_at_ == 16 || checksum_at_ == 6;
        if (checksum_at_ == 6) {
            write16(l4, 4, udp_length_.value_or(static_cast<uint16_t>(l4.size())));
        }
        if (checksum_at_ != 0) {
            const uint32_t pseudo = naive_pseudo_header(
                checksum_source_.value_or(source_), checksum_destination_.value_or(destination_),
                proto_, l4.size());
            uint16_t sum = naive_checksum(l4, has_ports ? pseudo : 0);
            if (checksum_at_ == 6 && sum == 0 && proto_ != 33) {
                sum = 0xFFFF;
            }
            write16(l4, checksum_at_, l4_checksum_.value_or(sum));
        }
        l4.resize(std::min(l4.size(), cut_l4_to_));
        return l4;
    }

    MacAddr ether_destination_{default_port_mac};
    MacAddr ether_source_{default_sender_mac};
    uint16_t ether_type_{ether_type_ipv4};
    uint8_t version_{4};
    uint8_t tos_{0};
    uint16_t id_{0x1234};
    uint16_t fragment_field_{0x4000};
    uint8_t ttl_{64};
    uint8_t proto_{253};
    Ipv4Addr source_{10, 1, 0, 10};
    Ipv4Addr destination_{10, 9, 0, 10};
    Bytes options_;
    std::optional<uint8_t> header_words_;
    std::optional<uint16_t> total_length_;
    std::optional<uint16_t> ip_checksum_;
    Bytes l4_;
    size_t checksum_at_{0}; ///< in l4_; 0: none
    std::optional<uint16_t> l4_checksum_;
    std::optional<uint16_t> udp_length_;
    std::optional<Ipv4Addr> checksum_source_;
    std::optional<Ipv4Addr> checksum_destination_;
    Bytes payload_;
    size_t pad_to_{0};
    size_t cut_to_{SIZE_MAX};
    size_t cut_l4_to_{SIZE_MAX};
};

/// A Frame over bytes that the caller keeps.
inline Frame frame_of(Bytes& bytes, RxFacts facts = RxFacts::none) {
    return {bytes.data(), static_cast<uint32_t>(bytes.size()), facts};
}

} // namespace sacip::test
