// SPDX-License-Identifier: BSD-3-Clause
//
// One end of a flow check: the event loop that owns all flows of this process.
//
// A server listens for TCP connections and datagrams and answers each flow at the rate the client
// asked for. A client opens flows, obeys one-line commands on standard input, and finishes after a
// time or when told. One thread, one epoll, one timer tick that drives all sending.
#pragma once

#include "datagram_flow.hpp"
#include "stream_flow.hpp"

#include <memory>
#include <string>
#include <vector>

#include <sys/epoll.h>

namespace sacip::flowcheck {

struct EndpointOptions {
    bool is_server = false;
    sockaddr_in address{}; // server: where to listen; client: where to connect to
    sockaddr_in source{};  // client: bind to this address; all zero leaves it to the kernel
    unsigned tcp = 0;
    unsigned udp = 0;
    unsigned raw = 0; // a server answers raw datagrams if this is not 0
    std::uint32_t tcp_rate_kbit = 400;
    std::uint32_t datagram_rate = 50; // per second and flow, each way
    std::uint16_t datagram_size = 200;
    bool udp_no_checksum = false;
    double seconds = 0; // client: 0 means until told to stop
    double finish_timeout = 15;
    bool commands = false; // client: read commands from standard input
    std::string json_file;
};

// What a datagram flow had counted at the last mark, so that a window's loss can be told.
struct WindowStart {
    std::uint64_t expected = 0;
    std::uint64_t received = 0;
    std::uint64_t peer_expected = 0;
    std::uint64_t peer_received = 0;
};

struct TrackedDatagrams {
    std::unique_ptr<DatagramFlow> flow;
    WindowStart window;
    bool alive_at_stop = true;
};

class Endpoint {
public:
    explicit Endpoint(const EndpointOptions& options) : options_(options) {}
    // Runs to the end and reports; 0 if nothing broke, 1 if something did, 2 if it could not start.
    int run();

private:
    enum class Source : std::uint32_t {
        timer,
        signal,
        input,
        listen_tcp,
        listen_udp,
        raw,
        stream,
        datagram
    };

    bool set_up();
    bool listen();
    bool open_flows(const std::string& kind, unsigned count);
    bool open_stream();
    bool open_datagrams(DatagramKind kind);
    void watch(int fd, Source source, std::size_t index, unsigned events = EPOLLIN);
    void dispatch(const epoll_event& event);
    void on_tick();
    void on_signal();
    void on_input();
    void command(const std::string& line);
    void accept_streams();
    void read_datagrams(int fd, DatagramKind kind, DatagramFlow* owner);
    void on_datagram(DatagramKind kind, const sockaddr_in& from, std::span<const std::uint8_t> data,
                     std::uint64_t arrived, DatagramFlow* owner);
    DatagramFlow* adopt(DatagramKind kind, const sockaddr_in& from, const DatagramHeader& header);
    void mark();
    void stop();
    bool is_finished() const;

    EndpointOptions options_;
    Descriptor epoll_, timer_, signals_, listen_tcp_, listen_udp_, raw_;
    std::vector<std::unique_ptr<StreamFlow>> streams_;
    std::vector<bool> stream_watched_;
    std::vector<TrackedDatagrams> datagrams_;
    std::string input_;
    std::uint32_t next_flow_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t stopped_ = 0; // 0 while running
    unsigned marks_ = 0;
};

} // namespace sacip::flowcheck
