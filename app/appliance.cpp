// SPDX-License-Identifier: BSD-3-Clause
#include "app/appliance.hpp"

#include "app/crypto/identity.hpp"
#include "app/dpdk/clock.hpp"
#include "app/dpdk/random.hpp"

#include <array>
#include <cstdio>
#include <poll.h>

namespace sacip {
namespace {

/// Moves the value out of a result, or gives its error.
template <typename T>
std::optional<std::string> take(std::variant<std::unique_ptr<T>, std::string>&& result,
                                std::unique_ptr<T>& out) {
    if (auto* error = std::get_if<std::string>(&result)) {
        return std::move(*error);
    }
    out = std::move(std::get<0>(result));
    return std::nullopt;
}

HostInterfaceParams::Kind kind_of(HostInterfaceKind kind) {
    switch (kind) {
    case HostInterfaceKind::virtio_user:
        return HostInterfaceParams::Kind::virtio_user;
    case HostInterfaceKind::tap:
        return HostInterfaceParams::Kind::tap;
    default:
        return HostInterfaceParams::Kind::automatic;
    }
}

constexpr Nanos while_length = from_ms(100);
/// How often sockets are looked at while packets keep the loop busy.
constexpr Nanos poll_every = from_us(50);

} // namespace

std::optional<std::string> Appliance::start() {
    if (lcores_.empty()) {
        return "no worker lcore: give EAL at least two lcores, as in -l 0-1 or "
               "--lcores '0@(0-1),1@(0-1)'";
    }
    if (boot_.identity) {
        auto identity = crypto::load_identity(*boot_.identity, policy_->peers, Clock::wall_us());
        if (auto* error = std::get_if<std::string>(&identity)) {
            return std::move(*error);
        }
        identity_ = std::move(std::get<Identity>(identity));
    }
    const auto workers = static_cast<unsigned>(lcores_.size());
    for (unsigned i = 0; i <= workers; i++) {
        counters_.push_back(std::make_unique<CoreCounters>());
    }
    if (auto e = take(GracePeriod::create(workers), grace_)) {
        return e;
    }
    if (auto e = take(FlowTable::create(boot_.limits.flows, *grace_), flows_)) {
        return e;
    }
    if (auto e = take(PathTable::create(boot_.limits.paths, *grace_), paths_)) {
        return e;
    }
    if (auto e = take(PuntRings::create(), punts_)) {
        return e;
    }
    for (const auto step : {&Appliance::open_ports, &Appliance::set_up_linux,
                            &Appliance::open_operator_sockets, &Appliance::start_workers}) {
        if (auto e = (this->*step)()) {
            return e;
        }
    }
    return std::nullopt;
}

Appliance::Error Appliance::open_ports() {
    const auto workers = static_cast<unsigned>(lcores_.size());
    uint32_t packets =
        PuntRings::capacity + HoldQueue::max_packets + workers * CrossConnect::capacity;
    uint32_t linux_packets = PuntRings::linux_capacity;
    uint32_t frame_bytes = 0;
    for (uint8_t i = 0; i < boot_.ports.size(); i++) {
        const PortConfig& c = boot_.ports[i];
        const bool offload = boot_.offload == OffloadPolicy::automatic;
        const auto earlier = std::ranges::find(ports_, c.device, &Port::device);
        const Port* const sibling = earlier == ports_.end() ? nullptr : earlier->get();
        if (auto e = take(Port::open({{i},
                                      c.name,
                                      c.device,
                                      workers,
                                      c.mtu,
                                      offload,
                                      c.vlan,
                                      boot_.has_vlans(c.device),
                                      boot_.largest_mtu(c.device)},
                                     sibling),
                          ports_.emplace_back())) {
            return e;
        }
        packets += sibling == nullptr ? ports_.back()->packets_needed() : 0;
        frame_bytes = std::max(frame_bytes, ports_.back()->buffer_bytes());
        linux_packets +=
            c.host_interface.kind == HostInterfaceKind::none ? 0 : HostInterface::packets_needed;
    }
    packets = std::max(packets, least_packets_);
    if (auto e = take(PacketPool::create("ports", packets, frame_bytes), pool_)) {
        return e;
    }
    if (auto e = take(PacketPool::create("linux", linux_packets, frame_bytes), linux_pool_)) {
        return e;
    }
    DevicePacketIo::Params io;
    for (uint8_t i = 0; i < boot_.ports.size(); i++) {
        const PortConfig& c = boot_.ports[i];
        Port& port = *ports_[i];
        GatewayPort facts{c.name, c.role == PortRole::outside, port.mac(), {}, c.next_hop_mac, {}};
        facts.mtu = port.mtu();
        facts.fills = port.fills();
        auto& interface = host_interfaces_.emplace_back();
        if (c.host_interface.kind != HostInterfaceKind::none) {
            if (auto e = take(HostInterface::create({kind_of(c.host_interface.kind),
                                                     c.host_interface.name, port.mac(), port.mtu()},
                                                    *linux_pool_),
                              interface)) {
                return "port " + c.name + ": " + *e;
            }
            facts.host_interface = interface->index();
        }
        gateway_ports_.push_back(facts);
        io.ports.push_back(&port);
        io.host_interfaces.push_back(interface.get());
    }
    io.pool = pool_.get();
    io.punts = punts_.get();
    io.sender = workers;
    io.counters = counters_.back().get();
    io_ = std::make_unique<DevicePacketIo>(io);
    for (auto& port : ports_) {
        if (auto e = port->start(*pool_)) {
            return e;
        }
    }
    carrier_.resize(ports_.size());
    return std::nullopt;
}

Appliance::Error Appliance::set_up_linux() {
    if (auto e = linux_.open()) {
        return e;
    }
    if (auto e = linux_.sweep(boot_)) {
        return e;
    }
    for (uint8_t i = 0; i < boot_.ports.size(); i++) {
        const PortConfig& c = boot_.ports[i];
        const bool box = std::ranges::any_of(policy_->hosts, [&](const auto& row) {
            return row.entry.is_box() && *row.entry.outside_port() == c.name;
        });
        if (host_interfaces_[i]) {
            if (auto e = linux_.set_up(gateway_ports_[i], i, c, box, warnings_)) {
                return "port " + c.name + ": " + *e;
            }
        }
    }
    port_watch_ = std::make_unique<PortWatch>(ports_);
    if (auto e = linux_.start(host_, side_cpus_, [watch = port_watch_.get()] { watch->look(); })) {
        return e;
    }
    uint64_t secret = 0;
    if (!fill_random(std::as_writable_bytes(std::span{&secret, 1}))) {
        return "the kernel gave no random bytes";
    }
    slow_path_ = std::make_unique<Gateway>(
        Gateway::World{boot_, policy_, gateway_ports_, host_, *flows_, *paths_, *io_, linux_,
                       *counters_.back(), identity_ ? &*identity_ : nullptr, secret});
    Clock::correct();
    slow_path_->set_wall_at_zero(Clock::wall_at_zero());
    const Nanos now = Clock::now();
    macs_ = std::make_unique<MacFollower>(gateway_ports_, *port_watch_, stations_);
    follow_macs(now);
    slow_path_->on_host_changed(host_.take_changed_routes(), now);
    slow_path_->on_neighbours_changed(host_.take_changed_neighbours());
    return std::nullopt;
}

Appliance::Error Appliance::open_operator_sockets() {
    view_ = std::make_unique<GatewayView>(GatewayView{boot_,
                                                      policy_,
                                                      host_,
                                                      *flows_,
                                                      *paths_,
                                                      *slow_path_,
                                                      ports_,
                                                      *port_watch_,
                                                      host_interfaces_,
                                                      counters_,
                                                      gauges_,
                                                      {pool_.get(), linux_pool_.get()}});
    auto control =
        control::Server::open(boot_.gateway.control_socket,
                              [this](const std::string& command, const nlohmann::json& args) {
                                  return view_->answer(command, args, Clock::now());
                              });
    if (!control.server) {
        return control.error;
    }
    control_ = std::move(control.server);
    if (const auto& where = boot_.gateway.metrics) {
        auto metrics =
            metrics::Exposer::open(where->address.to_text() + ':' + std::to_string(where->port),
                                   [view = view_.get()] { return view->samples(); });
        if (!metrics.exposer) {
            return metrics.error;
        }
        metrics_ = std::move(metrics.exposer);
    }
    return std::nullopt;
}

Appliance::Error Appliance::start_workers() {
    std::vector<Port*> ports;
    std::vector<ParseContext> contexts;
    for (size_t i = 0; i < ports_.size(); i++) {
        ports.push_back(ports_[i].get());
        contexts.push_back({gateway_ports_[i].mac, boot_.protocol.icmp_type,
                            gateway_ports_[i].outside, boot_.notification_port(),
                            gateway_ports_[i].mtu});
    }
    std::vector<HostInterface*> interfaces;
    std::vector<std::vector<PortId>> reads(lcores_.size());
    for (uint8_t i = 0; i < host_interfaces_.size(); i++) {
        interfaces.push_back(host_interfaces_[i].get());
        reads[i % reads.size()].push_back({i});
    }
    const auto shares = share_queues(ports, contexts, static_cast<unsigned>(lcores_.size()));
    for (uint8_t i = 0; i < lcores_.size(); i++) {
        pipelines_.push_back(
            std::make_unique<Pipeline>(*flows_, *paths_, *counters_[i], punts_.get()));
        cross_connects_.push_back(
            std::make_unique<CrossConnect>(interfaces, reads[i], *punts_, *counters_[i]));
        workers_.push_back(
            std::make_unique<Worker>(Worker::Params{{i},
                                                    lcores_[i],
                                                    boot_.cores.idle == IdlePolicy::adaptive,
                                                    shares[i],
                                                    ports,
                                                    pipelines_.back().get(),
                                                    punts_.get(),
                                                    &stations_,
                                                    cross_connects_.back().get(),
                                                    grace_.get(),
                                                    counters_[i].get()}));
        if (auto e = workers_.back()->launch()) {
            return e;
        }
    }
    return std::nullopt;
}

Appliance::~Appliance() {
    metrics_.reset();
    control_.reset();
    workers_.clear();
    cross_connects_.clear();
    if (slow_path_) {
        slow_path_->shut_down();
    }
    linux_.stop([] {
        std::fprintf(stderr, "sacip-gw: waiting for Linux: another process holds its tables "
                             "(RTNL); nobody can end before it lets go\n");
    });
    for (auto& port : ports_) {
        if (port) {
            port->stop();
        }
    }
    punts_.reset();
    host_interfaces_.clear();
    ports_.clear();
}

// ---- the loop

void Appliance::run(const std::atomic<bool>& stop) {
    CoreCounters& counters = *counters_.back();
    unsigned empty_turns = 0;
    uint64_t turn_began = Clock::cycles();
    while (!stop.load(std::memory_order_relaxed)) {
        const Nanos now = Clock::now();
        const bool punted = take_punted(now);
        bool busy = take_from_linux(now) || punted;
        if (now >= next_poll_) {
            next_poll_ = now + poll_every;
            busy |= take_host_changes(now);
            control_->poll(now);
        }
        slow_path_->finish_turn(Clock::now(), !punted);
        busy |= slow_path_->has_backlog();
        if (now >= next_while_) {
            next_while_ = now + while_length;
            once_a_while(now);
        }
        counters.loops.add();
        empty_turns = busy ? 0 : empty_turns + 1;
        if (boot_.cores.idle == IdlePolicy::adaptive && empty_turns > 16) {
            rest(empty_turns);
        }
        const uint64_t turn_ended = Clock::cycles();
        (busy ? counters.busy_cycles : counters.idle_cycles).add(turn_ended - turn_began);
        turn_began = turn_ended;
    }
}

bool Appliance::take_punted(Nanos now) {
    Punted batch[64];
    const unsigned count = punts_->receive(batch);
    std::array<Frame, std::size(batch)> frames;
    for (unsigned i = 0; i < count; i++) {
        frames[i] = batch[i].packet.frame;
    }
    slow_path_->prefetch({frames.data(), count});
    for (unsigned i = 0; i < count; i++) {
        const Punted& p = batch[i];
        slow_path_->on_punted(p.packet, p.reason == PuntReason::to_box ? p.to : p.port, p.reason,
                              now);
    }
    return count > 0;
}

bool Appliance::take_from_linux(Nanos now) {
    Punted batch[32];
    const unsigned count = punts_->receive_from_linux(batch);
    for (const Punted& p : std::span{batch}.first(count)) {
        slow_path_->on_from_linux(p.packet, p.port, now);
    }
    return count > 0;
}

bool Appliance::take_host_changes(Nanos now) {
    if (!linux_.follow(host_)) {
        return false;
    }
    follow_macs(now);
    // Neighbours first: a move that the addresses cause may want the new gateway's.
    slow_path_->on_neighbours_changed(host_.take_changed_neighbours());
    slow_path_->on_host_changed(host_.take_changed_routes(), now);
    look_after_linux(now);
    return true;
}

void Appliance::look_after_linux(Nanos now) {
    for (const std::string& line : linux_.look_after(host_, now)) {
        std::fprintf(stderr, "sacip-gw: warning: %s\n", line.c_str());
    }
    for (std::string complaint; port_watch_->take(complaint);) {
        std::fprintf(stderr, "sacip-gw: warning: %s\n", complaint.c_str());
    }
}

void Appliance::follow_macs(Nanos now) {
    for (const MacFollower::Change& change : macs_->follow(host_, now)) {
        linux_.do_chores(); // the devices are to take it at once
        slow_path_->on_mac_changed(change.port, change.text, now);
    }
}

void Appliance::warn_if_linux_is_silent() {
    const Nanos waiting = linux_.waiting();
    gauges_.kernel_wait_ns.set(static_cast<uint64_t>(waiting.value));
    gauges_.kernel_lag_ns.set(static_cast<uint64_t>(linux_.listener().lag().value));
    const netlink::Monitor& monitor = linux_.listener().monitor();
    gauges_.kernel_dumps.set(monitor.dumps());
    gauges_.kernel_overruns.set(monitor.overruns());
    gauges_.kernel_failed_dumps.set(monitor.failed_dumps());
    gauges_.kernel_resolves_dropped.set(linux_.resolves_dropped());
    const auto warning = silence_warning(gauges_);
    if (warning && !silence_told_) {
        std::fprintf(stderr, "sacip-gw: warning: %s\n", warning->c_str());
    }
    silence_told_ = warning.has_value();
}

void Appliance::once_a_while(Nanos now) {
    look_after_linux(now);
    warn_if_linux_is_silent();
    Clock::correct();
    slow_path_->set_wall_at_zero(Clock::wall_at_zero());
    macs_->tick(now);
    gauges_.flows.set(flows_->size());
    gauges_.paths.set(paths_->size());
    gauges_.local_bindings.set(slow_path_->cache().local_count());
    gauges_.remote_bindings.set(slow_path_->cache().remote_count());
    gauges_.moves_in_progress.set(slow_path_->mover().history().in_progress());
    if (const PeerSession* peer_session = slow_path_->peer_session()) {
        count_peers(peer_session->peers(), now, gauges_);
    }
    for (size_t i = 0; i < ports_.size(); i++) {
        const Port::Losses losses = port_watch_->losses(ports_[i]->id());
        gauges_.port_missed[i].set(losses.missed);
        gauges_.port_errors[i].set(losses.errors);
        const bool up = is_link_up(*ports_[i], *port_watch_, host_);
        if (host_interfaces_[i] && carrier_[i] != up &&
            linux_.set_carrier(host_interfaces_[i]->index(), up)) {
            carrier_[i] = up;
        }
    }
}

void Appliance::rest(unsigned empty_turns) {
    pollfd watched[] = {{linux_.fd(), POLLIN, 0}, {control_->poll_fd(), POLLIN, 0}};
    const timespec length{0, empty_turns > 216 ? 1'000'000 : 20'000};
    next_poll_ = {};
    if (ppoll(watched, std::size(watched), &length, nullptr) > 0 && watched[0].revents != 0) {
        linux_.clear_fd(); // the next turn looks
    }
}

} // namespace sacip
