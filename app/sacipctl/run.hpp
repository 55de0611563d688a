// SPDX-License-Identifier: BSD-3-Clause
//
// Run: sacipctl from its arguments to its exit code, apart from the process around it.
#pragma once

#include "app/sacipctl/follow.hpp"
#include "app/sacipctl/genkey.hpp"

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

namespace sacip::ctl {

/// What sacipctl takes from its surroundings.
struct Surroundings {
    std::string socket_variable;                ///< value of $SACIP_SOCKET, empty if unset
    std::string socket_directory{"/run/sacip"}; ///< where sockets are looked for
    std::chrono::milliseconds patience{5000};   ///< for one question and its answer
    /// Called before following: has signals set the flag instead of ending the process. May be
    /// empty.
    std::function<const std::atomic<bool>*()> catch_signals{};
    int output_fd{-1}; ///< of standard output, to notice that its reader went away
    KeyTool keys{};    ///< for genkey and pubkey
};

/// Exit codes.
inline constexpr int done = 0;
inline constexpr int refused = 1;    ///< the gateway said no, or the output could not be written
inline constexpr int bad_usage = 2;  ///< the gateway was not asked
inline constexpr int no_gateway = 3; ///< nobody answered, or not like a gateway

/// Runs the words after the program's name.
int run(const std::vector<std::string>& words, const Surroundings& surroundings, std::ostream& out,
        std::ostream& err);

} // namespace sacip::ctl
