// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/kernel_interface.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sacip::kernel_interface {
namespace {

/// One question about an interface. Returns 0, or errno.
int ask(IfIndex index, unsigned long what, ifreq& request) {
    if (if_indextoname(static_cast<unsigned>(index.value), request.ifr_name) == nullptr) {
        return ENODEV;
    }
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    const int error = ioctl(fd, what, &request) == 0 ? 0 : errno;
    close(fd);
    return error;
}

/// Zero where the kernel does not answer.
uint32_t value_of(IfIndex index, uint32_t command) {
    ethtool_value value{.cmd = command, .data = 0};
    ifreq request{};
    request.ifr_data = reinterpret_cast<char*>(&value);
    return ask(index, SIOCETHTOOL, request) == 0 ? value.data : 0;
}

} // namespace

std::optional<std::string> name_of(IfIndex index) {
    char name[IF_NAMESIZE] = "";
    const bool known = if_indextoname(static_cast<unsigned>(index.value), name) != nullptr;
    return known ? std::optional<std::string>{name} : std::nullopt;
}

std::optional<uint32_t> mtu_of(IfIndex index) {
    ifreq request{};
    if (ask(index, SIOCGIFMTU, request) != 0) {
        return std::nullopt;
    }
    return static_cast<uint32_t>(std::max(request.ifr_mtu, 0));
}

int set_mtu(IfIndex index, uint16_t mtu) {
    ifreq request{};
    request.ifr_mtu = mtu;
    return ask(index, SIOCSIFMTU, request);
}

std::string merging_remedy(IfIndex index) {
    std::string out = value_of(index, ETHTOOL_GGRO) != 0 ? " gro off" : "";
    out += (value_of(index, ETHTOOL_GFLAGS) & ETH_FLAG_LRO) != 0 ? " lro off" : "";
    return out;
}

} // namespace sacip::kernel_interface
