// SPDX-License-Identifier: BSD-3-Clause
//
// GracePeriod: quiescent-state based reclamation, as a seam (rte_rcu_qsbr in the product).
//
// Workers say between bursts that they hold no reference to shared state (quiescent), and before
// they sleep that they won't take any (offline). The slow path, before it reuses what a worker may
// still be reading, waits until every online worker has said so since.
#pragma once

#include "sacip_core/base/units.hpp"

#include <memory>
#include <string>
#include <variant>

namespace sacip {

class GracePeriod {
public:
    struct Impl;
    /// For workers 0 to workers - 1, all offline at first.
    static std::variant<std::unique_ptr<GracePeriod>, std::string> create(unsigned workers);

    explicit GracePeriod(std::unique_ptr<Impl> impl);
    ~GracePeriod();
    GracePeriod(const GracePeriod&) = delete;
    GracePeriod& operator=(const GracePeriod&) = delete;

    /// Worker: from here on I may hold references.
    void online(WorkerId worker);
    /// Worker: I hold none and take none until I am online again.
    void offline(WorkerId worker);
    /// Worker, between bursts: I hold none at this moment.
    void quiescent(WorkerId worker);

    /// Slow path: begins a grace period; the token is to be asked for.
    uint64_t start();
    /// Slow path: true once all workers that were online at start() have been quiescent since.
    bool passed(uint64_t token) const;
    /// Slow path: waits for a whole grace period. Microseconds when workers poll.
    void wait();

    /// For the hash seam: the implementation's own variable (rte_rcu_qsbr*), or nullptr.
    void* native() const;

private:
    std::unique_ptr<Impl> impl_;
};

} // namespace sacip
