// SPDX-License-Identifier: BSD-3-Clause
//
// Path: a local and a remote binding together, all that is needed to rewrite a packet both ways.
//
// The paper gives every socket a pair of addresses and an index of the active one (§3.1:
// sac_daddr[2], sac_daddr_act). We give the pair to the path that all flows between two hosts
// share, and make it the lock-free publication: the slow path fills the idle slot (sac_add_*), then
// flips the index with a release store (sac_act_*); a worker loads the index with acquire and uses
// that slot for the whole packet. So no packet is ever half old and half new, and nobody waits. A
// slot is filled again only after a grace period, when no worker can still be reading it.
#pragma once

#include "sacip_core/forward/published.hpp"
#include "sacip_core/packet/translation.hpp"

#include <atomic>

namespace sacip {

/// What workers read of a path. Written by the slow path only.
template <AddressFamily F>
struct alignas(64) PathOf {
    /// Index of the slot in force, 0 or 1.
    std::atomic<uint32_t> active{0};
    /// Wire pairs from which inbound packets of this path are taken: the one in force and the one
    /// before or after it. A pair outside these is the slow path's to judge.
    Published<WirePairOf<F>> accept[2]{};
    /// Set by the first worker that sends a packet out after a flip.
    mutable std::atomic<bool> used{false};
    RewriteSlotOf<F> slots[2];

    const RewriteSlotOf<F>& slot() const { return slots[active.load(std::memory_order_acquire)]; }
    /// A packet went out. Writes once for each flip.
    void mark_used() const {
        if (!used.load(std::memory_order_relaxed)) [[unlikely]] {
            used.store(true, std::memory_order_relaxed);
        }
    }
    bool accepts(const WirePairOf<F>& pair) const {
        return accept[0].is(pair) || accept[1].is(pair);
    }
};
using Path = PathOf<Ipv4>;
static_assert(sizeof(Path) == 192);

} // namespace sacip
