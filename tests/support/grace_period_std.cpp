// SPDX-License-Identifier: BSD-3-Clause
//
// GracePeriod without DPDK, for unit tests and fuzzers: the same rules by plain counters.
//
// Each worker notes the latest token it has been quiescent for; 0 means offline. Sequentially
// consistent throughout, since speed is nobody's concern here and thread sanitizers understand it.
#include "sacip_core/forward/grace_period.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace sacip {

struct GracePeriod::Impl {
    explicit Impl(unsigned workers) : seen(workers) {}
    std::atomic<uint64_t> token{1};
    std::vector<std::atomic<uint64_t>> seen;
};

std::variant<std::unique_ptr<GracePeriod>, std::string> GracePeriod::create(unsigned workers) {
    return std::make_unique<GracePeriod>(std::make_unique<Impl>(workers));
}

GracePeriod::GracePeriod(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
GracePeriod::~GracePeriod() = default;

void GracePeriod::online(WorkerId worker) { impl_->seen[worker.value].store(impl_->token.load()); }

void GracePeriod::offline(WorkerId worker) { impl_->seen[worker.value].store(0); }

void GracePeriod::quiescent(WorkerId worker) {
    impl_->seen[worker.value].store(impl_->token.load());
}

uint64_t GracePeriod::start() { return impl_->token.fetch_add(1) + 1; }

bool GracePeriod::passed(uint64_t token) const {
    for (const auto& seen : impl_->seen) {
        const uint64_t at = seen.load();
        if (at != 0 && at < token) {
            return false;
        }
    }
    return true;
}

void GracePeriod::wait() {
    const uint64_t token = start();
    while (!passed(token)) {
        std::this_thread::yield();
    }
}

void* GracePeriod::native() const { return nullptr; }

} // namespace sacip
