// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/linux_listener.hpp"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace sacip {
namespace {

constexpr Nanos lag_period = from_s(10);
/// How often the thread looks again whether there is room in the ring.
constexpr std::chrono::microseconds room_every{100};
/// A dump that failed is tried again then.
constexpr int again_ms = 1000;

} // namespace

/// What Monitor tells, on its way into the ring.
class LinuxListener::Outgoing final : public netlink::ChangeSink {
public:
    explicit Outgoing(LinuxListener& listener) : listener_{listener} {}
    void take(KernelChange&& change) override {
        if (listener_.waiting_.so_far() != Nanos{}) {
            listener_.waiting_.begin(); // an answer
        }
        listener_.pass_on({std::move(change), monotonic_now()});
        any_ = true;
    }
    void flush() override {
        if (std::exchange(any_, false)) {
            listener_.news_wake_.wake();
        }
    }

private:
    LinuxListener& listener_;
    bool any_{false};
};

netlink::Result LinuxListener::start(KernelState& host, const std::optional<cpu_set_t>& cpus) {
    netlink::DirectSink sink{host};
    if (auto refusal = monitor_.start(sink)) {
        return refusal;
    }
    thread_ = start_side_thread("sacip-netlink", cpus, [this] { run(); });
    return std::nullopt;
}

void LinuxListener::stop() {
    if (thread_.joinable()) {
        stopping_.store(true, std::memory_order_release);
        wake_.wake();
        thread_.join();
    }
}

// ---- the thread

void LinuxListener::run() {
    Outgoing out{*this};
    while (!stopping_.load(std::memory_order_acquire)) {
        // Before the events are read, so that those of the put-back are told before its end.
        const uint64_t put_back = asker_.put_back();
        const bool drained = monitor_.read(out);
        if (drained) {
            for (; put_back_told_ != put_back; put_back_told_++) {
                pass_on({PutBackDone{}, monotonic_now()});
                news_wake_.wake();
            }
            out.flush();
            dump_if_called_for(out);
        }
        out.flush();
        pollfd watched[] = {{monitor_.fd(), POLLIN, 0}, {wake_.fd(), POLLIN, 0}};
        if (poll(watched, std::size(watched), again_ms) == 0 && monitor_.is_stale()) {
            calls_answered_ = monitor_.calls() - 1;
        }
        wake_.clear();
    }
}

/// What is queued is older than a dump, so all events are read before.
void LinuxListener::dump_if_called_for(Outgoing& out) {
    if (rtnl_ && asker_.rtnl_seen() >= *rtnl_) {
        rtnl_.reset();
        calls_answered_ = calls_then_;
        waiting_.begin();
        monitor_.dump(out);
        waiting_.end();
    }
    if (!rtnl_ && monitor_.calls() != calls_answered_) {
        calls_then_ = monitor_.calls();
        rtnl_ = asker_.ask_for_rtnl();
    }
}

void LinuxListener::pass_on(News&& news) {
    if (news_.push(std::move(news))) {
        return;
    }
    const bool was_waiting = waiting_.so_far() != Nanos{};
    waiting_.end(); // not for Linux
    while (!stopping_.load(std::memory_order_acquire)) {
        news_wake_.wake();
        std::this_thread::sleep_for(room_every);
        if (news_.push(std::move(news))) {
            break;
        }
    }
    if (was_waiting) {
        waiting_.begin();
    }
}

// ---- the slow path

LinuxListener::Taken LinuxListener::take(KernelState& host, unsigned limit) {
    Taken out;
    const auto before = host.generations();
    News news;
    Nanos now{};
    for (unsigned i = 0; i < limit && news_.pop(news); i++) {
        now = i == 0 ? monotonic_now() : now;
        count_lag(news.read, now);
        if (const auto* change = std::get_if<KernelChange>(&news.what)) {
            apply_to(host, *change);
        } else {
            out.put_back = true;
        }
        out.any = true;
    }
    out.changed = host.generations() != before;
    return out;
}

void LinuxListener::count_lag(Nanos read, Nanos now) {
    if (now >= lag_since_ + lag_period) {
        lag_before_.set(now >= lag_since_ + lag_period + lag_period ? 0 : lag_now_.get());
        lag_now_.set(0);
        lag_since_ = now;
    }
    const auto lag = static_cast<uint64_t>(std::max<int64_t>((now - read).value, 0));
    lag_now_.set(std::max(lag_now_.get(), lag));
}

} // namespace sacip
