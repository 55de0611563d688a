// SPDX-License-Identifier: BSD-3-Clause
//
// Server: where operators ask. A Unix stream socket, one JSON request and one JSON reply per line,
// turned by the slow path's event loop; it never waits for a client.
//
// Every resource a client could use up has a bound, and one rule bounds its time: a connection
// that completes no exchange for `patience` is closed, whether it is silent, drips bytes, or does
// not read. A client's next request is not even read before its last reply has left, so a client
// that writes without reading fills its own socket and nothing else. One call of poll() carries
// out at most one request, of all clients together and of each in its turn, so no client starves
// another, nor all of them the slow path.
#pragma once

#include "app/control/listener.hpp"
#include "app/control/request.hpp"
#include "sacip_core/base/units.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace sacip::control {

/// Clients at once; one more is told so and closed.
inline constexpr std::size_t max_clients = 64;
/// How long a connection may live without completing a request and its reply.
inline constexpr Nanos patience = from_s(5);
/// Longest reply in bytes; a longer one is refused in its place.
inline constexpr std::size_t max_reply = std::size_t{4} * 1024 * 1024;
/// Replies waiting for slow readers, all clients together; beyond it replies are refused.
inline constexpr std::size_t max_waiting = 4 * max_reply;

/// All members are for one thread, the slow path; none blocks (open() may, for 2 s).
class Server {
public:
    struct Result;

    /// Claims the socket as Listener::open() does. `handler` is called within poll() and must
    /// neither call poll() nor destroy the server.
    static Result open(const std::string& path, Handler handler);

    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server(); ///< closes all connections and removes the socket file if it is still ours

    /// An epoll descriptor: readable when poll() has work.
    int poll_fd() const { return epoll_.get(); }

    /// Does what can be done now and returns. Call it when poll_fd() is readable, and at least
    /// once a second, for the deadlines. `now` is any clock that does not go back.
    void poll(Nanos now);

    std::size_t client_count() const { return clients_.size(); }

private:
    struct Client {
        Fd fd;
        Nanos deadline{};
        std::string in;          ///< bytes read, not yet a request
        std::size_t scanned{0};  ///< of `in`, known to hold no line break
        std::string out;         ///< the reply that is leaving
        std::size_t sent{0};     ///< of `out`
        std::uint32_t events{0}; ///< what epoll watches for
        bool eof{false};         ///< the client will send no more
        bool last{false};        ///< close once `out` has left
    };

    Server(Listener listener, Fd epoll, Handler handler);

    void accept_clients(Nanos now);
    bool serve(Client& client, std::uint32_t events, Nanos now, bool& answered);
    static bool read_some(Client& client);
    bool take_request(Client& client);
    void reply(Client& client, std::string text);
    bool flush(Client& client, Nanos now);
    void watch(Client& client);
    void watch_listener(bool on);
    void drop(int fd);

    Listener listener_;
    Fd epoll_;
    Handler handler_;
    std::unordered_map<int, Client> clients_; ///< by descriptor
    std::size_t waiting_{0};                  ///< sum of all `out`
    int last_answered_{-1};                   ///< descriptor; those above it are next
    Nanos accept_again_{};                    ///< after running out of descriptors
    bool accepting_{true};
};

/// A server, or why there is none ("what: remedy").
struct Server::Result {
    std::unique_ptr<Server> server;
    std::string error;
};

} // namespace sacip::control
