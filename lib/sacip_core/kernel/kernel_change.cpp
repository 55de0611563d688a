// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/kernel_change.hpp"

namespace sacip {
namespace {

struct Applier {
    KernelState& host;

    void operator()(const LinkInfo& link) const { host.upsert(link); }
    void operator()(const LinkGone& gone) const { host.remove_link(gone.index); }
    void operator()(const AddressInfo& address) const { host.upsert(address); }
    void operator()(const AddressGone& gone) const { host.remove(gone.address); }
    void operator()(const RouteNews& news) const { host.add(news.route, news.where); }
    void operator()(const RouteGone& gone) const { host.remove(gone.route); }
    void operator()(const RuleInfo& rule) const { host.add(rule); }
    void operator()(const RuleGone& gone) const { host.remove(gone.rule); }
    void operator()(const NeighbourInfo& neighbour) const { host.upsert(neighbour); }
    void operator()(const NeighbourGone& gone) const { host.remove_neighbour(gone.key); }
    void operator()(const DumpMark& mark) const {
        switch (mark.what) {
        case DumpMark::What::begin:
            host.begin_dump(mark.table);
            break;
        case DumpMark::What::end:
            host.end_dump(mark.table);
            break;
        case DumpMark::What::abandon:
            host.abandon_dump(mark.table);
            break;
        }
    }
};

} // namespace

void apply_to(KernelState& host, const KernelChange& change) { std::visit(Applier{host}, change); }

} // namespace sacip
