// SPDX-License-Identifier: BSD-3-Clause
//
// Fuzz target: one frame through a worker's pipeline with a flow of every kind in its tables.
//
// Input: one byte of choices, then the frame.
//   bit 0  the port is an outside one     bit 1  the device vouches for the IPv4 checksum
//   bit 2  the L4 checksum is in terms of the originals
//   bit 3  the sending device fills in all checksums
//   bit 4  the device vouches for the L4 checksum     bit 5  it is not filled in yet
// Flows: host 10.1.0.10 (original 10.0.1.2, active 10.0.1.3), TCP and UDP port 40000 and echo
// 40000, remote 10.9.0.10 (active 10.19.0.10) port 80; the box, 10.0.1.3 port 40001, of the same
// remote.
//
// Whatever comes: a verdict, and no byte changed but those that the verdict allows.
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace sacip;

constexpr MacAddr port_mac{{0x02, 0, 0, 0, 0, 0x01}};
constexpr Ipv4Addr host{10, 1, 0, 10}, original{10, 0, 1, 2}, active{10, 0, 1, 3};
constexpr Ipv4Addr remote{10, 9, 0, 10}, roamed{10, 19, 0, 10};

void require(bool truth) {
    if (!truth) {
        std::abort();
    }
}

/// A worker with tables that nobody changes any more.
struct Gateway {
    Gateway(L4ChecksumMode mode, TxChecksums device) : fills{device} {
        const PathId moved =
            add_path({host, original, active, remote, roamed}, mode, PathAction::forward);
        const PathId box =
            add_path({active, active, active, roamed, roamed}, mode, PathAction::to_box);
        for (const uint8_t proto : {uint8_t{6}, uint8_t{17}}) {
            flows->insert({host, remote, Be16{40000}, Be16{80}, proto, {}}, moved, {});
            flows->insert({active, roamed, Be16{40001}, Be16{80}, proto, {}}, box, {});
        }
        flows->insert({host, remote, Be16{40000}, Be16{40000}, 1, {}}, moved, {});
        flows->insert({host, remote, {}, {}, 253, {}}, moved, {});
    }
    PathId add_path(const PathAddresses& addresses, L4ChecksumMode mode, PathAction inbound) {
        RewriteSlot slot;
        prepare_rewrite(addresses, mode, slot);
        slot.outbound.action = PathAction::forward;
        slot.inbound.action = inbound;
        slot.outbound.port = slot.inbound.port = PortId{1};
        slot.outbound.device = slot.inbound.device = fills;
        return paths
            ->add(slot, {addresses.remote_active, addresses.local_active},
                  {addresses.host, addresses.remote_original})
            .value();
    }

    TxChecksums fills;
    std::unique_ptr<GracePeriod> grace{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows{std::get<0>(FlowTable::create(16, *grace))};
    std::unique_ptr<PathTable> paths{std::get<0>(PathTable::create(4, *grace))};
    CoreCounters counters;
    Pipeline pipeline{*flows, *paths, counters};
};

bool is_l4_checksum(size_t at, const Frame& before) {
    const std::byte* ip = before.data + ether_header_bytes;
    const size_t checksum =
        ether_header_bytes + ipv4::header_length(ip) + (ipv4::proto(ip) == 6 ? 16 : 6);
    return (ipv4::proto(ip) == 6 || ipv4::proto(ip) == 17) &&
           (at == checksum || at == checksum + 1);
}

/// The bytes that a rewrite may change, by the packet as it came.
bool may_change(size_t at, const Frame& before, bool forwarded) {
    if (at < 12) {
        return forwarded; // Ethernet addresses
    }
    if (at == 22) {
        return forwarded; // time to live
    }
    if (at >= 24 && at < 34) {
        return true; // header checksum and both addresses
    }
    return is_l4_checksum(at, before);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr TxChecksums all = TxChecksums::ipv4 | TxChecksums::tcp | TxChecksums::udp;
    static Gateway gateways[]{{L4ChecksumMode::wire, TxChecksums::none},
                              {L4ChecksumMode::original, TxChecksums::none},
                              {L4ChecksumMode::wire, all},
                              {L4ChecksumMode::original, all}};
    if (size < 1) {
        return 0;
    }
    const unsigned choices = data[0];
    Gateway& gateway = gateways[(choices >> 2) & 3];
    // A copy of exactly the frame's size, for the address sanitizer to guard.
    const size_t length = size - 1;
    auto* const memory = new std::byte[length];
    std::copy_n(reinterpret_cast<const std::byte*>(data + 1), length, memory);
    std::vector<std::byte> copy(memory, memory + length);
    const Frame before{copy.data(), static_cast<uint32_t>(length), RxFacts::none};
    Frame frame{memory, static_cast<uint32_t>(length),
                (choices & 2) != 0 ? RxFacts::ip_checksum_good : RxFacts::none};
    const bool unfilled = (choices & 0x20) != 0;
    if ((choices & 0x10) != 0) {
        frame.facts = frame.facts | RxFacts::l4_checksum_good;
    } else if (unfilled) {
        frame.facts = frame.facts | RxFacts::l4_checksum_partial;
    }
    const ParseContext context{.port_mac = port_mac, .outside = (choices & 1) != 0};

    const uint64_t rewritten = gateway.counters.rewritten.get();
    Verdict verdict;
    gateway.pipeline.process({&frame, 1}, context, {1}, {&verdict, 1});

    const bool forwarded = verdict.action == Action::forward;
    const bool punted = verdict.action == Action::punt;
    const bool changed = forwarded || verdict.punt_reason() == PuntReason::to_box;
    const TxChecksums l4_left = frame.unfinished;
    require(forwarded || l4_left == TxChecksums::none);
    if ((choices & 0x30) == 0) { // nobody has checked it: no recomputation may bless it
        require(!has(l4_left, TxChecksums::tcp) && !has(l4_left, TxChecksums::udp));
    }
    require(!punted || !has(frame.facts, RxFacts::l4_checksum_partial));
    require(verdict.decided());
    require((verdict.action == Action::drop) == (verdict.drop_reason() != DropReason::none));
    require((verdict.action == Action::punt) == (verdict.punt_reason() != PuntReason::none));
    require(gateway.counters.rewritten.get() <= rewritten + (forwarded ? 1 : 0));
    for (size_t i = 0; i < length; i++) {
        require(memory[i] == copy[i] || (changed && may_change(i, before, forwarded)) ||
                (punted && unfilled && is_l4_checksum(i, before)));
    }
    delete[] memory;
    return 0;
}
