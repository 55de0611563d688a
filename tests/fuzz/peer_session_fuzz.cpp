// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: a gateway whose peer with keys, or somebody who has not got the key, says anything.
//
// Gateway: host 10.1.0.10 behind uplink 10.0.1.2, peer with addresses 10.9.0.0/24 that may roam in
// 10.19.0.0/16. Input: steps, each a byte (kind in bits 0 to 2) and what it needs; zeros where the
// input ends.
//   0-3  a message: bit 4 forged, bit 5 by UDP; kind, flags, from, to, epoch, sequence, then fields
//   4    the same with a body of raw bytes       5  time passes
//   6    the host sends to a place               7  a packet comes from a place
//
// Whatever comes: bindings stay where the peer may be, only they and whoever has just spoken with
// the right key are spoken to, what is forged changes nothing, and the counters add up.
#include "sacip_core/config/config.hpp"
#include "sacip_core/gateway.hpp"
#include "sacip_core/packet/headers.hpp"
#include "tests/support/recording_io.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace sacip;
using sacip::test::addr;
using sacip::test::Bytes;
using sacip::test::PacketBuilder;

constexpr PortId lan{0}, wan{1};
constexpr Ipv4Addr host{10, 1, 0, 10}, uplink{10, 0, 1, 2};
constexpr MacAddr mac_of_port[] = {{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}};
constexpr IpPrefix originals{Ipv4Addr{10, 9, 0, 0}, 24}, roams{Ipv4Addr{10, 19, 0, 0}, 16};

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}
bool may_be_at(IpAddr a) { return originals.contains(a) || roams.contains(a); }

struct Input {
    const uint8_t* at;
    size_t left;
    uint8_t u8() { return left == 0 ? uint8_t{0} : (left--, *at++); }
    uint16_t u16() {
        const uint8_t high = u8();
        return static_cast<uint16_t>(high << 8 | u8());
    }
    uint32_t u32() {
        const uint32_t high = u16();
        return high << 16 | u16();
    }
    uint64_t u64() {
        const uint64_t high = u32();
        return high << 32 | u32();
    }
    Ipv4Addr place() {
        static constexpr Ipv4Addr places[] = {{10, 9, 0, 10},  {10, 9, 0, 11},  {10, 19, 0, 10},
                                              {10, 19, 0, 11}, {10, 19, 1, 10}, {10, 19, 0, 254},
                                              {192, 0, 2, 1},  {10, 0, 1, 2},   {10, 1, 0, 10},
                                              {10, 1, 0, 1},   {10, 0, 1, 1},   {10, 9, 0, 254}};
        const uint8_t which = u8();
        return which < 0x80 ? places[which % std::size(places)] : Ipv4Addr{Be32{u32()}};
    }
    IpPrefix prefix() {
        static constexpr uint8_t lengths[] = {32, 24, 25, 16};
        const Ipv4Addr address = place();
        return {address, lengths[u8() % 4]};
    }
};

MacKey key_of(uint8_t with) {
    MacKey out;
    std::ranges::fill(out.overwrite(), std::byte{with});
    return out;
}

Config make_config(bool always) {
    Config c;
    c.gateway.name = "fuzz";
    c.limits = {64, 32};
    c.ports.resize(2);
    c.ports[0].name = "lan";
    c.ports[1].name = "wan";
    c.ports[1].role = PortRole::outside;
    c.hosts = {{IpPrefix::host(host), "wan", {}}};
    c.identity.emplace();
    c.peers.resize(1);
    c.peers[0].name = "peer";
    c.peers[0].addresses = {originals};
    c.peers[0].roam_to = {roams};
    c.peers[0].path_validation = always ? PathValidation::always : PathValidation::trust_peer;
    return c;
}
Identity make_identity() {
    Identity out;
    out.sender = {1};
    out.epoch = {1000};
    out.challenge_key = key_of(3);
    out.peers.add(PeerKeys{{2}, key_of(4), key_of(5)});
    return out;
}

