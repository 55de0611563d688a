// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/hold_queue.hpp"

#include <algorithm>

namespace sacip {

std::optional<HeldPacket> HoldQueue::push(HeldPacket packet) {
    const auto same_key = [&](const HeldPacket& h) { return h.key == packet.key; };
    auto leaving = queue_.end();
    if (static_cast<size_t>(std::ranges::count_if(queue_, same_key)) >= max_per_key) {
        leaving = std::ranges::find_if(queue_, same_key);
    } else if (queue_.size() >= max_packets) {
        leaving = queue_.begin();
    }
    std::optional<HeldPacket> out;
    if (leaving != queue_.end()) {
        out = *leaving;
        queue_.erase(leaving);
    }
    queue_.push_back(packet);
    return out;
}

std::optional<HeldPacket> HoldQueue::pop_expired(Nanos now) {
    const auto found =
        std::ranges::find_if(queue_, [&](const HeldPacket& h) { return h.deadline <= now; });
    if (found == queue_.end()) {
        return std::nullopt;
    }
    const HeldPacket out = *found;
    queue_.erase(found);
    return out;
}

} // namespace sacip
