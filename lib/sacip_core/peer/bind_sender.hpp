// SPDX-License-Identifier: BSD-3-Clause
//
// BindSender: what we have to say to one peer of where our addresses are, until it has heard it.
//
// The whole state each time (PROTOCOL §3, BIND), cut into messages of at most 25 entries, each
// acknowledged by itself. Said again after 2 x round-trip time, then at doubling distances, for a
// minute, then twice a minute; every try has a fresh sequence, and an answer to any try will do,
// for all of them say the same. A newer BIND takes the older one's place.
//
// No I/O: who sends asks what is due.
#pragma once

#include "sacip_core/mobility/binding_cache.hpp"
#include "sacip_core/wire/secure_message.hpp"

namespace sacip {

/// What a receiver may keep of us without hearing from us again.
inline constexpr uint32_t claim_lifetime_s = 24 * 3600;

/// The entries for a peer: our originals with a path to one of its addresses and where they are,
/// whole prefixes where all hosts of a routed mapping are at the same place. O(paths to the peer).
std::vector<BindEntry> entries_for(const BindingCache& cache, PeerId peer);

/// Slow path only.
class BindSender {
public:
    /// Takes the place of what was to be said; the first try is due at once.
    void begin(std::vector<BindEntry> entries, bool old_address_lost, Nanos now);
    /// Nothing more to say.
    void end() { parts_.clear(); }

    bool is_due(Nanos now) const { return pending() && next_ <= now; }
    /// Where something is pending.
    Nanos next_try() const { return next_; }
    bool pending() const { return !parts_.empty(); }
    /// The next try does not wait for its time.
    void retry_now(Nanos now) { next_ = now; }
    Nanos began() const { return began_; }
    Nanos last_try() const { return last_try_; }
    unsigned tries() const { return tries_; }
    bool old_address_lost() const { return old_address_lost_; }

    /// The next try: for each part not yet acknowledged calls send(bind) -> sequence, which sends
    /// it to everywhere; nothing if no copy could leave, and then the try is due again in a moment.
    template <typename Send>
    void try_now(Nanos now, std::optional<Nanos> smoothed_rtt, Send&& send);

    struct Answered {
        bool ours{false};                ///< one of these messages
        bool complete{false};            ///< the last part missing has been applied
        std::optional<Nanos> round_trip; ///< if it was said once only (Karn's rule)
    };
    Answered on_ack(const BindAck& ack, Nanos now);

private:
    struct Try {
        Sequence sequence;
        Nanos at;
    };
    struct Part {
        Bind bind;
        std::vector<Try> tries;
    };
    static constexpr size_t tries_kept = 32;
    static constexpr Nanos try_again = from_ms(10); ///< where no copy could leave

    std::vector<Part> parts_;
    bool old_address_lost_{false};
    Nanos began_{}, next_{}, last_try_{};
    unsigned tries_{0};
};

template <typename Send>
void BindSender::try_now(Nanos now, std::optional<Nanos> smoothed_rtt, Send&& send) {
    bool left = false;
    for (Part& part : parts_) {
        if (const std::optional<Sequence> sequence = send(part.bind)) {
            left = true;
            if (part.tries.size() >= tries_kept) {
                part.tries.erase(part.tries.begin());
            }
            part.tries.push_back({*sequence, now});
        }
    }
    if (!left) {
        next_ = now + try_again;
        return;
    }
    tries_++;
    last_try_ = now;
    next_ = now + (now - began_ < retry_eager_time ? retry_delay(tries_, smoothed_rtt)
                                                   : retry_patient_delay);
}

} // namespace sacip
