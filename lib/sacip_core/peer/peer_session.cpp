// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/peer_session.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr Nanos tidy_every = from_ms(10);
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

PeerSession::PeerSession(const Deps& deps)
    : r_{deps}, peer_output_{{deps.policy, deps.identity, deps.cache, deps.mover,
                              deps.secure_sender, deps.events}},
      flow_recovery_{deps.cache, deps.flows, deps.secret} {
    take_policy();
}

/// Who may roam where is the policy's word; what is known of a peer stays.
void PeerSession::take_policy() {
    roaming_ = PrefixMap<std::vector<PeerId>>{};
    for (const auto& [id, peer] : r_.policy->peers) {
        if (!peers_.has(id)) {
            peers_.add(id, r_.identity.challenge_key);
            due_.set(id, {});
        }
        for (const IpPrefix& prefix : peer.roam_to) {
            roaming_[prefix].push_back(id);
        }
    }
    flow_recovery_.cover(r_.policy->peers.ids_given());
}

void PeerSession::note(const Peer& peer, EventKind kind, Nanos now, std::string text) {
    r_.events.note(kind, now, {}, r_.policy->peer(peer.id).name, std::move(text));
}

// ---- what comes

PeerSession::Outcome PeerSession::receive(const Frame& frame, const PacketView& view, Nanos now) {
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
    Peer& peer = at(keys.id_at(sender));
    if (!peer.association.within_rate(envelope.header, now)) {
        return {DropReason::notification_rate};
    }
    if (!is_genuine(envelope, sender->receive, route.addresses)) {
        return {DropReason::notification_tag};
    }
    due_.set(peer.id, now);
    const Message message{peer, route, envelope.header, now};
    const Standing standing = peer.association.judge(envelope.header);
    if (standing == Standing::old_epoch) {
        return {DropReason::notification_stale};
    }
    if (standing == Standing::repeated) {
        // A lost acknowledgement heals; nothing is applied.
        if (envelope.kind == static_cast<uint8_t>(SecureKind::bind)) {
            const bool last = envelope.header.sequence == peer.last_bind;
            answer_bind(message, last ? BindReceiver::standing(peer)
                                      : BindReceiver::Decision{BindStatus::stale});
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
PeerSession::Outcome PeerSession::on_unproven(const Message& m, const SecureBody& body) {
    Peer& peer = m.peer;
    if (const auto proven = peer.association.take_echo(echo_of(body), m.now)) {
        on_new_epoch(peer, m.header, m.now);
        const bool moved = r_.claims.proven(peer, *proven, m.now);
        Outcome out = on_fresh(m, body, 0);
        out.retry_held = out.retry_held || moved;
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
            peer_output_.answer(m.peer, m.route,
                                HelloAck{r_.identity.public_key, peer_output_.capabilities(peer),
                                         peer_output_.own_checksum(), *challenge,
                                         hello->challenge});
        } else if (challenge) {
            peer_output_.answer(m.peer, m.route,
                                BindAck{m.header.epoch, m.header.sequence, BindStatus::validate,
                                        BindReason::none, *challenge});
        }
    }
    if (hello != nullptr) {
        return {};
    }
    peer_output_.request_epoch(peer, {m.route.addresses.destination, m.route.addresses.source},
                               m.now);
    return {DropReason::notification_epoch};
}

void PeerSession::on_new_epoch(Peer& peer, const SecureHeader& header, Nanos now) {
    const bool restarted = peer.association.epoch().has_value();
    peer.association.accept_epoch(header);
    r_.cache.set_heard(Speaker::of(peer.id));
    if (peer.announced && peer.announced->epoch == header.epoch) {
        learn_checksum(peer, peer.announced->checksum);
    }
    peer.last_bind = {};
    note(peer, restarted ? EventKind::peer_restarted : EventKind::peer_up, now);
    peer.silent_noted = false; // said by that
    // It knows nothing of us, whatever it had acknowledged before.
    peer_output_.send_bind(peer, false, now);
    flow_recovery_.ask_again(peer.id, now);
}

PeerSession::Outcome PeerSession::on_fresh(const Message& m, const SecureBody& body, size_t bytes) {
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
        peer_output_.repeat(peer, m.now);
        out = on_bind(m, *bind);
    } else if (const auto* bind_ack = std::get_if<BindAck>(&body)) {
        on_bind_ack(m, *bind_ack);
    } else if (const auto* solicit = std::get_if<Solicit>(&body)) {
        peer_output_.repeat(peer, m.now); // it explains more than the answer
        peer_output_.answer(m.peer, m.route, flow_recovery_.answer(peer.id, *solicit));
        if (!peer.bind_sender.pending() && m.now - peer.said > said_just_now) {
            peer_output_.send_bind(peer, false, m.now);
        }
    } else if (const auto* solicit_ack = std::get_if<SolicitAck>(&body)) {
        out = on_solicit_ack(m, *solicit_ack);
    } else if (const auto* question = std::get_if<Probe>(&body)) {
        peer_output_.answer(
            m.peer, m.route,
            ProbeAck{question->nonce, question->send_time, question->padding_bytes});
    } else if (const auto* probe_ack = std::get_if<ProbeAck>(&body)) {
        peer.carrier = m.route.carrier;
        const Nanos asked{static_cast<int64_t>(probe_ack->send_time)};
        if (asked > Nanos{} && asked <= m.now && m.now - asked < from_s(60)) { // else not ours
            peer.association.measured(m.now - asked);
        }
    }
    r_.claims.heard_from(peer, m.route.addresses.source, bytes);
    out.retry_held = out.retry_held || moved;
    return out;
}

void PeerSession::learn_checksum(Peer& peer, WireChecksum checksum) {
    const auto mode =
        checksum == WireChecksum::wire ? L4ChecksumMode::wire : L4ChecksumMode::original;
    if (r_.cache.set_peer_checksum(peer.id, mode)) {
        for (const RemoteId id : r_.cache.remotes_of_peer(peer.id)) {
            for (const PathId path : r_.cache.at(id).paths) {
                r_.manager.publish(path);
            }
        }
    }
}

void PeerSession::on_hello(const Message& m, const Hello& hello) {
    learn_checksum(m.peer, hello.checksum);
    const IpAddr source = m.route.addresses.source;
    const auto challenge = m.peer.association.is_proven(source)
                               ? std::optional{Challenge{}}
                               : m.peer.association.challenge_for(source, m.now);
    peer_output_.answer(m.peer, m.route,
                        HelloAck{r_.identity.public_key, peer_output_.capabilities(m.peer),
                                 peer_output_.own_checksum(), challenge.value_or(Challenge{}),
                                 hello.challenge});
}

PeerSession::Outcome PeerSession::on_hello_ack(const Message& m, const HelloAck& ack) {
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
        if (!peer.bind_sender.pending()) {
            peer_output_.send_bind(peer, false, m.now);
        }
    }
    if (peer.bind_sender.pending()) {
        peer_output_.try_bind(peer, m.now);
    }
    return {DropReason::none, true};
}

