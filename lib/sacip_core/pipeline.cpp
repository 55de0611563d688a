// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/pipeline.hpp"

#include "sacip_core/packet_plain.hpp"
#include "sacip_core/rewrite.hpp"

namespace sacip {
namespace {

// Keys are written in place, field by field: one that is put together first and then copied whole
// is read before its parts have left the store buffer, which costs more than the look-up's hash.

/// The key of a packet from the inside: as it stands. Both begin alike.
void set_key_outbound(FlowKey& key, const PacketView& v) {
    static_assert(offsetof(FlowKey, proto) == PacketView::wire_bytes);
    std::memcpy(static_cast<void*>(&key), &v, PacketView::wire_bytes);
    key.proto = v.proto;
}

/// The key of a packet from the wire, as the inside host would see it.
void set_key_inbound(FlowKey& key, const PacketView& v, const WireView& seen) {
    key.host = seen.host;
    key.remote = seen.remote;
    key.host_port = v.destination_port;
    key.remote_port = v.source_port;
    key.proto = v.proto;
}

template <Direction D>
const DirectionRewrite& side(const RewriteSlot& slot) {
    if constexpr (D == Direction::outbound) {
        return slot.outbound;
    } else {
        return slot.inbound;
    }
}

/// A connection attempt or a RST on another pair than the one in force is not the flow's own as a
/// rule, but a new owner's of the address that was left.
inline bool is_suspect(const PacketView& view, const RewriteSlot& slot) {
    return (view.tcp_flags & (tcp_syn | tcp_rst)) != 0 &&
           (view.source != slot.outbound.destination || view.destination != slot.outbound.source);
}

/// Carries out what the path says. The frame is untouched where the verdict is not final here.
[[gnu::always_inline]] inline Verdict carry_out(Frame& frame, const PacketView& view,
                                                const DirectionRewrite& to) {
    if (to.action <= PathAction::forward_in_turn) [[likely]] {
        if (view.ttl <= 1) [[unlikely]] {
            return Verdict::punt(PuntReason::ttl);
        }
        // A frame is as long as its packet or longer.
        if (frame.length > ether_header_bytes + to.mtu && view.ip_length() > to.mtu) [[unlikely]] {
            return Verdict::punt(PuntReason::too_big);
        }
        if (to.device != TxChecksums::none || has(frame.facts, RxFacts::l4_checksum_partial)) {
            rewrite_for_device(frame, view, to);
        } else {
            rewrite_forwarded(frame, view, to);
        }
        return Verdict::forward(to.port);
    }
    if (to.action == PathAction::to_box) {
        finish_l4_checksum(frame, view);
        rewrite_addresses(frame, view, to);
        Verdict verdict = Verdict::punt(PuntReason::to_box);
        verdict.port = to.port;
        return verdict;
    }
    return Verdict::punt(to.action == PathAction::hold ? PuntReason::hold : PuntReason::neighbour);
}

} // namespace

/// Those that are not decided go into the burst.
template <Direction D>
void Pipeline::parse_all(std::span<Frame> frames, const ParseContext& port,
                         std::span<Verdict> verdicts) {
    const ParseContext context = port; // our own: no write into a packet can change it
    Item* item = burst_.items.data();
    for (unsigned i = 0; i < frames.size(); i++) {
        if (!parse_plain(frames[i], context, item->view)) [[unlikely]] {
            verdicts[i] = parse(frames[i], port, item->view);
            if (verdicts[i].action == Action::punt) {
                finish_l4_checksum(frames[i], item->view);
            }
            if (verdicts[i].decided()) {
                continue;
            }
        }
        item->frame = static_cast<uint8_t>(i);
        if constexpr (D == Direction::inbound) {
            item->pair = {item->view.source, item->view.destination};
        } else {
            set_key_outbound(item->key, item->view);
        }
        item++;
    }
    burst_.count = static_cast<unsigned>(item - burst_.items.data());
}

/// Inbound: where each item's pair stands in the wire index, by hint or else by look-up; and so its
/// key, as the host would see it.
void Pipeline::find_views() {
    for (Item& item : burst_.all()) {
        item.wire = hints_.position(item.pair);
        paths_.prefetch_views(item.wire);
    }
    unsigned unknown = 0;
    for (Item& item : burst_.all()) {
        if (paths_.is_at(item.pair, item.wire)) [[likely]] {
            take_view(item);
        } else {
            unknown_[unknown++] = &item;
        }
    }
    if (unknown > 0) [[unlikely]] {
        find_wires(unknown);
    }
}

/// Of the first `count` of unknown_.
void Pipeline::find_wires(unsigned count) {
    std::array<const WirePair*, max_burst> pairs{};
    std::array<int32_t, max_burst> positions{};
    for (unsigned i = 0; i < count; i++) {
        pairs[i] = &unknown_[i]->pair;
    }
    paths_.find_burst(pairs.data(), count, positions.data());
    for (unsigned i = 0; i < count; i++) {
        Item& item = *unknown_[i];
        item.wire = positions[i];
        item.key = {};
        if (item.wire >= 0) {
            hints_.found_at(item.pair, item.wire);
            take_view(item);
        }
    }
}

/// The key as the host would see it. Where the pair has no view it is all zero, which no flow has.
inline void Pipeline::take_view(Item& item) const {
    const PathTable::Views views = paths_.views(item.wire);
    item.seen_as = 0;
    if (views.size() != 1) [[unlikely]] {
        if (views.size() == 0) {
            item.key = {};
            return;
        }
        const uint8_t hint = hints_.view(item.view);
        item.seen_as = hint < views.size() ? hint : 0;
    }
    set_key_inbound(item.key, item.view, views[item.seen_as]);
}

/// Flow, path and slot of each item, each a miss that overlaps with the others of its kind.
void Pipeline::find_flows() {
    const std::span<Item> items = burst_.all();
    std::array<int32_t, max_burst> positions;
    flows_.find_burst(burst_.keys.data(), burst_.count, positions.data());
    const int32_t* position = positions.data();
    for (Item& item : items) {
        item.record = *position < 0 ? nullptr : &flows_.record(*position);
        __builtin_prefetch(item.record);
        position++;
    }
    for (Item& item : items) {
        item.path = path_of(item.record);
        __builtin_prefetch(item.path);
    }
    for (Item& item : items) {
        if (item.path != nullptr) [[likely]] {
            item.slot = &item.path->slot();
            __builtin_prefetch(item.slot);
        }
    }
}

inline const Path* Pipeline::path_of(const FlowRecord* record) const {
    if (record == nullptr) [[unlikely]] {
        return nullptr;
    }
    const PathId id{record->path.load(std::memory_order_acquire)};
    return id == no_path ? nullptr : &paths_.path(id);
}

/// The frame is rewritten where the verdict is `forward` or to_box. `behind`: something of this
/// burst has been punted before.
template <Direction D>
[[gnu::always_inline]] inline Verdict Pipeline::judge(const Item& item, Frame& frame, Tick now,
                                                      bool behind, unsigned& rewritten) {
    constexpr bool inbound = D == Direction::inbound;
    if (item.path == nullptr || (inbound && !item.path->accepts(item.pair))) [[unlikely]] {
        return Verdict::punt(PuntReason::first_packet);
    }
    const RewriteSlot& slot = *item.slot;
    if (inbound && is_suspect(item.view, slot)) [[unlikely]] {
        return Verdict::punt(PuntReason::draining);
    }
    FlowTable::touch<D>(*item.record, now, item.view.is(IpProto::tcp), item.view.tcp_flags);
    if constexpr (!inbound) {
        item.path->mark_used();
    }
    const DirectionRewrite& to = side<D>(slot);
    if (to.action == PathAction::forward_in_turn &&
        (behind || (punts_ != nullptr && punts_->any()))) [[unlikely]] {
        return Verdict::punt(PuntReason::in_turn);
    }
    const Verdict verdict = carry_out(frame, item.view, to);
    rewritten +=
        verdict.action == Action::forward && to.changes(item.view.source, item.view.destination);
    return verdict;
}

/// The view that the hint names has been tried; the others are tried one by one.
Verdict Pipeline::judge_by_other_views(Item& item, Frame& frame, Tick now, bool behind,
                                       unsigned& rewritten) {
    const PathTable::Views views = paths_.views(item.wire);
    Verdict verdict = Verdict::punt(PuntReason::first_packet);
    for (size_t i = 0; i < views.size() && verdict.punt_reason() == PuntReason::first_packet; i++) {
        if (i == item.seen_as) {
            continue;
        }
        set_key_inbound(item.key, item.view, views[i]);
        const int32_t position = flows_.find(item.key);
        item.record = position < 0 ? nullptr : &flows_.record(position);
        item.path = path_of(item.record);
        item.slot = item.path == nullptr ? nullptr : &item.path->slot();
        verdict = judge<Direction::inbound>(item, frame, now, behind, rewritten);
        if (verdict.punt_reason() != PuntReason::first_packet) {
            hints_.seen_as(item.view, static_cast<uint8_t>(i));
        }
    }
    return verdict;
}

template <Direction D>
void Pipeline::process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                                std::span<Verdict> verdicts) {
    constexpr bool inbound = D == Direction::inbound;
    Burst& burst = burst_;
    parse_all<D>(frames, port, verdicts);
    if (burst.count == 0) {
        return;
    }
    if constexpr (inbound) {
        find_views();
    }
    find_flows();

    unsigned rewritten = 0;
    bool behind = false; // something of this burst is punted, and not yet in the ring
    for (Item& item : burst.all()) {
        Frame& frame = frames[item.frame];
        Verdict verdict = judge<D>(item, frame, now, behind, rewritten);
        if (inbound && verdict.punt_reason() == PuntReason::first_packet && item.wire >= 0)
            [[unlikely]] {
            verdict = judge_by_other_views(item, frame, now, behind, rewritten);
        }
        if (verdict.action == Action::punt) [[unlikely]] {
            behind = true;
            finish_l4_checksum(frame, item.view);
        }
        verdicts[item.frame] = verdict;
    }
    counters_.rewritten.add(rewritten);
}

void Pipeline::process(std::span<Frame> frames, const ParseContext& port, Tick now,
                       std::span<Verdict> verdicts) {
    if (port.outside) {
        process_directed<Direction::inbound>(frames, port, now, verdicts);
    } else {
        process_directed<Direction::outbound>(frames, port, now, verdicts);
    }
}

} // namespace sacip
