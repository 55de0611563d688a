// SPDX-License-Identifier: BSD-3-Clause
//
// What `sacipctl -j` is told of moves, and of the events that they and the peers make.
#include "app/control/request.hpp"
#include "app/dpdk/clock.hpp"
#include "app/operator/gateway_text.hpp"
#include "app/operator/gateway_view.hpp"

namespace sacip {
namespace {

using nlohmann::json;

/// Null while a path still waits for its next hop or for held packets to leave.
json flip_us(const MoveRecord& m) {
    return m.flipped ? json(microseconds(*m.flipped - m.event)) : json(nullptr);
}

json move_json(const MoveRecord& m, const Mover& mover) {
    const auto hold = mover.hold_of(m);
    return {{"id", m.id.value},
            {"side", to_text(m.side)},
            {"trigger", to_text(m.trigger)},
            {"old", m.from.to_text()},
            {"new", text_or_null(m.to)},
            {"state", to_text(m.state)},
            {"result", m.flipped ? "switched" : (m.to ? "pending" : "no address")},
            {"paths", m.paths},
            {"flows", m.flows},
            {"notifications", m.notifications},
            {"tries", m.tries},
            {"held", hold ? json(hold->held) : json(nullptr)},
            {"dropped", hold ? json(hold->dropped) : json(nullptr)},
            {"event_to_flip_us", flip_us(m)},
            {"started", rfc3339(m.date)}};
}

void add_details(json& out, const MoveRecord& m, const Policy& policy) {
    json trace = json::array();
    for (const TracePoint& p : m.trace) {
        trace.push_back({{"event", to_text(p.kind)},
                         {"after_us", microseconds(p.at - m.event)},
                         {"peer", p.peer ? json(policy.peer(*p.peer).name) : json(nullptr)}});
    }
    json legs = json::array();
    for (const MoveLeg& leg : m.legs) {
        legs.push_back({{"peer", policy.peer(leg.peer).name},
                        {"switched", leg.switched},
                        {"applied", leg.applied},
                        {"refused", leg.refused}});
    }
    out["trace"] = std::move(trace);
    out["legs"] = std::move(legs);
}

} // namespace

json GatewayView::move_list(const json& args) const {
    const Mover& mover = slow_path.mover();
    const bool one = args.contains("id");
    json out = json::array();
    for (const MoveRecord& m : mover.history().records()) {
        if (!one || args["id"] == m.id.value) {
            out.push_back(move_json(m, mover));
            if (one) {
                add_details(out.back(), m, *policy);
            }
        }
    }
    if (one && out.empty()) {
        return control::refusal("no move " + args["id"].dump() + " is remembered",
                                "list them with: sacipctl moves");
    }
    return {{"moves", out}};
}

json GatewayView::move(const json& args, Nanos now) const {
    const auto prefix = [&](const char* key) {
        return IpPrefix::from_text(args.value(key, std::string{}));
    };
    const auto from = prefix("old"), to = prefix("new");
    if (!from || !to) {
        return control::refusal("move takes two IPv4 addresses or two prefixes",
                                "as in: sacipctl move 10.0.1.2 10.0.2.2");
    }
    const auto result = slow_path.request_move({*from, *to, args.value("force", false)}, now);
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
        return control::refusal(refusal->what, refusal->remedy);
    }
    // The operator's reply says how long it took: the switch is done, date it.
    slow_path.finish_turn(Clock::now());
    const MoveRecord& m = *slow_path.mover().history().find(std::get<MoveId>(result));
    return {{"move", m.id.value}, {"paths", m.paths}, {"event_to_flip_us", flip_us(m)}};
}

json GatewayView::event_list(const json& args) const {
    const EventLog& log = slow_path.events();
    const auto after = args.value("after", uint64_t{0});
    json out = json::array();
    for (const Event& e : log.events()) {
        if (e.number > after) {
            out.push_back({{"number", e.number},
                           {"event", to_text(e.kind)},
                           {"move", e.move.value == 0 ? json(nullptr) : json(e.move.value)},
                           {"peer", e.peer.empty() ? json(nullptr) : json(e.peer)},
                           {"text", e.text},
                           {"time", rfc3339(e.date)}});
        }
    }
    return {{"events", out}, {"last", log.last()}};
}

} // namespace sacip