PeerSession::Outcome PeerSession::on_bind(const Message& m, const Bind& bind) {
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
PeerSession::Outcome PeerSession::answer_bind(const Message& m,
                                              const BindReceiver::Decision& decision) {
    BindAck ack{m.header.epoch, m.header.sequence, decision.status, decision.reason, {}};
    if (decision.status == BindStatus::validate) {
        ack.challenge =
            m.peer.association.challenge_for(*decision.ask, m.now).value_or(Challenge{});
    }
    if (decision.ask && *decision.ask != m.route.addresses.source) {
        r_.secure_sender.send({m.peer.id, ack, m.peer.association.next_sequence(), 0},
                              {m.route.addresses.destination, *decision.ask}, m.peer.carrier);
    } else {
        peer_output_.answer(m.peer, m.route, ack);
    }
    return {decision.status == BindStatus::refused ? DropReason::notification_unauthorised
                                                   : DropReason::none,
            decision.status != BindStatus::refused};
}

void PeerSession::on_bind_ack(const Message& m, const BindAck& ack) {
    Peer& peer = m.peer;
    if (ack.epoch != r_.identity.epoch) {
        return;
    }
    const BindSender::Answered answered = peer.bind_sender.on_ack(ack, m.now);
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
            r_.mover.acknowledged(peer.id, true, m.now);
        }
        break;
    case BindStatus::validate:
        peer.to_echo = {ack.challenge, m.route.addresses.destination};
        r_.mover.acknowledged(peer.id, false, m.now);
        peer_output_.try_bind(peer, m.now);
        break;
    case BindStatus::stale:
        peer.bind_sender.retry_now(m.now);
        break;
    case BindStatus::refused:
        r_.mover.refused(peer.id, m.now);
        break;
    }
}

