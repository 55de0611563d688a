// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/peer_output.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace sacip {
namespace {

constexpr size_t max_places = 4;
/// More of a peer's far ends are not looked at for places: a message must not cost as many steps.
constexpr size_t remotes_considered = 256;
/// A single carrier that was not answered so often has failed: both are tried again.
constexpr unsigned carrier_fails_after = 3;
constexpr Nanos mention_after = from_ms(20);
constexpr Nanos probe_every = from_s(10);
constexpr unsigned probes_to_silence = 3;
/// Claims are said again before their lifetime is over.
constexpr Nanos say_again = from_s(claim_lifetime_s / 2);

/// A peer needs time for an answer, however near it is.
std::optional<Nanos> pace_of(const Peer& peer) {
    const auto rtt = peer.association.smoothed_rtt();
    return rtt ? std::optional{std::max(*rtt, from_ms(10))} : std::nullopt;
}

} // namespace

/// Only flows that the peer's own start has not made: those since then it knows itself.
uint32_t PeerOutput::capabilities(const Peer& peer) const {
    const bool flows = std::ranges::any_of(r_.cache.remotes_of_peer(peer.id), [&](RemoteId id) {
        return std::ranges::any_of(r_.cache.at(id).paths,
                                   [&](PathId p) { return r_.cache.at(p).flows > 0; });
    });
    return flows && peer.association.epoch() ? capability_has_flows : 0;
}

WireChecksum PeerOutput::own_checksum() const {
    return r_.policy->checksum.l4 == L4Checksum::original ? WireChecksum::original
                                                          : WireChecksum::wire;
}

bool PeerOutput::answer(Peer& peer, const CarrierRoute& came, const SecureBody& body) {
    const CarrierRoute back{came.carrier,
                            {came.addresses.destination, came.addresses.source},
                            came.destination_port,
                            came.source_port};
    return r_.secure_sender.send({peer.id, body, peer.association.next_sequence(), 0}, back);
}

/// One of ours that flows with the peer use now.
std::optional<IpAddr> PeerOutput::speaking_address(const Peer& peer) const {
    for (const RemoteId remote : r_.cache.remotes_of_peer(peer.id)) {
        for (const PathId path : r_.cache.at(remote).paths) {
            const LocalBinding& local = r_.cache.at(r_.cache.at(path).local);
            if (local.usable) {
                return local.active;
            }
        }
    }
    return std::nullopt;
}

/// Every place where the peer may be reached, the likeliest first: any address behind one claim
/// leads to the same gateway.
std::vector<IpAddr> PeerOutput::places_of(const Peer& peer, const SecureAddresses* also) const {
    std::vector<IpAddr> out;
    bool unclaimed = false; // one address without a claim stands for all of them
    const auto add = [&](IpAddr place) {
        if (out.size() < max_places && std::ranges::find(out, place) == out.end()) {
            out.push_back(place);
        }
    };
    if (peer.heard) {
        add(peer.heard->source);
    }
    if (also != nullptr) {
        add(also->destination);
    }
    if (const auto& rendezvous = r_.policy->peer(peer.id).rendezvous) {
        add(*rendezvous);
    }
    const auto is_reached = [&](const Claim& claim) {
        return std::ranges::any_of(out, [&](IpAddr a) { return claim.active.contains(a); });
    };
    const auto& remotes = r_.cache.remotes_of_peer(peer.id);
    for (const RemoteId id :
         std::span{remotes}.first(std::min(remotes.size(), remotes_considered))) {
        const RemoteBinding& b = r_.cache.at(id);
        const Claim* claim = r_.cache.claims().around(peer.id, b.original);
        if (out.size() >= max_places) {
            break;
        }
        if (claim == nullptr) {
            if (!std::exchange(unclaimed, true)) {
                add(b.active);
            }
            continue;
        }
        if (!is_reached(*claim)) {
            add(b.active);
        }
        for (const IpPrefix& fallback : claim->fallbacks) {
            add(fallback.with_host_part_of(b.original));
        }
    }
    for (const Trial& trial : peer.trials) {
        add(trial.asked);
        if (trial.before) { // the last one that was proved
            add(trial.before->with_host_part_of(trial.asked));
        }
    }
    return out;
}

std::optional<Sequence> PeerOutput::send_everywhere(Peer& peer, const SecureBody& body,
                                                    uint16_t flags, IpAddr source,
                                                    std::optional<Carrier> carrier,
                                                    const SecureAddresses* also) {
    const Sequence sequence = peer.association.next_sequence();
    bool left = false;
    for (const IpAddr place : places_of(peer, also)) {
        left = r_.secure_sender.send({peer.id, body, sequence, flags}, {source, place}, carrier) ||
               left;
    }
    return left ? std::optional{sequence} : std::nullopt;
}

void PeerOutput::send_bind(Peer& peer, bool old_address_lost, Nanos now) {
    peer.bind_sender.begin(entries_for(r_.cache, peer.id), old_address_lost, now);
    try_bind(peer, now);
}

