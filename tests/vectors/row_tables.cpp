// SPDX-License-Identifier: BSD-3-Clause
#include "tests/vectors/row_tables.hpp"

#include <stdexcept>

namespace sacip::test {
namespace {

constexpr uint32_t most_flows = 256, most_paths = 64;

template <typename T>
T made(std::variant<T, std::string> result) {
    if (const auto* error = std::get_if<std::string>(&result)) {
        throw std::runtime_error{*error};
    }
    return std::move(std::get<0>(result));
}

} // namespace

RowTables::RowTables(const std::vector<RowPort>& ports, const PipelineRow& row)
    : ports_{ports}, grace_{made(GracePeriod::create(1))}, flows_{made(FlowTable::create(most_flows,
                                                                                         *grace_))},
      paths_{made(PathTable::create(most_paths, *grace_))} {
    for (const RowPort& port : ports_) {
        links_.emplace_back(port.next_hop, port.mac);
    }
    for (const RowPath& path : row.paths) {
        const PathAddresses& a = path.addresses;
        const WireView view{a.host, a.remote_original};
        const auto id = paths_->add(slot_of(path), {a.remote_active, a.local_active}, view);
        path_ids_.push_back({id.value(), view});
    }
    for (const RowFlow& flow : row.flows) {
        insert(flow);
    }
}

ParseContext RowTables::context(PortId port) const {
    const RowPort& of = ports_.at(port.value);
    return {.port_mac = of.mac,
            .outside = of.outside,
            .notification_udp_port = L4Port{default_notification_udp_port},
            .mtu = of.mtu};
}

void RowTables::point(DirectionRewrite& side, RowWay way) const {
    side.action = way.action;
    side.port = way.port;
    if (way.port != no_port) {
        side.link = &links_.at(way.port.value);
        side.mtu = ports_.at(way.port.value).mtu;
    }
}

RewriteSlot RowTables::slot_of(const RowPath& path) const {
    RewriteSlot out;
    prepare_rewrite(path.addresses, path.mode, out);
    point(out.outbound, path.out);
    point(out.inbound, path.back);
    return out;
}

void RowTables::insert(const RowFlow& flow) {
    const Placed& path = path_ids_.at(flow.path);
    const FlowKey key{path.view.host,           path.view.remote, L4Port{flow.host_port},
                      L4Port{flow.remote_port}, flow.proto,       {}};
    placed_.push_back(flows_->insert(key, path.id, set_up).value());
}

void RowTables::carry_out(const Change& change) {
    grace_->quiescent({0});
    if (const auto* prepare = std::get_if<Prepare>(&change)) {
        const Placed& path = path_ids_.at(prepare->path);
        paths_->prepare(path.id, prepare->pair, path.view);
    } else if (const auto* publish = std::get_if<Publish>(&change)) {
        const PathAddresses& a = publish->next.addresses;
        paths_->publish(path_ids_.at(publish->path).id, slot_of(publish->next),
                        {a.remote_active, a.local_active});
    } else if (const auto* retire = std::get_if<Retire>(&change)) {
        const Placed& path = path_ids_.at(retire->path);
        paths_->retire(path.id, retire->pair, path.view);
    } else if (const auto* insertion = std::get_if<Insert>(&change)) {
        insert(insertion->flow);
    } else if (const auto* erasure = std::get_if<Erase>(&change)) {
        flows_->erase(flows_->at(placed_.at(erasure->flow)).value());
    }
    paths_->reclaim();
    grace_->quiescent({0});
}

} // namespace sacip::test
