// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer_office.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr size_t max_places = 4;
/// A single carrier that was not answered so often has failed: both are tried again.
constexpr unsigned carrier_fails_after = 3;
constexpr Nanos mention_after = from_ms(20);
constexpr Nanos slow_tick_every = from_ms(10);
constexpr Nanos probe_every = from_s(10);
constexpr unsigned probes_to_silence = 3;
/// A peer that has said nothing for so long may not be there.
constexpr Nanos doubt_after = from_s(1);
/// A SOLICIT is answered with the whole state, unless that was said just now.
constexpr Nanos said_just_now = from_ms(100);
/// Claims are said again before their lifetime is over.
constexpr Nanos say_again = from_s(claim_lifetime_s / 2);

Challenge echo_of(const SecureBody& body) {
    if (const auto* hello = std::get_if<Hello>(&body)) {
        return hello->echo;
    }
    if (const auto* ack = std::get_if<HelloAck>(&body)) {
        return ack->echo;
    }
    const auto* bind = std::get_if<Bind>(&body);
    return bind != nullptr ? bind->echo : Challenge{};
}

} // namespace

PeerOffice::PeerOffice(const Rooms& rooms) : r_{rooms}, solicitor_{rooms.ledger, rooms.flows} {
    peers_.reserve(r_.config.peers.size());
    for (uint32_t i = 0; i < r_.config.peers.size(); i++) {
        peers_.emplace_back(i, r_.config.peers[i], r_.identity.challenge_key);
    }
}

void PeerOffice::note(const Peer& peer, EventKind kind, Nanos now, std::string text) {
    r_.events.note(kind, now, {}, peer.config.name, std::move(text));
}

// ---- what comes

PeerOffice::Outcome PeerOffice::receive(const Frame& frame, const PacketView& view, Nanos now) {
    const auto carried = decode_carrier(frame, view);
    if (const auto* why = std::get_if<DropReason>(&carried)) {
        return {*why};
    }
    const auto& [route, bytes] = std::get<CarriedMessage>(carried);
    const auto decoded = decode_envelope(bytes);
    if (const auto* why = std::get_if<DropReason>(&decoded)) {
        return {*why};
    }
    const auto& envelope = std::get<Envelope>(decoded);
    const auto& keys = r_.identity.peers;
    const auto sender = std::ranges::find(keys, envelope.header.sender, &PeerKeys::sender);
    if (sender == keys.end()) {
        return {DropReason::notification_unknown_sender};
    }
    Peer& peer = peers_[static_cast<size_t>(sender - keys.begin())];
    if (!peer.association.within_rate(envelope.header, now)) {
        return {DropReason::notification_rate};
    }
    if (!is_genuine(envelope, sender->receive, route.addresses)) {
        return {DropReason::notification_tag};
    }
    const Message message{peer, route, envelope.header, now};
    const Standing standing = peer.association.judge(envelope.header);
    if (standing == Standing::old_epoch) {
        return {DropReason::notification_stale};
    }
    if (standing == Standing::repeated) {
        // A lost acknowledgement heals; nothing is applied.
        if (envelope.kind == static_cast<uint8_t>(SecureKind::bind)) {
            const bool last = envelope.header.sequence == peer.last_bind;
            answer_bind(message,
                        last ? ClaimDesk::standing(peer) : ClaimDesk::Decision{BindStatus::stale});
        }
        return {DropReason::notification_stale};
    }
    const auto body = decode_body(envelope);
    if (const auto* why = std::get_if<DropReason>(&body)) {
        if (standing == Standing::fresh &&
            envelope.kind == static_cast<uint8_t>(SecureKind::bind)) {
            answer_bind(message, {BindStatus::refused, *why == DropReason::notification_family
                                                           ? BindReason::family
                                                           : BindReason::body});
        }
        return {*why};
    }
    const auto& what = std::get<SecureBody>(body);
    return standing == Standing::fresh ? on_fresh(message, what, bytes.size())
                                       : on_unproven(message, what);
}

