// SPDX-License-Identifier: BSD-3-Clause
//
// KernelChange: one piece of news of Linux's tables, on its way to the mirror.
//
// Whoever listens to Linux is not who owns the mirror. What was heard travels as values of this
// type and is applied in the order in which it was heard. The lines of a dump stand between its two
// marks, with nothing else among them; the mirror shows the old table until the second one, so that
// any number of turns may pass between them.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

#include <variant>

namespace sacip {

struct LinkGone {
    IfIndex index{};
};
struct AddressGone {
    AddressInfo address;
};
struct RouteNews {
    RouteInfo route;
    RouteInsert where{RouteInsert::append};
};
struct RouteGone {
    RouteInfo route;
};
struct RuleGone {
    RuleInfo rule;
};
struct NeighbourGone {
    NeighbourKey key;
};
/// `abandon`: it broke off; what it named stays, nothing is forgotten.
struct DumpMark {
    enum class What : uint8_t { begin, end, abandon };
    What what{What::begin};
    KernelState::Table table{KernelState::Table::links};
};

using KernelChange = std::variant<DumpMark, LinkInfo, LinkGone, AddressInfo, AddressGone, RouteNews,
                                  RouteGone, RuleInfo, RuleGone, NeighbourInfo, NeighbourGone>;

/// Whether anything changed shows in the generations.
void apply_to(KernelState& host, const KernelChange& change);

} // namespace sacip
