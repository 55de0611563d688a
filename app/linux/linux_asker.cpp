// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/linux_asker.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sacip {
namespace {

constexpr Nanos settings_every = from_s(1);
constexpr Nanos chores_every = from_ms(100);

} // namespace

void LinuxAsker::start(const std::optional<cpu_set_t>& cpus, const WakeUp& listener,
                       std::function<void()> chores) {
    listener_ = &listener;
    chores_ = std::move(chores);
    ended_.store(false, std::memory_order_relaxed);
    thread_ = start_side_thread("sacip-rtnl", cpus, [this] { run(); });
}

bool LinuxAsker::ask(LinuxRequest&& request) {
    if (!asked_.push(std::move(request))) {
        return false;
    }
    wake_.wake();
    return true;
}

uint64_t LinuxAsker::ask_for_rtnl() {
    const uint64_t out = rtnl_asked_.load(std::memory_order_relaxed) + 1;
    rtnl_asked_.store(out, std::memory_order_release);
    wake_.wake();
    return out;
}

void LinuxAsker::begin_stop() {
    stopping_.store(true, std::memory_order_release);
    wake_.wake();
}

void LinuxAsker::stop() {
    if (thread_.joinable()) {
        begin_stop();
        thread_.join();
    }
}

// ---- the thread

void LinuxAsker::run() {
    bool last = false;
    while (!last) {
        last = stopping_.load(std::memory_order_acquire); // what was asked before it is seen below
        LinuxRequest request;
        look_for_rtnl();
        while (asked_.pop(request)) {
            waiting_.begin();
            carry_out(request);
            look_for_rtnl();
        }
        look_after_settings();
        do_chores();
        waiting_.end();
        if (!last) {
            rest();
        }
    }
    ended_.store(true, std::memory_order_release);
}

void LinuxAsker::look_for_rtnl() {
    const uint64_t asked = rtnl_asked_.load(std::memory_order_acquire);
    if (asked != rtnl_seen()) {
        waiting_.begin();
        requests_.wait_for_rtnl();
        rtnl_seen_.store(asked, std::memory_order_release);
        listener_->wake();
    }
}

void LinuxAsker::carry_out(const LinuxRequest& request) {
    if (const auto* resolve = std::get_if<ResolveNeighbour>(&request)) {
        requests_.ask_neighbour(resolve->neighbour.interface, resolve->neighbour.address);
    } else if (const auto* shadow = std::get_if<SetShadow>(&request)) {
        shadow->wanted ? requests_.add_address(shadow->address)
                       : requests_.delete_address(shadow->address);
    } else if (const auto* carrier = std::get_if<SetCarrier>(&request)) {
        // virtio-user may refuse: then it stays as it is
        requests_.set_carrier(carrier->interface, carrier->on);
    } else if (const auto* what = std::get_if<PutBack>(&request)) {
        put_back(*what);
    } else {
        next_chores_ = {}; // DoChores
    }
}

void LinuxAsker::put_back(const PutBack& what) {
    bool any = !what.fallbacks.empty();
    for (const Fallback& fallback : what.fallbacks) {
        if (const auto refusal = fallback.make(requests_)) {
            warn("the box's last-resort route can't be put back: " + refusal->to_text());
        }
    }
    for (const netlink::AddressRequest& shadow : what.shadows) {
        // One that the mirror did not know of yet is there already, and not counted.
        any |= !requests_.add_address(shadow);
    }
    if (any) {
        warn("somebody removed addresses or routes that the box's own sockets need "
             "(labels sacip*, lo:sacip*); they are put back");
    }
    put_back_.fetch_add(1, std::memory_order_release);
    listener_->wake();
}

void LinuxAsker::look_after_settings() {
    const Nanos now = monotonic_now();
    if (now < next_settings_) {
        return;
    }
    next_settings_ = now + settings_every;
    waiting_.begin();
    for (std::string& text : settings_.look()) {
        warn(std::move(text));
    }
}

void LinuxAsker::do_chores() {
    const Nanos now = monotonic_now();
    if (now >= next_chores_) {
        next_chores_ = now + chores_every;
        waiting_.begin();
        chores_();
    }
}

/// Nobody reads for long: then the operator has been told enough of it.
void LinuxAsker::warn(std::string&& text) { warnings_.push(std::move(text)); }

void LinuxAsker::rest() {
    pollfd watched{wake_.fd(), POLLIN, 0};
    const int64_t left =
        (std::min(next_settings_, next_chores_) - monotonic_now()).value / 1'000'000 + 1;
    poll(&watched, 1, static_cast<int>(std::max<int64_t>(left, 0)));
    wake_.clear();
}

} // namespace sacip
