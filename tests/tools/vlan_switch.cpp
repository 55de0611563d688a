// SPDX-License-Identifier: BSD-3-Clause
//
// vlan_switch: an 802.1Q switch in a process, for stories on kernels without VLANs of their own.
//
//   vlan_switch TRUNK VLAN[:PRIORITY]=INTERFACE...
//
// What comes in at INTERFACE, untagged, leaves at TRUNK in that VLAN, with that priority (0 if none
// is said); VLAN 0 means without a tag. What comes in at TRUNK leaves at the interface of its VLAN,
// the tag taken off; of a VLAN that none has, nowhere. Prints "ready" and runs until it is ended.
#include "packet_line.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <list>

namespace {

using sacip::impair::Frame;
using sacip::impair::Nanoseconds;
using sacip::impair::PacketLine;
using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t addresses = 12; // bytes before the tag
constexpr std::size_t tag_bytes = 4;
constexpr unsigned last_vlan = 4094;

/// A VLAN and where its untagged frames are.
struct Access {
    unsigned vlan = 0, priority = 0;
    PacketLine line{};
    std::vector<Frame> waiting{};

    Frame tagged(PacketLine& trunk, Bytes frame) const {
        Frame out = trunk.copy_of(frame);
        if (vlan != 0 && out.size() >= addresses) {
            const unsigned tci = priority << 13 | vlan;
            const std::uint8_t tag[tag_bytes] = {0x81, 0x00, static_cast<std::uint8_t>(tci >> 8),
                                                 static_cast<std::uint8_t>(tci & 0xFF)};
            out.insert(out.begin() + addresses, std::begin(tag), std::end(tag));
        }
        return out;
    }
};

/// 0 for a frame without a tag.
unsigned vlan_of(Bytes frame) {
    const bool tagged = frame.size() >= addresses + tag_bytes && frame[addresses] == 0x81 &&
                        frame[addresses + 1] == 0;
    return tagged ? (frame[addresses + 2] & 0x0FU) << 8 | frame[addresses + 3] : 0U;
}

void from_trunk(PacketLine& trunk, std::list<Access>& ports) {
    trunk.receive([&](Nanoseconds, Bytes frame) {
        const unsigned vlan = vlan_of(frame);
        const auto port = std::find_if(ports.begin(), ports.end(),
                                       [&](const Access& access) { return access.vlan == vlan; });
        if (port == ports.end()) {
            return;
        }
        Frame out = port->line.copy_of(frame);
        if (vlan != 0) {
            out.erase(out.begin() + addresses, out.begin() + addresses + tag_bytes);
        }
        port->waiting.push_back(std::move(out));
    });
    for (Access& port : ports) {
        port.line.send(port.waiting);
    }
}

void to_trunk(PacketLine& trunk, Access& port) {
    std::vector<Frame> frames;
    port.line.receive(
        [&](Nanoseconds, Bytes frame) { frames.push_back(port.tagged(trunk, frame)); });
    trunk.send(frames);
}

/// "10:5=v10"; false if it is not understood.
bool read_port(const std::string& word, Access& port, std::string& interface) {
    const char* const end = word.data() + word.size();
    auto read = std::from_chars(word.data(), end, port.vlan);
    if (read.ec == std::errc{} && read.ptr != end && *read.ptr == ':') {
        read = std::from_chars(read.ptr + 1, end, port.priority);
    }
    if (read.ec != std::errc{} || read.ptr == end || *read.ptr != '=') {
        return false;
    }
    interface.assign(read.ptr + 1, end);
    return port.vlan <= last_vlan && port.priority < 8;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: vlan_switch TRUNK VLAN[:PRIORITY]=INTERFACE...\n";
        return 2;
    }
    PacketLine trunk;
    std::list<Access> ports;
    for (int i = 1; i < argc; ++i) {
        std::string interface = argv[i];
        if (i > 1 && !read_port(argv[i], ports.emplace_back(), interface)) {
            std::cerr << "vlan_switch: not understood: " << argv[i] << "\n";
            return 2;
        }
        if (const auto wrong = (i == 1 ? trunk : ports.back().line).open(interface)) {
            std::cerr << "vlan_switch: " << interface << ": " << *wrong << "\n";
            return 1;
        }
    }
    std::cout << "ready" << std::endl;
    while (true) {
        std::vector<pollfd> watched{{trunk.descriptor(), POLLIN, 0}};
        for (const Access& port : ports) {
            watched.push_back({port.line.descriptor(), POLLIN, 0});
        }
        ::poll(watched.data(), watched.size(), -1);
        if (watched[0].revents != 0) {
            from_trunk(trunk, ports);
        }
        std::size_t number = 1;
        for (Access& port : ports) {
            if (watched[number++].revents != 0) {
                to_trunk(trunk, port);
            }
        }
    }
}