class FuzzedGateway {
public:
    explicit FuzzedGateway(bool always) : config_{make_config(always)} {
        for (const PortId port : {lan, wan}) {
            const IfIndex interface { 10 + port.value };
            ports_.push_back({config_.ports[port.value].name,
                              port == wan,
                              mac_of_port[port.value],
                              interface,
                              {},
                              {}});
            linux_.upsert(
                LinkInfo{interface, ports_.back().name, mac_of_port[port.value], true, true});
        }
        const auto live = [&](int32_t interface, Ipv4Addr own, Ipv4Addr neighbour) {
            linux_.upsert(AddressInfo{{interface}, own, 24});
            linux_.add(RouteInfo{IpPrefix{own, 24}, {}, {interface}});
            linux_.upsert(NeighbourInfo{
                {interface}, neighbour, {{6, 0, 0, 0, 0, 1}}, NeighbourState::resolved});
        };
        live(10, {10, 1, 0, 1}, host);
        live(11, uplink, {10, 0, 1, 1});
        linux_.add(RouteInfo{IpPrefix{}, {10, 0, 1, 1}, {11}});
        slow_ = std::make_unique<Gateway>(Gateway::World{config_, policy_, ports_, linux_, *flows_,
                                                         *paths_, io_, actions_, counters_,
                                                         &identity_});
        slow_->on_neighbours_changed(linux_.take_changed_neighbours());
        slow_->on_host_changed({true, {}}, now_);
        end_turn(Nanos{1000});
        from(lan, PacketBuilder{}.from(host).to("10.9.0.10").tcp(4000, 80, tcp_syn));
        spoken_to_.push_back({10, 9, 0, 10});
        check(); // a HELLO has left
    }
    ~FuzzedGateway() {
        slow_->shut_down();
        require(io_.live() == 0);
    }
    FuzzedGateway(const FuzzedGateway&) = delete;
    FuzzedGateway& operator=(const FuzzedGateway&) = delete;

    void step(Input& in) {
        const uint8_t what = in.u8();
        switch (what & 7U) {
        case 5:
            end_turn(from_ms(1 + 7 * in.u8()));
            break;
        case 6: {
            const Ipv4Addr to = in.place();
            spoken_to_.push_back(to);
            from(lan, packet(in).from(host).to(to));
            break;
        }
        case 7: {
            const Ipv4Addr source = in.place();
            spoken_to_.push_back(source);
            from(wan, packet(in).from(source).to(uplink));
            break;
        }
        default:
            message(in, what);
        }
        check();
    }

private:
    static PacketBuilder packet(Input& in) {
        const uint8_t how = in.u8();
        const auto port = static_cast<uint16_t>(4000 + (how & 3U));
        PacketBuilder out;
        return (how & 4U) != 0   ? out.udp(port, 80)
               : (how & 8U) != 0 ? out.tcp(80, port, tcp_ack).payload("data")
                                 : out.tcp(port, 80, (how & 16U) != 0 ? tcp_syn : tcp_ack);
    }
    void from(PortId port, PacketBuilder packet) {
        deliver(port, packet.ether(mac_of_port[port.value]).build());
        end_turn(Nanos{1000});
    }
    void deliver(PortId port, Bytes bytes) {
        slow_->on_punted(io_.own(std::move(bytes)), port,
                         port == wan ? PuntReason::notification : PuntReason::first_packet, now_);
    }
    void end_turn(Nanos later) {
        now_ = now_ + later;
        slow_->finish_turn(now_);
    }

    // ---- messages

