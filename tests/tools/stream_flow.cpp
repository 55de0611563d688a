// SPDX-License-Identifier: BSD-3-Clause
#include "stream_flow.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace sacip::flowcheck {
namespace {

constexpr std::uint64_t hello_magic = 0x53414349'50484c4fULL;
constexpr std::uint64_t trailer_magic = 0x53414349'50454e44ULL;
constexpr std::uint64_t nanoseconds_per_millisecond = 1'000'000;
// Small sends would make more packets than the test is about; large ones would come in bursts.
constexpr std::uint64_t chunk_bytes = 1400;
constexpr std::uint64_t largest_burst_bytes = 64 * 1024;

template <typename Record>
void append(std::vector<std::uint8_t>& out, const Record& record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
    out.insert(out.end(), bytes, bytes + sizeof(record));
}

} // namespace

StreamFlow::StreamFlow(Descriptor socket, bool is_client)
    : socket_(std::move(socket)), is_client_(is_client), state_(State::connecting) {}

StreamFlow StreamFlow::client(Descriptor socket, std::uint32_t flow, std::uint64_t seed,
                              std::uint32_t rate_kbit) {
    StreamFlow made(std::move(socket), true);
    made.start(flow, seed, rate_kbit);
    append(made.records_, StreamHello{hello_magic, seed, flow, rate_kbit});
    return made;
}

StreamFlow StreamFlow::server(Descriptor socket) {
    StreamFlow made(std::move(socket), false);
    made.become_connected();
    return made;
}

void StreamFlow::start(std::uint32_t flow, std::uint64_t seed, std::uint32_t rate_kbit) {
    flow_ = flow;
    rate_kbit_ = rate_kbit;
    send_seed_ = is_client_ ? seed : mix(seed);
    receive_seed_ = is_client_ ? mix(seed) : seed;
}

void StreamFlow::become_connected() {
    state_ = State::running;
    at_start_ = addresses_of(socket_.get());
}

bool StreamFlow::wants_reading() const {
    return socket_.is_open() && state_ != State::connecting && !peer_ended_;
}

void StreamFlow::tick(std::uint64_t now) {
    if (is_over()) {
        return;
    }
    if (state_ == State::connecting) {
        int error = 0;
        socklen_t length = sizeof(error);
        getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
        if (error != 0) {
            fail("connect: " + error_name(error));
        } else if (!addresses_of(socket_.get()).remote.empty()) {
            become_connected();
        }
        last_tick_ = now;
        return;
    }
    if (!flush_records()) {
        return;
    }
    if (state_ == State::running && rate_kbit_ != 0) {
        send_stream(now);
    } else if (state_ == State::finishing && !trailer_queued_) {
        if (!is_client_) {
            append(records_, StreamTrailer{trailer_magic, received_, received_hash_.value(), wrong_,
                                           sent_, sent_hash_.value()});
        }
        trailer_queued_ = true;
        if (!flush_records()) {
            return;
        }
    }
    if (trailer_queued_ && records_.empty()) {
        shutdown(socket_.get(), SHUT_WR);
        if (!is_client_) {
            close_down();
        }
    }
}

void StreamFlow::send_stream(std::uint64_t now) {
    // kbit/s x ns = 1e-6 bit; a stall is not made up for later beyond one burst.
    allowance_ += rate_kbit_ * (now - std::min(now, last_tick_));
    last_tick_ = now;
    constexpr std::uint64_t units_per_byte = 8 * nanoseconds_per_millisecond;
    allowance_ = std::min(allowance_, largest_burst_bytes * units_per_byte);
    std::uint8_t buffer[chunk_bytes];
    while (allowance_ >= chunk_bytes * units_per_byte) {
        fill_pattern(send_seed_, sent_, buffer);
        const ssize_t count = send(socket_.get(), buffer, sizeof(buffer), MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail("send: " + error_name(errno));
            }
            return;
        }
        sent_hash_.add({buffer, static_cast<std::size_t>(count)});
        sent_ += static_cast<std::uint64_t>(count);
        allowance_ -= static_cast<std::uint64_t>(count) * units_per_byte;
    }
}

