// SPDX-License-Identifier: BSD-3-Clause
//
// frames: a capture of any length for net_pcap to replay, on standard output, made while it is
// read.
//
//   frames mutated|fragments COUNT --mac MAC --host A --remote A [--wire A] [--seed N] [--after
//   FILE]
//
//   mutated    what a gateway meets (TCP, UDP, ICMP and its errors, fragments, ARP, notifications
//   of
//              both families, DHCP), most of it damaged: fields at their edges, lengths that lie,
//              bits turned over, truncated anywhere
//   fragments  pieces of datagrams of which one piece always lacks: the first, the last or another
//
// MAC is the gateway port's; packets go from HOST to REMOTE or, to stand for the other side, from
// REMOTE to WIRE. Same arguments, same bytes. net_pcap waits for the header of a capture before the
// gateway is ready; the frames follow when FILE is there.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Options {
    bool fragments{false};
    std::uint64_t count{0};
    std::uint64_t seed{1};
    std::array<std::uint8_t, 6> mac{};
    std::uint32_t host{0}, remote{0}, wire{0}; // host byte order
    std::string after;
};

/// Enough for this, and ten times as fast as a Mersenne twister (xorshift64*).
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL | 1) {}
    std::uint32_t below(std::uint32_t end) {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        const std::uint64_t out = (state_ * 0x2545F4914F6CDD1DULL) >> 32;
        return static_cast<std::uint32_t>((out * end) >> 32);
    }
    bool one_in(std::uint32_t n) { return below(n) == 0; }
    std::uint8_t byte() { return static_cast<std::uint8_t>(below(256)); }

private:
    std::uint64_t state_;
};

void put16(Bytes& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
void put32(Bytes& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value);
}
void set16(Bytes& out, std::size_t at, std::uint32_t value) {
    if (at + 2 <= out.size()) {
        out[at] = static_cast<std::uint8_t>(value >> 8);
        out[at + 1] = static_cast<std::uint8_t>(value);
    }
}

std::uint16_t checksum(const std::uint8_t* data, std::size_t length) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < length; i++) {
        sum += std::uint32_t{data[i]} << (i % 2 == 0 ? 8 : 0);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFFU) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

constexpr std::size_t ether_bytes = 14, ip_bytes = 20;

class Frames {
public:
    explicit Frames(const Options& options) : o_(options), dice_(options.seed) {}

