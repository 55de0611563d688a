// SPDX-License-Identifier: BSD-3-Clause
//
// sacipctl: asks a running sacip-gw on its control socket, or makes keys.
#include "app/sacipctl/run.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// No SA_RESTART: who waits wakes up. A reader that went away is an error to write to.
const std::atomic<bool>* catch_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { stop = true; };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return &stop;
}

} // namespace

int main(int argc, char** argv) {
    sacip::ctl::Surroundings surroundings;
    if (const char* const socket = std::getenv("SACIP_SOCKET")) {
        surroundings.socket_variable = socket;
    }
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    surroundings.catch_signals = catch_signals;
    surroundings.output_fd = STDOUT_FILENO;
    surroundings.keys = sacip::ctl::key_tool();
    return sacip::ctl::run(words, surroundings, std::cout, std::cerr);
}
