// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/recording_io.hpp"

#include <stdexcept>
#include <utility>

namespace sacip::test {

RecordingIo::~RecordingIo() {
    for (Bytes* block : blocks_) {
        delete block;
    }
}

OwnedPacket RecordingIo::own(Bytes bytes) {
    auto* block = new Bytes(std::move(bytes));
    block->shrink_to_fit();
    blocks_.insert(block);
    return {{block->data(), static_cast<uint32_t>(block->size()), RxFacts::none}, block};
}

bool RecordingIo::transmit(PortId port, OwnedPacket packet) {
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

bool RecordingIo::to_linux(PortId port, OwnedPacket packet) {
    Bytes bytes = give_back(packet);
    if (linux_full) {
        return false;
    }
    departures.push_back({port, true, std::move(bytes)});
    return true;
}

void RecordingIo::release(OwnedPacket packet) { give_back(packet); }

OwnedPacket RecordingIo::allocate(uint32_t length) {
    return no_memory ? OwnedPacket{} : own(Bytes(length));
}

void RecordingIo::keep_turns(Direction to, bool keep) {
    turns_kept[static_cast<size_t>(to)] = keep;
}

Bytes RecordingIo::give_back(OwnedPacket packet) {
    auto* block = static_cast<Bytes*>(packet.owner);
    if (blocks_.erase(block) != 1) {
        throw std::logic_error{"a packet was given back twice"};
    }
    Bytes bytes = std::move(*block);
    bytes.resize(packet.frame.length);
    delete block;
    return bytes;
}

void RecordingActions::resolve(NeighbourKey neighbour) {
    done.push_back("resolve " + neighbour.address.to_text());
}

void RecordingActions::keep_shadow(IpAddr address) { done.push_back("keep " + address.to_text()); }

void RecordingActions::drop_shadow(IpAddr address) { done.push_back("drop " + address.to_text()); }

std::vector<std::string> RecordingActions::take() { return std::exchange(done, {}); }

} // namespace sacip::test
