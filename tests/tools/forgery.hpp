// SPDX-License-Identifier: BSD-3-Clause
//
// Notifications that must not be believed, one packet at a time, ready for a raw socket.
//
// None needs a key. What it takes to look real comes from a capture of real messages (replayed bit
// for bit, or spoilt in one place) or, without one, from an invented BIND. Messages that only the
// holder of a key could make are sealed by secure_notification.py and come in by the capture.
#pragma once

#include "note_frame.hpp"

#include <array>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace sacip::forge {

using Bytes = std::vector<std::uint8_t>;

enum class Mode : std::uint8_t {
    tag,       // a known sender, all plausible, a tag made up
    replay,    // recorded, every bit as it was
    epoch,     // recorded, epoch changed, tag as it was
    truncated, // cut after 0, 1, 2 … bytes, up to one too few
    random,    // right magic and version, the rest noise
    sender,    // a sender that nobody knows
    filler,    // no notification: UDP to the discard port, to test tools and lines with
};
inline constexpr std::size_t mode_count = 7;
std::string_view name_of(Mode mode);
std::optional<Mode> mode_named(std::string_view name);

enum class Carrier : std::uint8_t { icmp, udp };

struct Settings {
    std::uint32_t source = 0, target = 0; // host byte order
    std::uint64_t sender = 0, epoch = 0;  // of the invented messages
    notes::Carriers carriers;
    std::vector<Bytes> recorded; // IPv4 packets, both carriers, only notifications
};

// IPv4 packets of all notifications in a classic pcap file of Ethernet frames.
std::optional<std::vector<Bytes>> read_capture(const std::string& file,
                                               const notes::Carriers& carriers);

class Forger {
public:
    Forger(Settings settings, std::uint64_t seed);

    // The next packet of this kind, with good IPv4, ICMP and UDP checksums; valid until the next
    // call. `carrier` is what carries it, except for `replay`, which says what carried it.
    const Bytes& make(Mode mode, Carrier& carrier);

private:
    // A message (PROTOCOL §3, offset 0) that only lacks a good tag.
    Bytes invented();
    // Message of a recorded packet, or an invented one if nothing was recorded.
    Bytes original();
    void wrap(const Bytes& message, Carrier carrier);
    void wrap_filler();
    void begin_packet(std::uint8_t protocol, std::size_t payload);
    void finish_udp(std::uint16_t source_port, std::uint16_t target_port, std::size_t payload);
    void fill_with_noise(Bytes& bytes, std::size_t from, std::size_t to);

    Settings settings_;
    std::mt19937_64 random_;
    std::uint64_t sequence_ = 1;
    std::size_t next_recorded_ = 0, next_replayed_ = 0, cut_ = 0;
    Bytes packet_, to_cut_;
};

} // namespace sacip::forge