/// Of an epoch that we do not know: believed if it echoes our challenge, else challenged.
PeerOffice::Outcome PeerOffice::on_unproven(const Message& m, const SecureBody& body) {
    Peer& peer = m.peer;
    if (const auto proven = peer.association.take_echo(echo_of(body), m.now)) {
        on_new_epoch(peer, m.header, m.now);
        const bool moved = r_.claims.proven(peer, *proven, m.now);
        Outcome out = on_fresh(m, body, 0);
        out.look_again = out.look_again || moved;
        return out;
    }
    const auto* hello = std::get_if<Hello>(&body);
    const bool bind = std::holds_alternative<Bind>(body);
    if ((hello != nullptr || bind) && peer.unproven_answers.take(m.now)) {
        const auto challenge = peer.association.challenge_for(m.route.addresses.source, m.now);
        if (challenge && hello != nullptr) {
            learn_checksum(peer, hello->checksum);
            answer(m, HelloAck{r_.identity.public_key, capabilities(peer), own_checksum(),
                               *challenge, hello->challenge});
        } else if (challenge) {
            answer(m, BindAck{m.header.epoch, m.header.sequence, BindStatus::validate,
                              BindReason::none, *challenge});
        }
    }
    if (hello != nullptr) {
        return {};
    }
    needed(peer.index, {m.route.addresses.destination, m.route.addresses.source}, m.now);
    return {DropReason::notification_epoch};
}

void PeerOffice::on_new_epoch(Peer& peer, const SecureHeader& header, Nanos now) {
    const bool restarted = peer.association.epoch().has_value();
    peer.association.accept_epoch(header);
    peer.last_bind = {};
    note(peer, restarted ? EventKind::peer_restarted : EventKind::peer_up, now);
    // It knows nothing of us, whatever it had acknowledged before.
    say(peer, false, now);
    solicitor_.hurry(peer.index, now);
}

PeerOffice::Outcome PeerOffice::on_fresh(const Message& m, const SecureBody& body, size_t bytes) {
    Peer& peer = m.peer;
    peer.heard = m.route.addresses;
    peer.last_heard = m.now;
    peer.waiting_since.reset();
    peer.silent_noted = false;
    peer.probes_unanswered = 0;
    statistics_.received[static_cast<size_t>(kind_of(body))].add();
    bool moved = false;
    if (const auto proven = peer.association.take_echo(echo_of(body), m.now)) {
        moved = r_.claims.proven(peer, *proven, m.now);
    }
    Outcome out;
    if (const auto* hello = std::get_if<Hello>(&body)) {
        on_hello(m, *hello);
    } else if (const auto* hello_ack = std::get_if<HelloAck>(&body)) {
        out = on_hello_ack(m, *hello_ack);
    } else if (const auto* bind = std::get_if<Bind>(&body)) {
        out = on_bind(m, *bind);
    } else if (const auto* bind_ack = std::get_if<BindAck>(&body)) {
        on_bind_ack(m, *bind_ack);
    } else if (const auto* solicit = std::get_if<Solicit>(&body)) {
        answer(m, solicitor_.answer(peer.index, *solicit));
        if (!peer.statement.pending() && m.now - peer.said > said_just_now) {
            say(peer, false, m.now);
        }
    } else if (const auto* solicit_ack = std::get_if<SolicitAck>(&body)) {
        out = on_solicit_ack(m, *solicit_ack);
    } else if (const auto* question = std::get_if<Probe>(&body)) {
        answer(m, ProbeAck{question->nonce, question->send_time, question->padding_bytes});
    } else if (const auto* probe_ack = std::get_if<ProbeAck>(&body)) {
        peer.carrier = m.route.carrier;
        peer.association.measured(m.now - Nanos{static_cast<int64_t>(probe_ack->send_time)});
    }
    r_.claims.heard_from(peer, m.route.addresses.source, bytes);
    out.look_again = out.look_again || moved;
    return out;
}

/// Only flows that the peer's own start has not made: those since then it knows itself.
uint32_t PeerOffice::capabilities(const Peer& peer) const {
    const bool flows = std::ranges::any_of(r_.ledger.remotes_of_peer(peer.index), [&](RemoteId id) {
        return std::ranges::any_of(r_.ledger.at(id).paths,
                                   [&](PathId p) { return r_.ledger.at(p).flows > 0; });
    });
    return flows && peer.association.epoch() ? capability_has_flows : 0;
}

WireChecksum PeerOffice::own_checksum() const {
    return r_.config.checksum.l4 == L4Checksum::original ? WireChecksum::original
                                                         : WireChecksum::wire;
}

void PeerOffice::learn_checksum(Peer& peer, WireChecksum checksum) {
    const auto mode =
        checksum == WireChecksum::wire ? L4ChecksumMode::wire : L4ChecksumMode::original;
    if (r_.ledger.set_peer_checksum(peer.index, mode)) {
        for (const RemoteId id : r_.ledger.remotes_of_peer(peer.index)) {
            for (const PathId path : r_.ledger.at(id).paths) {
                r_.keeper.publish(path);
            }
        }
    }
}

