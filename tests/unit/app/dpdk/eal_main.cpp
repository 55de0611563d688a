// SPDX-License-Identifier: BSD-3-Clause
//
// main() of the tests that need DPDK's environment: without huge pages, devices or root, under a
// file prefix of its own so that several may run side by side. One EAL per process, hence one
// executable per such test. EAL_TEST_OPTIONS (spaces between) adds options, virtual devices say.
#include "app/dpdk/eal.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sched.h>
#include <sstream>
#include <unistd.h>

#ifndef EAL_TEST_OPTIONS
#define EAL_TEST_OPTIONS ""
#endif

namespace {

/// A main lcore and one worker, both free to run on any CPU: tests don't own the machine.
std::string floating_lcores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    sched_getaffinity(0, sizeof allowed, &allowed);
    std::string cpus;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed)) {
            cpus += (cpus.empty() ? "" : ",") + std::to_string(cpu);
        }
    }
    return "0@(" + cpus + "),1@(" + cpus + ")";
}

} // namespace

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const std::string prefix = "sacip-test-" + std::to_string(getpid());
    std::vector<std::string> words{argv[0],       "--no-huge", "--no-pci",      "--no-telemetry",
                                   "-m",          "192",       "--file-prefix", prefix,
                                   "--log-level", "4",         "--lcores",      floating_lcores()};
    std::istringstream more{EAL_TEST_OPTIONS};
    for (std::string word; more >> word;) {
        words.push_back(word);
    }
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    int result = 1;
    {
        auto eal = sacip::Eal::init(static_cast<int>(words.size()), arguments.data());
        if (const auto* error = std::get_if<std::string>(&eal)) {
            std::cerr << *error << '\n';
            return 1;
        }
        result = RUN_ALL_TESTS();
    }
    // EAL leaves its directory behind.
    std::error_code ignored;
    const char* home = std::getenv("XDG_RUNTIME_DIR");
    for (const std::string& base : {std::string{"/var/run"}, std::string{home ? home : "/tmp"}}) {
        std::filesystem::remove_all(base + "/dpdk/" + prefix, ignored);
    }
    return result;
}
