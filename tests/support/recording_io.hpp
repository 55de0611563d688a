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
#include <utility>
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
    ~RecordingIo() override {
        for (Bytes* block : blocks_) {
            delete block;
        }
    }

    OwnedPacket own(Bytes bytes) {
        auto* block = new Bytes(std::move(bytes));
        block->shrink_to_fit();
        blocks_.insert(block);
        return {{block->data(), static_cast<uint32_t>(block->size()), RxFacts::none}, block};
    }
    bool transmit(PortId port, OwnedPacket packet) override {
        Bytes bytes = give_back(packet);
        if (tx_full) {
            return false;
        }
        departures.push_back({port, false, std::move(bytes)});
        if (const auto meanwhile = std::exchange(once_sent, nullptr)) {
            meanwhile();
        }
        return true;
    }
    bool to_linux(PortId port, OwnedPacket packet) override {
        Bytes bytes = give_back(packet);
        if (linux_full) {
            return false;
        }
        departures.push_back({port, true, std::move(bytes)});
        return true;
    }
    void release(OwnedPacket packet) override { give_back(packet); }
    OwnedPacket allocate(uint32_t length) override {
        return no_memory ? OwnedPacket{} : own(Bytes(length));
    }

    void keep_turns(Direction to, bool keep) override {
        turns_kept[static_cast<size_t>(to)] = keep;
    }

    /// Packets handed out and not yet given back.
    size_t live() const { return blocks_.size(); }

    std::vector<Departure> departures;
    std::function<void()> once_sent; ///< called after the next packet has left by a port
    bool tx_full{false}, linux_full{false}, no_memory{false};
    std::array<bool, 2> turns_kept{}; ///< by Direction

private:
    Bytes give_back(OwnedPacket packet) {
        auto* block = static_cast<Bytes*>(packet.owner);
        if (blocks_.erase(block) != 1) {
            throw std::logic_error{"a packet was given back twice"};
        }
        Bytes bytes = std::move(*block);
        bytes.resize(packet.frame.length);
        delete block;
        return bytes;
    }

    std::set<Bytes*> blocks_;
};

/// "resolve 10.0.1.1", "keep 10.0.1.2", "drop 10.0.1.2".
class RecordingActions final : public KernelRequests {
public:
    void resolve(NeighbourKey neighbour) override {
        done.push_back("resolve " + neighbour.address.to_text());
    }
    void keep_shadow(Ipv4Addr address) override { done.push_back("keep " + address.to_text()); }
    void drop_shadow(Ipv4Addr address) override { done.push_back("drop " + address.to_text()); }

    std::vector<std::string> take() { return std::exchange(done, {}); }
    std::vector<std::string> done;
};

} // namespace sacip::test
