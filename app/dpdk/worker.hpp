// SPDX-License-Identifier: BSD-3-Clause
//
// Worker: one lcore that moves packets, and nothing else.
//
// Each turn it polls its receive queues, lets the pipeline judge each burst, and carries the
// verdicts out: to a port's transmit queue, into the rings to the slow path, or back into the pool.
// A burst of a device that several ports share, one per VLAN, is sorted first, and each port's
// share judged as a burst of its own. A burst's packets for one port are handed over together,
// before the next queue is polled: none waits for another queue's. Every packet ends in exactly one
// counter, and `forwarded` counts only what the device has taken, so at each turn's end received =
// forwarded + punted + dropped.
//
// Idle, it spins, or sleeps ever longer: 20 us after 16 empty turns, 1 ms after 200 more, which
// costs about 2 % of a CPU and at most a millisecond before the first packet; Linux wakes it where
// a host interface is a tap. Asleep it is offline for the grace period, so it never delays the slow
// path.
// What is not ours goes between ports and host interfaces (CrossConnect): each turn a limited
// number of packets to Linux; from Linux every 20 us, or each turn as long as there are any.
#pragma once

#include "app/dpdk/cross_connect.hpp"
#include "app/dpdk/port.hpp"
#include "app/dpdk/punt_rings.hpp"
#include "app/dpdk/station_table.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/forward/grace_period.hpp"
#include "sacip_core/packet/parse.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sacip {

class Pipeline;

/// One receive queue for a worker to poll.
struct ServedQueue {
    Port* port{nullptr}; ///< of a device that ports share, the first of them
    unsigned queue{0};
    std::vector<ParseContext> contexts; ///< by PortId
};

class Worker {
public:
    struct Impl;
    struct Params {
        WorkerId id{};     ///< also the sender number at ports, and the name in the grace period
        unsigned lcore{0}; ///< one of Eal::worker_lcores()
        bool may_sleep{true};
        std::vector<ServedQueue> queues;
        std::vector<Port*> ports; ///< all, by PortId: where to transmit
        Pipeline* pipeline{nullptr};
        PuntRings* punts{nullptr};
        const StationTable* stations{nullptr}; ///< nullptr: `contexts` say it once and for all
        CrossConnect* cross{nullptr};          ///< this worker's own; nullptr: nothing is Linux's
        GracePeriod* grace{nullptr};
        CoreCounters* counters{nullptr}; ///< this worker's own
    };

    /// Nothing of `params` is owned; all of it outlives the worker.
    explicit Worker(Params params);
    /// Stops.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Main lcore. Why the lcore could not be launched, or nothing.
    std::optional<std::string> launch();
    /// Main lcore. Returns when the loop has ended; a second call does nothing.
    void stop();

private:
    std::unique_ptr<Impl> impl_;
};

/// Shares the ports' receive queues out among `workers` (at least 1), in turn: element w is for
/// worker w. `contexts` by PortId, like `ports`.
std::vector<std::vector<ServedQueue>> share_queues(std::span<Port* const> ports,
                                                   std::span<const ParseContext> contexts,
                                                   unsigned workers);

} // namespace sacip
