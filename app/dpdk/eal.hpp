// SPDX-License-Identifier: BSD-3-Clause
//
// Eal: DPDK's environment (cores, memory, devices), of which a process has one.
//
// The operator starts the gateway like any DPDK program: EAL's own options come first and end at
// "--". The main lcore is the slow path, every other lcore a worker. Threads that are made after
// init() inherit the main lcore's CPU set, and EAL keeps signals for the tap driver: see init().
#pragma once

#include <sched.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sacip {

class Eal {
public:
    /// Takes argv up to "--" and may change it up to there. The calling thread becomes the main
    /// lcore. What EAL itself has to say goes to its log, stderr. The tap driver learns of packets
    /// by a real-time signal: leave such signals unblocked, and expect EINTR from system calls.
    static std::variant<std::unique_ptr<Eal>, std::string> init(int argc, char** argv);

    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    /// How many elements of argv were EAL's, "--" included; argv + that many is what is left.
    int arguments_used() const { return arguments_used_; }
    /// The lcores that may run a Worker, in order; empty if there is only the main lcore.
    std::vector<unsigned> worker_lcores() const;
    /// For threads that are no lcores: the CPUs that the process was given and no lcore has, or, if
    /// there are none, the main lcore's. EAL puts its own there, too.
    cpu_set_t side_cpus() const;
    /// Lets dpdk-dumpcap attach. Returns why it can't (no shared memory, say): a log line, since
    /// the gateway works without.
    std::optional<std::string> enable_capture();
    /// "DPDK 22.11.11"
    static std::string version();

private:
    Eal(int arguments_used, const cpu_set_t& given)
        : arguments_used_{arguments_used}, given_{given} {}

    int arguments_used_;
    cpu_set_t given_; ///< to the process
    bool capture_{false};
};

} // namespace sacip
