// SPDX-License-Identifier: BSD-3-Clause
//
// GracePeriod on rte_rcu_qsbr. The variable lies in ordinary memory: no other process reads it.
#include "sacip_core/forward/grace_period.hpp"

#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <ctime>

namespace sacip {
namespace {

struct FreeMemory {
    void operator()(rte_rcu_qsbr* variable) const { std::free(variable); }
};

} // namespace

struct GracePeriod::Impl {
    std::unique_ptr<rte_rcu_qsbr, FreeMemory> variable;
};

std::variant<std::unique_ptr<GracePeriod>, std::string> GracePeriod::create(unsigned workers) {
    // A grace period without readers passes at once; the variable needs room for one all the same.
    const unsigned room = workers == 0 ? 1 : workers;
    const size_t size = rte_rcu_qsbr_get_memsize(room);
    constexpr size_t line = RTE_CACHE_LINE_SIZE;
    auto impl = std::make_unique<Impl>();
    impl->variable.reset(
        static_cast<rte_rcu_qsbr*>(std::aligned_alloc(line, (size + line - 1) / line * line)));
    if (!impl->variable || rte_rcu_qsbr_init(impl->variable.get(), room) != 0) {
        return std::string{"no memory for the grace period of the workers"};
    }
    for (unsigned worker = 0; worker < workers; worker++) {
        rte_rcu_qsbr_thread_register(impl->variable.get(), worker);
    }
    return std::make_unique<GracePeriod>(std::move(impl));
}

GracePeriod::GracePeriod(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
GracePeriod::~GracePeriod() = default;

void GracePeriod::online(WorkerId worker) {
    rte_rcu_qsbr_thread_online(impl_->variable.get(), worker.value);
}

void GracePeriod::offline(WorkerId worker) {
    rte_rcu_qsbr_thread_offline(impl_->variable.get(), worker.value);
}

void GracePeriod::quiescent(WorkerId worker) {
    rte_rcu_qsbr_quiescent(impl_->variable.get(), worker.value);
}

uint64_t GracePeriod::start() { return rte_rcu_qsbr_start(impl_->variable.get()); }

bool GracePeriod::passed(uint64_t token) const {
    return rte_rcu_qsbr_check(impl_->variable.get(), token, false) == 1;
}

void GracePeriod::wait() {
    const uint64_t token = start();
    // A polling worker answers within a burst. One that lost its CPU may need ours to go on, so
    // don't spin on it for ever.
    for (unsigned turn = 0; !passed(token); turn++) {
        if (turn < 1000) {
            rte_pause();
        } else {
            const timespec nap{.tv_sec = 0, .tv_nsec = 20'000};
            nanosleep(&nap, nullptr);
        }
    }
}

void* GracePeriod::native() const { return impl_->variable.get(); }

} // namespace sacip
