// SPDX-License-Identifier: BSD-3-Clause
#include "flow_socket.hpp"

#include <cstring>
#include <ctime>
#include <utility>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sacip::flowcheck {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

int Descriptor::release() { return std::exchange(fd_, -1); }

void Descriptor::reset() {
    if (fd_ >= 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

std::string to_text(const sockaddr_in& address) {
    char host[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
    return std::string(host) + ":" + std::to_string(ntohs(address.sin_port));
}

SocketAddresses addresses_of(int fd) {
    SocketAddresses found;
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
        found.local = to_text(address);
    }
    length = sizeof(address);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
        found.remote = to_text(address);
    }
    return found;
}

bool is_backing_off(int fd) {
    tcp_info info{};
    socklen_t length = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_backoff != 0;
}

bool parse_address(const std::string& text, sockaddr_in& address) {
    const in_port_t port_kept = address.sin_port;
    address = {};
    address.sin_port = port_kept;
    address.sin_family = AF_INET;
    const std::size_t colon = text.find(':');
    if (colon != std::string::npos) {
        char* end = nullptr;
        const unsigned long port = std::strtoul(text.c_str() + colon + 1, &end, 10);
        if (*end != '\0' || port > 65535) {
            return false;
        }
        address.sin_port = htons(static_cast<std::uint16_t>(port));
    }
    return inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) == 1;
}

std::string error_name(int error) {
    const char* name = strerrorname_np(error);
    return name != nullptr ? name : "errno " + std::to_string(error);
}

void count_error(ErrorCounts& errors, int error) { ++errors[error_name(error)]; }

std::uint64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000ULL +
           static_cast<std::uint64_t>(now.tv_nsec);
}

} // namespace sacip::flowcheck
