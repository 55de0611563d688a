// SPDX-License-Identifier: BSD-3-Clause
#include "impairment.hpp"

#include <algorithm>

namespace sacip::impair {
namespace {

constexpr std::array<std::string_view, knob_count> names{
    "delay", "jitter", "loss", "duplicate", "reorder", "late", "rate", "queue", "block"};
constexpr std::string_view note_prefix = "notifications.";

constexpr std::size_t index(Knob knob) { return static_cast<std::size_t>(knob); }

double most(Knob knob) {
    switch (knob) {
    case Knob::loss:
    case Knob::duplicate:
    case Knob::reorder:
        return 100;
    case Knob::block:
        return 1;
    case Knob::rate:
        return 1e9;
    default:
        return 1e5; // ms
    }
}

Nanoseconds from_ms(double milliseconds) { return static_cast<Nanoseconds>(milliseconds * 1e6); }

} // namespace

std::optional<std::string> Direction::set(std::string_view knob, double value) {
    const bool for_notes = knob.starts_with(note_prefix);
    if (for_notes) {
        knob.remove_prefix(note_prefix.size());
    }
    const auto found = std::find(names.begin(), names.end(), knob);
    if (found == names.end()) {
        return "no such knob: " + std::string(knob);
    }
    const auto which = static_cast<Knob>(found - names.begin());
    if (!(value >= 0 && value <= most(which))) {
        return std::string(knob) + " goes from 0 to " + std::to_string(most(which));
    }
    if (for_notes) {
        notes_[index(which)] = value;
    } else {
        all_[index(which)] = value;
    }
    return std::nullopt;
}

Fate Direction::judge(Nanoseconds arrival, std::size_t length, bool is_note) {
    Fate fate;
    ++tally_.received;
    tally_.notifications += is_note ? 1U : 0U;
    if (value(Knob::block, is_note) > 0) {
        ++tally_.blocked;
        return fate;
    }
    if (happens(Knob::loss, is_note)) {
        ++tally_.lost;
        return fate;
    }
    const bool twice = happens(Knob::duplicate, is_note);
    tally_.duplicated += twice ? 1U : 0U;
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        const auto due = departure(arrival, length, is_note);
        if (!due) {
            ++tally_.overflowed;
            continue;
        }
        ++tally_.passed;
        fate.due[fate.copies++] = *due;
    }
    return fate;
}

// Nothing if the line's queue is full.
std::optional<Nanoseconds> Direction::departure(Nanoseconds arrival, std::size_t length,
                                                bool is_note) {
    Nanoseconds due = arrival;
    if (const double rate = value(Knob::rate, is_note); rate > 0) {
        const double bits = 8 * static_cast<double>(length);
        due = std::max(line_free_, arrival);
        if (due - arrival > from_ms(value(Knob::queue, is_note))) {
            return std::nullopt;
        }
        due += from_ms(bits / rate);
        line_free_ = due;
    }
    due += from_ms(value(Knob::delay, is_note) + value(Knob::jitter, is_note) * uniform());
    if (happens(Knob::reorder, is_note)) {
        ++tally_.reordered;
        return due + from_ms(value(Knob::late, is_note) * uniform());
    }
    Nanoseconds& last = last_due_[is_note ? 1 : 0];
    last = std::max(last, due);
    return last;
}

double Direction::value(Knob knob, bool is_note) const {
    const auto& own = notes_[index(knob)];
    return is_note && own ? *own : all_[index(knob)];
}

// Not std::uniform_real_distribution, whose numbers differ from one library to the next.
double Direction::uniform() {
    constexpr int spare_bits = 11;
    return static_cast<double>(random_() >> spare_bits) * 0x1p-53;
}

// Always draws, so that a seed gives a frame the same fate whatever the knobs before it are at.
bool Direction::happens(Knob knob, bool is_note) { return uniform() * 100 < value(knob, is_note); }

} // namespace sacip::impair
