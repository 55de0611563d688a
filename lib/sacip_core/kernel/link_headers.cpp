// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/link_headers.hpp"

#include <algorithm>

namespace sacip {

struct LinkHeaders::Entry : LinkHeader {
    NeighbourKey neighbour;
    uint32_t holders{0};
    bool listed{false}; ///< in unheld_
    Entry(NeighbourKey of, const EtherAddresses& ether)
        : LinkHeader{ether.destination, ether.source}, neighbour{of} {}
};

LinkHeaders::LinkHeaders() = default;
LinkHeaders::~LinkHeaders() = default;

/// All that we give out are entries.
LinkHeaders::Entry* LinkHeaders::entry_of(const LinkHeader* header) {
    return header == &no_link_header
               ? nullptr
               : static_cast<Entry*>(const_cast<LinkHeader*>(header)); // NOLINT: ours
}

const LinkHeader* LinkHeaders::obtain(NeighbourKey neighbour, const EtherAddresses& ether,
                                      const LinkHeader* has) {
    if (const Entry* const entry = entry_of(has);
        entry != nullptr && entry->neighbour == neighbour && entry->is(ether)) {
        return has;
    }
    auto& entries = entries_[neighbour];
    const bool is_nobody = neighbour == NeighbourKey{};
    const auto found = std::ranges::find_if(entries, [&](const std::unique_ptr<Entry>& entry) {
        return entry->port_mac() == ether.source &&
               (!is_nobody || entry->next_hop() == ether.destination);
    });
    if (found != entries.end()) {
        (*found)->set_next_hop(ether.destination);
        return found->get();
    }
    entries.push_back(std::make_unique<Entry>(neighbour, ether));
    size_++;
    list(*entries.back());
    return entries.back().get();
}

void LinkHeaders::set_next_hop(NeighbourKey neighbour, MacAddr next_hop) {
    if (const auto found = entries_.find(neighbour); found != entries_.end()) {
        for (const auto& entry : found->second) {
            entry->set_next_hop(next_hop);
        }
    }
}

void LinkHeaders::hold(const LinkHeader* header) {
    if (Entry* const entry = entry_of(header)) {
        entry->holders++;
    }
}

void LinkHeaders::release(const LinkHeader* header) {
    Entry* const entry = entry_of(header);
    if (entry != nullptr && --entry->holders == 0) {
        list(*entry);
    }
}

void LinkHeaders::list(Entry& entry) {
    if (!std::exchange(entry.listed, true)) {
        unheld_.push_back(&entry);
    }
}

void LinkHeaders::sweep() {
    for (Entry* const entry : std::exchange(unheld_, {})) {
        entry->listed = false;
        if (entry->holders > 0) {
            continue;
        }
        const auto of = entries_.find(entry->neighbour);
        std::erase_if(of->second, [&](const auto& one) { return one.get() == entry; });
        size_--;
        if (of->second.empty()) {
            entries_.erase(of);
        }
    }
}

} // namespace sacip