    const Bytes& next() {
        frame_.clear();
        if (o_.fragments) {
            fragment();
        } else {
            whole();
            if (!dice_.one_in(4)) {
                damage();
            }
        }
        return frame_;
    }

private:
    void ether(std::uint32_t type) {
        frame_.insert(frame_.end(), o_.mac.begin(), o_.mac.end());
        const std::array<std::uint8_t, 6> from{0x02, 0, 0, 0, 0x99, 1};
        frame_.insert(frame_.end(), from.begin(), from.end());
        put16(frame_, type);
    }
    void ip(std::uint8_t protocol, std::uint32_t fragment = 0x4000) {
        ether(0x0800);
        const bool outward = o_.wire == 0;
        put16(frame_, 0x4500);
        put16(frame_, 0); // set by seal()
        put16(frame_, dice_.below(65536));
        put16(frame_, fragment);
        frame_.push_back(64);
        frame_.push_back(protocol);
        put16(frame_, 0);
        // Now and then another host, so that the tables fill up.
        const std::uint32_t other = dice_.one_in(8) ? dice_.below(256) : 0;
        put32(frame_, (outward ? o_.host : o_.remote) ^ other);
        put32(frame_, outward ? o_.remote : o_.wire);
    }
    void payload(std::uint32_t length) {
        for (std::uint32_t i = 0; i < length; i++) {
            frame_.push_back(dice_.byte());
        }
    }
    void seal() {
        set16(frame_, ether_bytes + 2, static_cast<std::uint32_t>(frame_.size() - ether_bytes));
        mend_header();
    }
    void mend_header() {
        if (frame_.size() >= ether_bytes + ip_bytes) {
            const std::size_t length = std::min<std::size_t>((frame_[ether_bytes] & 15U) * 4U,
                                                             frame_.size() - ether_bytes);
            set16(frame_, ether_bytes + 10, 0);
            set16(frame_, ether_bytes + 10, checksum(frame_.data() + ether_bytes, length));
        }
    }
    void tcp() {
        ip(6);
        put16(frame_, 40000 + dice_.below(64));
        put16(frame_, 80);
        put32(frame_, dice_.below(1U << 31));
        put32(frame_, dice_.below(1U << 31));
        put16(frame_, 0x5000 | dice_.below(64));
        put16(frame_, 1000);
        put32(frame_, dice_.below(65536) << 16);
        payload(dice_.below(32));
    }
    void udp(std::uint32_t to) {
        ip(17);
        const std::uint32_t length = dice_.below(150);
        put16(frame_, 40000 + dice_.below(64));
        put16(frame_, to);
        put16(frame_, 8 + length);
        put16(frame_, dice_.below(65536));
        payload(length);
    }
    void icmp(std::uint8_t type, std::uint8_t code) {
        ip(1);
        frame_.push_back(type);
        frame_.push_back(code);
        put16(frame_, dice_.below(65536));
        put32(frame_, dice_.below(1U << 31));
    }
    void icmp_error() {
        constexpr std::array<std::uint8_t, 5> types{3, 4, 5, 11, 12};
        icmp(types[dice_.below(types.size())], static_cast<std::uint8_t>(dice_.below(16)));
        put16(frame_, 0x4500);
        put16(frame_, 60);
        put32(frame_, dice_.below(1U << 31));
        put16(frame_, 0x4000 | (dice_.one_in(2) ? 6 : 17));
        put16(frame_, 0);
        put32(frame_, o_.wire == 0 ? o_.remote : o_.wire);
        put32(frame_, o_.wire == 0 ? o_.host : o_.remote);
        put16(frame_, 40000 + dice_.below(64));
        put16(frame_, 80);
        payload(4 + dice_.below(20));
    }
    void whole() {
        switch (dice_.below(12)) {
        case 0:
        case 1:
        case 2:
            tcp();
            break;
        case 3:
            udp(80);
            break;
        case 4:
            udp(4720); // the secure notification
            break;
        case 5:
            udp(67 + dice_.below(2));
            break;
        case 6:
            icmp(8, 0);
            break;
        case 7:
            icmp(20, static_cast<std::uint8_t>(dice_.below(3)));
            payload(dice_.below(120));
            break;
        case 8:
            icmp_error();
            break;
        case 9:
            fragment();
            return;
        case 10:
            ether(0x0806);
            put32(frame_, 0x00010800);
            put32(frame_, 0x06040000 | (1 + dice_.below(2)));
            payload(20);
            return;
        default:
            ip(dice_.byte());
            payload(dice_.below(64));
        }
        seal();
    }
    /// One of the four pieces of a datagram; the others never come.
    void fragment() {
        const std::uint32_t piece = dice_.below(4);
        const bool last = piece == 3;
        ip(dice_.one_in(2) ? 17 : 6, (last ? 0 : 0x2000U) | piece * 3);
        set16(frame_, ether_bytes + 4, number_++);
        // The identification alone is soon used up.
        set16(frame_, ether_bytes + (o_.wire == 0 ? 18 : 14), dice_.below(65536));
        put16(frame_, 40000 + dice_.below(64));
        put16(frame_, 80);
        payload(20);
        seal();
    }

