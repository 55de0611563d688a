// SPDX-License-Identifier: BSD-3-Clause
//
// Monitor: listens to Linux's tables by rtnetlink, and tells what a KernelState needs to be equal
// to them.
//
// Events are quick but not the whole truth, in three ways, each answered by a dump:
// - the socket's buffer overran (ENOBUFS): everything is dumped again;
// - Linux removes routes in silence when an interface loses its last address or goes down, or a
//   nexthop object goes: the main table is dumped after each DELADDR, NEWLINK, DELLINK and nexthop
//   event;
// - a table changed while it was dumped (NLM_F_DUMP_INTR): the dump is repeated.
// Those events are sent *before* the silent removal, under the RTNL lock, and a route dump no
// longer takes that lock (since 6.9). So before dumping somebody must have had it
// (Socket::wait_for_rtnl): then whatever the event announced has been done. That may take as long
// as others hold the lock, so what the events themselves say is told before. Events queued while a
// dump runs are told after it. They repeat what the dump said, in order, so the last word on each
// entry is the right one.
#pragma once

#include "app/netlink/socket.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/kernel/kernel_change.hpp"

#include <cstdint>

namespace sacip::netlink {

/// Who is told.
class ChangeSink {
public:
    virtual ~ChangeSink() = default;
    virtual void take(KernelChange&& change) = 0;
    /// What follows may wait for Linux: what was taken should be of use before.
    virtual void flush() {}
};

/// Applies what it takes to a mirror of the same thread.
class DirectSink final : public ChangeSink {
public:
    explicit DirectSink(KernelState& host) : host_{host} {}
    void take(KernelChange&& change) override { apply_to(host_, change); }

private:
    KernelState& host_;
};

/// One thread at a time; the counters are anybody's to read.
class Monitor {
public:
    /// Subscribes in the network namespace of the calling thread, then dumps everything.
    /// `receive_buffer` is in bytes, for the events (beyond rmem_max where we may).
    Result start(ChangeSink& sink, int receive_buffer = 8 << 20);
    /// Readable when there is something to poll.
    int fd() const { return events_.fd(); }
    /// Takes in all pending events, and dumps where needed. Waits for nobody's packet, but a dump
    /// waits while Linux is busy with its own tables.
    void poll(ChangeSink& sink);

    // Or, for who waits elsewhere:

    /// Takes in pending events; never waits. Whether nothing is left to read: what is queued is
    /// older than a dump, and must not be told after it.
    bool read(ChangeSink& sink);
    /// Grows when events call for a dump, for which RTNL must have been free after they were read.
    uint64_t calls() const { return calls_; }
    /// Dumps what was called for, the routes if nothing was.
    void dump(ChangeSink& sink);
    /// A dump is called for, or has failed.
    bool is_stale() const { return all_stale_ || routes_stale_; }

    uint64_t overruns() const { return overruns_.get(); } ///< times events were lost
    uint64_t dumps() const { return dumps_.get(); }       ///< tables dumped
    /// Given up; tried again by and by.
    uint64_t failed_dumps() const { return failed_dumps_.get(); }

private:
    void tell(ChangeSink& sink, const nlmsghdr* message);
    void dump_all(ChangeSink& sink);
    void dump(ChangeSink& sink, KernelState::Table table);
    int dump_once(ChangeSink& sink, KernelState::Table table);
    void call(bool& stale) {
        stale = true;
        calls_++;
    }

    Socket events_;
    Socket questions_;
    bool all_stale_{false};
    bool routes_stale_{false};
    uint64_t calls_{0};
    Counter overruns_, dumps_, failed_dumps_;
};

} // namespace sacip::netlink
