// SPDX-License-Identifier: BSD-3-Clause
//
// sacipctl: asks a running sacip-gw one question on its control socket, or makes keys.
#include "app/sacipctl/run.hpp"

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    sacip::ctl::Surroundings surroundings;
    if (const char* const socket = std::getenv("SACIP_SOCKET")) {
        surroundings.socket_variable = socket;
    }
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    surroundings.keys = sacip::ctl::key_tool();
    return sacip::ctl::run(words, surroundings, std::cout, std::cerr);
}
