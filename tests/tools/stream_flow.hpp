// SPDX-License-Identifier: BSD-3-Clause
//
// One TCP connection that carries a pseudo-random stream both ways at once.
//
// The client opens with a StreamHello (flow id, seed, rate); then both ends send their stream at
// that rate and check every byte they get against its position. The client finishes by closing its
// sending side; the server answers with a StreamTrailer (what it got and what it sent) and closes.
// A connection is *broken* if anything but that happens: an error, an early end, a wrong byte, a
// trailer that disagrees, an address that changed.
// Both ends are this program on one machine type: records travel in the machine's byte order.
#pragma once

#include "flow_meter.hpp"
#include "flow_pattern.hpp"
#include "flow_socket.hpp"

#include <string>
#include <vector>

namespace sacip::flowcheck {

struct StreamHello {
    std::uint64_t magic;
    std::uint64_t seed;
    std::uint32_t flow;
    std::uint32_t rate_kbit;
};

struct StreamTrailer {
    std::uint64_t magic;
    std::uint64_t received;
    std::uint64_t received_hash;
    std::uint64_t wrong;
    std::uint64_t sent;
    std::uint64_t sent_hash;
};

class StreamFlow {
public:
    enum class State { connecting, running, finishing, finished, broken };

    // Client: `socket` is non-blocking and connecting. Server: accepted; the hello brings the rest.
    static StreamFlow client(Descriptor socket, std::uint32_t flow, std::uint64_t seed,
                             std::uint32_t rate_kbit);
    static StreamFlow server(Descriptor socket);

    void tick(std::uint64_t now);        // sends what is due; call every few milliseconds
    void on_readable(std::uint64_t now); // reads and checks all there is
    void finish();                       // client: end the stream and expect the trailer
    void fail(const std::string& reason);

    int fd() const { return socket_.get(); }
    bool wants_reading() const; // false before the connection stands and after the peer's end
    State state() const { return state_; }
    bool is_over() const { return state_ == State::finished || state_ == State::broken; }
    std::uint32_t flow() const { return flow_; }
    const std::string& reason() const { return reason_; }
    const SocketAddresses& addresses() const { return at_start_; }
    const SocketAddresses& addresses_at_end() const { return at_end_; }
    std::uint64_t wrong_bytes() const { return wrong_; }
    std::uint64_t sent() const { return sent_; }
    std::uint64_t received() const { return received_; }
    std::uint64_t received_hash() const { return received_hash_.value(); }
    GapMeter& gaps() { return gaps_; }
    const GapMeter& gaps() const { return gaps_; }

private:
    StreamFlow(Descriptor socket, bool is_client);
    void start(std::uint32_t flow, std::uint64_t seed, std::uint32_t rate_kbit);
    void become_connected();
    void send_stream(std::uint64_t now);
    bool flush_records();
    void take(std::span<const std::uint8_t> data);
    void on_end_of_stream();
    void check_trailer();
    void close_down();

    Descriptor socket_;
    bool is_client_;
    bool peer_ended_ = false;
    bool trailer_queued_ = false;
    State state_;
    std::string reason_;
    std::uint32_t flow_ = 0;
    std::uint32_t rate_kbit_ = 0;
    std::uint64_t send_seed_ = 0;
    std::uint64_t receive_seed_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::uint64_t wrong_ = 0;
    std::uint64_t allowance_ = 0; // what the rate allows to be sent now, in millionths of a bit
    std::uint64_t last_tick_ = 0;
    RunningHash sent_hash_;
    RunningHash received_hash_;
    std::vector<std::uint8_t> records_; // hello or trailer bytes still to be sent
    std::vector<std::uint8_t> pending_; // received, not yet known to be stream or record
    SocketAddresses at_start_;
    SocketAddresses at_end_;
    GapMeter gaps_;
};

} // namespace sacip::flowcheck
