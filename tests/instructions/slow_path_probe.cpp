// SPDX-License-Identifier: BSD-3-Clause
//
// slow_path_probe CASE N: what the slow path does in one case, with N of everything there.
//
// A gateway in memory (tests/support/gateway_rig.hpp) has N mapped hosts, each with a binding, a
// far end of its own, a path and a flow; and as many past moves of far ends, as long as they are
// remembered. Where peers have keys, N claims. Then the case happens `times` times, each with
// something that never happened before. Callgrind counts in `slow_path_at_work` only, which gives
// the instructions of one (slow_path.py). Prints how many times it happened.
//
// Cases: known, stranger (first packet of a flow, from inside and from the wire), flow (the same on
// a path that is there), middle (of a flow that we have by its ports, of a server with N clients,
// from where nobody is known to be), switched (an operator's move of one path), punt, tick,
// tick_peers (of peers with keys, 250 claims each), bind, bind_moved, bind_lost (a peer with keys
// to whom all far ends belong says where it is: as before; one of them moved, on its way or as it
// has lost its address), claimed (N claims by peers with keys, of 250 each; the middle of a TCP
// flow of somebody else, from the wire), route, neighbour, router (the next hop of all paths has
// another address), forged (a basic notification), moved (one that is believed), paths (ten of
// them, listed over the control socket).
#include "app/control/server.hpp"
#include "app/operator/gateway_view.hpp"
#include "tests/support/secure_sites.hpp"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else // then callgrind has to look for the function, and is five times slower
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

namespace sacip::test {
namespace {

constexpr uint32_t times = 32;

Ipv4Addr inside_host(uint32_t i) { return Ipv4Addr{Be32{(10U << 24 | 128U << 16) + i}}; }
Ipv4Addr wire(uint32_t i) { return Ipv4Addr{Be32{(172U << 24 | 16U << 16) + i}}; }
Ipv4Addr away(uint32_t i) { return Ipv4Addr{Be32{(172U << 24 | 24U << 16) + i}}; }
Ipv4Addr far_end(uint32_t i) { return Ipv4Addr{Be32{(100U << 24 | 64U << 16) + i}}; }
Ipv4Addr stranger(uint32_t i) { return Ipv4Addr{Be32{(198U << 24 | 18U << 16) + i}}; }
/// Where a far end may roam.
Ipv4Addr roamed(uint32_t i) { return Ipv4Addr{Be32{(100U << 24 | 96U << 16) + i}}; }

Config config_of(uint32_t n) {
    Config c = small_config();
    c.limits.flows = 2 * n + 4096;
    c.limits.paths = 2 * n + 4096;
    c.hosts = {uplink_host("10.1.0.10")};
    for (uint32_t i = 0; i < n; i++) {
        c.hosts.push_back({IpPrefix::host(inside_host(i)), IpPrefix::host(wire(i)), {}});
    }
    c.basic_peers = {peer("100.64.0.0/10", {prefix("100.64.0.0/10")})};
    return c;
}

constexpr uint32_t claims_at_once = 10;
constexpr uint32_t most_claims = 250; // of one peer

/// What the peer with keys number k has; the first one all far ends.
IpPrefix network_of(uint32_t k) {
    return k == 0 ? prefix("100.64.0.0/10") : IpPrefix{Ipv4Addr{Be32{(203U << 24) + (k << 8)}}, 24};
}

Config config_with_keys(uint32_t n, uint32_t peers) {
    Config c = config_of(n);
    c.basic_peers.clear();
    c.identity.emplace();
    for (uint32_t k = 0; k < peers; k++) {
        PeerConfig& peer = c.peers.emplace_back();
        peer.name = "b" + std::to_string(k);
        peer.addresses = peer.roam_to = {network_of(k)};
    }
    return c;
}

/// The gateway's own keys, and what it has of so many peers.
Identity identity_with(uint32_t peers) {
    Identity out = identity_of(1, 1000);
    for (uint32_t k = 1; k < peers; k++) {
        PeerKeys& keys = out.peers.add(std::move(identity_of(1, 1000).peers[{0}]));
        keys.sender.value += k;
    }
    return out;
}

/// Of ten addresses of peer k, from number `first` on: at home.
Bind claims_of(uint32_t k, uint32_t first) {
    Bind out;
    for (uint32_t i = first; i < first + claims_at_once; i++) {
        const auto home = IpPrefix::host(Ipv4Addr{Be32{network_of(k).address().v4().value() + i}});
        out.add({home, home, 0, 3600});
    }
    return out;
}

/// Of all far ends, and of those from number `first` on; that one is where `number` says, the
/// others at home.
Bind claims(uint32_t first, uint32_t number) {
    Bind out;
    out.add({{far_end(0), 10}, {far_end(0), 10}, 0, 3600});
    for (uint32_t i = first; i < first + claims_at_once; i++) {
        const IpPrefix home = IpPrefix::host(far_end(i));
        const bool moved = i == first && number != 0;
        out.add({home, moved ? IpPrefix::host(roamed(number)) : home, 0, 3600});
    }
    return out;
}

struct World : GatewayRig {
    World(uint32_t n, uint32_t peers_with_keys, bool one_server)
        : GatewayRig{peers_with_keys > 0 ? config_with_keys(n, peers_with_keys) : config_of(n), 1,
                     peers_with_keys > 0 ? std::optional{identity_with(peers_with_keys)}
                                         : std::nullopt} {
        set_up_a(*this);
        add_neighbour(lan, "10.1.0.9");
        add_route(lan, "10.128.0.0/9", "10.1.0.9");
        add_neighbour(wan, "10.0.1.7");
        notice();
        for (uint32_t i = 0; i < n; i++) {
            receive(lan, first_packet(i, far_end(i)));
            io.departures.clear();
            if (i < 1000 && peers_with_keys == 0) {
                receive(wan, std::vector<Bytes>{notification(far_end(i), roamed(i), wire(i))});
            }
        }
        for (uint32_t i = 0; one_server && i < n; i++) {
            receive(lan, frame(lan)
                             .from(inside_host(0).to_text())
                             .to(far_end(i).to_text())
                             .udp(80, port_of_client(i)));
            io.departures.clear();
        }
        for (int second = 0; second < 5; second++) { // what begins with an address ends
            advance(from_s(1));
        }
    }
    static uint16_t port_of_client(uint32_t i) { return static_cast<uint16_t>(1024 + i); }
    PacketBuilder first_packet(uint32_t i, Ipv4Addr to) const {
        return frame(lan).from(inside_host(i).to_text()).to(to.to_text()).udp(4000, 53);
    }
    Bytes notification(Ipv4Addr from, Ipv4Addr to, Ipv4Addr told) const {
        Bytes out(basic_notification_frame_bytes);
        encode({from, to, told}, 20, {ports[wan.value].mac, default_sender_mac}, out);
        return out;
    }
    OwnedPacket own(const Bytes& bytes) { return io.own(bytes); }

