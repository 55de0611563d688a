// SPDX-License-Identifier: BSD-3-Clause
//
// Gateway: the slow path, where everything that is not a plain packet of a known flow ends up.
//
// It owns the state (binding cache, paths, moves) and is their only writer. Each turn of its loop
// it is shown what came: punted packets, packets from Linux, changes of Linux's own state, the
// time. Everything is decided here, from states; what has to be done outside goes through PacketIo
// and KernelRequests. One thread, no I/O, no clock of its own: the whole of it runs in a unit test.
#pragma once

#include "sacip_core/exception/exception_path.hpp"
#include "sacip_core/exception/explanation.hpp"
#include "sacip_core/kernel/uplink.hpp"
#include "sacip_core/mobility/move_request.hpp"

#include <set>
#include <span>

namespace sacip {

class Gateway {
public:
    struct World {
        const BootConfig& boot;
        const CurrentPolicy& policy;
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        FlowTable& flows;
        PathTable& paths;
        PacketIo& io;
        KernelRequests& actions;
        CoreCounters& counters;
        const Identity* identity{nullptr}; ///< present exactly when there are peers with keys
        uint64_t secret{0};                ///< random, told to nobody; 0 will do for tests
    };
    explicit Gateway(const World& world);

    /// These come next through on_punted(): what they will be looked up in is fetched for all of
    /// them at a time. Helps, and does nothing else. At most HashIndex::max_burst.
    void prefetch(std::span<const Frame> frames) const;
    void on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now) {
        time_ = now;
        if (reason != PuntReason::notification) {
            quiet_since_.reset();
            bursts_ended_ = false;
            punts_in_turn_++;
            let_held_go();
        }
        exception_path_.on_punted(packet, port, reason, now);
    }
    void on_from_linux(OwnedPacket packet, PortId port, Nanos now) {
        let_held_go();
        exception_path_.on_from_linux(packet, port, now);
    }
    /// KernelState has changed, or is shown for the first time; of routes these.
    void on_host_changed(const RouteChanges& route_changes, Nanos now);
    /// These neighbours came, changed or went (KernelState::take_changed_neighbours).
    void on_neighbours_changed(const std::vector<NeighbourKey>& neighbours);
    /// EventLog::set_wall_at_zero(). From time to time.
    void set_wall_at_zero(Nanos wall) { events_.set_wall_at_zero(wall); }
    /// World::ports has another `mac` for the port, which workers know. `text`: for operators.
    void on_mac_changed(PortId port, const std::string& text, Nanos now);
    /// An operator's `sacipctl move`.
    std::variant<MoveId, Refusal> request_move(const MoveRequest& request, Nanos now);
    /// Ends a turn: looks held packets over if that may help, does what is due. `now` is later
    /// than what the turn's other calls were given: it dates the flips.
    /// `all_received`: nothing that workers punted is waiting to be taken.
    void finish_turn(Nanos now, bool all_received = true);
    /// Packets wait for nothing but the next turn.
    bool has_backlog() const { return exception_path_.has_backlog(); }
    /// Lets go of what was put into Linux. The end.
    void shut_down();

    const BindingCache& cache() const { return cache_; }
    /// Moves that an operator asked for and was refused.
    uint64_t moves_refused() const { return moves_refused_.get(); }
    const Mover& mover() const { return mover_; }
    const PathManager& path_manager() const { return manager_; }
    const BasicSender& basic_sender() const { return basic_sender_; }
    const ExceptionPath& exception_path() const { return exception_path_; }
    const EventLog& events() const { return events_; }
    /// nullptr without peers that have keys.
    const PeerSession* peer_session() const { return peer_session_.get(); }
    const SecureSender* secure_sender() const { return secure_sender_.get(); }
    const Uplink* uplink(PortId port) const;
    /// What would become of a packet with these addresses, ports and protocol.
    Explanation explain(const PacketView& packet, Nanos now) const {
        return Explainer{{w_.policy, w_.ports, w_.host, w_.flows, cache_, mover_,
                          exception_path_.decider(), exception_path_.guard(),
                          exception_path_.hairpin(), peer_session_.get()}}
            .explain(packet, now);
    }

private:
    struct PortUplink {
        PortId port;
        Uplink uplink;
    };
    void let_held_go();
    bool workers_are_done(bool all_received);
    void apply(PortId port, const std::vector<UplinkEffect>& effects, Nanos now);
    void address_gained(PortId port, IpAddr address);
    void address_moved(PortId port, IpAddr from, IpAddr to, Nanos now);
    void primary_changed(PortId port, IpAddr address);
    MoveId move_local(IpPrefix from, IpPrefix to, Trigger trigger, bool old_gone, Nanos now);
    void carry_out_moves(Nanos now);
    void notify_usable();
    MoveId move_between_ports(IpPrefix from, IpPrefix to, Trigger trigger, Nanos now);
    std::vector<IpAddr> markers_among(std::span<const AddressInfo> addresses) const;
    void follow_default_route(Nanos now);
    std::optional<IpAddr> next_way_out(PortId lost) const;
    bool is_followed(IpAddr address) const;
    bool is_present(IpAddr address) const { return resolver_.port_of_source(address).has_value(); }
    PeerSession* make_peer_session();
    void look_after_shadows();

    World w_;
    BindingCache cache_;
    LinkHeaders links_;
    AdjacencyResolver resolver_;
    PathManager manager_;
    BasicSender basic_sender_;
    EventLog events_;
    Mover mover_;
    std::unique_ptr<SecureSender> secure_sender_;
    std::unique_ptr<BindReceiver> claims_;
    std::unique_ptr<PeerSession> peer_session_;
    ExceptionPath exception_path_;
    std::vector<PortUplink> uplinks_;
    std::set<IpAddr> shadows_;
    Counter moves_refused_;
    uint64_t seen_addresses_{0}, seen_routes_{0};
    bool host_changed_{false};
    Nanos time_{};                        ///< of this turn, for what happens inside of it
    std::optional<uint64_t> quiet_since_; ///< grace token of the first turn without punts
    bool bursts_ended_{false};            ///< those that workers were in then
    uint64_t ended_told_{0};
    uint32_t punts_in_turn_{0}; ///< since workers forward only in turn
    Nanos next_tick_{}, next_count_{}, next_look_{};
};

} // namespace sacip