    Challenge challenge(Input& in) {
        const uint8_t which = in.u8();
        Challenge out;
        if (which >= 0xF0) {
            out.bytes.fill(std::byte{which});
        } else if (which > 0 && !challenges_.empty()) {
            out = challenges_[challenges_.size() - 1 - which % challenges_.size()];
        }
        return out;
    }
    WireTuple tuple(Input& in) {
        if ((in.u8() & 1U) != 0 && asked_) {
            return *asked_;
        }
        const uint16_t port = in.u16();
        return {in.u8(), L4Port{port}, L4Port{80}, in.place(), in.place()};
    }
    template <typename H>
    H hello(Input& in) {
        const Challenge said = challenge(in);
        return {{}, in.u8(), static_cast<WireChecksum>(in.u8() & 1U), said, challenge(in)};
    }
    template <typename P>
    static P probe(Input& in) {
        P out;
        out.send_time = in.u64();
        out.padding_bytes = static_cast<uint16_t>(in.u16() % (probe_max_padding_bytes + 1));
        return out;
    }
    SecureBody body(Input& in) {
        switch (1 + in.u8() % 8) {
        case 1:
            return hello<Hello>(in);
        case 2:
            return hello<HelloAck>(in);
        case 3: {
            Bind out;
            out.echo = challenge(in);
            for (size_t n = in.u8() % (bind_max_entries + 1); n > 0; n--) {
                BindEntry entry{in.prefix(), {}, in.u8(), 0};
                entry.active = IpPrefix{in.place(), entry.original.length()};
                entry.lifetime_s = in.u16();
                out.add(entry);
            }
            return out;
        }
        case 4:
            return BindAck{{1000},
                           {in.u8()},
                           static_cast<BindStatus>(in.u8() & 3U),
                           static_cast<BindReason>(in.u8()),
                           challenge(in)};
        case 5:
            return Solicit{tuple(in)};
        case 6:
            return SolicitAck{tuple(in), in.place(), in.place(),
                              static_cast<SolicitStatus>(in.u8() & 1U)};
        case 7:
            return probe<Probe>(in);
        default:
            return probe<ProbeAck>(in);
        }
    }
    SecureHeader header(Input& in) {
        static constexpr uint64_t epochs[] = {1000, 1000, 2000, 500};
        SecureHeader out{{2}, {epochs[in.u8() & 3U]}, {}, in.u8()};
        const uint8_t order = in.u8();
        if ((order & 3U) == 3) {
            out.sequence = {in.u16()};
        } else {
            sequence_ += (order & 3U) == 0 ? 1 : 0;
            out.sequence = {(order & 3U) == 2 ? sequence_ / 2 : sequence_};
        }
        return out;
    }
    void message(Input& in, uint8_t what) {
        const bool forged = (what & 16U) != 0;
        const SecureAddresses between{in.place(), in.u8() < 0xF0 ? uplink : in.place()};
        const SecureHeader head = header(in);
        std::array<std::byte, secure_message_max_bytes> bytes;
        size_t length = encode(head, (what & 7U) == 4 ? SecureBody{Probe{}} : body(in), bytes);
        if ((what & 7U) == 4) {
            length = raw(in, bytes);
        }
        const std::span<std::byte> sealed{bytes.data(), length};
        require(seal(sealed, forged ? wrong_key_ : identity_.peers[{0}].receive, between));
        const L4Port port{config_.protocol.udp_port};
        Bytes frame(secure_frame_max_bytes);
        frame.resize(encode_carrier(
            sealed, {(what & 32U) != 0 ? Carrier::udp : Carrier::icmp, between, port, port},
            config_.protocol.icmp_type, {mac_of_port[wan.value], {{6, 0, 0, 0, 0, 9}}}, frame));
        if (forged) {
            const Bytes before = state();
            deliver(wan, std::move(frame));
            require(std::ranges::all_of(io_.departures, &test::Departure::linux_side));
            require(state() == before);
        } else {
            spoken_to_.push_back(between.source);
            speaks_as_.push_back(between.destination);
            deliver(wan, std::move(frame));
        }
        end_turn(Nanos{1000});
    }
    /// Puts another body behind the header.
    static size_t raw(Input& in, std::span<std::byte> out) {
        out[3] = std::byte{in.u8()};
        const size_t length = std::min<size_t>(in.u16() % 512, in.left);
        out[4] = static_cast<std::byte>(length >> 8);
        out[5] = static_cast<std::byte>(length & 0xFF);
        for (size_t i = 0; i < length; i++) {
            out[secure_header_bytes + i] = std::byte{in.u8()};
        }
        return secure_message_min_bytes + length;
    }

    // ---- what has to hold

