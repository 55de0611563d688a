// SPDX-License-Identifier: BSD-3-Clause
//
// RandomPacket: a packet's content without its addresses, so that the same packet can be built with
// any of them, each time from nothing and with every checksum computed in full.
#pragma once

#include "tests/property/property.hpp"
#include "tests/support/packet_builder.hpp"

namespace sacip::test {

/// An address that a host may have; now and then one that is rich in ones or zeros, for the
/// carries.
inline Ipv4Addr random_address(Random& random) {
    constexpr Ipv4Addr edges[] = {{1, 0, 0, 0},         {1, 0, 0, 1},       {10, 0, 0, 0},
                                  {126, 255, 255, 255}, {128, 0, 255, 255}, {192, 168, 255, 255},
                                  {223, 255, 255, 255}, {223, 255, 0, 0}};
    if (random.one_in(8)) {
        return edges[random.below(std::size(edges))];
    }
    for (;;) {
        const Ipv4Addr out = Ipv4Addr::from_raw(random.any<uint32_t>());
        if (out.is_host_unicast()) {
            return out;
        }
    }
}

inline Bytes random_bytes(Random& random, size_t length) {
    Bytes out(length);
    for (std::byte& b : out) {
        b = random.any<std::byte>();
    }
    return out;
}

/// `length` bytes of options that a router lets pass.
inline Bytes random_options(Random& random, size_t length) {
    Bytes out(length, std::byte{1});
    for (size_t at = 0; at + 2 <= length && !random.one_in(4);) {
        const size_t size = 2 + random.below(static_cast<uint32_t>(length - at - 1));
        out[at] = std::byte{148}; // router alert, whatever is in it
        out[at + 1] = static_cast<std::byte>(size);
        for (size_t i = at + 2; i < at + size; i++) {
            out[i] = random.any<std::byte>();
        }
        at += size;
    }
    return out;
}

struct RandomPacket {
    /// Of the last three the flow is by addresses and protocol.
    enum class Kind : uint8_t { tcp, udp, udp_without_checksum, echo, udp_lite, dccp, other };

    Kind kind{Kind::tcp};
    uint16_t source_port{0};
    uint16_t destination_port{0};
    uint8_t flags{0};
    uint8_t tos{0};
    uint8_t ttl{64};
    uint8_t proto{253};
    uint16_t id{0};
    Bytes options;
    Bytes payload;
    size_t pad_to{0};

    static RandomPacket make(Random& random) {
        RandomPacket out;
        out.kind = static_cast<Kind>(random.below(7));
        out.source_port = random.any<uint16_t>();
        out.destination_port = static_cast<uint16_t>(1024 + random.below(64000)); // no DHCP
        out.flags = random.any<uint8_t>();
        out.tos = random.any<uint8_t>();
        out.ttl = static_cast<uint8_t>(3 + random.below(253)); // two hops are taken off
        do {
            out.proto = random.any<uint8_t>();
        } while (out.proto == 1 || out.proto == 6 || out.proto == 17 || out.proto == 33 ||
                 out.proto == 136);
        out.id = random.any<uint16_t>();
        if (random.one_in(4)) {
            out.options = random_options(random, 4 * random.below(11));
        }
        out.payload =
            random_bytes(random, random.one_in(64) ? random.below(1400) : random.below(40));
        if (random.one_in(4)) {
            out.pad_to = 60;
        }
        return out;
    }

    /// One that a device may fill in.
    bool has_l4_checksum() const { return kind == Kind::tcp || kind == Kind::udp; }
    bool has_addresses_in_checksum() const {
        return has_l4_checksum() || kind == Kind::udp_lite || kind == Kind::dccp;
    }
    /// Its offset in the frame.
    size_t checksum_at() const { return 34 + options.size() + (kind == Kind::tcp ? 16 : 6); }

    PacketBuilder builder(Ipv4Addr source, Ipv4Addr destination) const {
        PacketBuilder out;
        out.from(source).to(destination).tos(tos).ttl(ttl).id(id).options(options);
        switch (kind) {
        case Kind::tcp:
            out.tcp(source_port, destination_port, flags);
            break;
        case Kind::udp:
            out.udp(source_port, destination_port);
            break;
        case Kind::udp_without_checksum:
            out.udp(source_port, destination_port).l4_checksum(0);
            break;
        case Kind::echo:
            out.echo_request(source_port, destination_port);
            break;
        case Kind::udp_lite:
            out.udp_lite(source_port, destination_port);
            break;
        case Kind::dccp:
            out.dccp(source_port, destination_port);
            break;
        case Kind::other:
            out.proto(proto);
            break;
        }
        return out.payload(payload).pad_to(pad_to);
    }
};

} // namespace sacip::test
