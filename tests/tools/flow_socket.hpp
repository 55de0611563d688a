// SPDX-License-Identifier: BSD-3-Clause
//
// Small wrappers around Linux sockets for flowcheck: an owned descriptor, IPv4 addresses as text,
// errors by name, and the clock. Single-threaded; nothing here throws.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <netinet/in.h>

namespace sacip::flowcheck {

// Owns one file descriptor and closes it.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { reset(); }

    int get() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    int release();
    void reset();

private:
    int fd_ = -1;
};

// The two addresses of a socket as the application sees them ("10.1.0.10:40000"); empty if none.
struct SocketAddresses {
    std::string local;
    std::string remote;
    bool operator==(const SocketAddresses&) const = default;
};

SocketAddresses addresses_of(int fd);
// A TCP socket whose retransmission or window probe timer ended at least once without an
// acknowledgement since: it says nothing until the timer, which gets longer, ends again (RFC 6298).
bool is_backing_off(int fd);
std::string to_text(const sockaddr_in& address);
// "10.9.0.10:7000", or "10.9.0.10" which leaves the port as it was. False if it is neither.
bool parse_address(const std::string& text, sockaddr_in& address);

// Errors a socket reported (ICMP errors arrive this way), counted by name, never fatal by
// themselves.
using ErrorCounts = std::map<std::string, std::uint64_t>;
void count_error(ErrorCounts& errors, int error);
std::string error_name(int error);

// Nanoseconds of CLOCK_REALTIME: comparable with the kernel's receive time stamps.
std::uint64_t now_ns();

} // namespace sacip::flowcheck
