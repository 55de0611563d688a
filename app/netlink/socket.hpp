// SPDX-License-Identifier: BSD-3-Clause
//
// Socket: one rtnetlink socket, and the words in which it says what went wrong.
//
// Questions and events have sockets of their own, so that an answer is never cut in two by an event
// and a dump is one unbroken run of messages.
#pragma once

#include <libmnl/libmnl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace sacip::netlink {

/// Why Linux did not do what was asked.
struct Refusal {
    int error{0};      ///< errno
    std::string tried; ///< "ip addr add 10.0.0.1/32 dev wan0"
    /// "ip addr add 10.0.0.1/32 dev wan0: File exists"
    std::string to_text() const;
};
/// Nothing: it was done.
using Result = std::optional<Refusal>;

/// Biggest message we send; routes and addresses take a tenth of it.
inline constexpr size_t request_size = 1024;

/// One thread at a time.
class Socket {
public:
    /// `groups`: RTMGRP_ bits to subscribe to, 0 for questions; `nonblocking` for events.
    Result open(unsigned groups, bool nonblocking);
    int fd() const { return mnl_socket_get_fd(handle_.get()); }
    unsigned port_id() const { return mnl_socket_get_portid(handle_.get()); }
    bool is_open() const { return handle_ != nullptr; }
    mnl_socket* handle() const { return handle_.get(); }

    /// Sends `message` (which gets a sequence number) and waits for its acknowledgement or the end
    /// of its dump, giving each other message to `sink`. Returns 0 or an errno; EINTR if a table
    /// changed while it was dumped (NLM_F_DUMP_INTR), so that the dump may have holes.
    /// What concerns links, addresses and routes waits for RTNL, in the system call that sends.
    int transact(nlmsghdr* message, const std::function<void(const nlmsghdr*)>& sink = {});
    /// Sends and does not wait; returns 0 or an errno.
    int send(nlmsghdr* message);
    /// Returns when whoever has RTNL, the lock on links, addresses and routes, has let go of it.
    void wait_for_rtnl();

private:
    struct Close {
        void operator()(mnl_socket* s) const { mnl_socket_close(s); }
    };
    std::unique_ptr<mnl_socket, Close> handle_;
    unsigned sequence_{0};
};

} // namespace sacip::netlink
