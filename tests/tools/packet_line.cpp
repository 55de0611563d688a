// SPDX-License-Identifier: BSD-3-Clause
#include "packet_line.hpp"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace sacip::impair {
namespace {

constexpr std::size_t burst = 64;
constexpr std::size_t largest_frame = 65536 + 64;
constexpr Nanoseconds second = 1'000'000'000;

Nanoseconds in_nanoseconds(const timespec& time) { return time.tv_sec * second + time.tv_nsec; }

Nanoseconds wall_now() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return in_nanoseconds(now);
}

// How long ago the kernel got this frame, 0 if it does not say.
Nanoseconds age(msghdr& header, Nanoseconds now) {
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
            const Nanoseconds past = now - in_nanoseconds(stamp);
            return past > 0 && past < second ? past : 0; // the wall clock may have been set
        }
    }
    return 0;
}

// The kernel takes the tag of a VLAN off the frame, and tells us: back on with it, in the four
// bytes that are free in front of the frame.
std::span<std::uint8_t> with_tag(msghdr& header, std::span<std::uint8_t> frame) {
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr;
         item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level != SOL_PACKET || item->cmsg_type != PACKET_AUXDATA) {
            continue;
        }
        tpacket_auxdata told{};
        std::memcpy(&told, CMSG_DATA(item), sizeof told);
        if ((told.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame.size() < 2 * ETH_ALEN) {
            continue;
        }
        const bool type_is_told = (told.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
        const std::array<std::uint16_t, 2> tag{
            htons(type_is_told ? told.tp_vlan_tpid : ETH_P_8021Q), htons(told.tp_vlan_tci)};
        std::uint8_t* const start = frame.data() - sizeof tag;
        std::memmove(start, frame.data(), 2 * ETH_ALEN);
        std::memcpy(start + 2 * ETH_ALEN, tag.data(), sizeof tag);
        return {start, frame.size() + sizeof tag};
    }
    return frame;
}

template <typename Value>
bool set_option(int socket, int level, int name, const Value& value) {
    return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

} // namespace

Nanoseconds steady_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return in_nanoseconds(now);
}

PacketLine::~PacketLine() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

std::optional<std::string> PacketLine::open(const std::string& interface) {
    constexpr int buffer_bytes = 64 << 20;
    const unsigned index = ::if_nametoindex(interface.c_str());
    if (index == 0) {
        return std::strerror(errno);
    }
    // Protocol 0: nothing comes before we are bound to one interface.
    socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (socket_ < 0) {
        return std::strerror(errno);
    }
    packet_mreq membership{};
    membership.mr_ifindex = static_cast<int>(index);
    membership.mr_type = PACKET_MR_PROMISC;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    if (!set_option(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) ||
        !set_option(socket_, SOL_PACKET, PACKET_AUXDATA, 1) ||
        !set_option(socket_, SOL_SOCKET, SO_TIMESTAMPNS, 1) ||
        !set_option(socket_, SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes) ||
        !set_option(socket_, SOL_SOCKET, SO_SNDBUFFORCE, buffer_bytes) ||
        !set_option(socket_, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership) ||
        ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return std::strerror(errno);
    }
    buffer_.resize(burst * largest_frame);
    return std::nullopt;
}

void PacketLine::receive(
    const std::function<void(Nanoseconds, std::span<const std::uint8_t>)>& take) {
    constexpr int most_bursts = 4;
    std::array<mmsghdr, burst> messages{};
    std::array<iovec, burst> parts{};
    constexpr std::size_t tag_room = 4;
    using Control =
        std::array<char, CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(tpacket_auxdata))>;
    std::array<Control, burst> controls{};
    for (int round = 0; round < most_bursts; ++round) {
        for (std::size_t i = 0; i < burst; ++i) {
            parts[i] = {buffer_.data() + i * largest_frame + tag_room, largest_frame - tag_room};
            messages[i].msg_hdr = {};
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
            messages[i].msg_hdr.msg_control = controls[i].data();
            messages[i].msg_hdr.msg_controllen = controls[i].size();
        }
        const int count = ::recvmmsg(socket_, messages.data(), burst, MSG_DONTWAIT, nullptr);
        const Nanoseconds now = steady_now(), wall = wall_now();
        for (std::size_t i = 0; count > 0 && i < static_cast<std::size_t>(count); ++i) {
            auto* const frame = static_cast<std::uint8_t*>(parts[i].iov_base);
            take(now - age(messages[i].msg_hdr, wall),
                 with_tag(messages[i].msg_hdr, {frame, messages[i].msg_len}));
        }
        if (count < static_cast<int>(burst)) {
            return;
        }
    }
}

std::size_t PacketLine::send(std::vector<Frame>& frames) {
    constexpr std::size_t most_spare = 16384;
    constexpr int patience = 100; // ms in all, for an interface without room
    std::vector<iovec> parts(frames.size());
    std::vector<mmsghdr> messages(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        parts[i] = {frames[i].data(), frames[i].size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    std::size_t done = 0, sent = 0;
    int waited = 0;
    while (done < frames.size()) {
        const int count = ::sendmmsg(socket_, messages.data() + done,
                                     static_cast<unsigned>(frames.size() - done), MSG_DONTWAIT);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
            sent += static_cast<std::size_t>(count);
        } else if ((errno == EAGAIN || errno == ENOBUFS) && waited < patience) {
            ++waited;
            pollfd room{socket_, POLLOUT, 0};
            ::poll(&room, 1, 1);
        } else if (errno != EINTR) {
            ++done; // this one can not be sent (too long, interface down): on with the others
        }
    }
    for (Frame& frame : frames) {
        if (spare_.size() < most_spare) {
            spare_.push_back(std::move(frame));
        }
    }
    frames.clear();
    return sent;
}

Frame PacketLine::copy_of(std::span<const std::uint8_t> bytes) {
    Frame frame;
    if (!spare_.empty()) {
        frame = std::move(spare_.back());
        spare_.pop_back();
    }
    frame.assign(bytes.begin(), bytes.end());
    return frame;
}

std::uint64_t PacketLine::kernel_dropped() {
    tpacket_stats statistics{};
    socklen_t size = sizeof statistics;
    if (::getsockopt(socket_, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0) {
        kernel_dropped_ += statistics.tp_drops; // reading sets it to zero
    }
    return kernel_dropped_;
}

} // namespace sacip::impair
