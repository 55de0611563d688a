// SPDX-License-Identifier: BSD-3-Clause
//
// CycleTime: what a counter of cycles says in nanoseconds, corrected while it runs.
//
// The rate that the platform names for the counter is off by a per mille on some machines, so from
// time to time it is held against a better clock, which is too slow to be asked for each packet.
// The correction is a bend and no jump: from then on time goes by the rate just measured, a little
// faster or slower until what had been lost or won is made up. Time never goes backwards: a reading
// from before the bend is judged by the rate of before.
//
// One thread corrects, any thread reads, without waiting: the segment in force lies beside the one
// that is written next, and a reader that has been overtaken reads again.
#pragma once

#include "sacip_core/base/units.hpp"

#include <algorithm>
#include <atomic>

namespace sacip {

class CycleTime {
public:
    /// Time is 0 at `cycles`; `hz`, not 0, is what the rate is believed to be.
    CycleTime(uint64_t cycles, uint64_t hz)
        : nominal_{rate_of(1'000'000'000, hz)}, measured_{nominal_} {
        segments_[0].set({cycles, 0, nominal_, nominal_});
    }

    /// Any thread. Of a reading of the counter not older than the correction before the last one.
    Nanos at(uint64_t cycles) const {
        for (;;) {
            const uint32_t version = version_.load(std::memory_order_acquire);
            const Segment::Values s = segments_[version % 2].get();
            if (version_.load(std::memory_order_relaxed) == version) [[likely]] {
                const auto since = static_cast<int64_t>(cycles - s.begin);
                return {s.time + scaled(since, since < 0 ? s.rate_before : s.rate)};
            }
        }
    }

    /// One thread, each tenth of a second or so: the better clock says `reference` at `cycles`.
    /// The first time says where the two agree.
    void correct(uint64_t cycles, Nanos reference) {
        if (!anchor_) {
            anchor_ = {cycles, reference};
            offset_ = at(cycles) - reference;
            return;
        }
        const Nanos passed = reference - anchor_->reference;
        const uint64_t counted = cycles - anchor_->cycles;
        if (passed < next_interval_ || counted == 0) {
            return;
        }
        next_interval_ = interval;
        anchor_ = {cycles, reference};
        // Else the counter has stood still, or is another machine's now: nothing to measure.
        if (const uint64_t rate = rate_of(passed.value, counted);
            rate > nominal_ - nominal_ / 20 && rate < nominal_ + nominal_ / 20) {
            measured_ = rate;
        }
        const Nanos now = at(cycles);
        const int64_t behind = (reference + offset_ - now).value;
        const int64_t made_up = std::clamp(behind, -interval.value / 100, interval.value / 100);
        const auto change =
            static_cast<int64_t>(static_cast<Wide>(measured_) * made_up / interval.value);
        const uint32_t version = version_.load(std::memory_order_relaxed);
        segments_[(version + 1) % 2].set({cycles, now.value,
                                          measured_ + static_cast<uint64_t>(change),
                                          segments_[version % 2].get().rate});
        version_.store(version + 1, std::memory_order_release);
    }

private:
    __extension__ typedef __int128 Wide; // a product of two 64-bit numbers
    __extension__ typedef unsigned __int128 UnsignedWide;
    /// Between two measurements, and until what they found is made up, one per cent at most.
    static constexpr Nanos interval = from_s(1);
    static constexpr Nanos first_interval = from_ms(100);

    /// Written with release and read with acquire each: a reader that sees one of the next segment
    /// sees that the version is another.
    struct Segment {
        struct Values {
            uint64_t begin; ///< cycles
            int64_t time;   ///< ns, at `begin`
            uint64_t rate, rate_before;
        };
        std::atomic<uint64_t> begin, rate, rate_before;
        std::atomic<int64_t> time;
        void set(const Values& v) {
            begin.store(v.begin, std::memory_order_release);
            time.store(v.time, std::memory_order_release);
            rate.store(v.rate, std::memory_order_release);
            rate_before.store(v.rate_before, std::memory_order_release);
        }
        Values get() const {
            return {begin.load(std::memory_order_acquire), time.load(std::memory_order_acquire),
                    rate.load(std::memory_order_acquire),
                    rate_before.load(std::memory_order_acquire)};
        }
    };
    /// Rates are nanoseconds per cycle, times 2 to the 32nd.
    static uint64_t rate_of(int64_t nanos, uint64_t cycles) {
        return static_cast<uint64_t>((static_cast<UnsignedWide>(nanos) << 32) / cycles);
    }
    static int64_t scaled(int64_t cycles, uint64_t rate) {
        return static_cast<int64_t>((static_cast<Wide>(cycles) * static_cast<int64_t>(rate)) >> 32);
    }

    Segment segments_[2];
    std::atomic<uint32_t> version_{0};
    // Of the thread that corrects:
    struct Anchor {
        uint64_t cycles;
        Nanos reference;
    };
    uint64_t nominal_, measured_;
    std::optional<Anchor> anchor_;
    Nanos offset_{};
    Nanos next_interval_{first_interval};
};

} // namespace sacip
