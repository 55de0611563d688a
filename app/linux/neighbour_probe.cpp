// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/neighbour_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace sacip {
namespace {

constexpr uint16_t discard_port = 9;
constexpr unsigned per_second = 64;

} // namespace

NeighbourProbe::~NeighbourProbe() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

void NeighbourProbe::open() {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int ttl = 1;
    setsockopt(fd_, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
}

void NeighbourProbe::send(NeighbourKey neighbour, Nanos now) {
    if (now >= refilled_ + from_s(1)) {
        refilled_ = now;
        left_ = per_second;
    }
    if (fd_ < 0 || left_ == 0) {
        return;
    }
    left_--;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(discard_port);
    to.sin_addr.s_addr = neighbour.address.v4().raw();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in_pktinfo))]{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo by{};
    by.ipi_ifindex = neighbour.interface.value;
    std::memcpy(CMSG_DATA(header), &by, sizeof by);
    sendmsg(fd_, &message, MSG_DONTROUTE | MSG_DONTWAIT); // to itself, not to a router on the way
}

} // namespace sacip
