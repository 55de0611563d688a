// SPDX-License-Identifier: BSD-3-Clause
//
// Listener: the control socket's name in the file system, from claiming it to giving it back.
//
// No moment with loose rights. The mode is set with fchmod() on the socket *before* bind(); Linux
// creates the file with exactly that mode less the umask, in one step, so the name never exists
// with more than 0660. What the umask took away is put back afterwards through a descriptor of
// that very inode, not through the name, which somebody might have replaced. Nobody can connect
// before listen(), which comes last.
//
// No moment with two owners. Looking whether a socket file is alive, removing a dead one and
// binding happen under a flock() of the directory, so two gateways that start at once can't
// remove each other's socket. The kernel drops the lock if we die; no lock file is left behind.
//
// Only our own file is removed at the end: the descriptor kept open pins the inode, so its number
// can't be given to a file that somebody else put under the name meanwhile. The name goes while
// the socket still listens, so a successor finds either a live socket or none.
#pragma once

#include "app/control/fd.hpp"

#include <optional>
#include <string>

namespace sacip::control {

/// A listening Unix stream socket of mode 0660, close-on-exec, non-blocking.
class Listener {
public:
    struct Result;

    /// Claims `path`: makes its directory (0755) if only that is missing, replaces the socket file
    /// of a dead process, refuses a live one and anything that is not a socket. May wait up to 2 s
    /// for another gateway that is starting in the same directory: call it at start only.
    static Result open(const std::string& path);

    Listener(Listener&&) = default;
    Listener& operator=(Listener&&) = delete;
    ~Listener();

    int fd() const { return socket_.get(); }

private:
    Listener(std::string path, Fd socket, Fd inode);

    std::string path_;
    Fd socket_;
    Fd inode_; ///< O_PATH descriptor of the socket file
};

/// A listener, or why there is none ("what: remedy", naming the path).
struct Listener::Result {
    std::optional<Listener> listener;
    std::string error;
};

} // namespace sacip::control
