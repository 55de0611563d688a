// SPDX-License-Identifier: BSD-3-Clause
//
// What becomes of a frame on a bad line: lost, late, doubled, or overtaken. One direction of one.
//
// Every knob has a value for all frames and may have another one for notifications, so that a line
// can be 10 ms long for everybody and lose 30 % of the notifications alone. The order of arrival is
// kept within each of the two classes, whatever the delay and jitter, and only `reorder` breaks it:
// one knob, one harm. Pure: no clock and no sockets; times are nanoseconds of any steady clock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace sacip::impair {

using Nanoseconds = std::int64_t;

enum class Knob : std::uint8_t {
    delay,     // ms, for every frame
    jitter,    // ms, at most, added at random (uniform)
    loss,      // % of frames
    duplicate, // % of frames that arrive twice
    reorder,   // % of frames held back, so that later ones overtake them
    late,      // ms, at most, that a frame is held back by `reorder`; 10 from the start
    rate,      // kbit/s of frames as they are, 0 for no limit
    queue,     // ms of waiting that `rate` allows before it drops; 1000 from the start
    block,     // 1: nothing passes
};
inline constexpr std::size_t knob_count = 9;

struct Tally {
    std::uint64_t received = 0, notifications = 0, passed = 0;
    std::uint64_t lost = 0, blocked = 0, overflowed = 0, duplicated = 0, reordered = 0;
};

// When the copies of a frame are to leave: none, one or two times.
struct Fate {
    std::array<Nanoseconds, 2> due{};
    std::size_t copies = 0;
};

class Direction {
public:
    explicit Direction(std::uint64_t seed) : random_(seed) {}

    // Sets "KNOB" or "notifications.KNOB". Says what is wrong, or nothing.
    std::optional<std::string> set(std::string_view knob, double value);
    Fate judge(Nanoseconds arrival, std::size_t length, bool is_note);
    const Tally& tally() const { return tally_; }

private:
    double value(Knob knob, bool is_note) const;
    double uniform(); // [0, 1)
    bool happens(Knob knob, bool is_note);
    std::optional<Nanoseconds> departure(Nanoseconds arrival, std::size_t length, bool is_note);

    std::mt19937_64 random_;
    std::array<double, knob_count> all_{0, 0, 0, 0, 0, 10, 0, 1000, 0};
    std::array<std::optional<double>, knob_count> notes_{};
    std::array<Nanoseconds, 2> last_due_{}; // others, notifications
    Nanoseconds line_free_ = 0;
    Tally tally_;
};

} // namespace sacip::impair
