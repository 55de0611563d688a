// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/basic_sender.hpp"

namespace sacip {
namespace {

/// For a path that finds no way out the message is given up: by then the flows have, too.
constexpr Nanos give_up = from_s(120);
constexpr unsigned total_sends = 1 + std::size(basic_notification_repeats);

} // namespace

void BasicSender::announce(const BasicNotification& message, PathId path, const Exit& exit,
                           Nanos now) {
    pending_.push_back({message, path, exit, 0, now});
    if (exit.known()) {
        send(pending_.back());
    }
}

void BasicSender::path_ready(PathId path, const Exit& exit) {
    for (Pending& p : pending_) {
        if (p.path == path && p.times_sent == 0) {
            p.exit = exit;
            send(p);
        }
    }
}

void BasicSender::mac_changed(PortId port, const MacAddr& mac) {
    for (Pending& p : pending_) {
        if (p.exit.port == port) {
            p.exit.ether.source = mac;
        }
    }
}

void BasicSender::replace(Ipv4Addr left, Ipv4Addr now_at) {
    for (Pending& p : pending_) {
        if (p.message.new_address == left) {
            p.message.new_address = now_at;
        }
    }
    // Back where the peer believes us to be: nothing to say.
    std::erase_if(pending_,
                  [](const Pending& p) { return p.message.new_address == p.message.old_address; });
}

void BasicSender::tick(Nanos now) {
    for (Pending& p : pending_) {
        if (p.times_sent > 0 && p.times_sent < total_sends &&
            p.began + basic_notification_repeats[p.times_sent - 1] <= now) {
            send(p);
        }
    }
    std::erase_if(pending_, [&](const Pending& p) {
        return p.times_sent >= total_sends || now - p.began > give_up;
    });
}

void BasicSender::send(Pending& pending) {
    pending.times_sent++;
    OwnedPacket packet = io_.allocate(basic_notification_frame_bytes);
    if (packet.owner == nullptr) {
        return; // the next repetition may find memory
    }
    encode(pending.message, icmp_type_, pending.exit.ether,
           {packet.frame.data, packet.frame.length});
    if (io_.transmit(pending.exit.port, packet)) {
        sent_.add();
    }
}

} // namespace sacip
