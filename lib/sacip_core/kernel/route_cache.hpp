// SPDX-License-Identifier: BSD-3-Clause
//
// RouteCache: what was found out about a way out since Linux last changed anything.
//
// Each first packet asks, and those of one host to one far end ask the same. A place for each
// question by its addresses, where the last one asked lies: whoever makes others miss costs them
// what they would cost without it.
#pragma once

#include "sacip_core/kernel/adjacency.hpp"

#include <array>

namespace sacip {

/// Slow path only.
template <typename Answer>
class RouteCache {
public:
    using Question = AdjacencyResolver::Departure;

    /// What `ask(question)` says, or said as long as nothing of `host` and no `generation` of what
    /// else it depends on has changed. Valid until the next question.
    template <typename Ask>
    const Answer& of(const Question& question, const KernelState& host, uint64_t generation,
                     Ask&& ask) {
        if (host_at_ != host.generations() || generation_ != generation) {
            places_ = {};
            host_at_ = host.generations();
            generation_ = generation;
        }
        Place& place = places_[place_of(question)];
        if (!place.known || place.question != question) {
            place = {true, question, ask(question)};
        }
        return place.answer;
    }

private:
    struct Place {
        bool known{false};
        Question question{};
        Answer answer{};
    };
    static constexpr unsigned bits = 6;
    static size_t place_of(const Question& q) {
        const uint64_t mixed = q.destination.low() ^ q.host.low() * 0x85EBCA6BU;
        return (mixed * 0x9E3779B97F4A7C15ULL) >> (64 - bits);
    }

    std::array<uint64_t, KernelState::table_count> host_at_{};
    uint64_t generation_{0};
    std::array<Place, 1U << bits> places_{};
};

} // namespace sacip