    /// What a peer with keys says, from where it is.
    Bytes said_by_peer(const SecureBody& body, uint16_t flags = 0, uint32_t k = 0) {
        const SenderId sender{keys_.sender.value + k};
        return sealed_frame(*this, keys_, {sender, keys_.epoch, {++sequence_}, flags}, body,
                            k == 0 ? far_end(0) : network_of(k).address().v4());
    }
    /// The gateway gets to know its epoch.
    void greet(uint32_t k) {
        io.departures.clear();
        receive(wan, {said_by_peer(Hello{}, 0, k)});
        Challenge challenge;
        for (Bytes& bytes : take(wan)) {
            if (is_notification(bytes)) {
                const Said said = said_in(bytes, keys_);
                const auto* ack = std::get_if<HelloAck>(&said.body);
                challenge = ack != nullptr ? ack->challenge : challenge;
            }
        }
        Bind here;
        here.echo = challenge;
        receive(wan, {said_by_peer(here, 0, k)});
    }
    /// Peers with keys say, together, where n of their addresses are.
    void claim(uint32_t n) {
        for (uint32_t i = 0; i < n; i += claims_at_once) {
            const uint32_t k = i / most_claims;
            if (k < config.peers.size()) {
                const uint32_t first = i % most_claims;
                receive(wan, {said_by_peer(k == 0 ? claims(first, 0) : claims_of(k, first), 0, k)});
            }
        }
    }
    /// How many of them are kept.
    size_t claimed() const {
        size_t out = 0;
        for (uint32_t k = 0; k < config.peers.size(); k++) {
            out += slow->cache().claims().of({k}).size();
        }
        return out;
    }

private:
    const Identity keys_{identity_of(2, 1000)};
    uint64_t sequence_{0};
};

/// An operator who asks for the first ten paths over the control socket.
class Operator {
public:
    explicit Operator(World& world)
        : world_{world}, view_{world.config, world.policy, world.host, *world.flows,
                               *world.paths, *world.slow,  ports_,     watch_,
                               interfaces_,  cores_,       gauges_,    {}} {
        directory_ = (std::filesystem::temp_directory_path() / "sacip-probe.XXXXXX").string();
        if (mkdtemp(directory_.data()) == nullptr) {
            std::cerr << "slow_path_probe: can't make " << directory_ << '\n';
            std::exit(1);
        }
        auto opened = control::Server::open(
            directory_ + "/socket", [this](const std::string& command, const nlohmann::json& args) {
                return view_.answer(command, args, world_.now);
            });
        server_ = std::move(opened.server);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        (directory_ + "/socket").copy(address.sun_path, sizeof address.sun_path - 1);
        fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (server_ == nullptr ||
            connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            std::cerr << "slow_path_probe: no control socket: " << opened.error << '\n';
            std::exit(1);
        }
    }
    ~Operator() {
        close(fd_);
        server_.reset();
        rmdir(directory_.c_str());
    }
    Operator(const Operator&) = delete;
    Operator& operator=(const Operator&) = delete;

