// SPDX-License-Identifier: BSD-3-Clause
//
// CurrentPolicy: the policy in force.
//
// The slow path owns one of these; its rooms refer to it and look into it when they need something,
// so they all have the same policy in a turn, and all have another one in the next. Nobody keeps a
// reference into a policy, or a copy of a part of it, for longer than a turn. What a room makes of
// the lists of peers and hosts (look-ups by prefix, a place for each id) it makes in its
// take_policy(), which can be called again.
//
// No lock and no atomic: workers and the metrics' threads never see it.
#pragma once

#include "sacip_core/config/policy.hpp"

#include <memory>

namespace sacip {

/// Slow path only.
class CurrentPolicy {
public:
    explicit CurrentPolicy(std::shared_ptr<const Policy> first) : policy_{std::move(first)} {}

    const Policy& operator*() const { return *policy_; }
    const Policy* operator->() const { return policy_.get(); }
    /// Between two turns. Never nothing.
    void set(std::shared_ptr<const Policy> next) { policy_ = std::move(next); }

private:
    std::shared_ptr<const Policy> policy_;
};

} // namespace sacip
