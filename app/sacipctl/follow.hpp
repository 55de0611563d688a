// SPDX-License-Identifier: BSD-3-Clause
//
// Follow: `sacipctl events --follow`, which goes on asking for what came after the last event.
#pragma once

#include "app/sacipctl/options.hpp"

#include <atomic>
#include <chrono>
#include <ostream>
#include <string>

namespace sacip::ctl {

/// What following takes from its surroundings.
struct Following {
    std::chrono::milliseconds patience{5000}; ///< for one question and its answer
    std::chrono::milliseconds every{200};     ///< between questions
    const std::atomic<bool>* stop{nullptr};   ///< set by a signal; may be nullptr
    int output_fd{-1};                        ///< whose reader may go away; -1: not watched
};

/// Prints each new event as a line, until told to stop or nobody reads any more (0), or the
/// gateway has gone away or started anew (3; the reason is on `err`). Without `after` in the
/// options' args it begins with the next event.
int follow(const Options& options, const std::string& socket, const Following& following,
           std::ostream& out, std::ostream& err);

} // namespace sacip::ctl
