// SPDX-License-Identifier: BSD-3-Clause
//
// Association: what we know of the time and place of one peer's messages.
//
//   order     each (epoch, sequence) is accepted once: above the floor at which the epoch was
//             accepted, inside a window, so that messages may overtake one another
//   epoch     a larger one is accepted only with the echo of a challenge that we made: a recorded
//             message can't pass as a reboot
//   place     a challenge goes to one address only, so its echo proves that the peer receives there
//   pace      two buckets guard the tag check: what fits the epoch and window has its own, so that
//             a flood of anything else can't starve it
//
// A challenge stays the same until it is answered or expires; else replayed HELLOs could keep
// changing it (tests/model). Nothing here is persisted: after a restart no epoch is known, and
// every one has to be proved again. Pure; PROTOCOL §3.
#pragma once

#include "sacip_core/base/token_bucket.hpp"
#include "sacip_core/wire/secure_message.hpp"

#include <bitset>
#include <vector>

namespace sacip {

/// Each sequence once, at most `size` behind the highest.
class ReplayWindow {
public:
    static constexpr uint64_t size = 1024;
    /// Nothing at or below `floor` is accepted from now on.
    void restart(uint64_t floor);
    /// True once for each sequence above the floor and inside the window.
    bool accept(uint64_t sequence);
    /// True if accept() would say so, or the sequence is a little ahead.
    bool is_plausible(uint64_t sequence) const;

private:
    uint64_t floor_{0};
    uint64_t highest_{0};
    std::bitset<size> seen_; ///< by sequence modulo size
};

/// How a message with a good tag stands to those before it.
enum class Standing : uint8_t {
    fresh,     ///< of the epoch we know, not seen before
    repeated,  ///< seen before, or too old to tell
    old_epoch, ///< of an epoch before the one we know
    new_epoch, ///< of a larger epoch, or the first one: it takes a valid echo to believe it
};

/// Slow path only; one per peer.
class Association {
public:
    /// The key outlives it; `peer` keeps the challenges of peers apart.
    Association(const MacKey& challenge_key, PeerId peer)
        : challenge_key_{challenge_key}, peer_{peer} {}

    // What comes.

    /// Before the tag is looked at.
    bool within_rate(const SecureHeader& header, Nanos now);
    /// After it; takes note of a fresh one.
    Standing judge(const SecureHeader& header);
    /// Ours came back: the address it had been sent to is proven. Nothing if it is none of ours.
    std::optional<IpAddr> take_echo(const Challenge& echo, Nanos now);
    /// The message that proved it is the first of this epoch.
    void accept_epoch(const SecureHeader& header);
    std::optional<Epoch> epoch() const { return epoch_; }

    // What goes.

    Sequence next_sequence() { return {++sequence_}; }
    /// The challenge for this address; nothing if there is no room (too many addresses are asked)
    /// or the cryptography failed.
    std::optional<Challenge> challenge_for(IpAddr address, Nanos now);

    // Places.

    bool is_proven(IpAddr address) const;
    /// The first proven address in the prefix.
    std::optional<IpAddr> proven_in(const IpPrefix& prefix) const;
    /// Call now and then. `in_use` says which proofs are still needed; others age.
    template <typename InUse>
    void tick(Nanos now, InUse&& in_use);

    // Round-trip time, RFC 6298 §2.

    void measured(Nanos round_trip);
    std::optional<Nanos> smoothed_rtt() const { return srtt_; }
    /// Retransmission time-out; 1 s where nothing was measured.
    Nanos rto() const;

private:
    struct Asked {
        IpAddr address;
        Challenge challenge;
        Nanos expires;
    };
    struct Proof {
        IpAddr address;
        Nanos used;
    };
    static constexpr size_t max_places = 16;
    static constexpr Nanos proof_lasts = from_s(30);

    const MacKey& challenge_key_;
    PeerId peer_;
    uint64_t challenges_made_{0};
    uint64_t sequence_{0};
    std::optional<Epoch> epoch_;
    ReplayWindow window_;
    TokenBucket plausible_{20'000, 2'000};
    TokenBucket others_{2'000, 200};
    std::vector<Asked> asked_;
    std::vector<Proof> proven_;
    std::optional<Nanos> srtt_;
    Nanos rttvar_{};
};

template <typename InUse>
void Association::tick(Nanos now, InUse&& in_use) {
    std::erase_if(asked_, [&](const Asked& a) { return a.expires <= now; });
    for (Proof& p : proven_) {
        if (in_use(p.address)) {
            p.used = now;
        }
    }
    std::erase_if(proven_, [&](const Proof& p) { return now - p.used > proof_lasts; });
}

} // namespace sacip
