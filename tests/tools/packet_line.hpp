// SPDX-License-Identifier: BSD-3-Clause
//
// One interface, read and written by the frame (AF_PACKET), in bursts, with the kernel's times of
// arrival. Frames that went out by the same interface are not seen. Tags of VLANs are in the frame.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sacip::impair {

using Nanoseconds = std::int64_t;
using Frame = std::vector<std::uint8_t>;

Nanoseconds steady_now();

class PacketLine {
public:
    PacketLine() = default;
    PacketLine(const PacketLine&) = delete;
    PacketLine& operator=(const PacketLine&) = delete;
    ~PacketLine();

    // Says what is wrong, or nothing.
    std::optional<std::string> open(const std::string& interface);
    int descriptor() const { return socket_; }
    // A few bursts at most, so that frames already due are not kept waiting. Times are
    // steady_now's.
    void receive(const std::function<void(Nanoseconds, std::span<const std::uint8_t>)>& take);
    // How many were sent. Waits while the interface has no room; emptied frames are used again.
    std::size_t send(std::vector<Frame>& frames);
    // A frame of this content, for send().
    Frame copy_of(std::span<const std::uint8_t> bytes);
    // Frames that came faster than we read, since the start.
    std::uint64_t kernel_dropped();

private:
    int socket_ = -1;
    std::vector<std::uint8_t> buffer_;
    std::vector<Frame> spare_;
    std::uint64_t kernel_dropped_ = 0;
};

} // namespace sacip::impair
