// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/flow_ender.hpp"

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/ipv4_writer.hpp"
#include "sacip_core/packet/tcp_segment.hpp"

#include <algorithm>
#include <utility>

namespace sacip {
namespace {

constexpr uint32_t positions_per_tick = 1024;
constexpr unsigned questions_per_tick = 64;
constexpr Nanos between_rounds = from_s(1); ///< all repetitions of a basic notification are out
constexpr Nanos answer_within = from_ms(500);
constexpr size_t max_asked = 512;
constexpr uint32_t question_bytes =
    ether_header_bytes + ipv4::min_header_bytes + tcp::min_header_bytes;

} // namespace

bool FlowEnder::is_over(PathId path) const {
    const LocalBinding& local = cache_.at(cache_.at(path).local);
    const auto wire = cache_.mappings().wire_of(local.mapping, local.host);
    return !local.follows && !local.usable && wire && *wire != local.active;
}

/// Packets to this address still come to us; to one of a prefix, as long as a marker of it is
/// there.
bool FlowEnder::is_served(const HostMapping& mapping, IpAddr address) const {
    const uint8_t length = mapping.way == Way::routed ? mapping.inside.length() : 32;
    return resolver_.port_within({address, length}).has_value();
}

/// Moved, for a peer of whom nobody knows whether it is there.
bool FlowEnder::is_doubtful(const PathEntry& path) const {
    const LocalBinding& local = cache_.at(path.local);
    const Speaker& speaker = cache_.at(path.remote).speaker;
    return local.follows && local.usable && local.original != local.active && !path.speaks_as &&
           speaker.is_known() && !cache_.is_heard(speaker);
}

void FlowEnder::tick(Nanos now) {
    take_answers(now);
    if (rounds_ == 0 || now < next_round_) {
        return;
    }
    questions_ = 0;
    for (uint32_t i = 0; i < positions_per_tick; i++) {
        if (questions_ >= questions_per_tick || asked_.size() >= max_asked) {
            return;
        }
        if (position_ >= flows_.positions()) {
            position_ = 0;
            rounds_--;
            next_round_ = now + between_rounds;
            return;
        }
        const auto flow = flows_.at({position_++});
        if (flow && flow->key.proto == static_cast<uint8_t>(IpProto::tcp) &&
            !FlowTable::is_closed(flow->seen)) {
            look_at(*flow, now);
        }
    }
}

void FlowEnder::look_at(const FlowInfo& flow, Nanos now) {
    const PathEntry& path = cache_.at(flow.path);
    const bool doubtful = is_doubtful(path);
    if (is_over(flow.path) || (doubtful && cache_.at(path.remote).speaker.is_secure())) {
        questions_ += ask_host(flow) ? 1 : 0;
        return;
    }
    if (!doubtful || rounds_ == rounds) {
        return;
    }
    const auto nobody = nobody_.find(flow.path.value);
    if ((nobody == nobody_.end() || nobody->second) && ask_far_end(flow)) {
        nobody_.try_emplace(flow.path.value, false);
        questions_++;
        asked_.push_back({flow, now + answer_within});
    }
}

/// Workers mark a RST in the flow's record, and hand it to the host, which finds its checksum
/// wrong.
void FlowEnder::take_answers(Nanos now) {
    std::erase_if(asked_, [&](const Asked& asked) {
        const auto flow = flows_.at(asked.flow.id);
        if (!flow || !(flow->key == asked.flow.key) || flow->path != asked.flow.path) {
            return true;
        }
        if ((flow->seen & flow_seen_rst) != 0) {
            if (!std::exchange(nobody_[flow->path.value], true)) { // then to all others, at once
                rounds_ = std::clamp(rounds_, 1U, rounds - 1);
                position_ = 0;
                next_round_ = now;
            }
            nobody_there(*flow, now);
            return true;
        }
        return asked.until <= now;
    });
}

void FlowEnder::nobody_there(const FlowInfo& flow, Nanos now) {
    const PathEntry& path = cache_.at(flow.path);
    const LocalBinding& local = cache_.at(path.local);
    const IpAddr original = local.original;
    if (!is_served(cache_.mappings()[local.mapping], original)) {
        ask_host(flow);
        end(flow, now);
        return;
    }
    const RemoteId remote = path.remote;
    const LocalId stays = cache_.local(local.host, original, original, local.mapping, false);
    const auto home = manager_.obtain(stays, remote, now);
    if (!home) { // no room: it goes on where it is
        cache_.forget_unused(stays, remote);
        return;
    }
    flows_.erase(flow);
    manager_.flow_removed(flow.path, now);
    if (const auto again = flows_.insert(flow.key, *home, flow.last_seen)) {
        flows_.record(again->value)
            .seen.store(flow_seen_out | flow_seen_in, std::memory_order_relaxed);
        manager_.flow_added(*home);
        if (cache_.at(remote).speaker.is_known()) {
            flows_.list_by_ports(*again);
        }
    }
}

void FlowEnder::end(const FlowInfo& flow, Nanos now) {
    flows_.erase(flow);
    manager_.flow_removed(flow.path, now);
    ended_.add();
}

/// In the name of the far end, with a number that the host does not expect: whatever it is, the
/// host says what it expects. No answer to three of them: it has no such connection.
bool FlowEnder::ask_host(const FlowInfo& flow) {
    const DirectionRewrite& to = cache_.at(flow.path).slot.inbound;
    const bool to_box = to.action == PathAction::to_box;
    const bool ready = to_box || to.action == PathAction::forward;
    const OwnedPacket packet =
        ready ? question(flow.key, flow.key.remote, flow.key.host, true) : OwnedPacket{};
    if (packet.owner == nullptr) {
        return false;
    }
    to.link->write_to(packet.frame.data);
    return to_box ? io_.to_linux(to.port, packet) : io_.transmit(to.port, packet);
}

bool FlowEnder::ask_far_end(const FlowInfo& flow) {
    const DirectionRewrite& to = cache_.at(flow.path).slot.outbound;
    const OwnedPacket packet = to.action == PathAction::forward
                                   ? question(flow.key, to.source, to.destination, false)
                                   : OwnedPacket{};
    if (packet.owner == nullptr) {
        return false;
    }
    to.link->write_to(packet.frame.data);
    return io_.transmit(to.port, packet);
}

/// No packet if there is no memory.
OwnedPacket FlowEnder::question(const FlowKey& key, Ipv4Addr from, Ipv4Addr to, bool to_host) {
    const OwnedPacket packet = io_.allocate(question_bytes);
    if (packet.owner == nullptr) {
        return packet;
    }
    std::byte* const ether = packet.frame.data;
    std::byte* const ip = ether + ether_header_bytes;
    std::byte* const l4 = ip + ipv4::min_header_bytes;
    write_bare_segment({.source = from,
                        .destination = to,
                        .source_port = to_host ? key.remote_port : key.host_port,
                        .destination_port = to_host ? key.host_port : key.remote_port,
                        .sequence = Be32{0x55555555U * rounds_},
                        .flags = tcp_ack},
                       l4);
    write_own_ip_header(ip, from, to, IpProto::tcp, tcp::min_header_bytes);
    ether::set_type(ether, Be16{ether_type_ipv4});
    return packet;
}

} // namespace sacip
