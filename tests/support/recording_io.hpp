// SPDX-License-Identifier: BSD-3-Clause
//
// RecordingIo: a PacketIo and a KernelRequests that write down what they were told.
//
// Packets are blocks of memory of exactly their size, so that the address sanitizer guards both
// ends; every block has to come back through one of the doors exactly once, which live() and the
// sanitizer's leak check watch over.
#pragma once

#include "sacip_core/kernel/kernel_requests.hpp"
#include "sacip_core/packet/packet_io.hpp"
#include "tests/support/packet_builder.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace sacip::test {

/// A frame that left, by a port or into Linux.
struct Departure {
    PortId port;
    bool linux_side{false};
    Bytes bytes;
};

class RecordingIo final : public PacketIo {
public:
    ~RecordingIo() override;

    OwnedPacket own(Bytes bytes);
    bool transmit(PortId port, OwnedPacket packet) override;
    bool to_linux(PortId port, OwnedPacket packet) override;
    void release(OwnedPacket packet) override;
    OwnedPacket allocate(uint32_t length) override;

    void keep_turns(Direction to, bool keep) override;

    /// Packets handed out and not yet given back.
    size_t live() const { return blocks_.size(); }

    std::vector<Departure> departures;
    std::function<void()> once_sent; ///< called after the next packet has left by a port
    bool tx_full{false}, linux_full{false}, no_memory{false};
    std::array<bool, 2> turns_kept{}; ///< by Direction

private:
    Bytes give_back(OwnedPacket packet);

    std::set<Bytes*> blocks_;
};

/// "resolve 10.0.1.1", "keep 10.0.1.2", "drop 10.0.1.2".
class RecordingActions final : public KernelRequests {
public:
    void resolve(NeighbourKey neighbour) override;
    void keep_shadow(IpAddr address) override;
    void drop_shadow(IpAddr address) override;

    std::vector<std::string> take();
    std::vector<std::string> done;
};

} // namespace sacip::test
