// SPDX-License-Identifier: BSD-3-Clause
#include "app/control/server.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace sacip::control {

namespace {

constexpr int accepts_per_poll = 16;
constexpr Nanos accept_pause = from_s(1);

/// A write that never raises SIGPIPE and never waits.
ssize_t send_now(int fd, const char* data, std::size_t size) {
    return ::send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

} // namespace

Server::Server(Listener listener, Fd epoll, Handler handler)
    : listener_{std::move(listener)}, epoll_{std::move(epoll)}, handler_{std::move(handler)} {}

Server::~Server() = default;

Server::Result Server::open(const std::string& path, Handler handler) {
    Listener::Result claimed = Listener::open(path);
    if (!claimed.listener) {
        return {nullptr, claimed.error};
    }
    Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = claimed.listener->fd();
    if (!epoll || ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, claimed.listener->fd(), &event) != 0) {
        return {nullptr, "control socket " + path + ": cannot watch it (" + std::strerror(errno) +
                             "): raise the limit of open files"};
    }
    return {std::unique_ptr<Server>{
                new Server{std::move(*claimed.listener), std::move(epoll), std::move(handler)}},
            ""};
}

void Server::poll(Nanos now) {
    std::array<epoll_event, max_clients + 1> events;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
    const std::span<epoll_event> due{events.data(), static_cast<std::size_t>(std::max(0, count))};
    const auto by_turn = [this](const epoll_event& e) {
        return std::pair{e.data.fd <= last_answered_, e.data.fd};
    };
    std::ranges::sort(due, {}, by_turn);
    bool knocking = false;
    bool answered = false;
    for (const epoll_event& event : due) {
        if (event.data.fd == listener_.fd()) {
            knocking = true;
            continue;
        }
        const auto found = clients_.find(event.data.fd);
        if (found != clients_.end() && !serve(found->second, event.events, now, answered)) {
            drop(event.data.fd);
        }
    }
    std::vector<int> late;
    for (const auto& [fd, client] : clients_) {
        if (now >= client.deadline) {
            late.push_back(fd);
        }
    }
    for (const int fd : late) {
        drop(fd);
    }
    if (!accepting_ && now >= accept_again_) {
        watch_listener(true);
    }
    // Last, so that a new client can't get the number of one that still has an event above.
    if (knocking) {
        accept_clients(now);
    }
}

void Server::accept_clients(Nanos now) {
    for (int i = 0; i < accepts_per_poll; ++i) {
        Fd fd{::accept4(listener_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!fd) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                // The connection stays in the backlog, so epoll would report it for ever.
                accept_again_ = now + accept_pause;
                watch_listener(false);
            }
            return;
        }
        if (clients_.size() >= max_clients) {
            const std::string text =
                refusal("too many clients (" + std::to_string(max_clients) + ")",
                        "close other control connections and try again")
                    .dump() +
                "\n";
            static_cast<void>(send_now(fd.get(), text.data(), text.size()));
            continue;
        }
        const int number = fd.get();
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = number;
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event) != 0) {
            continue;
        }
        Client client;
        client.fd = std::move(fd);
        client.deadline = now + patience;
        client.events = EPOLLIN;
        clients_.emplace(number, std::move(client));
    }
}

/// One turn for one client; false: it is to be dropped. Nothing is carried out if `answered`, which
/// is set where something was.
bool Server::serve(Client& client, std::uint32_t events, Nanos now, bool& answered) {
    if ((events & EPOLLIN) != 0 && (client.events & EPOLLIN) != 0 && !read_some(client)) {
        return false;
    }
    if (!flush(client, now)) {
        return false;
    }
    if (!answered && client.out.empty() && take_request(client)) {
        answered = true;
        last_answered_ = client.fd.get();
        if (!flush(client, now)) {
            return false;
        }
    }
    if (client.out.empty() && (client.last || (client.eof && client.in.empty()))) {
        return false;
    }
    // A hang-up is reported whether we watch for it or not: with nothing to send it is the end.
    if ((events & (EPOLLHUP | EPOLLERR)) != 0 && client.out.empty() && client.in.empty()) {
        return false;
    }
    watch(client);
    return true;
}

/// At most one byte more than a request may have, so that "too long" can be told.
bool Server::read_some(Client& client) {
    std::array<char, 16 * 1024> chunk;
    const std::size_t room = max_request + 1 - client.in.size();
    const ssize_t got = ::recv(client.fd.get(), chunk.data(), std::min(room, chunk.size()), 0);
    if (got > 0) {
        client.in.append(chunk.data(), static_cast<std::size_t>(got));
        return true;
    }
    if (got == 0) {
        client.eof = true;
        return true;
    }
    return errno == EAGAIN || errno == EINTR;
}

/// Answers the next line if there is a whole one. The end of the stream ends a line too: a cut-off
/// request can't be taken for a shorter one, since no beginning of a JSON object is one itself.
bool Server::take_request(Client& client) {
    const auto line_end = client.in.find('\n', client.scanned);
    client.scanned = line_end == std::string::npos ? client.in.size() : 0;
    if (line_end == std::string::npos && client.in.size() > max_request) {
        client.in.clear();
        client.last = true;
        reply(client,
              refusal("the request is longer than " + std::to_string(max_request) + " bytes",
                      "send one short JSON object per line")
                  .dump());
        return true;
    }
    if (line_end == std::string::npos && (!client.eof || client.in.empty())) {
        return false;
    }
    const std::size_t length = std::min(line_end, client.in.size());
    std::string text = answer(std::string_view{client.in}.substr(0, length), handler_);
    client.in.erase(0, length + 1);
    reply(client, std::move(text));
    return true;
}

void Server::reply(Client& client, std::string text) {
    if (text.size() > max_reply || waiting_ + text.size() > max_waiting) {
        text = refusal("the reply has " + std::to_string(text.size()) + " bytes, too many now",
                       "ask for less, for example with a smaller limit")
                   .dump();
    }
    text += '\n';
    waiting_ += text.size();
    client.out = std::move(text);
    client.sent = 0;
}

/// Sends what the socket takes; false: the client is gone.
bool Server::flush(Client& client, Nanos now) {
    while (client.sent < client.out.size()) {
        const ssize_t sent = send_now(client.fd.get(), client.out.data() + client.sent,
                                      client.out.size() - client.sent);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        client.sent += static_cast<std::size_t>(sent);
    }
    if (!client.out.empty()) {
        waiting_ -= client.out.size();
        client.out = std::string{}; // gives the memory back, too
        client.deadline = now + patience;
    }
    return true;
}

/// Watches for what the client's state needs: room to write while a reply is leaving, and at once
/// again (a socket with an empty send queue is writable) while a whole request waits in `in`.
void Server::watch(Client& client) {
    const bool waiting_line = client.in.find('\n', client.scanned) != std::string::npos ||
                              client.in.size() > max_request || (client.eof && !client.in.empty());
    const std::uint32_t wanted = !client.out.empty() || waiting_line ? EPOLLOUT : EPOLLIN;
    if (wanted == client.events) {
        return;
    }
    epoll_event event{};
    event.events = wanted;
    event.data.fd = client.fd.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event);
    client.events = wanted;
}

void Server::watch_listener(bool on) {
    epoll_event event{};
    event.events = on ? EPOLLIN : 0U;
    event.data.fd = listener_.fd();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener_.fd(), &event);
    accepting_ = on;
}

void Server::drop(int fd) {
    const auto found = clients_.find(fd);
    waiting_ -= found->second.out.size();
    clients_.erase(found); // closing takes it out of epoll
}

} // namespace sacip::control