PeerSession::Outcome PeerSession::on_solicit_ack(const Message& m, const SolicitAck& ack) {
    if (ack.status == SolicitStatus::known &&
        !r_.cache.may_roam_to(Speaker::of(m.peer.id), ack.original_source)) {
        return {DropReason::notification_unauthorised};
    }
    if (!flow_recovery_.on_ack(m.peer.id, ack, m.now)) {
        return {};
    }
    note(m.peer, EventKind::solicited, m.now,
         ack.status == SolicitStatus::known
             ? ack.original_source.to_text() + " > " + ack.original_destination.to_text()
             : "not known there either");
    return {DropReason::none, true};
}

// ---- flows that we do not know

std::optional<PeerId> PeerSession::peer_near(IpAddr address) const {
    auto found = r_.cache.claims().peer_at(address);
    if (!found) {
        found = r_.cache.peer_of(address);
    }
    if (!found) {
        roaming_.visit_around(address, [&](const IpPrefix&, const std::vector<PeerId>& peers) {
            const auto silent = std::ranges::find_if(
                peers, [&](PeerId peer) { return !at(peer).association.epoch(); });
            found = silent == peers.end() ? std::nullopt : std::optional{*silent};
            return found.has_value();
        });
    }
    return found;
}

bool PeerSession::is_on_trial(PeerId id, IpAddr address) const {
    return std::ranges::any_of(at(id).trials, [&](const Trial& t) {
        return t.in_use && t.claim.active.contains(address);
    });
}

bool PeerSession::may_know_more(PeerId id, const SecureAddresses& between, Nanos now) {
    Peer& peer = at(id);
    if (!peer.association.epoch()) {
        peer_output_.request_epoch(peer, between, now);
        due_.set(id, now);
        return true;
    }
    return peer.has_flows;
}

std::optional<FlowOrigin> PeerSession::origin_of(PeerId id, const WireTuple& tuple,
                                                 const SecureAddresses& between, Nanos now) {
    Peer& peer = at(id);
    if (!peer.association.epoch()) {
        peer_output_.request_epoch(peer, between, now); // asked once it is there
        due_.set(id, now);
        return std::nullopt;
    }
    const FlowOrigin* origin = flow_recovery_.look_up(id, tuple, between, now);
    if (origin != nullptr && origin->state != FlowOrigin::State::asked) {
        return *origin;
    }
    if (!peer.waiting_since && now - peer.last_heard > doubt_after) {
        peer_output_.probe(peer, now);
        due_.set(id, now);
    }
    return std::nullopt;
}

// ---- time

bool PeerSession::tick(Nanos now) {
    flow_recovery_.tick(now,
                        [&](PeerId id, const Solicit& question, const SecureAddresses& between,
                            bool first) { peer_output_.ask(at(id), question, between, first); });
    bool changed = false;
    while (const auto due = due_.due(now)) {
        changed = look_at(at(*due), now) || changed;
    }
    if (now >= next_tidying_) {
        next_tidying_ = now + tidy_every;
        tidy(now);
    }
    return changed;
}

/// A few of the peers, so that each one's turn comes every few seconds.
void PeerSession::tidy(Nanos now) {
    for (size_t left = (peers_.size() + 255) / 256; left > 0; left--) {
        tidied_ = {tidied_.value + 1 < peers_.size() ? tidied_.value + 1 : 0};
        Peer& peer = at(tidied_);
        r_.claims.tidy(peer, now);
        peer.association.tick(now, [&](IpAddr a) { return r_.cache.claims().is_at(peer.id, a); });
    }
}

/// What its time has come for. True if packets that wait should be looked at again.
bool PeerSession::look_at(Peer& peer, Nanos now) {
    peer_output_.tick(peer, now);
    const bool changed = r_.claims.tick(peer, now);
    if (peer.is_silent(now) && !std::exchange(peer.silent_noted, true)) {
        note(peer, EventKind::peer_silent, now);
    }
    Nanos next = std::min(PeerOutput::next_tick(peer), BindReceiver::next_tick(peer));
    if (peer.waiting_since && !peer.silent_noted) {
        next = std::min(next, *peer.waiting_since + Peer::patience);
    }
    due_.set(peer.id, std::max(next, now) + Nanos{1});
    return changed;
}

} // namespace sacip
