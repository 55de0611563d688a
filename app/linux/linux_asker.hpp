// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxAsker: the thread that asks things of Linux, and waits, so that nobody else has to.
//
// Nearly all that can be asked about links, addresses and routes is done under one lock of Linux's,
// RTNL, in the system call of whoever asks. Another process may have it for seconds: a network
// card's driver that waits for its firmware, a container runtime that takes interfaces down. The
// slow path has packets to hold and peers to tell meanwhile, most of all while an address changes;
// and the listener (linux_listener.hpp) has events to read.
//
//             ┌────────────┐ <─ requests: resolve, shadow, put back ── ┌───────────┐
//    Linux <══│ LinuxAsker │ ── warnings ────────────────────────────> │ slow path │
//             └────────────┘                                           └───────────┘
//                  ▲  │ "RTNL was free after you asked", "the put-back is done"
//                  │  ▼
//           ┌───────────────┐
//    Linux ═> LinuxListener │ ── changes ──> slow path
//           └───────────────┘
//
// Requests are carried out in order. A request that finds the ring full stays with who asks; the
// slow path never waits. At the end those still queued are carried out, too, which may take as long
// as somebody has the lock: Linux lets nobody go who waits for it.
#pragma once

#include "app/linux/linux_request.hpp"
#include "app/linux/settings_keeper.hpp"
#include "app/linux/side_thread.hpp"
#include "app/linux/wake_up.hpp"
#include "sacip_core/base/spsc_ring.hpp"

#include <string>

namespace sacip {

class LinuxAsker {
public:
    explicit LinuxAsker(size_t requests = 1024) : asked_{requests}, warnings_{warnings_room} {}
    ~LinuxAsker() { stop(); }
    LinuxAsker(const LinuxAsker&) = delete;
    LinuxAsker& operator=(const LinuxAsker&) = delete;

    // Before start: the calling thread asks, and waits.

    /// Why Linux can't be asked anything, or nothing.
    netlink::Result open() { return requests_.open(); }
    netlink::Requests& requests() { return requests_; }
    SettingsKeeper& settings() { return settings_; }
    /// `listener` is woken when an answer is there for it; it outlives the thread. `chores`: what
    /// else may wait for Linux, done ten times a second.
    void start(const std::optional<cpu_set_t>& cpus, const WakeUp& listener,
               std::function<void()> chores);

    // The slow path.

    /// False, and nothing is done, if there is no room.
    bool ask(LinuxRequest&& request);
    /// Something to tell the operator, if there is.
    bool take(std::string& warning) { return warnings_.pop(warning); }
    /// Carries out all that was asked, then ends. Until `stopped`, which then needs no wait.
    void begin_stop();
    bool stopped() const { return ended_.load(std::memory_order_acquire); }
    void stop();

    // The listener.

    /// Asks for a look at RTNL; it was free after this call when rtnl_seen() is the result or more.
    uint64_t ask_for_rtnl();
    uint64_t rtnl_seen() const { return rtnl_seen_.load(std::memory_order_acquire); }
    /// How many PutBacks are done.
    uint64_t put_back() const { return put_back_.load(std::memory_order_acquire); }

    // Any thread.

    /// How long what it asked of Linux last has been without an answer; zero: it asks nothing.
    Nanos waiting() const { return waiting_.so_far(); }

private:
    static constexpr size_t warnings_room = 256;

    void run();
    void look_for_rtnl();
    void carry_out(const LinuxRequest& request);
    void put_back(const PutBack& what);
    void look_after_settings();
    void do_chores();
    void rest();
    void warn(std::string&& text);

    netlink::Requests requests_;
    SettingsKeeper settings_;
    Nanos next_settings_{}, next_chores_{};
    std::function<void()> chores_;
    SpscRing<LinuxRequest> asked_;
    SpscRing<std::string> warnings_;
    WakeUp wake_;
    const WakeUp* listener_{nullptr};
    std::atomic<uint64_t> rtnl_asked_{0}, rtnl_seen_{0}, put_back_{0};
    std::atomic<bool> stopping_{false}, ended_{true};
    WaitingTime waiting_;
    std::thread thread_;
};

} // namespace sacip
