// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/peer_office.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr Nanos slow_tick_every = from_ms(10);
/// A peer that has said nothing for so long may not be there.
constexpr Nanos doubt_after = from_s(1);
/// A SOLICIT is answered with the whole state, unless that was said just now.
constexpr Nanos said_just_now = from_ms(100);

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

PeerOffice::PeerOffice(const Rooms& rooms)
    : r_{rooms}, voice_{{rooms.config, rooms.identity, rooms.ledger, rooms.mover, rooms.post,
                         rooms.events}},
      solicitor_{rooms.ledger, rooms.flows} {
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
            if (!peer.announced || m.header.epoch >= peer.announced->epoch) { // no replay
                peer.announced = {m.header.epoch, hello->checksum};
            }
            voice_.answer(m.peer, m.route,
                          HelloAck{r_.identity.public_key, voice_.capabilities(peer),
                                   voice_.own_checksum(), *challenge, hello->challenge});
        } else if (challenge) {
            voice_.answer(m.peer, m.route,
                          BindAck{m.header.epoch, m.header.sequence, BindStatus::validate,
                                  BindReason::none, *challenge});
        }
    }
    if (hello != nullptr) {
        return {};
    }
    voice_.needed(peer, {m.route.addresses.destination, m.route.addresses.source}, m.now);
    return {DropReason::notification_epoch};
}

void PeerOffice::on_new_epoch(Peer& peer, const SecureHeader& header, Nanos now) {
    const bool restarted = peer.association.epoch().has_value();
    peer.association.accept_epoch(header);
    r_.ledger.set_heard({Speaker::Kind::secure, peer.index});
    if (peer.announced && peer.announced->epoch == header.epoch) {
        learn_checksum(peer, peer.announced->checksum);
    }
    peer.last_bind = {};
    note(peer, restarted ? EventKind::peer_restarted : EventKind::peer_up, now);
    peer.silent_noted = false; // said by that
    // It knows nothing of us, whatever it had acknowledged before.
    voice_.say(peer, false, now);
    solicitor_.hurry(peer.index, now);
}

PeerOffice::Outcome PeerOffice::on_fresh(const Message& m, const SecureBody& body, size_t bytes) {
    Peer& peer = m.peer;
    peer.heard = m.route.addresses;
    peer.last_heard = m.now;
    peer.waiting_since.reset();
    if (std::exchange(peer.silent_noted, false)) {
        note(peer, EventKind::peer_recovered, m.now);
    }
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
        // What we said went to where it was, or when it was nowhere; it must have that before our
        // packets come from where we are, which they do as soon as its BIND is carried out.
        voice_.repeat(peer, m.now);
        out = on_bind(m, *bind);
    } else if (const auto* bind_ack = std::get_if<BindAck>(&body)) {
        on_bind_ack(m, *bind_ack);
    } else if (const auto* solicit = std::get_if<Solicit>(&body)) {
        voice_.repeat(peer, m.now); // it explains more than the answer
        voice_.answer(m.peer, m.route, solicitor_.answer(peer.index, *solicit));
        if (!peer.statement.pending() && m.now - peer.said > said_just_now) {
            voice_.say(peer, false, m.now);
        }
    } else if (const auto* solicit_ack = std::get_if<SolicitAck>(&body)) {
        out = on_solicit_ack(m, *solicit_ack);
    } else if (const auto* question = std::get_if<Probe>(&body)) {
        voice_.answer(m.peer, m.route,
                      ProbeAck{question->nonce, question->send_time, question->padding_bytes});
    } else if (const auto* probe_ack = std::get_if<ProbeAck>(&body)) {
        peer.carrier = m.route.carrier;
        const Nanos asked{static_cast<int64_t>(probe_ack->send_time)};
        if (asked > Nanos{} && asked <= m.now && m.now - asked < from_s(60)) { // else not ours
            peer.association.measured(m.now - asked);
        }
    }
    r_.claims.heard_from(peer, m.route.addresses.source, bytes);
    out.look_again = out.look_again || moved;
    return out;
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
    voice_.answer(m.peer, m.route,
                  HelloAck{r_.identity.public_key, voice_.capabilities(m.peer),
                           voice_.own_checksum(), challenge.value_or(Challenge{}),
                           hello.challenge});
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
            voice_.say(peer, false, m.now);
        }
    }
    if (peer.statement.pending()) {
        voice_.try_statement(peer, m.now);
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
        voice_.answer(m.peer, m.route, ack);
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
        voice_.try_statement(peer, m.now);
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
    if (ack.status == SolicitStatus::known &&
        !r_.ledger.may_roam_to({Speaker::Kind::secure, m.peer.index}, ack.original_source)) {
        return {DropReason::notification_unauthorised};
    }
    if (!solicitor_.on_ack(m.peer.index, ack, m.now)) {
        return {};
    }
    note(m.peer, EventKind::solicited, m.now,
         ack.status == SolicitStatus::known
             ? ack.original_source.to_text() + " > " + ack.original_destination.to_text()
             : "not known there either");
    return {DropReason::none, true};
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

bool PeerOffice::is_on_trial(uint32_t index, Ipv4Addr address) const {
    return std::ranges::any_of(peers_[index].trials, [&](const Trial& t) {
        return t.in_use && t.claim.active.contains(address);
    });
}

bool PeerOffice::may_know_more(uint32_t index, const SecureAddresses& between, Nanos now) {
    Peer& peer = peers_[index];
    if (!peer.association.epoch()) {
        voice_.needed(peer, between, now);
        return true;
    }
    return peer.has_flows;
}

std::optional<FlowOrigin> PeerOffice::origin_of(uint32_t index, const WireTuple& tuple,
                                                const SecureAddresses& between, Nanos now) {
    Peer& peer = peers_[index];
    if (!peer.association.epoch()) {
        voice_.needed(peer, between, now); // asked once it is there
        return std::nullopt;
    }
    const FlowOrigin* origin = solicitor_.look_up(index, tuple, between, now);
    if (origin != nullptr && origin->state != FlowOrigin::State::asked) {
        return *origin;
    }
    if (!peer.waiting_since && now - peer.last_heard > doubt_after) {
        voice_.probe(peer, now);
    }
    return std::nullopt;
}

// ---- time

bool PeerOffice::tick(Nanos now) {
    solicitor_.tick(now,
                    [&](uint32_t index, const Solicit& question, const SecureAddresses& between) {
                        voice_.ask(peers_[index], question, between);
                    });
    for (Peer& peer : peers_) {
        voice_.tick(peer, now);
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
    }
    return changed;
}

} // namespace sacip