bool StreamFlow::flush_records() {
    while (!records_.empty()) {
        const ssize_t count = send(socket_.get(), records_.data(), records_.size(), MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail("send: " + error_name(errno));
            }
            return false;
        }
        records_.erase(records_.begin(), records_.begin() + count);
    }
    return true;
}

void StreamFlow::on_readable(std::uint64_t now) {
    std::uint8_t buffer[64 * 1024];
    while (wants_reading() && !is_over()) {
        const ssize_t count = recv(socket_.get(), buffer, sizeof(buffer), 0);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                fail("receive: " + error_name(errno));
            }
            return;
        }
        if (count == 0) {
            peer_ended_ = true;
            on_end_of_stream();
            return;
        }
        gaps_.arrive(now);
        take({buffer, static_cast<std::size_t>(count)});
    }
}

// Sorts received bytes into record and stream: the server's first bytes are the hello, the client's
// last ones the trailer, so the client always keeps that many back.
void StreamFlow::take(std::span<const std::uint8_t> data) {
    pending_.insert(pending_.end(), data.begin(), data.end());
    std::size_t begin = 0;
    if (!is_client_ && flow_ == 0) {
        if (pending_.size() < sizeof(StreamHello)) {
            return;
        }
        StreamHello hello{};
        std::memcpy(&hello, pending_.data(), sizeof(hello));
        if (hello.magic != hello_magic) {
            fail("hello damaged");
            return;
        }
        start(hello.flow, hello.seed, hello.rate_kbit);
        last_tick_ = now_ns();
        begin = sizeof(hello);
    }
    const std::size_t keep = is_client_ ? sizeof(StreamTrailer) : 0;
    if (pending_.size() < begin + keep) {
        return;
    }
    const std::span<const std::uint8_t> stream(pending_.data() + begin,
                                               pending_.size() - begin - keep);
    wrong_ += count_wrong_bytes(receive_seed_, received_, stream);
    received_hash_.add(stream);
    received_ += stream.size();
    pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(keep));
}

void StreamFlow::on_end_of_stream() {
    if (!is_client_) {
        if (flow_ == 0) {
            fail("ended before its hello");
        } else {
            state_ = State::finishing;
            at_end_ = addresses_of(socket_.get());
        }
        return;
    }
    if (state_ != State::finishing) {
        fail("ended early by the server");
        return;
    }
    check_trailer();
}

void StreamFlow::check_trailer() {
    StreamTrailer trailer{};
    if (pending_.size() == sizeof(trailer)) {
        std::memcpy(&trailer, pending_.data(), sizeof(trailer));
    }
    if (trailer.magic != trailer_magic) {
        fail("ended without a trailer");
    } else if (trailer.received != sent_ || trailer.received_hash != sent_hash_.value() ||
               trailer.wrong != 0) {
        wrong_ += std::max<std::uint64_t>(trailer.wrong, 1);
        fail("the server did not get what was sent");
    } else if (trailer.sent != received_ || trailer.sent_hash != received_hash_.value()) {
        wrong_ += 1;
        fail("did not get what the server sent");
    } else {
        close_down();
    }
}

void StreamFlow::finish() {
    if (state_ == State::connecting) {
        fail("never connected");
    } else if (state_ == State::running) {
        state_ = State::finishing;
        at_end_ = addresses_of(socket_.get()); // a closed socket no longer knows its peer
    }
}

void StreamFlow::close_down() {
    if (at_end_ != at_start_) {
        fail("addresses changed to " + at_end_.local + " " + at_end_.remote);
    } else if (wrong_ != 0) {
        fail("wrong bytes");
    } else {
        state_ = State::finished;
    }
    socket_.reset();
}

void StreamFlow::fail(const std::string& reason) {
    if (!is_over()) {
        if (at_end_.local.empty() && socket_.is_open()) {
            at_end_ = addresses_of(socket_.get());
        }
        state_ = State::broken;
        reason_ = reason;
        socket_.reset();
    }
}

} // namespace sacip::flowcheck