void PeerOffice::on_hello(const Message& m, const Hello& hello) {
    learn_checksum(m.peer, hello.checksum);
    const Ipv4Addr source = m.route.addresses.source;
    const auto challenge = m.peer.association.is_proven(source)
                               ? std::optional{Challenge{}}
                               : m.peer.association.challenge_for(source, m.now);
    answer(m, HelloAck{r_.identity.public_key, capabilities(m.peer), own_checksum(),
                       challenge.value_or(Challenge{}), hello.challenge});
}

PeerOffice::Outcome PeerOffice::on_hello_ack(const Message& m, const HelloAck& ack) {
    Peer& peer = m.peer;
    learn_checksum(peer, ack.checksum);
    peer.has_flows = (ack.capabilities & capability_has_flows) != 0;
    if (peer.greeting && peer.greeting->tries == 1) {
        peer.association.measured(m.now - peer.greeting->began);
    }
    peer.greeting.reset();
    peer.carrier = m.route.carrier;
    if (!ack.challenge.is_zero()) {
        peer.to_echo = {ack.challenge, m.route.addresses.destination};
        if (!peer.statement.pending()) {
            say(peer, false, m.now);
        }
    }
    if (peer.statement.pending()) {
        try_statement(peer, m.now);
    }
    return {DropReason::none, true};
}

PeerOffice::Outcome PeerOffice::on_bind(const Message& m, const Bind& bind) {
    if (m.header.sequence < m.peer.last_bind) {
        answer_bind(m, {BindStatus::stale});
        return {DropReason::notification_stale};
    }
    const bool lost = (m.header.flags & flag_old_address_lost) != 0;
    const auto decision = r_.claims.receive(m.peer, bind, lost, m.route.addresses.source, m.now);
    if (decision.status != BindStatus::refused) {
        m.peer.last_bind = m.header.sequence;
    }
    return answer_bind(m, decision);
}

/// `validate` goes to the address that is to be proved, all else to where the BIND came from.
PeerOffice::Outcome PeerOffice::answer_bind(const Message& m, const ClaimDesk::Decision& decision) {
    BindAck ack{m.header.epoch, m.header.sequence, decision.status, decision.reason, {}};
    if (decision.status == BindStatus::validate) {
        ack.challenge =
            m.peer.association.challenge_for(*decision.ask, m.now).value_or(Challenge{});
    }
    if (decision.ask && *decision.ask != m.route.addresses.source) {
        r_.post.send({m.peer.index, ack, m.peer.association.next_sequence(), 0},
                     {m.route.addresses.destination, *decision.ask}, m.peer.carrier);
    } else {
        answer(m, ack);
    }
    return {decision.status == BindStatus::refused ? DropReason::notification_unauthorised
                                                   : DropReason::none,
            decision.status != BindStatus::refused};
}

void PeerOffice::on_bind_ack(const Message& m, const BindAck& ack) {
    Peer& peer = m.peer;
    if (ack.epoch != r_.identity.epoch) {
        return;
    }
    const Statement::Answered answered = peer.statement.on_ack(ack, m.now);
    if (!answered.ours) {
        return;
    }
    peer.carrier = m.route.carrier;
    if (answered.round_trip) {
        peer.association.measured(*answered.round_trip);
    }
    switch (ack.status) {
    case BindStatus::applied:
        if (answered.complete) {
            peer.said = m.now;
            peer.to_echo.reset();
            r_.mover.acknowledged(peer.index, true, m.now);
        }
        break;
    case BindStatus::validate:
        peer.to_echo = {ack.challenge, m.route.addresses.destination};
        r_.mover.acknowledged(peer.index, false, m.now);
        try_statement(peer, m.now);
        break;
    case BindStatus::stale:
        peer.statement.hurry(m.now);
        break;
    case BindStatus::refused:
        r_.mover.refused(peer.index, m.now);
        break;
    }
}

PeerOffice::Outcome PeerOffice::on_solicit_ack(const Message& m, const SolicitAck& ack) {
    if (!solicitor_.on_ack(m.peer.index, ack, m.now)) {
        return {};
    }
    note(m.peer, EventKind::solicited, m.now,
         ack.status == SolicitStatus::known
             ? ack.original_source.to_text() + " > " + ack.original_destination.to_text()
             : "not known there either");
    return {DropReason::none, true};
}

// ---- what goes

/// Back the way it came.
bool PeerOffice::answer(const Message& m, const SecureBody& body) {
    const CarrierRoute back{m.route.carrier,
                            {m.route.addresses.destination, m.route.addresses.source},
                            m.route.destination_port,
                            m.route.source_port};
    return r_.post.send({m.peer.index, body, m.peer.association.next_sequence(), 0}, back);
}

