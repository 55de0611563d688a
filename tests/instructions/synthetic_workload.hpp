// SPDX-License-Identifier: BSD-3-Clause
//
// SyntheticWorkload: any number of flows that are all alike.
//
// Packets of 60 bytes, 256 flows to a pair of addresses on the wire, `views` paths to a pair, in an
// order that has nothing to do with that of the records. Everything goes out on the other port.
#pragma once

#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/forward/path_table.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/packet_builder.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <vector>

namespace sacip::test {

class SyntheticWorkload {
public:
    struct Wanted {
        uint32_t flows;
        bool inbound, moved, tcp;
        uint32_t views; ///< with more than one nobody has its own address on the wire
        uint32_t flows_per_path() const { return flows_per_pair / views; }
    };
    using Room = std::array<std::byte, 64>; ///< for a packet

    explicit SyntheticWorkload(const Wanted& wanted) : wanted_{wanted} {}
    /// False: there is not so much memory.
    bool fill();

    FlowTable& flows() { return *flows_; }
    PathTable& paths() { return *paths_; }
    ParseContext port() const {
        return {.port_mac = default_port_mac, .outside = wanted_.inbound, .mtu = 1500};
    }
    size_t packets() const { return packets_.size(); }
    Frame write(size_t packet, Room& room) const {
        room = packets_[packet];
        return {room.data(), frame_bytes};
    }
    bool is_right(size_t, Verdict verdict) const { return verdict.action == Action::forward; }
    void online() { grace_->online({0}); }
    void offline() { grace_->offline({0}); }

private:
    static constexpr uint32_t flows_per_pair = 256;
    static constexpr uint32_t frame_bytes = 60;
    static constexpr uint16_t service = 5201;
    static constexpr uint32_t host_net = 0x0A020000;
    static constexpr uint32_t moved_net = 0x0A070000;
    static constexpr uint32_t remote_net = 0xC6120000;
    static constinit const LinkHeader link;

    Room make_packet(Ipv4Addr local, Ipv4Addr remote, uint16_t port) const;
    bool add_path(uint32_t number, uint32_t flows);

    Wanted wanted_;
    std::unique_ptr<GracePeriod> grace_ = std::move(std::get<0>(GracePeriod::create(1)));
    std::unique_ptr<FlowTable> flows_;
    std::unique_ptr<PathTable> paths_;
    std::vector<Room> packets_;
};

inline constinit const LinkHeader SyntheticWorkload::link{default_sender_mac, default_port_mac};

inline SyntheticWorkload::Room SyntheticWorkload::make_packet(Ipv4Addr local, Ipv4Addr remote,
                                                              uint16_t port) const {
    const uint16_t from_port = wanted_.inbound ? service : port;
    const uint16_t to_port = wanted_.inbound ? port : service;
    PacketBuilder builder;
    builder.from(wanted_.inbound ? remote : local).to(wanted_.inbound ? local : remote);
    wanted_.tcp ? builder.tcp(from_port, to_port) : builder.udp(from_port, to_port);
    const auto built = builder.pad_to(frame_bytes).build();
    Room out{};
    std::copy(built.begin(), built.end(), out.begin());
    return out;
}

inline bool SyntheticWorkload::add_path(uint32_t number, uint32_t flows) {
    const uint32_t pair = number / wanted_.views;
    const Ipv4Addr host{Be32{host_net + number}};
    const Ipv4Addr remote{Be32{remote_net + pair}};
    const Ipv4Addr local = wanted_.moved ? Ipv4Addr{Be32{moved_net + pair}} : host;
    const uint32_t first_port = 1024 + number % wanted_.views * flows_per_pair;
    RewriteSlot slot;
    prepare_rewrite({host, host, local, remote, remote}, L4ChecksumMode::wire, slot);
    for (DirectionRewrite* side : {&slot.outbound, &slot.inbound}) {
        side->action = PathAction::forward;
        side->port = {1};
        side->link = &link;
        side->mtu = 1500;
    }
    const auto path = paths_->add(slot, {remote, local}, {host, remote});
    for (uint32_t i = 0; path && i < flows; i++) {
        const auto port = static_cast<uint16_t>(first_port + i);
        const uint8_t proto = wanted_.tcp ? 6 : 17;
        if (!flows_->insert({host, remote, L4Port{port}, L4Port{service}, proto, {}}, *path, {1})) {
            return false;
        }
        packets_.push_back(make_packet(wanted_.inbound ? local : host, remote, port));
    }
    return path.has_value();
}

inline bool SyntheticWorkload::fill() {
    const uint32_t per_path = wanted_.flows_per_path();
    const uint32_t count = (wanted_.flows + per_path - 1) / per_path;
    auto flow_table = FlowTable::create(wanted_.flows * 5 / 4 + 64, *grace_);
    auto path_table = PathTable::create(count + 1, *grace_);
    if (flow_table.index() != 0 || path_table.index() != 0) {
        return false;
    }
    flows_ = std::move(std::get<0>(flow_table));
    paths_ = std::move(std::get<0>(path_table));
    for (uint32_t i = 0; i < count; i++) {
        if (!add_path(i, std::min(per_path, wanted_.flows - i * per_path))) {
            return false;
        }
    }
    std::shuffle(packets_.begin(), packets_.end(), std::mt19937_64{1});
    return true;
}

} // namespace sacip::test
