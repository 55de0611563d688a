// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/tap.hpp"

#include <rte_mbuf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace sacip {
namespace {

constexpr const char* device = "/dev/net/tun";

ifreq request_for(const std::string& name) {
    ifreq out{};
    std::copy_n(name.begin(), std::min<size_t>(name.size(), IFNAMSIZ - 1), out.ifr_name);
    return out;
}

/// An ioctl on any socket. Returns 0, or errno.
int change(unsigned long what, ifreq& request) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    const int error = ioctl(fd, what, &request) == 0 ? 0 : errno;
    close(fd);
    return error;
}

} // namespace

std::variant<std::unique_ptr<Tap>, std::string> Tap::create(const std::string& name,
                                                            const MacAddr& mac, rte_mempool* pool) {
    const int fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return std::string{device} + ": " + std::strerror(errno);
    }
    std::unique_ptr<Tap> tap{new Tap{fd, name, pool}};
    ifreq request = request_for(name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &request) != 0) {
        return std::string{"the device could not be made: "} + std::strerror(errno);
    }
    request = request_for(name);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::copy(mac.bytes.begin(), mac.bytes.end(), request.ifr_hwaddr.sa_data);
    if (const int error = change(SIOCSIFHWADDR, request)) {
        return "Ethernet address " + mac.to_text() + ": " + std::strerror(error);
    }
    return tap;
}

Tap::~Tap() {
    close(fd_);
    rte_pktmbuf_free(next_);
}

int Tap::bring_up() {
    ifreq request = request_for(name_);
    if (const int error = change(SIOCGIFFLAGS, request)) {
        return error;
    }
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    return change(SIOCSIFFLAGS, request);
}

unsigned Tap::receive(rte_mbuf** packets, unsigned room) {
    unsigned count = 0;
    while (count < room) {
        next_ = next_ == nullptr ? rte_pktmbuf_alloc(pool_) : next_;
        if (next_ == nullptr) {
            break;
        }
        const ssize_t length =
            read(fd_, rte_pktmbuf_mtod(next_, void*), rte_pktmbuf_tailroom(next_));
        if (length <= 0) {
            break;
        }
        next_->data_len = static_cast<uint16_t>(length);
        next_->pkt_len = static_cast<uint32_t>(length);
        packets[count++] = std::exchange(next_, nullptr);
    }
    return count;
}

bool Tap::send(rte_mbuf* packet) {
    const ssize_t sent = write(fd_, rte_pktmbuf_mtod(packet, const void*), packet->data_len);
    const bool all = sent == static_cast<ssize_t>(packet->data_len);
    rte_pktmbuf_free(packet);
    return all;
}

} // namespace sacip