    /// Where the peer is, as far as anybody knows.
    Bytes state() const {
        Bytes out;
        const auto note = [&](const auto& value) {
            const auto bytes = std::as_bytes(std::span{&value, 1});
            out.insert(out.end(), bytes.begin(), bytes.end());
        };
        for (const Claim& c : slow_->cache().claims().of({0})) {
            note(c.original.address());
            note(c.active.address());
        }
        const Peer& peer = slow_->peer_session()->peers()[{0}];
        note(peer.trials.size());
        note(peer.last_heard.value);
        note(peer.association.epoch().value_or(Epoch{}).value);
        for (const RemoteId id : slow_->cache().remotes()) {
            note(slow_->cache().at(id).original);
            note(slow_->cache().at(id).active);
        }
        return out;
    }
    void check() {
        const BindingCache& cache = slow_->cache();
        for (const Claim& c : cache.claims().of({0})) {
            require(originals.contains(c.original) || c.original.is_host());
            require(originals.contains(c.active) || roams.contains(c.active));
            require(c.original.length() == c.active.length());
        }
        for (const RemoteId id : cache.remotes()) {
            const RemoteBinding& b = cache.at(id);
            require(b.original == b.active || (may_be_at(b.original) && may_be_at(b.active)));
        }
        for (const LocalId id : cache.locals()) {
            require(cache.at(id).active == uplink && cache.at(id).host == host);
        }
        require(cache.claims().of({0}).size() <= 256);
        for (const auto& departure : io_.departures) {
            if (departure.port == wan && !departure.linux_side) {
                check_sent(departure.bytes);
            }
        }
        io_.departures.clear();
        require(counters_.balanced());
        require(counters_.held.get() == slow_->exception_path().output().held());
        require(io_.live() == counters_.held.get());
    }
    void check_sent(const Bytes& bytes) {
        const auto said = [](const std::vector<IpAddr>& list, IpAddr a) {
            return std::ranges::find(list, a) != list.end();
        };
        const std::byte* ip = bytes.data() + ether_header_bytes;
        require(may_be_at(ipv4::destination(ip)) || said(spoken_to_, ipv4::destination(ip)));
        require(ipv4::source(ip) == uplink || said(speaks_as_, ipv4::source(ip)));
        Bytes copy = bytes;
        const Frame frame{copy.data(), static_cast<uint32_t>(copy.size()), RxFacts::none};
        PacketView view;
        const auto parsed = parse(frame,
                                  {ether::destination(copy.data()), config_.protocol.icmp_type,
                                   true, config_.notification_port()},
                                  view);
        if (parsed.punt_reason() == PuntReason::notification) {
            remember(frame, view);
        }
    }
    /// What the peer learns.
    void remember(const Frame& frame, const PacketView& view) {
        const auto carried = decode_carrier(frame, view);
        require(std::holds_alternative<CarriedMessage>(carried));
        const auto& [route, message] = std::get<CarriedMessage>(carried);
        const auto envelope = decode_envelope(message);
        require(std::holds_alternative<Envelope>(envelope));
        const auto decoded = decode_body(std::get<Envelope>(envelope));
        require(std::holds_alternative<SecureBody>(decoded));
        const auto& body = std::get<SecureBody>(decoded);
        if (const auto* hello = std::get_if<Hello>(&body)) {
            challenges_.push_back(hello->challenge);
        } else if (const auto* ack = std::get_if<HelloAck>(&body)) {
            challenges_.push_back(ack->challenge);
        } else if (const auto* bind_ack = std::get_if<BindAck>(&body)) {
            challenges_.push_back(bind_ack->challenge);
        } else if (const auto* solicit = std::get_if<Solicit>(&body)) {
            asked_ = solicit->tuple;
        }
    }

    Config config_;
    CurrentPolicy policy_{std::make_shared<const Policy>(make_policy(config_))};
    Identity identity_{make_identity()};
    MacKey wrong_key_{key_of(6)};
    KernelState linux_;
    test::RecordingIo io_;
    test::RecordingActions actions_;
    CoreCounters counters_;
    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows_{std::get<0>(FlowTable::create(64, *grace_))};
    std::unique_ptr<PathTable> paths_{std::get<0>(PathTable::create(32, *grace_))};
    std::vector<GatewayPort> ports_;
    std::unique_ptr<Gateway> slow_;
    Nanos now_{from_s(1000)};
    uint64_t sequence_{0};
    std::vector<Challenge> challenges_;
    std::optional<WireTuple> asked_;
    std::vector<IpAddr> spoken_to_; ///< by the host, or by whoever came with the key
    std::vector<IpAddr> speaks_as_{uplink};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input in{data, size};
    FuzzedGateway gateway{(in.u8() & 1U) != 0};
    for (int steps = 0; in.left > 0 && steps < 200; steps++) {
        gateway.step(in);
    }
    return 0;
}
