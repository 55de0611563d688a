// SPDX-License-Identifier: BSD-3-Clause
#include "forgery.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace sacip::forge {
namespace {

constexpr std::array<std::string_view, mode_count> names{"tag",    "replay", "epoch", "truncated",
                                                         "random", "sender", "filler"};
// PROTOCOL §3
constexpr std::uint16_t magic = 0x5AC1;
constexpr std::uint8_t version = 2, kind_bind = 3;
constexpr std::size_t at_length = 4, at_sender = 8, at_epoch = 16, at_sequence = 24, header = 32;
constexpr std::size_t tag = 16, echo = 16, entry = 45, prefix = 20;

void write_u64(Bytes& bytes, std::size_t at, std::uint64_t value) {
    for (std::size_t i = 0; i < 8; ++i) {
        bytes[at + i] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
    }
}

void write_u32(Bytes& bytes, std::size_t at, std::uint32_t value) {
    notes::write_u16(bytes, at, static_cast<std::uint16_t>(value >> 16));
    notes::write_u16(bytes, at + 2, static_cast<std::uint16_t>(value));
}

// RFC 1071 over big-endian words, an odd last byte padded by zero; not yet complemented.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += notes::read_u16(bytes, i);
    }
    return bytes.size() % 2 == 0 ? sum : sum + static_cast<std::uint32_t>(bytes.back() << 8);
}

std::uint16_t folded(std::uint32_t sum) {
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

std::uint32_t read_u32(const Bytes& bytes, std::size_t at, bool little) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value = value << 8 | bytes[at + (little ? 3 - i : i)];
    }
    return value;
}

} // namespace

std::string_view name_of(Mode mode) { return names[static_cast<std::size_t>(mode)]; }

std::optional<Mode> mode_named(std::string_view name) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? std::nullopt
                                : std::optional(static_cast<Mode>(found - names.begin()));
}

std::optional<std::vector<Bytes>> read_capture(const std::string& file,
                                               const notes::Carriers& carriers) {
    constexpr std::size_t file_header = 24, record_header = 16;
    std::ifstream input(file, std::ios::binary);
    const Bytes data{std::istreambuf_iterator<char>(input), {}};
    if (data.size() < file_header) {
        return std::nullopt;
    }
    const bool little = data[0] == 0xD4 || data[0] == 0x4D;
    if (read_u32(data, 20, little) != 1) {
        return std::nullopt; // not Ethernet
    }
    std::vector<Bytes> packets;
    std::size_t at = file_header;
    while (at + record_header <= data.size()) {
        const std::size_t length = read_u32(data, at + 8, little);
        at += record_header;
        if (length > data.size() - at) {
            break;
        }
        const std::span<const std::uint8_t> frame(data.data() + at, length);
        at += length;
        if (!notes::is_note_frame(frame, carriers)) {
            continue;
        }
        const auto packet = frame.subspan(notes::ethernet_header);
        const std::size_t total = notes::read_u16(packet, 2); // without Ethernet's padding
        const std::size_t least =
            static_cast<std::size_t>(packet[0] & 15U) * 4 +
            (packet[9] == notes::protocol_udp ? notes::udp_header : notes::icmp_header);
        if (total >= least && total <= packet.size()) {
            packets.emplace_back(packet.begin(), packet.begin() + static_cast<long>(total));
        }
    }
    return packets;
}

Forger::Forger(Settings settings, std::uint64_t seed)
    : settings_{std::move(settings)}, random_{seed} {}

const Bytes& Forger::make(Mode mode, Carrier& carrier) {
    Bytes message;
    switch (mode) {
    case Mode::tag:
        message = original();
        if (message.size() > tag) {
            fill_with_noise(message, message.size() - tag, message.size());
        }
        break;
    case Mode::replay:
        if (!settings_.recorded.empty()) {
            packet_ = settings_.recorded[next_replayed_++ % settings_.recorded.size()];
            carrier = packet_[9] == notes::protocol_udp ? Carrier::udp : Carrier::icmp;
            return packet_;
        }
        message = original();
        break;
    case Mode::epoch:
        message = original();
        if (message.size() >= header) {
            // Half of them older than any, half newer.
            const bool newer = random_() % 2 == 0;
            write_u64(message, at_epoch, newer ? UINT64_MAX - random_() % 1000 : random_() % 1000);
        }
        break;
    case Mode::truncated:
        if (cut_ >= to_cut_.size()) {
            to_cut_ = original();
            cut_ = 0;
        }
        message.assign(to_cut_.begin(), to_cut_.begin() + static_cast<long>(cut_));
        ++cut_;
        break;
    case Mode::random:
        message.resize(4 + random_() % 1196);
        fill_with_noise(message, 0, message.size());
        notes::write_u16(message, 0, magic);
        message[2] = version;
        break;
    case Mode::sender:
        message = invented();
        fill_with_noise(message, at_sender, at_epoch);
        break;
    case Mode::filler:
        carrier = Carrier::udp;
        wrap_filler();
        return packet_;
    }
    wrap(message, carrier);
    return packet_;
}