    void ask() {
        constexpr std::string_view request = R"({"command":"paths","args":{"limit":10}})"
                                             "\n";
        if (write(fd_, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
            std::exit(1);
        }
        std::array<char, 16384> reply;
        size_t length = 0;
        while (length == 0 || reply[length - 1] != '\n') {
            server_->poll(world_.now);
            const ssize_t more =
                recv(fd_, reply.data() + length, reply.size() - length, MSG_DONTWAIT);
            length += more > 0 ? static_cast<size_t>(more) : 0;
        }
        asked_ =
            std::string_view{reply.data(), length}.find("\"paths\":[{") != std::string_view::npos;
    }
    /// The last reply was a list of paths.
    bool has_paths() const { return asked_; }

private:
    World& world_;
    std::vector<std::unique_ptr<Port>> ports_;
    PortWatch watch_{ports_};
    std::vector<std::unique_ptr<HostInterface>> interfaces_;
    std::vector<std::unique_ptr<CoreCounters>> cores_;
    Gauges gauges_;
    GatewayView view_;
    std::string directory_;
    std::unique_ptr<control::Server> server_;
    int fd_{-1};
    bool asked_{false};
};

/// All that is counted.
[[gnu::noinline]] void slow_path_at_work(const std::function<void(uint32_t)>& happen) {
    CALLGRIND_START_INSTRUMENTATION;
    for (uint32_t i = 0; i < times; i++) {
        happen(i);
    }
    CALLGRIND_STOP_INSTRUMENTATION;
}

int probe(const std::string& what, uint32_t n) {
    const bool one_peer = what.starts_with("bind");
    const bool many_peers = what == "claimed" || what == "tick_peers";
    World world{n, one_peer ? 1 : many_peers ? 1 + n / most_claims : 0, what == "middle"};
    for (uint32_t k = 0; k < world.config.peers.size(); k++) {
        world.greet(k);
    }
    world.claim(n);
    if (const size_t wanted = one_peer ? std::min(n, most_claims) : n;
        !world.config.peers.empty() && world.claimed() < wanted) {
        std::cerr << "slow_path_probe: " << world.claimed() << " claims instead of " << wanted
                  << '\n';
        return 1;
    }
    std::optional<Operator> op;
    std::vector<OwnedPacket> packets;
    const auto punted = [&](PortId port, PuntReason why) {
        return [&, port, why](uint32_t i) {
            world.slow->on_punted(packets[i], port, why, world.now);
            world.slow->finish_turn(world.now);
        };
    };
    std::function<void(uint32_t)> happen;
    for (uint32_t i = 0; i < times; i++) {
        const uint32_t one = i % n;
        if (what == "known") {
            packets.push_back(world.own(world.first_packet(one, far_end((1 << 20) + i)).build()));
            happen = punted(lan, PuntReason::first_packet);
        } else if (what == "middle") {
            packets.push_back(world.own(world.frame(wan)
                                            .from(far_end((3 << 20) + i).to_text())
                                            .to(wire(0).to_text())
                                            .udp(World::port_of_client(one), 80)
                                            .build()));
            happen = punted(wan, PuntReason::first_packet);
        } else if (what == "flow") {
            packets.push_back(world.own(world.frame(lan)
                                            .from(inside_host(0).to_text())
                                            .to(far_end(0).to_text())
                                            .udp(static_cast<uint16_t>(5000 + i), 53)
                                            .build()));
            happen = punted(lan, PuntReason::first_packet);
        } else if (what == "stranger") {
            packets.push_back(world.own(world.frame(wan)
                                            .from(stranger(i).to_text())
                                            .to(wire(one).to_text())
                                            .udp(53, 4000)
                                            .build()));
            happen = punted(wan, PuntReason::first_packet);
        } else if (what == "punt") {
            packets.push_back(world.own(world.first_packet(one, far_end(one)).build()));
            happen = punted(lan, PuntReason::in_turn);
        } else if (what == "forged") {
            packets.push_back(world.own(
                world.notification(far_end((1 << 20) + i), far_end((3 << 20) + i), wire(one))));
            happen = punted(wan, PuntReason::notification);
        } else if (what == "moved") {
            const Ipv4Addr from =
                i < n ? roamed(i) : far_end((3 << 20) + i - n); // from where it is
            packets.push_back(
                world.own(world.notification(from, far_end((3 << 20) + i), wire(one))));
            happen = punted(wan, PuntReason::notification);
        } else if (what == "claimed") {
            packets.push_back(world.own(world.frame(wan)
                                            .from(stranger(i).to_text())
                                            .to(wire(one).to_text())
                                            .tcp(80, 4000)
                                            .build()));
            happen = punted(wan, PuntReason::first_packet);
        } else if (one_peer) {
            const uint32_t number = what == "bind" ? 0 : i + 1;
            packets.push_back(world.own(world.said_by_peer(
                claims(0, number), what == "bind_lost" ? flag_old_address_lost : uint16_t{0})));
            happen = punted(wan, PuntReason::notification);
        } else if (what == "paths") {
            if (!op) {
                op.emplace(world);
            }
            happen = [&](uint32_t) { op->ask(); };
        } else if (what == "switched") {
            happen = [&](uint32_t k) {
                const Ipv4Addr from = k < n ? wire(k) : away(k - n);
                world.slow->request_move({IpPrefix::host(from), IpPrefix::host(away(k))},
                                         world.now);
                world.slow->finish_turn(world.now);
            };
        } else if (what == "tick" || what == "tick_peers") {
            happen = [&](uint32_t) {
                world.now = world.now + from_ms(1);
                world.slow->finish_turn(world.now);
            };
        } else if (what == "route") {
            happen = [&](uint32_t k) {
                world.add_route(wan, "203.0." + std::to_string(k) + ".0/24", "10.0.1.7");
                world.slow->on_host_changed(world.host.take_changed_routes(), world.now);
                world.slow->finish_turn(world.now);
            };
        } else if (what == "neighbour" || what == "router") {
            const Ipv4Addr whose = addr(what == "router" ? "10.0.1.1" : "10.0.1.77");
            happen = [&, whose](uint32_t k) {
                world.host.upsert(NeighbourInfo{world.ports[wan.value].host_interface,
                                                whose,
                                                {{2, 0, 0, 0, 9, static_cast<uint8_t>(k)}},
                                                NeighbourState::resolved});
                world.slow->on_neighbours_changed(world.host.take_changed_neighbours());
                world.slow->on_host_changed(world.host.take_changed_routes(), world.now);
                world.slow->finish_turn(world.now);
            };
        }
    }
    if (!happen) {
        std::cerr << "slow_path_probe: no such case: " << what << '\n';
        return 2;
    }
    slow_path_at_work(happen);
    if (op && !op->has_paths()) {
        std::cerr << "slow_path_probe: no paths were listed\n";
        return 1;
    }
    std::cout << times << '\n';
    return 0;
}

} // namespace
} // namespace sacip::test

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: slow_path_probe CASE N\n";
        return 2;
    }
    return sacip::test::probe(argv[1], static_cast<uint32_t>(std::atoi(argv[2])));
}
