// SPDX-License-Identifier: BSD-3-Clause
//
// RouteCache: what AdjacencyResolver::outward() has answered since Linux last changed anything.
//
// Each first packet asks, and those of one host to one far end ask the same. A place for each
// question by its addresses, where the last one asked lies: whoever makes others miss costs them
// what they would cost without it.
#pragma once

#include "sacip_core/kernel/adjacency.hpp"

#include <array>

namespace sacip {

/// Slow path only.
class RouteCache {
public:
    using Question = AdjacencyResolver::Departure;

    Adjacency outward(const AdjacencyResolver& resolver, const KernelState& host,
                      const Question& question) {
        if (asked_of_ != host.generations()) {
            answers_ = {};
            asked_of_ = host.generations();
        }
        Answer& place = answers_[place_of(question)];
        if (!place.known || place.question != question) {
            place = {true, question, resolver.outward(question)};
        }
        return place.way;
    }

private:
    struct Answer {
        bool known{false};
        Question question{};
        Adjacency way{};
    };
    static constexpr unsigned bits = 6;
    static size_t place_of(const Question& q) {
        const uint64_t mixed = q.destination.low() ^ q.host.low() * 0x85EBCA6BU;
        return (mixed * 0x9E3779B97F4A7C15ULL) >> (64 - bits);
    }

    std::array<uint64_t, KernelState::table_count> asked_of_{};
    std::array<Answer, 1U << bits> answers_{};
};

} // namespace sacip
