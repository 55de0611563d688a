// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/socket.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace sacip::netlink {
namespace {

/// Linux answers at once; an answer that takes this long will not come.
constexpr time_t answer_timeout_s = 2;
/// Linux fills what the receiver offers, up to 32 KiB at a time.
constexpr size_t receive_size = 65536;

} // namespace

std::string Refusal::to_text() const {
    return tried + ": " + std::generic_category().message(error);
}

Result Socket::open(unsigned groups, bool nonblocking) {
    const int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    handle_.reset(mnl_socket_open2(NETLINK_ROUTE, flags));
    if (!handle_) {
        return Refusal{errno, "open rtnetlink socket"};
    }
    if (mnl_socket_bind(handle_.get(), groups, MNL_SOCKET_AUTOPID) < 0) {
        const int error = errno;
        handle_.reset();
        return Refusal{error, "bind rtnetlink socket"};
    }
    if (!nonblocking) {
        const timeval timeout{answer_timeout_s, 0};
        setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        // Acknowledge without quoting the request back.
        int on = 1;
        mnl_socket_setsockopt(handle_.get(), NETLINK_CAP_ACK, &on, sizeof on);
    }
    return std::nullopt;
}

int Socket::send(nlmsghdr* message) {
    if (!handle_) {
        return ENOTCONN;
    }
    message->nlmsg_seq = ++sequence_;
    return mnl_socket_sendto(handle_.get(), message, message->nlmsg_len) < 0 ? errno : 0;
}

int Socket::transact(nlmsghdr* message, const std::function<void(const nlmsghdr*)>& sink) {
    if (const int error = send(message); error != 0) {
        return error;
    }
    alignas(nlmsghdr) std::array<char, receive_size> buffer;
    bool interrupted = false;
    while (true) {
        const ssize_t got = mnl_socket_recvfrom(handle_.get(), buffer.data(), buffer.size());
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno == EAGAIN ? ETIMEDOUT : errno;
        }
        int left = static_cast<int>(got);
        const auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
            if (m->nlmsg_seq != sequence_) {
                continue; // a late answer to a question that was given up
            }
            interrupted |= (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            if (m->nlmsg_type == NLMSG_ERROR) {
                int error = 0;
                std::memcpy(&error, mnl_nlmsg_get_payload(m), sizeof error);
                return -error;
            }
            if (m->nlmsg_type == NLMSG_DONE) {
                int error = 0;
                if (mnl_nlmsg_get_payload_len(m) >= sizeof error) {
                    std::memcpy(&error, mnl_nlmsg_get_payload(m), sizeof error);
                }
                return error < 0 ? -error : (interrupted ? EINTR : 0);
            }
            if (m->nlmsg_type >= NLMSG_MIN_TYPE && sink) {
                sink(m);
            }
        }
    }
}

void Socket::wait_for_rtnl() {
    // To look at one link takes the lock, to dump them all need not. The answer does not matter.
    alignas(nlmsghdr) std::array<char, request_size> buffer{};
    nlmsghdr* m = mnl_nlmsg_put_header(buffer.data());
    m->nlmsg_type = RTM_GETLINK;
    m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(m, sizeof(ifinfomsg)));
    header->ifi_family = AF_UNSPEC;
    header->ifi_index = 1; // lo
    transact(m);
}

} // namespace sacip::netlink
