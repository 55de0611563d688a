// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/punt_rings.hpp"

#include "app/dpdk/mbuf_frame.hpp"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf_dyn.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace sacip {
namespace {

constexpr unsigned data_size = 2048;
constexpr unsigned control_size = 512;
static_assert(data_size + control_size == PuntRings::capacity);
constexpr unsigned linux_size = PuntRings::linux_capacity;
constexpr unsigned burst = 32;

/// What travels in the mbuf.
struct Label {
    PortId port;
    PortId to;
    PuntReason reason;
};

struct FreeRing {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
using RingPointer = std::unique_ptr<rte_ring, FreeRing>;

RingPointer make_ring(const char* name, unsigned size) {
    return RingPointer{rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_SC_DEQ | RING_F_EXACT_SZ)};
}

} // namespace

struct PuntRings::Impl {
    RingPointer control;
    RingPointer data;
    RingPointer of_linux;
    int label_offset{0};
    alignas(64) std::atomic<bool> in_hand{false};  ///< what was received is being dealt with
    std::array<std::atomic<bool>, 2> turns_kept{}; ///< by Direction

    Label& label(rte_mbuf* packet) const {
        return *RTE_MBUF_DYNFIELD(packet, label_offset, Label*);
    }
    void hand_out(std::span<void* const> packets, std::span<Punted> out) const;
};

std::variant<std::unique_ptr<PuntRings>, std::string> PuntRings::create() {
    auto impl = std::make_unique<Impl>();
    rte_mbuf_dynfield field{};
    constexpr std::string_view field_name = "sacip_punt_label";
    std::copy(field_name.begin(), field_name.end(), field.name);
    field.size = sizeof(Label);
    field.align = alignof(Label);
    impl->label_offset = rte_mbuf_dynfield_register(&field);
    if (impl->label_offset < 0) {
        return std::string{"no room in the mbuf for a punt label: "} + rte_strerror(rte_errno);
    }
    impl->control = make_ring("sacip_control", control_size);
    impl->data = make_ring("sacip_punt", data_size);
    impl->of_linux = make_ring("sacip_of_linux", linux_size);
    if (!impl->control || !impl->data || !impl->of_linux) {
        return std::string{"rings to the slow path: "} + rte_strerror(rte_errno);
    }
    return std::make_unique<PuntRings>(std::move(impl));
}

PuntRings::PuntRings(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

PuntRings::~PuntRings() {
    std::array<Punted, burst> left;
    const auto release = [&](unsigned count) {
        for (unsigned i = 0; i < count; i++) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(left[i].packet.owner));
        }
        return count > 0;
    };
    while (release(receive(left)) || release(receive_from_linux(left))) {
    }
}

bool PuntRings::punt(rte_mbuf* packet, WayIn from, Verdict verdict) {
    const PuntReason reason = verdict.punt_reason();
    impl_->label(packet) = {from.port, verdict.port, reason};
    rte_ring* const ring =
        reason == PuntReason::notification ? impl_->control.get() : impl_->data.get();
    if (reason == PuntReason::first_packet &&
        rte_ring_free_count(ring) <= (from.outside ? left_by_outside : left_by_inside)) {
        return false;
    }
    return rte_ring_enqueue(ring, packet) == 0;
}

unsigned PuntRings::receive(std::span<Punted> out) {
    std::array<void*, burst> packets;
    const auto room = static_cast<unsigned>(std::min<size_t>(out.size(), burst));
    const auto take = [&](const RingPointer& from, unsigned at, unsigned most) {
        return rte_ring_dequeue_burst(from.get(), packets.data() + at, most, nullptr);
    };
    // Before the ring shows empty: a worker must never see neither (any()).
    impl_->in_hand.store(true, std::memory_order_release);
    unsigned count = take(impl_->control, 0, (room + 1) / 2);
    count += take(impl_->data, count, room - count);
    count += take(impl_->control, count, room - count);
    // A notification counts: what waited for its word is about to leave.
    impl_->in_hand.store(count > 0, std::memory_order_release);
    impl_->hand_out({packets.data(), count}, out);
    return count;
}

bool PuntRings::pass_on(rte_mbuf* packet, PortId port) {
    impl_->label(packet) = {port, no_port, PuntReason::none};
    return rte_ring_enqueue(impl_->of_linux.get(), packet) == 0;
}

unsigned PuntRings::receive_from_linux(std::span<Punted> out) {
    std::array<void*, burst> packets;
    const auto room = static_cast<unsigned>(std::min<size_t>(out.size(), burst));
    const unsigned count =
        rte_ring_dequeue_burst(impl_->of_linux.get(), packets.data(), room, nullptr);
    impl_->hand_out({packets.data(), count}, out);
    return count;
}

/// Written by another core: two lines of the mbuf, then the packet, all of them at a time.
void PuntRings::Impl::hand_out(std::span<void* const> packets, std::span<Punted> out) const {
    for (void* packet : packets) {
        rte_prefetch0(packet);
        rte_prefetch0(&label(static_cast<rte_mbuf*>(packet)));
    }
    for (void* packet : packets) {
        rte_prefetch0(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(packet), void*));
    }
    for (size_t i = 0; i < packets.size(); i++) {
        auto* const packet = static_cast<rte_mbuf*>(packets[i]);
        const Label its = label(packet);
        out[i] = {owned_packet(packet), its.port, its.to, its.reason};
    }
}

void PuntRings::keep_turns(Direction to, bool keep) {
    impl_->turns_kept[static_cast<size_t>(to)].store(keep, std::memory_order_release);
}

bool PuntRings::any(Direction to) const {
    const bool waiting = rte_ring_empty(impl_->data.get()) == 0;
    std::atomic_thread_fence(std::memory_order_acquire);
    return waiting || impl_->in_hand.load(std::memory_order_acquire) ||
           impl_->turns_kept[static_cast<size_t>(to)].load(std::memory_order_acquire);
}

} // namespace sacip
