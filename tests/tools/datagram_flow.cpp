// SPDX-License-Identifier: BSD-3-Clause
#include "datagram_flow.hpp"

#include "flow_pattern.hpp"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace sacip::flowcheck {
namespace {

constexpr std::uint32_t datagram_magic = 0x53414344;
constexpr int most_catch_up = 4; // datagrams sent in one tick when the sender was late

// Raw sockets have no ports; the flow's number stands there so that reports stay readable.
SocketAddresses describe(int fd, const std::optional<sockaddr_in>& to) {
    SocketAddresses found = addresses_of(fd);
    if (to) {
        found.remote = to_text(*to);
    }
    return found;
}

} // namespace

DatagramCheck check_datagram(std::span<const std::uint8_t> data, DatagramHeader& header) {
    if (data.size() < smallest_datagram) {
        return DatagramCheck::foreign;
    }
    std::memcpy(&header, data.data(), sizeof(header));
    if (header.magic != datagram_magic) {
        return DatagramCheck::foreign;
    }
    std::uint64_t hash = 0;
    const std::size_t covered = data.size() - sizeof(hash);
    std::memcpy(&hash, data.data() + covered, sizeof(hash));
    RunningHash expected;
    expected.add(data.first(covered));
    const auto filling = data.subspan(sizeof(header), covered - sizeof(header));
    const bool good = header.size == data.size() && header.rate != 0 && hash == expected.value() &&
                      count_wrong_bytes(header.flow, header.sequence, filling) == 0;
    return good ? DatagramCheck::good : DatagramCheck::damaged;
}

DatagramFlow::DatagramFlow(Descriptor socket, const DatagramSettings& settings, std::uint64_t now)
    : own_(std::move(socket)), fd_(own_.get()), settings_(settings),
      // Spread the flows' sending times over one interval.
      next_send_(now + mix(settings.flow) % interval()), at_start_(addresses_of(fd_)) {}

DatagramFlow::DatagramFlow(int shared_fd, const sockaddr_in& to, const DatagramSettings& settings,
                           std::uint64_t now)
    : fd_(shared_fd), to_(to), settings_(settings),
      next_send_(now + mix(settings.flow) % interval()), at_start_(describe(shared_fd, to_)) {}

SocketAddresses DatagramFlow::addresses_now() const { return describe(fd_, to_); }

void DatagramFlow::tick(std::uint64_t now) {
    for (int count = 0; !stopped_ && now >= next_send_; ++count) {
        if (count == most_catch_up) {
            next_send_ = now + interval();
            return;
        }
        send_one();
        next_send_ += interval();
    }
}

void DatagramFlow::send_one() {
    std::uint8_t buffer[largest_datagram];
    const std::size_t covered = settings_.size - sizeof(std::uint64_t);
    DatagramHeader header{datagram_magic,
                          settings_.flow,
                          next_sequence_,
                          settings_.rate,
                          settings_.size,
                          settings_.flags,
                          window_,
                          0,
                          {}};
    header.report = {sequence_.received(),
                     sequence_.expected(),
                     wrong_,
                     sequence_.duplicated(),
                     sequence_.reordered(),
                     gaps_.worst(),
                     gaps_.window_closed(),
                     window_,
                     0};
    std::memcpy(buffer, &header, sizeof(header));
    fill_pattern(settings_.flow, next_sequence_,
                 {buffer + sizeof(header), covered - sizeof(header)});
    RunningHash hash;
    hash.add({buffer, covered});
    const std::uint64_t value = hash.value();
    std::memcpy(buffer + covered, &value, sizeof(value));
    const auto* to = to_ ? reinterpret_cast<const sockaddr*>(&*to_) : nullptr;
    const ssize_t count = sendto(fd_, buffer, settings_.size, MSG_NOSIGNAL | MSG_DONTWAIT, to,
                                 to != nullptr ? sizeof(*to_) : 0);
    // A send that reports an earlier ICMP error has not sent: the number is used up all the same,
    // so the loss shows.
    if (count < 0) {
        count_error(errors_, errno);
    }
    ++next_sequence_;
}

void DatagramFlow::take(const DatagramHeader& header, std::uint64_t arrived) {
    if (header.window > window_) { // server: the client has begun a new window
        window_ = header.window;
        gaps_.start_window();
    }
    sequence_.arrive(header.sequence);
    gaps_.arrive(arrived);
    if (header.report.expected > peer_.expected) {
        peer_progress_.arrive(arrived);
    }
    if (header.report.expected >= peer_.expected) {
        peer_ = header.report;
    }
}

void DatagramFlow::start_window() {
    ++window_;
    gaps_.start_window();
}

bool DatagramFlow::is_alive(std::uint64_t now) const {
    constexpr std::uint64_t least_patience = 1'000'000'000ULL;
    const std::uint64_t patience = std::max(least_patience, 10 * interval());
    return sequence_.received() != 0 && peer_.received != 0 && gaps_.silent(now) < patience &&
           peer_progress_.silent(now) < patience;
}

} // namespace sacip::flowcheck
