// SPDX-License-Identifier: BSD-3-Clause
//
// Two gateways back to back, flows opened from both sides, both ends moving as they like.
//
// The network between them delivers data out of order within a small window, and notifications in
// order but up to a tenth of a second late. Whatever happens: a host sees a payload only in the
// flow that it was sent in, under the addresses that the flow was set up with, with right
// checksums; every packet is accounted for; and once all is quiet every flow works, also when
// nothing drains any more. Lost is only what one end sends after its own move to where the other
// no longer is, and what overtakes the notification besides.
#include "tests/property/property.hpp"
#include "tests/support/rig_sites.hpp"

#include <map>

namespace sacip::test {
namespace {

constexpr const char* uplink_addresses[] = {"10.0.1.2", "10.0.1.3", "10.0.1.4"};
constexpr const char* site_prefixes[] = {"10.9.0.0/24", "10.19.0.0/24", "10.29.0.0/24"};
constexpr size_t window = 4;
constexpr Nanos latest = from_ms(100);

Config left() {
    Config c = uplink_config();
    c.basic_peers.clear();
    for (const char* prefix_text : site_prefixes) {
        c.basic_peers.push_back(peer(prefix_text, {prefix("10.0.0.0/8")}));
    }
    return c;
}

struct Flow {
    bool tcp;
    uint16_t a_port, b_port;
    Ipv4Addr a_original, b_original, b_host;
    unsigned sent{0};
};

/// One direction of the network.
struct Cable {
    struct Message {
        Bytes bytes;
        Nanos sent;
    };
    std::deque<Bytes> data;
    std::deque<Message> notifications;
};

class World {
public:
    explicit World(Random& random) : random_{random}, a{left()}, b{routed_config()} {
        b.add_address(wan, "10.9.0.254/32");
        b.notice();
        b.take(wan);
    }

    void open() {
        settle();
        Flow f{random_.one_in(2),
               next_port_,
               static_cast<uint16_t>(80 + random_.below(2)),
               addr(uplink_addresses[a_at_]),
               {},
               {}};
        f.b_host = Ipv4Addr{10, 9, 0, static_cast<uint8_t>(10 + random_.below(3))};
        f.b_original = prefix(site_prefixes[b_at_]).with_host_part_of(f.b_host).v4();
        next_port_++;
        flows_.push_back(f);
        const auto flow = flows_.size() - 1;
        const bool from_a = random_.one_in(2);
        send(flow, from_a, f.tcp ? tcp_syn : uint8_t{0});
        settle();
        send(flow, !from_a, f.tcp ? tcp_syn | tcp_ack : 0);
        settle();
    }
    void send() {
        if (!flows_.empty()) {
            send(random_.below(static_cast<uint32_t>(flows_.size())), random_.one_in(2), tcp_ack);
        }
    }
    void move_a() {
        const uint32_t to = other(a_at_);
        const std::string from_text = std::string{uplink_addresses[a_at_]} + "/24";
        const std::string to_text = std::string{uplink_addresses[to]} + "/24";
        if (random_.one_in(3)) { // break before make
            a.del_address(wan, from_text);
            a.notice();
            for (int i = 0; i < 30; i++) {
                pass_time();
                if (random_.one_in(5)) {
                    send();
                }
            }
            a.add_address(wan, to_text);
            a.notice();
        } else {
            a.change_address(from_text, to_text);
        }
        a_at_ = to;
        collect();
    }
    void move_b() {
        const uint32_t to = other(b_at_);
        const auto marker = [](uint32_t i) {
            return prefix(site_prefixes[i]).with_host_part_of(addr("0.0.0.254")).to_text() + "/32";
        };
        b.add_address(wan, marker(to));
        b.del_address(wan, marker(b_at_));
        b.notice();
        b_at_ = to;
        collect();
    }
    /// Something arrives on either side.
    void deliver() {
        const bool to_b = random_.one_in(2);
        Cable& cable = to_b ? to_b_ : to_a_;
        const bool notification = random_.one_in(4);
        if (notification && !cable.notifications.empty()) {
            arrive(to_b, take_notification(cable));
        } else if (!cable.data.empty()) {
            const auto at =
                random_.below(static_cast<uint32_t>(std::min(window, cable.data.size())));
            Bytes bytes = std::move(cable.data[at]);
            cable.data.erase(cable.data.begin() + at);
            arrive(to_b, std::move(bytes));
        }
    }
    void pass_time() {
        a.advance(from_ms(1));
        b.advance(from_ms(1));
        collect();
        for (const bool to_b : {false, true}) {
            Cable& cable = to_b ? to_b_ : to_a_;
            while (!cable.notifications.empty() &&
                   a.now - cable.notifications.front().sent > latest) {
                arrive(to_b, take_notification(cable));
            }
        }
    }
    /// All that is under way arrives, and what is said again.
    void settle() {
        for (int i = 0; i < 130; i++) {
            pass_time();
        }
        for (int rounds = 0; rounds < 1000; rounds++) {
            const bool to_b = !to_b_.notifications.empty() || !to_b_.data.empty();
            Cable& cable = to_b ? to_b_ : to_a_;
            if (!cable.notifications.empty()) {
                arrive(to_b, take_notification(cable));
            } else if (!cable.data.empty()) {
                Bytes bytes = std::move(cable.data.front());
                cable.data.pop_front();
                arrive(to_b, std::move(bytes));
            } else {
                break;
            }
        }
        EXPECT_TRUE(expected_.empty())
            << expected_.size() << " lost, one of them: " << expected_.begin()->second;
        expected_.clear();
    }
    void expect_all_alive() {
        quiet_ = true;
        for (size_t i = 0; i < flows_.size(); i++) {
            send(i, true, tcp_ack);
            send(i, false, tcp_ack);
        }
        settle();
    }
    void check() {
        a.check();
        b.check();
        EXPECT_EQ(a.slow_counters.held.get() + b.slow_counters.held.get(), 0U);
    }
    void drain() {
        a.advance(from_s(31));
        b.advance(from_s(31));
        collect();
    }

private:
    uint32_t other(uint32_t at) { return (at + 1 + random_.below(2)) % 3; }

