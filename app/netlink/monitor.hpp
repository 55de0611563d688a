// SPDX-License-Identifier: BSD-3-Clause
//
// Monitor: keeps a KernelState equal to Linux's own tables, by rtnetlink.
//
// Events are quick but not the whole truth, in three ways, each answered by a dump:
// - the socket's buffer overran (ENOBUFS): everything is dumped again;
// - Linux removes routes in silence when an interface loses its last address or goes down, or a
//   nexthop object goes: the main table is dumped after each DELADDR, NEWLINK, DELLINK and nexthop
//   event;
// - a table changed while it was dumped (NLM_F_DUMP_INTR): the dump is repeated.
// Those events are sent *before* the silent removal, under the RTNL lock, and a route dump no
// longer takes that lock (since 6.9). So before dumping we ask for one link by index, which does:
// when its answer is here, whatever the event announced has been done.
// Events queued while a dump runs are applied after it. They repeat what the dump said, in order,
// so the last word on each entry is the right one.
#pragma once

#include "app/netlink/socket.hpp"
#include "sacip_core/kernel/kernel_state.hpp"

#include <cstdint>

namespace sacip::netlink {

/// Slow path only.
class Monitor {
public:
    /// Subscribes in the network namespace of the calling thread, then dumps everything.
    /// `receive_buffer` is in bytes, for the events (beyond rmem_max where we may).
    Result start(KernelState& state, int receive_buffer = 8 << 20);
    /// Readable when there is something to poll.
    int fd() const { return events_.fd(); }
    /// Takes in all pending events, and dumps where needed; returns whether the mirror changed.
    /// Waits for nobody's packet, but a dump waits while Linux is busy with its own tables.
    bool poll(KernelState& state);

    uint64_t overruns() const { return overruns_; }         ///< times events were lost
    uint64_t dumps() const { return dumps_; }               ///< tables dumped
    uint64_t failed_dumps() const { return failed_dumps_; } ///< given up; tried again by and by

private:
    /// `drained`: nothing is left to read.
    bool read_events(KernelState& state, bool& drained);
    bool apply(KernelState& state, const nlmsghdr* message);
    bool apply_route(KernelState& state, const nlmsghdr* message);
    bool apply_rule(KernelState& state, const nlmsghdr* message);
    bool apply_neighbour(KernelState& state, const nlmsghdr* message);
    bool dump_all(KernelState& state);
    bool dump(KernelState& state, KernelState::Table table);
    int dump_once(KernelState& state, KernelState::Table table);
    void wait_for_linux();

    Socket events_;
    Socket questions_;
    bool all_stale_{false};
    bool routes_stale_{false};
    uint64_t overruns_{0};
    uint64_t dumps_{0};
    uint64_t failed_dumps_{0};
};

} // namespace sacip::netlink