/// One of ours that flows with the peer use now.
std::optional<Ipv4Addr> PeerOffice::speaking_address(const Peer& peer) const {
    for (const RemoteId remote : r_.ledger.remotes_of_peer(peer.index)) {
        for (const PathId path : r_.ledger.at(remote).paths) {
            const LocalBinding& local = r_.ledger.at(r_.ledger.at(path).local);
            if (local.usable) {
                return local.active;
            }
        }
    }
    return std::nullopt;
}

/// Every place where the peer may be reached, the likeliest first: any address behind one claim
/// leads to the same gateway.
std::vector<Ipv4Addr> PeerOffice::places_of(const Peer& peer, const SecureAddresses* also) const {
    std::vector<Ipv4Addr> out;
    std::vector<const Claim*> reached;
    const auto add = [&](Ipv4Addr place) {
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
    const auto is_reached = [&](const Claim& claim) {
        return std::ranges::any_of(out, [&](Ipv4Addr a) { return claim.active.contains(a); });
    };
    for (const RemoteId id : r_.ledger.remotes_of_peer(peer.index)) {
        const RemoteBinding& b = r_.ledger.at(id);
        const Claim* claim = r_.ledger.claim_for(peer.index, b.original);
        if (out.size() >= max_places) {
            break;
        }
        if (claim == nullptr ? std::ranges::find(reached, nullptr) == reached.end()
                             : !is_reached(*claim)) {
            reached.push_back(claim);
            add(b.active);
        }
    }
    for (const Trial& trial : peer.trials) {
        add(trial.asked);
    }
    if (peer.config.rendezvous) {
        add(*peer.config.rendezvous);
    }
    return out;
}

std::optional<Sequence> PeerOffice::send_everywhere(Peer& peer, const SecureBody& body,
                                                    uint16_t flags, Ipv4Addr source,
                                                    std::optional<Carrier> carrier,
                                                    const SecureAddresses* also) {
    const Sequence sequence = peer.association.next_sequence();
    bool left = false;
    for (const Ipv4Addr place : places_of(peer, also)) {
        left = r_.post.send({peer.index, body, sequence, flags}, {source, place}, carrier) || left;
    }
    return left ? std::optional{sequence} : std::nullopt;
}

void PeerOffice::say(Peer& peer, bool old_address_lost, Nanos now) {
    peer.statement.begin(entries_for(r_.ledger, peer.index), old_address_lost, now);
    try_statement(peer, now);
}

void PeerOffice::try_statement(Peer& peer, Nanos now) {
    const auto speaking = speaking_address(peer);
    const std::optional<Ipv4Addr> source = peer.to_echo ? std::optional{peer.to_echo->from}
                                           : speaking   ? speaking
                                           : peer.heard ? std::optional{peer.heard->destination}
                                                        : std::nullopt;
    if (!source) {
        peer.statement.end(); // neither flows nor a word from it: nobody to tell
        return;
    }
    const auto carrier =
        peer.statement.tries() >= carrier_fails_after ? std::nullopt : peer.carrier;
    const uint16_t flags = peer.statement.old_address_lost() ? flag_old_address_lost : 0;
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    peer.statement.try_now(now, peer.association.smoothed_rtt(), [&](Bind& bind) {
        bind.echo = peer.to_echo ? peer.to_echo->challenge : Challenge{};
        const auto sequence = send_everywhere(peer, bind, flags, *source, carrier, nullptr);
        if (sequence) {
            r_.mover.told(peer.index, now);
        }
        return sequence;
    });
}

void PeerOffice::announce(uint32_t index, bool old_address_lost, Nanos now) {
    Peer& peer = peers_[index];
    peer.to_echo.reset(); // it was for an address that we may have left
    say(peer, old_address_lost, now);
}

void PeerOffice::mention(uint32_t index, Nanos now) {
    peers_[index].mention_at = peers_[index].mention_at.value_or(now + mention_after);
}

void PeerOffice::way_out(Nanos now) {
    for (Peer& peer : peers_) {
        if (peer.statement.pending() && peer.statement.tries() == 0) {
            try_statement(peer, now);
        }
    }
}

void PeerOffice::needed(uint32_t index, const SecureAddresses& between, Nanos now) {
    Peer& peer = peers_[index];
    if (!peer.greeting) {
        peer.greeting = Peer::Greeting{between, now, now, 0};
        greet(peer, now);
    } else {
        peer.greeting->between = between;
    }
}

void PeerOffice::greet(Peer& peer, Nanos now) {
    Peer::Greeting& greeting = *peer.greeting;
    const Ipv4Addr source = speaking_address(peer).value_or(greeting.between.source);
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    bool left = false;
    for (const Ipv4Addr place : places_of(peer, &greeting.between)) {
        const auto challenge = peer.association.challenge_for(place, now);
        if (!challenge) {
            continue;
        }
        const Hello hello{
            r_.identity.public_key, capabilities(peer), own_checksum(), *challenge, {}};
        left = r_.post.send({peer.index, hello, peer.association.next_sequence(), 0},
                            {source, place}, std::nullopt) ||
               left;
    }
    greeting.tries += left ? 1 : 0;
    const bool eager = now - greeting.began < retry_eager_time;
    greeting.next = now + (!left   ? from_ms(10)
                           : eager ? retry_delay(greeting.tries, peer.association.smoothed_rtt())
                                   : retry_patient_delay);
}

void PeerOffice::probe(Peer& peer, Nanos now) {
    const auto source = speaking_address(peer);
    peer.next_probe = now + probe_every;
    if (!source || !peer.association.epoch()) {
        return;
    }
    if (peer.probes_unanswered >= 1) {
        peer.carrier.reset();
    }
    if (peer.probes_unanswered == probes_to_silence && !std::exchange(peer.silent_noted, true)) {
        note(peer, EventKind::peer_silent, now);
    }
    peer.probes_unanswered++;
    if (!peer.waiting_since) {
        peer.waiting_since = now;
    }
    Probe question;
    question.send_time = static_cast<uint64_t>(now.value);
    send_everywhere(peer, question, 0, *source, peer.carrier, nullptr);
}

// ---- flows that we do not know

std::optional<uint32_t> PeerOffice::peer_near(Ipv4Addr address) const {
    std::optional<uint32_t> roaming;
    for (const Peer& peer : peers_) {
        const auto holds = [&](const Ipv4Prefix& p) { return p.contains(address); };
        if (r_.ledger.claims_to_be_at(peer.index, address) ||
            std::ranges::any_of(peer.config.addresses, holds)) {
            return peer.index;
        }
        if (!peer.association.epoch() && std::ranges::any_of(peer.config.roam_to, holds)) {
            roaming = peer.index;
        }
    }
    return roaming;
}

bool PeerOffice::may_know_more(uint32_t index, const SecureAddresses& between, Nanos now) {
    Peer& peer = peers_[index];
    if (!peer.association.epoch()) {
        needed(index, between, now);
        return true;
    }
    return peer.has_flows;
}

std::optional<FlowOrigin> PeerOffice::origin_of(uint32_t index, const WireTuple& tuple,
                                                const SecureAddresses& between, Nanos now) {
    Peer& peer = peers_[index];
    if (!peer.association.epoch()) {
        needed(index, between, now); // asked once it is there
        return std::nullopt;
    }
    const FlowOrigin* origin = solicitor_.look_up(index, tuple, between, now);
    if (origin != nullptr && origin->state != FlowOrigin::State::asked) {
        return *origin;
    }
    if (!peer.waiting_since && now - peer.last_heard > doubt_after) {
        probe(peer, now);
    }
    return std::nullopt;
}

// ---- time

bool PeerOffice::tick(Nanos now) {
    solicitor_.tick(now,
                    [&](uint32_t index, const Solicit& question, const SecureAddresses& between) {
                        Peer& peer = peers_[index];
                        if (peer.association.epoch()) {
                            r_.post.send({index, question, peer.association.next_sequence(), 0},
                                         between, peer.carrier);
                        }
                    });
    for (Peer& peer : peers_) {
        if (peer.statement.is_due(now)) {
            try_statement(peer, now);
        }
        if (peer.mention_at && *peer.mention_at <= now) {
            peer.mention_at.reset();
            say(peer, peer.statement.pending() && peer.statement.old_address_lost(), now);
        }
        if (peer.greeting && peer.greeting->next <= now) {
            greet(peer, now);
        }
    }
    if (now < next_slow_tick_) {
        return false;
    }
    next_slow_tick_ = now + slow_tick_every;
    bool changed = false;
    for (Peer& peer : peers_) {
        changed = r_.claims.tick(peer, now) || changed;
        peer.association.tick(now,
                              [&](Ipv4Addr a) { return r_.ledger.claims_to_be_at(peer.index, a); });
        if (peer.is_silent(now) && !std::exchange(peer.silent_noted, true)) {
            note(peer, EventKind::peer_silent, now);
        }
        if (peer.next_probe <= now) {
            probe(peer, now);
        }
        if (!peer.statement.pending() && peer.said.value != 0 && now - peer.said > say_again) {
            say(peer, false, now);
        }
    }
    return changed;
}

} // namespace sacip
