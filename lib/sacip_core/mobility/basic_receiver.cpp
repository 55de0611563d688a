// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/basic_receiver.hpp"

namespace sacip {

std::vector<RemoteId> BasicReceiver::bindings_at(IpAddr address) const {
    auto out = cache_.remotes_active_at(address);
    std::erase_if(out, [&](RemoteId id) { return !cache_.at(id).speaker.is_basic(); });
    return out;
}

/// Whether a well-formed message may be believed.
DropReason BasicReceiver::judge(const BasicNotification& message) const {
    if (!cache_.basic_peer_of(message.old_address)) {
        return DropReason::notification_peer;
    }
    if (!message.new_address.is_host_unicast()) {
        return DropReason::notification_address;
    }
    if (host_.is_local(message.new_address) || cache_.mappings().is_own_wire(message.new_address) ||
        cache_.mappings().of_host(message.new_address)) {
        return DropReason::notification_own;
    }
    return DropReason::none;
}

BasicVerdict BasicReceiver::receive(const Frame& frame, const PacketView& view) const {
    const DecodedNotification decoded = decode(frame, view);
    if (const auto* why = std::get_if<DropReason>(&decoded)) {
        return *why;
    }
    const auto& message = std::get<BasicNotification>(decoded);
    auto bindings = bindings_at(message.old_address);
    if (bindings.empty() && mover_.has_just_left(message.old_address)) {
        return SaidAgain{};
    }
    if (const DropReason why = judge(message); why != DropReason::none) {
        return why;
    }
    if (bindings.empty()) {
        return DropReason::notification_unbound;
    }
    // Each by its own speaker: it may be where another peer's addresses are, which may roam
    // farther.
    std::erase_if(bindings, [&](RemoteId id) {
        return !cache_.may_roam_to(cache_.at(id).speaker, message.new_address);
    });
    if (bindings.empty()) {
        return DropReason::notification_roam;
    }
    if (message.old_address == message.new_address) {
        return SaidAgain{};
    }
    return PeerMove{std::move(bindings), message.old_address, message.new_address};
}

} // namespace sacip