Bytes Forger::invented() {
    constexpr std::size_t body = echo + 4 + entry;
    Bytes message(header + body + tag);
    notes::write_u16(message, 0, magic);
    message[2] = version;
    message[3] = kind_bind;
    notes::write_u16(message, at_length, body);
    write_u64(message, at_sender, settings_.sender);
    write_u64(message, at_epoch, settings_.epoch);
    write_u64(message, at_sequence, (1ULL << 40) + sequence_++);
    std::size_t at = header + echo;
    notes::write_u16(message, at, 1); // count
    at += 4;
    for (const std::uint32_t address : {settings_.source, static_cast<std::uint32_t>(random_())}) {
        message[at] = 4;
        message[at + 1] = 32;
        write_u32(message, at + 4, address);
        at += prefix;
    }
    write_u32(message, at + 1, 3600); // preference 0, then the lifetime
    fill_with_noise(message, header + body, message.size());
    return message;
}

Bytes Forger::original() {
    if (settings_.recorded.empty()) {
        return invented();
    }
    const Bytes& packet = settings_.recorded[next_recorded_++ % settings_.recorded.size()];
    const std::size_t carrier =
        packet[9] == notes::protocol_udp ? notes::udp_header : notes::icmp_header;
    return {packet.begin() + static_cast<long>((packet[0] & 15U) * 4U + carrier), packet.end()};
}

void Forger::wrap(const Bytes& message, Carrier carrier) {
    if (carrier == Carrier::udp) {
        begin_packet(notes::protocol_udp, notes::udp_header + message.size());
        std::copy(message.begin(), message.end(),
                  packet_.begin() + notes::ipv4_header + notes::udp_header);
        finish_udp(settings_.carriers.udp_port, settings_.carriers.udp_port, message.size());
        return;
    }
    begin_packet(notes::protocol_icmp, notes::icmp_header + message.size());
    const std::span<std::uint8_t> icmp = std::span(packet_).subspan(notes::ipv4_header);
    icmp[0] = settings_.carriers.icmp_type;
    icmp[1] = 1; // code of the secure family
    std::copy(message.begin(), message.end(), icmp.begin() + notes::icmp_header);
    notes::write_u16(icmp, 2, folded(sum_of(icmp)));
}

void Forger::wrap_filler() {
    constexpr std::size_t payload = 18; // the smallest frame
    constexpr std::uint16_t discard_port = 9;
    begin_packet(notes::protocol_udp, notes::udp_header + payload);
    write_u64(packet_, notes::ipv4_header + notes::udp_header, sequence_++);
    finish_udp(discard_port, discard_port, payload);
}

void Forger::begin_packet(std::uint8_t protocol, std::size_t payload) {
    constexpr std::uint8_t version_and_length = 0x45, time_to_live = 64;
    packet_.assign(notes::ipv4_header + payload, 0);
    packet_[0] = version_and_length;
    notes::write_u16(packet_, 2, static_cast<std::uint16_t>(packet_.size()));
    notes::write_u16(packet_, 4, static_cast<std::uint16_t>(random_() | 1U));
    packet_[8] = time_to_live;
    packet_[9] = protocol;
    write_u32(packet_, 12, settings_.source);
    write_u32(packet_, 16, settings_.target);
    notes::write_u16(packet_, 10, folded(sum_of(std::span(packet_).first(notes::ipv4_header))));
}

void Forger::finish_udp(std::uint16_t source_port, std::uint16_t target_port, std::size_t payload) {
    const std::span<std::uint8_t> udp = std::span(packet_).subspan(notes::ipv4_header);
    const auto length = static_cast<std::uint16_t>(notes::udp_header + payload);
    notes::write_u16(udp, 0, source_port);
    notes::write_u16(udp, 2, target_port);
    notes::write_u16(udp, 4, length);
    const std::uint32_t addresses = sum_of(std::span(packet_).subspan(12, 8));
    const std::uint16_t sum = folded(addresses + notes::protocol_udp + length + sum_of(udp));
    notes::write_u16(udp, 6, sum == 0 ? 0xFFFF : sum);
}

void Forger::fill_with_noise(Bytes& bytes, std::size_t from, std::size_t to) {
    std::uint64_t noise = 0;
    for (std::size_t i = from; i < to; ++i) {
        noise = (i - from) % 8 == 0 ? random_() : noise >> 8;
        bytes[i] = static_cast<std::uint8_t>(noise);
    }
}

} // namespace sacip::forge
