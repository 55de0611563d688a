// SPDX-License-Identifier: BSD-3-Clause
//
// One flow of datagrams both ways: UDP over a connected socket, or raw IP protocol 253 (RFC 3692).
//
// Each datagram is a header, pseudo-random filling and a hash over all of it. Both directions are
// independent, numbered from 0; every datagram also reports what its sender has received, so that
// the client knows both directions without a second channel.
// Both ends are this program on one machine type: records travel in the machine's byte order.
#pragma once

#include "flow_meter.hpp"
#include "flow_socket.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace sacip::flowcheck {

enum class DatagramKind { udp, raw };
constexpr int raw_protocol = 253;

struct DatagramReport { // what the sender of this datagram has received so far
    std::uint64_t received;
    std::uint64_t expected;
    std::uint64_t wrong;
    std::uint64_t duplicated;
    std::uint64_t reordered;
    std::uint64_t worst_gap_ns;
    std::uint64_t window_gap_ns;
    std::uint32_t window;
    std::uint32_t reserved;
};

struct DatagramHeader {
    std::uint32_t magic;
    std::uint32_t flow;
    std::uint64_t sequence;
    std::uint32_t rate;   // datagrams per second, for the other end to do likewise
    std::uint16_t size;   // bytes of the whole datagram
    std::uint16_t flags;  // no_checksum
    std::uint32_t window; // the client's current window; the server follows it
    std::uint32_t reserved;
    DatagramReport report;
};

constexpr std::uint16_t no_checksum = 1;
constexpr std::size_t smallest_datagram = sizeof(DatagramHeader) + sizeof(std::uint64_t);
constexpr std::size_t largest_datagram = 8972; // of an Ethernet with jumbo frames

// Looks at a datagram: its header if it is one of ours and undamaged. Damage is told apart from
// strangers, because the first is an error and the second none of our business.
enum class DatagramCheck { good, damaged, foreign };
DatagramCheck check_datagram(std::span<const std::uint8_t> data, DatagramHeader& header);

struct DatagramSettings {
    DatagramKind kind = DatagramKind::udp;
    std::uint32_t flow = 0;
    std::uint32_t rate = 50;
    std::uint16_t size = 200;
    std::uint16_t flags = 0;
};

class DatagramFlow {
public:
    // `socket` is connected, or `to` says where to send (the server's one raw socket).
    DatagramFlow(Descriptor socket, const DatagramSettings& settings, std::uint64_t now);
    DatagramFlow(int shared_fd, const sockaddr_in& to, const DatagramSettings& settings,
                 std::uint64_t now);

    void tick(std::uint64_t now); // sends what is due
    void stop() { stopped_ = true; }
    // A checked datagram of this flow, and when the kernel got it.
    void take(const DatagramHeader& header, std::uint64_t arrived);
    void take_damaged() { ++wrong_; }
    void count_receive_error(int error) { count_error(errors_, error); }
    void count_address_change() { ++address_changes_; }
    void start_window(); // client: forget the window's gap and have the server do the same

    int fd() const { return fd_; }
    const DatagramSettings& settings() const { return settings_; }
    std::uint64_t sent() const { return next_sequence_; }
    std::uint64_t wrong() const { return wrong_; }
    std::uint64_t address_changes() const { return address_changes_; }
    const ErrorCounts& errors() const { return errors_; }
    const SequenceMeter& sequence() const { return sequence_; }
    const GapMeter& gaps() const { return gaps_; }
    const DatagramReport& peer() const { return peer_; } // what the other end has received
    // The other end's longest gap in the current window; 0 until it has followed.
    std::uint64_t peer_window_gap() const {
        return peer_.window == window_ ? peer_.window_gap_ns : 0;
    }
    const SocketAddresses& addresses() const { return at_start_; }
    SocketAddresses addresses_now() const;
    // Datagrams came lately, and the other end reported that ours did.
    bool is_alive(std::uint64_t now) const;

private:
    void send_one();
    std::uint64_t interval() const { return 1'000'000'000ULL / settings_.rate; }

    Descriptor own_;
    int fd_;
    std::optional<sockaddr_in> to_;
    DatagramSettings settings_;
    bool stopped_ = false;
    std::uint64_t next_sequence_ = 0;
    std::uint64_t next_send_;
    std::uint64_t wrong_ = 0;
    std::uint64_t address_changes_ = 0;
    std::uint32_t window_ = 0;
    ErrorCounts errors_;
    SequenceMeter sequence_;
    GapMeter gaps_;
    GapMeter peer_progress_;
    DatagramReport peer_{};
    SocketAddresses at_start_;
};

} // namespace sacip::flowcheck
