// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace sacip::ctl {

using Clock = std::chrono::steady_clock;

/// A connection that is closed at the end of its life. Non-blocking.
class Connection {
public:
    explicit Connection(const std::string& path, const std::atomic<bool>* stop = nullptr)
        : stop_{stop}, fd_{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof address.sun_path) {
            error_ = ENAMETOOLONG;
            return;
        }
        std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
        if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            error_ = errno;
        }
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { ::close(fd_); }

    int fd() const { return fd_; }
    int error() const { return error_; }

    /// Waits for `events`; false when `deadline` has passed.
    bool wait(short events, Clock::time_point deadline) const {
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            pollfd watched{fd_, events, 0};
            const int ready =
                left.count() > 0 ? ::poll(&watched, 1, static_cast<int>(left.count())) : 0;
            if (ready >= 0 || errno != EINTR || (stop_ != nullptr && *stop_)) {
                return ready > 0;
            }
        }
    }

private:
    const std::atomic<bool>* stop_;
    int fd_;
    int error_{0};
};

namespace {

std::string no_gateway(const std::string& path, int error) {
    const std::string start = "no gateway at " + path + " (" + std::strerror(error) + "): ";
    if (error == EACCES || error == EPERM) {
        return start + "run as root or as a member of the socket's group";
    }
    return start + "start sacip-gw, or name its socket with -s or $SACIP_SOCKET";
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        out += (out.empty() ? "" : ", ") + word;
    }
    return out;
}

} // namespace

FoundSocket find_socket(const std::string& wanted, const std::string& environment,
                        const std::string& directory) {
    if (!wanted.empty() || !environment.empty()) {
        return {wanted.empty() ? environment : wanted, ""};
    }
    std::vector<std::string> alive;
    std::vector<std::string> dead;
    std::error_code failed;
    for (std::filesystem::directory_iterator at{directory, failed}, end; !failed && at != end;
         at.increment(failed)) {
        if (at->path().extension() == ".sock") {
            (Connection{at->path()}.error() == ECONNREFUSED ? dead : alive).push_back(at->path());
        }
    }
    std::sort(alive.begin(), alive.end());
    std::sort(dead.begin(), dead.end());
    if (alive.size() == 1) {
        return {alive.front(), ""};
    }
    if (!alive.empty()) {
        return {"", "several gateways, name one with -s or $SACIP_SOCKET: " + joined(alive)};
    }
    if (!dead.empty()) {
        return {"", "no gateway behind " + joined(dead) +
                        " (left by a dead one): start sacip-gw, or name another socket with -s or "
                        "$SACIP_SOCKET"};
    }
    return {"", "no gateway in " + directory +
                    " (no *.sock there): start sacip-gw, or name its socket with -s or "
                    "$SACIP_SOCKET"};
}

Conversation::Conversation(const std::string& socket, const std::atomic<bool>* stop)
    : socket_{socket}, connection_{std::make_unique<Connection>(socket, stop)} {}
Conversation::~Conversation() = default;

Reply Conversation::ask(const std::string& request, std::chrono::milliseconds patience) {
    const Connection& connection = *connection_;
    const std::string& socket = socket_;
    const Clock::time_point deadline = Clock::now() + patience;
    const Reply late{"", "the gateway at " + socket + " did not answer within " +
                             std::to_string(patience.count()) +
                             " ms: see whether it runs, or name another socket with -s"};
    if (connection.error() == EAGAIN) {
        return late; // alive, but its backlog is full
    }
    if (connection.error() != 0) {
        return {"", no_gateway(socket, connection.error())};
    }
    const std::string line = request + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
        const ssize_t got =
            ::send(connection.fd(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
        if (got >= 0) {
            sent += static_cast<std::size_t>(got);
        } else if (errno == EPIPE) {
            break; // turned away: the reason may be there to read
        } else if (errno != EAGAIN && errno != EINTR) {
            return {"", no_gateway(socket, errno)};
        } else if (!connection.wait(POLLOUT, deadline)) {
            return late;
        }
    }
    Reply reply;
    std::array<char, 64 * 1024> chunk;
    for (;;) {
        if (!connection.wait(POLLIN, deadline)) {
            return late;
        }
        const ssize_t got = ::recv(connection.fd(), chunk.data(), chunk.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (got <= 0) {
            return {"", "the gateway at " + socket +
                            " closed the connection without an answer: see whether it still runs"};
        }
        const std::size_t before = reply.line.size();
        reply.line.append(chunk.data(), static_cast<std::size_t>(got));
        if (const auto end = reply.line.find('\n', before); end != std::string::npos) {
            reply.line.resize(end);
            return reply;
        }
    }
}

} // namespace sacip::ctl
