// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/association.hpp"

#include "sacip_core/wire/wire_cursor.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// Long enough for any round trip and a few lost messages.
constexpr Nanos challenge_lasts = from_s(60);
/// How far ahead of the last message a sender may be after losses.
constexpr uint64_t plausible_ahead = 1U << 16;

} // namespace

void ReplayWindow::restart(uint64_t floor) {
    floor_ = highest_ = floor;
    seen_.reset();
}

bool ReplayWindow::accept(uint64_t sequence) {
    if (sequence <= floor_ || (sequence <= highest_ && highest_ - sequence >= size)) {
        return false;
    }
    if (sequence > highest_) {
        if (sequence - highest_ >= size) {
            seen_.reset();
        } else {
            for (uint64_t skipped = highest_ + 1; skipped < sequence; skipped++) {
                seen_.reset(skipped % size);
            }
        }
        highest_ = sequence;
    } else if (seen_.test(sequence % size)) {
        return false;
    }
    seen_.set(sequence % size);
    return true;
}

bool ReplayWindow::is_plausible(uint64_t sequence) const {
    if (sequence > highest_) {
        return sequence - highest_ <= plausible_ahead;
    }
    return sequence > floor_ && highest_ - sequence < size && !seen_.test(sequence % size);
}

bool Association::within_rate(const SecureHeader& header, Nanos now) {
    const bool fits = header.epoch == epoch_ && window_.is_plausible(header.sequence.value);
    return (fits ? plausible_ : others_).take(now);
}

Standing Association::judge(const SecureHeader& header) {
    if (!epoch_ || header.epoch > *epoch_) {
        return Standing::new_epoch;
    }
    if (header.epoch < *epoch_) {
        return Standing::old_epoch;
    }
    return window_.accept(header.sequence.value) ? Standing::fresh : Standing::repeated;
}

std::optional<IpAddr> Association::take_echo(const Challenge& echo, Nanos now) {
    if (echo.is_zero()) {
        return std::nullopt;
    }
    const auto found = std::ranges::find(asked_, echo, &Asked::challenge);
    if (found == asked_.end() || found->expires <= now) {
        return std::nullopt;
    }
    const IpAddr address = found->address;
    asked_.erase(found);
    std::erase_if(proven_, [&](const Proof& p) { return p.address == address; });
    if (proven_.size() >= max_places) {
        proven_.erase(std::ranges::min_element(proven_, {}, &Proof::used));
    }
    proven_.push_back({address, now});
    return address;
}

void Association::accept_epoch(const SecureHeader& header) {
    epoch_ = header.epoch;
    window_.restart(header.sequence.value);
}

std::optional<Challenge> Association::challenge_for(IpAddr address, Nanos now) {
    std::erase_if(asked_, [&](const Asked& a) { return a.expires <= now; });
    const auto known = std::ranges::find(asked_, address, &Asked::address);
    if (known != asked_.end()) {
        return known->challenge;
    }
    if (asked_.size() >= max_places) {
        return std::nullopt;
    }
    std::array<std::byte, 12> name{};
    Writer to{name.data()};
    to.u64(++challenges_made_);
    to.u16(static_cast<uint16_t>(peer_.value >> 16));
    to.u16(static_cast<uint16_t>(peer_.value));
    const auto tag = hmac_sha256_128(challenge_key_, name, {});
    if (!tag) {
        return std::nullopt;
    }
    asked_.push_back({address, Challenge{tag->bytes}, now + challenge_lasts});
    return asked_.back().challenge;
}

bool Association::is_proven(IpAddr address) const {
    return std::ranges::find(proven_, address, &Proof::address) != proven_.end();
}

std::optional<IpAddr> Association::proven_in(const IpPrefix& prefix) const {
    const auto found =
        std::ranges::find_if(proven_, [&](const Proof& p) { return prefix.contains(p.address); });
    return found == proven_.end() ? std::nullopt : std::optional{found->address};
}

void Association::measured(Nanos round_trip) {
    if (!srtt_) {
        srtt_ = round_trip;
        rttvar_ = {round_trip.value / 2};
        return;
    }
    const int64_t error = std::abs(srtt_->value - round_trip.value);
    rttvar_ = {(3 * rttvar_.value + error) / 4};
    srtt_ = Nanos{(7 * srtt_->value + round_trip.value) / 8};
}

Nanos Association::rto() const {
    return srtt_ ? Nanos{srtt_->value + std::max<int64_t>(4 * rttvar_.value, 1'000'000)}
                 : from_s(1);
}

} // namespace sacip
