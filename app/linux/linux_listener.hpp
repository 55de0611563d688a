// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxListener: the thread that listens to Linux and passes its news on to the slow path.
//
// Changes are decoded here and applied there, in order, a bounded number in each turn; those of a
// dump show when its last one is there. What an event says is on its way at once. The dump of
// routes that some events call for has to wait until RTNL was free (monitor.hpp): the asker looks
// for that, so that here events are read on meanwhile, of neighbours above all, which need no lock.
//
// While the ring is full the thread waits for room: events then queue in the socket, and if that
// overruns, a dump is the answer, as always.
#pragma once

#include "app/linux/linux_asker.hpp"
#include "app/netlink/monitor.hpp"

namespace sacip {

class LinuxListener {
public:
    /// `news`: room for changes that the slow path has not taken yet.
    explicit LinuxListener(LinuxAsker& asker, size_t news = 8192) : asker_{asker}, news_{news} {}
    ~LinuxListener() { stop(); }
    LinuxListener(const LinuxListener&) = delete;
    LinuxListener& operator=(const LinuxListener&) = delete;

    /// Fills `host`, then begins to listen.
    netlink::Result start(KernelState& host, const std::optional<cpu_set_t>& cpus);
    /// Woken by the asker.
    const WakeUp& wake_up() const { return wake_; }

    // The slow path.

    struct Taken {
        bool any{false};      ///< there may be more
        bool changed{false};  ///< of `host`
        bool put_back{false}; ///< a PutBack is done, and its changes are in `host`
    };
    /// Applies what is new, at most so many changes.
    Taken take(KernelState& host, unsigned limit = 1024);
    /// Readable when there is something to take, until clear_fd().
    int fd() const { return news_wake_.fd(); }
    void clear_fd() const { news_wake_.clear(); }
    /// What is not told by now is not told any more.
    void stop();

    // Any thread.

    /// How long a dump has been without an answer; zero: none is asked for.
    Nanos waiting() const { return waiting_.so_far(); }
    /// The longest time from a change's being read to its being applied, of the last 10 to 20 s.
    Nanos lag() const {
        return {static_cast<int64_t>(std::max(lag_now_.get(), lag_before_.get()))};
    }
    const netlink::Monitor& monitor() const { return monitor_; }

private:
    struct PutBackDone {};
    struct News {
        std::variant<KernelChange, PutBackDone> what;
        Nanos read{};
    };
    class Outgoing;

    void run();
    void dump_if_called_for(Outgoing& out);
    void pass_on(News&& news);
    void count_lag(Nanos read, Nanos now);

    LinuxAsker& asker_;
    netlink::Monitor monitor_;
    SpscRing<News> news_;
    WakeUp wake_, news_wake_;
    std::atomic<bool> stopping_{false};
    WaitingTime waiting_;
    // The thread's.
    std::optional<uint64_t> rtnl_{}; ///< the asker's number of what we wait for
    uint64_t calls_then_{0}, calls_answered_{0};
    uint64_t put_back_told_{0};
    // The slow path's.
    Nanos lag_since_{};
    Counter lag_now_, lag_before_;
    std::thread thread_;
};

} // namespace sacip
