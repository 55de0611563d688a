// SPDX-License-Identifier: BSD-3-Clause
//
// LinkHeaders: one link header for each next hop by each port that packets leave by now.
//
// A path holds those that its packets get; what is composed for a single packet needs none to be
// held. What nobody holds is forgotten by sweep().
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"
#include "sacip_core/packet/link_header.hpp"

#include <memory>
#include <unordered_map>
#include <vector>

namespace sacip {

/// Slow path only.
class LinkHeaders {
public:
    LinkHeaders();
    ~LinkHeaders();
    LinkHeaders(const LinkHeaders&) = delete;
    LinkHeaders& operator=(const LinkHeaders&) = delete;

    /// Made if need be. `neighbour` is nobody for a next hop that is no neighbour of Linux's: then
    /// the address is all that it is known by. `has`: one that the asker holds, which it mostly is.
    /// Valid until the next sweep(), and while it is held.
    const LinkHeader* obtain(NeighbourKey neighbour, const EtherAddresses& ether,
                             const LinkHeader* has = &no_link_header);
    /// The neighbour has this address now: one write for each port that has led to it.
    void set_next_hop(NeighbourKey neighbour, MacAddr next_hop);

    void hold(const LinkHeader* header);
    /// As often as held, once no worker can see it any more.
    void release(const LinkHeader* header);
    /// Forgets those that nobody holds. O(those made or released since the last call).
    void sweep();

    size_t size() const { return size_; }

private:
    struct Entry;
    static Entry* entry_of(const LinkHeader* header);
    void list(Entry& entry);

    /// A neighbour is led to by one port, which may have had other addresses.
    std::unordered_map<NeighbourKey, std::vector<std::unique_ptr<Entry>>> entries_;
    size_t size_{0};
    std::vector<Entry*> unheld_; ///< those that were, and may be held now
};

} // namespace sacip
