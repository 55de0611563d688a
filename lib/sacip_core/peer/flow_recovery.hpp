// SPDX-License-Identifier: BSD-3-Clause
//
// FlowRecovery: asks a peer about flows that we do not know, and answers such questions.
//
// A gateway that lost everything sees the middle of flows. Their originals are known at the other
// end only: SOLICIT names the packet's addresses and ports on the wire, SOLICIT_ACK the originals
// (PROTOCOL §3). Answers are kept for a while, for the packets that wait at the mid-flow guard look
// again when one has come.
#pragma once

#include "sacip_core/base/id_map.hpp"
#include "sacip_core/base/keyed_hash.hpp"
#include "sacip_core/base/token_bucket.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/peer/peer_state.hpp"

#include <unordered_map>
#include <vector>

namespace sacip {

/// What is known of a flow that was asked for.
struct FlowOrigin {
    enum class State : uint8_t {
        asked,
        known,
        unknown, ///< the peer does not know it either
    };
    State state{State::asked};
    IpAddr original_source{}; ///< in the direction of the tuple
    IpAddr original_destination{};
};

/// Slow path only. References outlive it.
class FlowRecovery {
public:
    /// `secret` is random and told to nobody.
    FlowRecovery(const BindingCache& cache, FlowTable& flows, uint64_t secret)
        : cache_{cache}, flows_{flows}, questions_{0, Hash{KeyedHash{secret}}} {}
    /// So many peers have been given ids.
    void cover(size_t peers) {
        new_questions_.cover(peers, TokenBucket{new_questions_a_second, new_questions_at_once});
    }

    /// What is known of this flow; the first question has it asked. nullptr if so much is
    /// asked already that there is no room.
    const FlowOrigin* look_up(PeerId peer, const WireTuple& tuple, const SecureAddresses& between,
                              Nanos now);
    /// Takes an answer; false if nobody asked.
    bool on_ack(PeerId peer, const SolicitAck& ack, Nanos now);
    /// The answer to a peer's question.
    SolicitAck answer(PeerId peer, const Solicit& question) const;

    /// Calls ask(peer, Solicit, between, first) for each question that is due, as far as the pace
    /// allows. `first`: it has not been asked before.
    template <typename Ask>
    void tick(Nanos now, Ask&& ask);
    /// All that is still open is due at once: the peer's epoch has just become known.
    void ask_again(PeerId peer, Nanos now);

private:
    struct Hash {
        KeyedHash keyed;
        size_t operator()(const WireTuple& t) const {
            return keyed.of(keyed(t.source) ^ t.destination.low(),
                            uint64_t{t.source_port.raw()} << 24 |
                                uint64_t{t.destination_port.raw()} << 8 | t.protocol);
        }
    };
    struct Question {
        PeerId peer;
        SecureAddresses between;
        FlowOrigin origin;
        Nanos next;
        unsigned tries{0};
        Nanos forget;
    };
    static constexpr size_t max_questions = 4096;
    // Strangers make questions with forged packets from where the peer may be; each is asked five
    // times, and in several places.
    static constexpr uint32_t new_questions_a_second = 500, new_questions_at_once = 1000;
    static constexpr uint32_t asked_a_second = 2000, asked_at_once = 1000;
    static constexpr Nanos ask_for = from_s(1);
    static constexpr Nanos keep_answer = from_s(10);

    std::optional<FlowOrigin> find(PeerId peer, IpAddr host, const WireTuple& tuple) const;

    const BindingCache& cache_;
    FlowTable& flows_;
    std::unordered_map<WireTuple, Question, Hash> questions_;
    IdMap<PeerId, TokenBucket> new_questions_;
    TokenBucket pace_{asked_a_second, asked_at_once};
    size_t open_{0}; ///< of them not answered
};

template <typename Ask>
void FlowRecovery::tick(Nanos now, Ask&& ask) {
    if (questions_.empty()) {
        return;
    }
    std::erase_if(questions_, [&](const auto& q) {
        const bool over = q.second.forget <= now;
        open_ -= over && q.second.origin.state == FlowOrigin::State::asked ? 1 : 0;
        return over;
    });
    if (open_ == 0) {
        return;
    }
    for (auto& [tuple, q] : questions_) {
        if (q.origin.state == FlowOrigin::State::asked && q.next <= now) {
            if (!pace_.take(now)) {
                return;
            }
            q.next = now + retry_delay(++q.tries);
            ask(q.peer, Solicit{tuple}, q.between, q.tries == 1);
        }
    }
}

} // namespace sacip
