// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/pipeline.hpp"

#include "sacip_core/rewrite.hpp"

namespace sacip {
namespace {

/// A frame on its way through the stages.
struct Item {
    PacketView view;
    FlowKey key;
    WirePair pair;
    uint32_t frame; ///< index in the burst
};

/// The key of a packet from the inside: as it stands.
FlowKey key_outbound(const PacketView& v) {
    return {v.source, v.destination, v.source_port, v.destination_port, v.proto, {}};
}

/// The key of a packet from the wire, as the inside host would see it.
FlowKey key_inbound(const PacketView& v, const WireView& seen) {
    return {seen.host, seen.remote, v.destination_port, v.source_port, v.proto, {}};
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
template <Direction D>
Verdict carry_out(Frame& frame, const PacketView& view, const DirectionRewrite& to) {
    switch (to.action) {
    case PathAction::forward:
    case PathAction::forward_in_turn:
        if (view.ttl <= 1) [[unlikely]] {
            return Verdict::punt(PuntReason::ttl);
        }
        if (view.ip_length() > to.mtu) [[unlikely]] {
            return Verdict::punt(PuntReason::too_big);
        }
        if (to.device != TxChecksums::none || has(frame.facts, RxFacts::l4_checksum_partial)) {
            rewrite_for_device(frame, view, to);
        } else {
            rewrite_addresses(frame, view, to);
            rewrite_next_hop(frame, view, to);
        }
        return Verdict::forward(to.port);
    case PathAction::to_box: {
        finish_l4_checksum(frame, view);
        rewrite_addresses(frame, view, to);
        Verdict verdict = Verdict::punt(PuntReason::to_box);
        verdict.port = to.port;
        return verdict;
    }
    case PathAction::hold:
        return Verdict::punt(PuntReason::hold);
    case PathAction::unresolved:
        break;
    }
    return Verdict::punt(PuntReason::neighbour);
}

} // namespace

template <Direction D>
void Pipeline::process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                                std::span<Verdict> verdicts) {
    constexpr bool inbound = D == Direction::inbound;
    Item items[max_burst];
    const FlowKey* keys[max_burst];
    int32_t positions[max_burst];
    unsigned count = 0;

    for (unsigned i = 0; i < frames.size(); i++) {
        Item& item = items[count];
        verdicts[i] = parse(frames[i], port, item.view);
        if (verdicts[i].decided()) {
            if (verdicts[i].action == Action::punt) {
                finish_l4_checksum(frames[i], item.view);
            }
            continue;
        }
        item.frame = i;
        if constexpr (inbound) {
            item.pair = {item.view.source, item.view.destination};
        } else {
            item.key = key_outbound(item.view);
        }
        count++;
    }
    if (count == 0) {
        return;
    }

    int32_t wire[max_burst];
    if constexpr (inbound) {
        const WirePair* pairs[max_burst];
        for (unsigned i = 0; i < count; i++) {
            pairs[i] = &items[i].pair;
        }
        paths_.find_burst(pairs, count, wire);
        for (unsigned i = 0; i < count; i++) {
            // Where the pair is unknown the key stays all zero, which no flow has.
            const auto views = wire[i] < 0 ? std::span<const WireView>{} : paths_.views(wire[i]);
            items[i].key = views.empty() ? FlowKey{} : key_inbound(items[i].view, views[0]);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        keys[i] = &items[i].key;
    }
    flows_.find_burst(keys, count, positions);
    for (unsigned i = 0; i < count; i++) {
        if (positions[i] >= 0) {
            __builtin_prefetch(&flows_.record(positions[i]));
        }
    }

    unsigned rewritten = 0;
    bool punted = false; // of this burst, and not yet in the ring
    for (unsigned i = 0; i < count; i++) {
        const Item& item = items[i];
        Verdict& verdict = verdicts[item.frame];
        verdict = Verdict::punt(PuntReason::first_packet);
        // The first view is the rule; the others are tried one by one.
        for (size_t view = 0; verdict.punt_reason() == PuntReason::first_packet;) {
            const int32_t position = positions[i];
            FlowRecord* record = position < 0 ? nullptr : &flows_.record(position);
            const PathId id{record == nullptr ? no_path.value
                                              : record->path.load(std::memory_order_acquire)};
            if (id != no_path && (!inbound || paths_.path(id).accepts(item.pair))) {
                const RewriteSlot& slot = paths_.path(id).slot();
                if (inbound && is_suspect(item.view, slot)) [[unlikely]] {
                    verdict = Verdict::punt(PuntReason::draining);
                    break;
                }
                FlowTable::touch<D>(*record, now, item.view.is(IpProto::tcp), item.view.tcp_flags);
                const DirectionRewrite& to = side<D>(slot);
                if constexpr (!inbound) {
                    paths_.mark_used(id);
                }
                if (to.action == PathAction::forward_in_turn &&
                    (punted || (punts_ != nullptr && punts_->any()))) [[unlikely]] {
                    verdict = Verdict::punt(PuntReason::in_turn);
                    break;
                }
                verdict = carry_out<D>(frames[item.frame], item.view, to);
                rewritten += verdict.action == Action::forward &&
                             to.changes(item.view.source, item.view.destination);
                break;
            }
            if (!inbound || wire[i] < 0) {
                break;
            }
            const auto views = paths_.views(wire[i]);
            if (++view >= views.size()) {
                break;
            }
            positions[i] = flows_.find(key_inbound(item.view, views[view]));
        }
        if (verdict.action == Action::punt) {
            punted = true;
            finish_l4_checksum(frames[item.frame], item.view);
        }
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
