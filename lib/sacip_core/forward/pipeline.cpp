// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/pipeline.hpp"

#include "sacip_core/packet/parse_plain.hpp"
#include "sacip_core/packet/rewrite.hpp"

namespace sacip {
namespace {

/// The key of a packet from the inside: as it stands.
template <AddressFamily F>
FlowKeyOf<F> key_outbound(const PacketViewOf<F>& view) {
    static_assert(PacketViewOf<F>::key_bytes == sizeof(FlowKeyOf<F>)); // begins as a key does
    FlowKeyOf<F> key;
    std::memcpy(static_cast<void*>(&key), &view, sizeof key);
    return key;
}

/// Whether a flow is the packet's own. Inbound the addresses tell nothing, being those on the wire.
template <Direction D, AddressFamily F>
inline bool is_of(const FlowKeyOf<F>& key, const PacketViewOf<F>& view) {
    struct Parts {
        std::array<typename F::Addr, 2> addresses;
        uint32_t ports;
        uint32_t proto;
    };
    const auto flow = std::bit_cast<Parts>(key);
    Parts packet;
    std::memcpy(static_cast<void*>(&packet), &view, sizeof packet);
    if constexpr (D == Direction::outbound) {
        return (differences(flow.addresses, packet.addresses) | (flow.ports ^ packet.ports) |
                (flow.proto ^ packet.proto)) == 0;
    } else {
        return ((flow.ports ^ std::rotl(packet.ports, 16)) | (flow.proto ^ packet.proto)) == 0;
    }
}

/// The addresses on the wire that a packet from there has.
template <AddressFamily F>
WirePairOf<F> wire_pair(const PacketViewOf<F>& view) {
    return {view.source, view.destination};
}

template <Direction D, AddressFamily F>
const DirectionRewriteOf<F>& side(const RewriteSlotOf<F>& slot) {
    if constexpr (D == Direction::outbound) {
        return slot.outbound;
    } else {
        return slot.inbound;
    }
}

/// A connection attempt or a RST on another pair than the one in force is not the flow's own as a
/// rule, but a new owner's of the address that was left.
template <AddressFamily F>
inline bool is_suspect(const PacketViewOf<F>& view, const RewriteSlotOf<F>& slot) {
    return (view.tcp_flags & (tcp_syn | tcp_rst)) != 0 &&
           (view.source != slot.outbound.destination || view.destination != slot.outbound.source);
}

/// Of a path whose packets are the slow path's.
PuntReason punt_reason(PathAction action) {
    return action == PathAction::hold       ? PuntReason::hold
           : action == PathAction::to_linux ? PuntReason::linux_only
                                            : PuntReason::neighbour;
}

/// The frame is untouched where it is punted.
template <AddressFamily F>
[[gnu::always_inline]] inline Verdict forward(Frame& frame, const PacketViewOf<F>& view,
                                              const DirectionRewriteOf<F>& to,
                                              unsigned& rewritten) {
    if (view.ttl <= 1) [[unlikely]] {
        return Verdict::punt(PuntReason::ttl);
    }
    // A frame is as long as its packet or longer.
    if (frame.length > ether_header_bytes + to.mtu && view.ip_length() > to.mtu) [[unlikely]] {
        return Verdict::punt(PuntReason::too_big);
    }
    rewritten += to.changes(view.source, view.destination);
    if (to.device != TxChecksums::none || has(frame.facts, RxFacts::l4_checksum_partial)) {
        rewrite_for_device(frame, view, to);
    } else {
        rewrite_forwarded(frame, view, to);
    }
    return Verdict::forward(to.port);
}

/// What the path says is no forwarding.
template <AddressFamily F>
[[gnu::noinline]] Verdict hand_over(Frame& frame, const PacketViewOf<F>& view,
                                    const DirectionRewriteOf<F>& to) {
    if (to.action == PathAction::to_box) {
        finish_l4_checksum(frame, view, to);
        rewrite_addresses(frame, view, to);
        Verdict verdict = Verdict::punt(PuntReason::to_box);
        verdict.port = to.port;
        return verdict;
    }
    return Verdict::punt(punt_reason(to.action));
}

} // namespace

/// Those that are not decided go into the burst, and their hints are fetched.
template <AddressFamily F>
template <Direction D>
void PipelineOf<F>::parse_all(std::span<Frame> frames, const ParseContext& port,
                              std::span<Verdict> verdicts) {
    const ParseContext context = port; // our own: no write into a packet can change it
    Item* item = burst_.items.data();
    unsigned sought = 0;
    burst_.punted = false;
    for (unsigned i = 0; i < frames.size(); i++) {
        if (i == max_burst / 2) [[unlikely]] {
            sought = seek(sought, item);
        }
        if (!parse_plain(frames[i], context, item->view)) [[unlikely]] {
            verdicts[i] = parse(frames[i], port, item->view);
            if (verdicts[i].action == Action::punt) {
                burst_.punted = true;
                finish_l4_checksum(frames[i], item->view);
            }
            if (verdicts[i].decided()) {
                continue;
            }
        }
        item->frame = static_cast<uint8_t>(i);
        item++;
    }
    burst_.count = seek(sought, item);
}

/// Fetches the hints of the items from number `from` to `end`, whose number is returned. So it goes
/// by halves: parsing hides the misses.
template <AddressFamily F>
inline unsigned PipelineOf<F>::seek(unsigned from, const Item* end) {
    const auto to = static_cast<unsigned>(end - burst_.items.data());
    uint32_t* const hashes = burst_.hashes.data();
    flows_.hash_burst(burst_.views.data() + from, to - from, hashes + from);
    for (unsigned i = from; i < to; i++) {
        hints_.prefetch(hashes[i]);
    }
    return to;
}

/// The path of the flow whose record this is, if that is the packet's own. (Inbound that the path
/// takes packets of this pair makes it so.)
template <AddressFamily F>
template <Direction D>
inline const PathOf<F>* PipelineOf<F>::path_of(const Record& record, const Item& item) const {
    // The path first: what has one keeps its key until we are quiescent.
    const PathId id{record.path.load(std::memory_order_acquire)};
    if (id == no_path) [[unlikely]] {
        return nullptr;
    }
    return is_of<D>(record.key, item.view) ? &paths_.path(id) : nullptr;
}

/// If the item has a path that takes its packet. Else it has none.
template <AddressFamily F>
template <Direction D>
inline bool PipelineOf<F>::take_slot(Item& item) {
    if (item.path == nullptr ||
        (D == Direction::inbound && !item.path->accepts(wire_pair(item.view)))) [[unlikely]] {
        item.path = nullptr;
        return false;
    }
    item.slot = &item.path->slot();
    __builtin_prefetch(item.slot);
    return true;
}

/// Flow, path and slot of each item, each a miss that overlaps with the others of its kind.
template <AddressFamily F>
template <Direction D>
void PipelineOf<F>::find_by_hints() {
    const uint32_t* hash = burst_.hashes.data();
    for (Item& item : burst_.all()) {
        item.record = &flows_.record(hints_.position(*hash++));
        __builtin_prefetch(item.record);
    }
    const uint32_t order = paths_.orders();
    for (Item& item : burst_.all()) {
        item.path = path_of<D>(*item.record, item);
        if (D == Direction::inbound && item.record->order.load(std::memory_order_relaxed) != order)
            [[unlikely]] {
            item.path = nullptr; // the packet may be another one's since then
        }
        __builtin_prefetch(item.path);
    }
    unsigned unknown = 0;
    for (Item& item : burst_.all()) {
        if (!take_slot<D>(item)) [[unlikely]] {
            unknown_[unknown++] = &item;
        }
    }
    if (unknown > 0) [[unlikely]] {
        D == Direction::outbound ? look_up(unknown) : look_up_views(unknown);
    }
}

/// Outbound: the flows of the first `count` of unknown_.
template <AddressFamily F>
void PipelineOf<F>::look_up(unsigned count) {
    Wanted wanted;
    for (; wanted.count < count; wanted.count++) {
        wanted.keys[wanted.count] = key_outbound(unknown_[wanted.count]->view);
    }
    look_up_keys<Direction::outbound>(wanted, 0);
}

/// Inbound: the same, as each of the views that a packet's pair has, one after the other.
template <AddressFamily F>
void PipelineOf<F>::look_up_views(unsigned count) {
    const uint32_t order = paths_.orders(); // before the views are read
    std::array<Pair, max_burst> pairs;
    std::array<const Pair*, max_burst> pointers{};
    std::array<int32_t, max_burst> wires;
    for (unsigned i = 0; i < count; i++) {
        pairs[i] = wire_pair(unknown_[i]->view);
        pointers[i] = &pairs[i];
    }
    paths_.find_burst(pointers.data(), count, wires.data());
    for (unsigned i = 0; i < count; i++) {
        unknown_[i]->wire = wires[i];
    }
    for (size_t view = 0; count > 0; view++) {
        Wanted wanted;
        for (unsigned i = 0; i < count; i++) {
            Item& item = *unknown_[i];
            if (item.wire < 0) {
                continue;
            }
            const typename Paths::Views views = paths_.views(item.wire);
            if (view < views.size()) {
                wanted.keys[wanted.count] =
                    key_from_wire(item.view, views[view].host, views[view].remote);
                unknown_[wanted.count++] = &item;
            }
        }
        count = look_up_keys<Direction::inbound>(wanted, order);
    }
}

/// Looks up one key for each of the first ones of unknown_. Returns how many have no flow, which
/// are the first ones then. `order`: of the views; inbound only.
template <AddressFamily F>
template <Direction D>
unsigned PipelineOf<F>::look_up_keys(const Wanted& wanted, uint32_t order) {
    std::array<const Key*, max_burst> keys{};
    std::array<int32_t, max_burst> positions;
    for (unsigned i = 0; i < wanted.count; i++) {
        keys[i] = &wanted.keys[i];
    }
    flows_.find_burst(keys.data(), wanted.count, positions.data());
    for (unsigned i = 0; i < wanted.count; i++) {
        if (positions[i] >= 0) {
            __builtin_prefetch(&flows_.record(positions[i]));
        }
    }
    unsigned left = 0;
    for (unsigned i = 0; i < wanted.count; i++) {
        Item& item = *unknown_[i];
        if (positions[i] >= 0) {
            item.record = &flows_.record(positions[i]);
            item.path = path_of<D>(*item.record, item);
        }
        if (!take_slot<D>(item)) {
            unknown_[left++] = &item;
            continue;
        }
        const auto number = static_cast<size_t>(&item - burst_.items.data());
        hints_.found_at(burst_.hashes[number], static_cast<uint32_t>(positions[i]));
        if constexpr (D == Direction::inbound) {
            item.record->order.store(order, std::memory_order_relaxed);
        }
    }
    return left;
}

/// The frame is rewritten where the verdict is `forward` or to_box. `behind`: something of this
/// burst has been punted before; by the parser: before or after.
template <AddressFamily F>
template <Direction D>
[[gnu::always_inline]] inline Verdict PipelineOf<F>::judge(const Item& item, Frame& frame, Tick now,
                                                           bool behind, unsigned& rewritten) {
    constexpr bool inbound = D == Direction::inbound;
    if (item.path == nullptr) [[unlikely]] {
        return Verdict::punt(PuntReason::first_packet);
    }
    const Slot& slot = *item.slot;
    if (inbound && is_suspect(item.view, slot)) [[unlikely]] {
        return Verdict::punt(PuntReason::draining);
    }
    if (Flows::template touch<D>(*item.record, now, item.view.is(IpProto::tcp),
                                 item.view.tcp_flags)) [[unlikely]] {
        return Verdict::punt(PuntReason::first_packet);
    }
    if constexpr (!inbound) {
        item.path->mark_used();
    }
    const Rewrite& to = side<D>(slot);
    if (to.action != PathAction::forward) [[unlikely]] {
        if (to.action != PathAction::forward_in_turn) {
            return hand_over(frame, item.view, to);
        }
        if (behind || burst_.punted || (punts_ != nullptr && punts_->any(D))) {
            return Verdict::punt(PuntReason::in_turn);
        }
    }
    return forward(frame, item.view, to, rewritten);
}

template <AddressFamily F>
template <Direction D>
void PipelineOf<F>::process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                                     std::span<Verdict> verdicts) {
    Burst& burst = burst_;
    parse_all<D>(frames, port, verdicts);
    if (burst.count == 0) {
        return;
    }
    find_by_hints<D>();

    unsigned rewritten = 0;
    bool behind = false; // something of this burst is punted, and not yet in the ring
    for (const Item& item : burst.all()) {
        Frame& frame = frames[item.frame];
        const Verdict verdict = judge<D>(item, frame, now, behind, rewritten);
        if (verdict.action == Action::punt) [[unlikely]] {
            behind = true;
            finish_l4_checksum(frame, item.view);
        }
        verdicts[item.frame] = verdict;
    }
    counters_.rewritten.add(rewritten);
}

template class PipelineOf<Ipv4>;

void Pipeline::process(std::span<Frame> frames, const ParseContext& port, Tick now,
                       std::span<Verdict> verdicts) {
    if (port.outside) {
        ipv4_.process_directed<Direction::inbound>(frames, port, now, verdicts);
    } else {
        ipv4_.process_directed<Direction::outbound>(frames, port, now, verdicts);
    }
}

} // namespace sacip