void PeerOutput::try_bind(Peer& peer, Nanos now) {
    const auto speaking = speaking_address(peer);
    const std::optional<IpAddr> source = peer.to_echo ? std::optional{peer.to_echo->from}
                                         : speaking   ? speaking
                                         : peer.heard ? std::optional{peer.heard->destination}
                                                      : std::nullopt;
    if (!source) {
        peer.bind_sender.end(); // neither flows nor a word from it: nobody to tell
        return;
    }
    const auto carrier =
        peer.bind_sender.tries() >= carrier_fails_after ? std::nullopt : peer.carrier;
    const uint16_t flags = peer.bind_sender.old_address_lost() ? flag_old_address_lost : 0;
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    peer.bind_sender.try_now(now, pace_of(peer), [&](Bind& bind) {
        bind.echo = peer.to_echo ? peer.to_echo->challenge : Challenge{};
        const auto sequence = send_everywhere(peer, bind, flags, *source, carrier, nullptr);
        if (sequence) {
            r_.mover.told(peer.id, now);
        }
        return sequence;
    });
}

void PeerOutput::repeat(Peer& peer, Nanos now) {
    if (peer.bind_sender.pending() &&
        now - peer.bind_sender.last_try() > pace_of(peer).value_or(first_retry_delay)) {
        try_bind(peer, now);
    }
}

void PeerOutput::announce(Peer& peer, bool old_address_lost, Nanos now) {
    peer.to_echo.reset(); // it was for an address that we may have left
    send_bind(peer, old_address_lost, now);
}

void PeerOutput::bind_soon(Peer& peer, Nanos now) {
    peer.mention_at = peer.mention_at.value_or(now + mention_after);
}

void PeerOutput::resume(Peer& peer, Nanos now) {
    if (peer.bind_sender.pending() && peer.bind_sender.tries() == 0) {
        try_bind(peer, now);
    }
}

void PeerOutput::ask(Peer& peer, const Solicit& question, const SecureAddresses& between,
                     bool first) {
    const bool sent =
        first && peer.heard &&
        r_.secure_sender.send({peer.id, question, peer.association.next_sequence(), 0},
                              {between.source, peer.heard->source}, peer.carrier);
    if (!sent) {
        send_everywhere(peer, question, 0, between.source, peer.carrier, &between);
    }
}

void PeerOutput::request_epoch(Peer& peer, const SecureAddresses& between, Nanos now) {
    if (!peer.greeting) {
        peer.greeting = Peer::Greeting{between, now, now, 0};
        greet(peer, now);
    } else {
        peer.greeting->between = between;
    }
}

void PeerOutput::greet(Peer& peer, Nanos now) {
    Peer::Greeting& greeting = *peer.greeting;
    const IpAddr source = speaking_address(peer).value_or(greeting.between.source);
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    bool left = false;
    for (const IpAddr place : places_of(peer, &greeting.between)) {
        const auto challenge = peer.association.challenge_for(place, now);
        if (!challenge) {
            continue;
        }
        const Hello hello{
            r_.identity.public_key, capabilities(peer), own_checksum(), *challenge, {}};
        left = r_.secure_sender.send({peer.id, hello, peer.association.next_sequence(), 0},
                                     {source, place}, std::nullopt) ||
               left;
    }
    greeting.tries += left ? 1 : 0;
    const bool eager = now - greeting.began < retry_eager_time;
    greeting.next = now + (!left   ? from_ms(10)
                           : eager ? retry_delay(greeting.tries, pace_of(peer))
                                   : retry_patient_delay);
}

void PeerOutput::probe(Peer& peer, Nanos now) {
    const auto source = speaking_address(peer);
    peer.next_probe = now + probe_every;
    if (!source || !peer.association.epoch()) {
        return;
    }
    if (peer.probes_unanswered >= 1) {
        peer.carrier.reset();
    }
    if (peer.probes_unanswered == probes_to_silence && !std::exchange(peer.silent_noted, true)) {
        r_.events.note(EventKind::peer_silent, now, {}, r_.policy->peer(peer.id).name, {});
    }
    peer.probes_unanswered++;
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    Probe question;
    question.send_time = static_cast<uint64_t>(now.value);
    send_everywhere(peer, question, 0, *source, peer.carrier, nullptr);
}

// ---- time

void PeerOutput::tick(Peer& peer, Nanos now) {
    if (peer.bind_sender.is_due(now)) {
        try_bind(peer, now);
    }
    if (peer.mention_at && *peer.mention_at <= now) {
        peer.mention_at.reset();
        send_bind(peer, peer.bind_sender.pending() && peer.bind_sender.old_address_lost(), now);
    }
    if (peer.greeting && peer.greeting->next <= now) {
        greet(peer, now);
    }
    if (peer.next_probe <= now) {
        probe(peer, now);
    }
    if (!peer.bind_sender.pending() && peer.said.value != 0 && now - peer.said > say_again) {
        send_bind(peer, false, now);
    }
}

Nanos PeerOutput::next_tick(const Peer& peer) {
    Nanos out = peer.next_probe;
    if (peer.bind_sender.pending()) {
        out = std::min(out, peer.bind_sender.next_try());
    } else if (peer.said.value != 0) {
        out = std::min(out, peer.said + say_again);
    }
    if (peer.mention_at) {
        out = std::min(out, *peer.mention_at);
    }
    return peer.greeting ? std::min(out, peer.greeting->next) : out;
}

} // namespace sacip
