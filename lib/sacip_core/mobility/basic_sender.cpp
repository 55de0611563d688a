// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/basic_sender.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// For a path that finds no way out the message is given up: by then the flows have, too.
constexpr Nanos give_up = from_s(120);
constexpr unsigned total_sends = 1 + std::size(basic_notification_repeats);

} // namespace

/// When it is to be sent again, or given up.
Nanos BasicSender::Message::due() const {
    return began + (times_sent == 0 ? give_up : basic_notification_repeats[times_sent - 1]);
}

void BasicSender::announce(const BasicNotification& text, PathRef path, const Exit& exit,
                           Nanos now) {
    Message message{text, exit, 0, now};
    if (exit.known()) {
        send(message);
        repeat(message);
    } else {
        next_due_ = std::min(next_due_, message.due());
        without_exit_.emplace(key(path), message);
    }
}

void BasicSender::path_ready(PathRef path, const Exit& exit) {
    if (!exit.known()) {
        return;
    }
    const auto [first, last] = without_exit_.equal_range(key(path));
    for (auto it = first; it != last; ++it) {
        it->second.exit = exit;
        send(it->second);
        repeat(it->second);
    }
    without_exit_.erase(first, last);
}

void BasicSender::mac_changed(PortId port, const MacAddr& mac) {
    for (Message& m : to_repeat_) {
        if (m.exit.port == port) {
            m.exit.ether.source = mac;
        }
    }
}

void BasicSender::replace(const IpPrefix& left, const IpPrefix& now_at) {
    const auto rename = [&](Message& m) {
        if (left.contains(m.text.new_address)) {
            m.text.new_address = now_at.with_host_part_of(m.text.new_address);
        }
    };
    // Back where the peer believes us to be: nothing to say.
    const auto is_void = [](const Message& m) { return m.text.new_address == m.text.old_address; };
    std::ranges::for_each(to_repeat_, rename);
    std::erase_if(to_repeat_, is_void);
    for (auto& [path, message] : without_exit_) {
        rename(message);
    }
    std::erase_if(without_exit_, [&](const auto& m) { return is_void(m.second); });
}

void BasicSender::tick(Nanos now) {
    if (now < next_due_) {
        return;
    }
    for (Message& m : to_repeat_) {
        if (m.due() <= now) {
            send(m);
        }
    }
    std::erase_if(to_repeat_, [](const Message& m) { return m.times_sent >= total_sends; });
    std::erase_if(without_exit_, [&](const auto& m) { return m.second.due() <= now; });
    next_due_ = never;
    for (const Message& m : to_repeat_) {
        next_due_ = std::min(next_due_, m.due());
    }
    for (const auto& [path, message] : without_exit_) {
        next_due_ = std::min(next_due_, message.due());
    }
}

void BasicSender::repeat(Message message) {
    next_due_ = std::min(next_due_, message.due());
    to_repeat_.push_back(message);
}

void BasicSender::send(Message& message) {
    message.times_sent++;
    OwnedPacket packet = io_.allocate(basic_notification_frame_bytes);
    if (packet.owner == nullptr) {
        return; // the next repetition may find memory
    }
    encode(message.text, icmp_type_, message.exit.ether, {packet.frame.data, packet.frame.length});
    if (io_.transmit(message.exit.port, packet)) {
        sent_.add();
    }
}

} // namespace sacip