    void send(size_t flow, bool from_a, uint8_t flags) {
        Flow& f = flows_[flow];
        const std::string text =
            (from_a ? "a" : "b") + std::to_string(flow) + '.' + std::to_string(f.sent++);
        GatewayRig& rig = from_a ? static_cast<GatewayRig&>(a) : b;
        PacketBuilder p = rig.frame(lan);
        const uint16_t sport = from_a ? f.a_port : f.b_port, dport = from_a ? f.b_port : f.a_port;
        p.from(from_a ? addr("10.1.0.10") : f.b_host).to(from_a ? f.b_original : f.a_original);
        f.tcp ? p.tcp(sport, dport, flags) : p.udp(sport, dport);
        const Ipv4Addr seen_from = from_a ? f.a_original : f.b_original;
        const Ipv4Addr seen_to = from_a ? f.b_host : addr("10.1.0.10");
        expected_[text] = (f.tcp ? "tcp " : "udp ") + seen_from.to_text() + ':' +
                          std::to_string(sport) + " > " + seen_to.to_text() + ':' +
                          std::to_string(dport) + (f.tcp ? tcp_flags_text(flags) : "") + ' ' + text;
        rig.receive(lan, p.payload(text));
        collect();
    }
    /// Puts what left on the cables, and judges what hosts got.
    void collect() {
        collect_side(a, to_b_);
        collect_side(b, to_a_);
    }
    void collect_side(GatewayRig& rig, Cable& cable) {
        for (Bytes& bytes : rig.take(wan)) {
            if (view_of(bytes).icmp_type == default_notification_icmp_type) {
                cable.notifications.push_back({std::move(bytes), rig.now});
            } else {
                cable.data.push_back(std::move(bytes));
            }
        }
        for (Bytes& bytes : rig.take(lan)) {
            const std::string line = text_of(bytes, true);
            if (is_question(bytes)) {
                EXPECT_TRUE(line.ends_with(" BAD L4")) << "a host takes it: " << line;
                continue;
            }
            const std::string text = line.substr(line.rfind(' ') + 1);
            const auto found = expected_.find(text);
            ASSERT_NE(found, expected_.end()) << "twice, or never sent: " << line;
            EXPECT_EQ(line, found->second);
            expected_.erase(found);
        }
        for (const Bytes& bytes : rig.take(wan, true)) {
            const std::string line = text_of(bytes, false);
            const auto lost = expected_.find(line.substr(line.rfind(' ') + 1));
            EXPECT_TRUE(!quiet_ && lost != expected_.end()) << "not for Linux: " << line;
            if (lost != expected_.end()) {
                expected_.erase(lost);
            }
        }
        EXPECT_EQ(rig.linux_lines(lan), Lines{});
    }
    /// A gateway's own, whether there is another: all that is sent here has a text.
    static bool is_question(Bytes& bytes) {
        const PacketView v = view_of(bytes);
        return v.is(IpProto::tcp) && v.tcp_flags == tcp_ack && v.l4_length == tcp::min_header_bytes;
    }
    Bytes take_notification(Cable& cable) {
        Bytes bytes = std::move(cable.notifications.front().bytes);
        cable.notifications.pop_front();
        return bytes;
    }
    void arrive(bool at_b, Bytes bytes) {
        GatewayRig& rig = at_b ? static_cast<GatewayRig&>(b) : a;
        ether::set_destination(bytes.data(), rig.ports[wan.value].mac);
        rig.receive(wan, std::vector<Bytes>{std::move(bytes)});
        collect();
    }

    Random& random_;
    SiteA a;
    SiteB b;
    Cable to_a_, to_b_;
    std::vector<Flow> flows_;
    std::map<std::string, std::string> expected_; ///< payload -> the whole line
    uint16_t next_port_{2000};
    uint32_t a_at_{0}, b_at_{0};
    bool quiet_{false};
};

TEST(GatewayProperty, FlowsSurviveAnyMovesOfBothEnds) {
    for_all(400, [](Random& random) {
        World world{random};
        world.open();
        for (int steps = 0; steps < 300 && !testing::Test::HasFailure(); steps++) {
            switch (random.below(24)) {
            case 0:
                world.move_a();
                break;
            case 1:
                world.move_b();
                break;
            case 2:
                if (random.one_in(3)) {
                    world.open();
                }
                break;
            case 3:
            case 4:
            case 5:
                world.pass_time();
                break;
            default:
                random.one_in(3) ? world.send() : world.deliver();
            }
        }
        world.settle();
        world.expect_all_alive();
        world.check();
        world.drain();
        world.expect_all_alive();
        world.check();
    });
}

} // namespace
} // namespace sacip::test
