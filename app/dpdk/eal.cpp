// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/eal.hpp"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pdump.h>
#include <rte_version.h>

namespace sacip {

std::variant<std::unique_ptr<Eal>, std::string> Eal::init(int argc, char** argv) {
    cpu_set_t given;
    CPU_ZERO(&given);
    sched_getaffinity(0, sizeof given, &given);
    const int parsed = rte_eal_init(argc, argv);
    if (parsed < 0) {
        return std::string{"EAL did not start"} +
               (rte_errno == 0 ? std::string{} : std::string{": "} + rte_strerror(rte_errno)) +
               "; its messages are above. Often it is one of: no huge pages "
               "(dpdk-hugepages.py -p 2M --setup 1G, or try with --no-huge -m 256), "
               "a --file-prefix in use, no root";
    }
    // EAL puts the program's name where "--" (or its own last word) was and counts up to there, so
    // that main() may go on with argv + parsed; what is left begins behind.
    return std::unique_ptr<Eal>{new Eal{parsed + 1, given}};
}

Eal::~Eal() {
    if (capture_) {
        rte_pdump_uninit();
    }
    rte_eal_cleanup();
}

std::vector<unsigned> Eal::worker_lcores() const {
    std::vector<unsigned> out;
    for (unsigned lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
        if (rte_lcore_is_enabled(lcore) != 0 && lcore != rte_get_main_lcore()) {
            out.push_back(lcore);
        }
    }
    return out;
}

cpu_set_t Eal::side_cpus() const {
    cpu_set_t out = given_;
    for (unsigned lcore = 0; lcore < RTE_MAX_LCORE; lcore++) {
        const rte_cpuset_t of_lcore = rte_lcore_cpuset(lcore);
        for (unsigned cpu = 0; rte_lcore_is_enabled(lcore) != 0 && cpu < CPU_SETSIZE; cpu++) {
            if (CPU_ISSET(cpu, &of_lcore)) {
                CPU_CLR(cpu, &out);
            }
        }
    }
    return CPU_COUNT(&out) > 0 ? out : rte_lcore_cpuset(rte_get_main_lcore());
}

std::optional<std::string> Eal::enable_capture() {
    if (rte_pdump_init() != 0) {
        return std::string{"packet capture (dpdk-dumpcap) is not possible: "} +
               rte_strerror(rte_errno);
    }
    capture_ = true;
    return std::nullopt;
}

std::string Eal::version() { return rte_version(); }

} // namespace sacip