    void damage() {
        constexpr std::array<std::uint8_t, 8> edges{0, 1, 0x0F, 0x40, 0x45, 0x7F, 0x80, 0xFF};
        bool mend = !dice_.one_in(3); // or the header checksum would catch nearly all of it
        for (std::uint32_t times = 1 + dice_.below(3); times > 0 && !frame_.empty(); times--) {
            const auto size = static_cast<std::uint32_t>(frame_.size());
            switch (dice_.below(6)) {
            case 0: // a field of the headers at its edge
                frame_[dice_.below(std::min(size, 62U))] = edges[dice_.below(edges.size())];
                break;
            case 1:
                frame_[dice_.below(size)] ^= static_cast<std::uint8_t>(1U << dice_.below(8));
                break;
            case 2: // cut off anywhere; the lengths then lie
                frame_.resize(dice_.below(size + 1));
                break;
            case 3: // Ethernet padding
                frame_.resize(size + dice_.below(64), dice_.byte());
                break;
            case 4: // total length
                set16(frame_, ether_bytes + 2,
                      dice_.one_in(2) ? dice_.below(65536) : dice_.below(64));
                break;
            default: // options where there were none
                if (size > ether_bytes) {
                    frame_[ether_bytes] = static_cast<std::uint8_t>(0x40 | dice_.below(16));
                }
            }
        }
        if (mend) {
            mend_header();
        }
    }

    Options o_;
    Dice dice_;
    Bytes frame_;
    std::uint32_t number_{0};
};

bool write_capture(const Options& options) {
    struct FileHeader {
        std::uint32_t magic{0xA1B2C3D4};
        std::uint16_t major{2}, minor{4};
        std::uint32_t zone{0}, accuracy{0}, snapshot{65535}, ethernet{1};
    } file;
    struct RecordHeader {
        std::uint32_t seconds{0}, microseconds{0}, kept{0}, length{0};
    } record;
    Frames frames(options);
    std::fwrite(&file, sizeof(file), 1, stdout);
    std::fflush(stdout);
    while (!options.after.empty() && !std::filesystem::exists(options.after)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    for (std::uint64_t i = 0; i < options.count; i++) {
        const Bytes& frame = frames.next();
        record.kept = record.length = static_cast<std::uint32_t>(frame.size());
        if (std::fwrite(&record, sizeof(record), 1, stdout) != 1 ||
            std::fwrite(frame.data(), 1, frame.size(), stdout) != frame.size()) {
            return false;
        }
    }
    return std::fflush(stdout) == 0;
}

bool read_address(const std::string& text, std::uint32_t& out) {
    in_addr address{};
    const bool good = inet_pton(AF_INET, text.c_str(), &address) == 1;
    out = ntohl(address.s_addr);
    return good;
}

bool read_mac(const std::string& text, std::array<std::uint8_t, 6>& out) {
    std::array<unsigned, 6> parts{};
    if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x", &parts[0], &parts[1], &parts[2],
                    &parts[3], &parts[4], &parts[5]) != 6) {
        return false;
    }
    std::transform(parts.begin(), parts.end(), out.begin(),
                   [](unsigned part) { return static_cast<std::uint8_t>(part); });
    return true;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    std::map<std::string, std::string> given;
    for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
        given[words[i]] = words[i + 1];
    }
    Options options;
    const bool kind = !words.empty() && (words[0] == "mutated" || words[0] == "fragments");
    if (!kind || words.size() < 2 || words.size() % 2 != 0 ||
        !read_mac(given["--mac"], options.mac) || !read_address(given["--host"], options.host) ||
        !read_address(given["--remote"], options.remote) ||
        (given.count("--wire") != 0 && !read_address(given["--wire"], options.wire))) {
        std::cerr
            << "usage: frames mutated|fragments COUNT --mac MAC --host A --remote A [--wire A] "
               "[--seed N] [--after FILE]\n";
        return 2;
    }
    options.fragments = words[0] == "fragments";
    options.count = std::strtoull(words[1].c_str(), nullptr, 10);
    options.after = given["--after"];
    options.seed = std::strtoull(given["--seed"].c_str(), nullptr, 10);
    if (!write_capture(options)) {
        std::cerr << "frames: nobody reads any more\n";
        return 1;
    }
    return 0;
}
