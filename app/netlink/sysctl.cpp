// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/sysctl.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace sacip::netlink {
namespace {

const char* name_of(Ipv4Setting setting) {
    switch (setting) {
    case Ipv4Setting::forwarding:
        return "forwarding";
    case Ipv4Setting::arp_ignore:
        return "arp_ignore";
    case Ipv4Setting::arp_announce:
        return "arp_announce";
    case Ipv4Setting::rp_filter:
        return "rp_filter";
    case Ipv4Setting::promote_secondaries:
        break;
    }
    return "promote_secondaries";
}

/// Empty if `interface` is no name an interface may have.
std::string path_of(std::string_view interface, Ipv4Setting setting) {
    if (interface.empty() || interface == "." || interface == ".." ||
        interface.find('/') != std::string_view::npos) {
        return {};
    }
    return "/proc/sys/net/ipv4/conf/" + std::string{interface} + "/" + name_of(setting);
}

/// What the gateway needs of its own interfaces.
constexpr std::array<std::pair<Ipv4Setting, int>, 5> wanted{{
    {Ipv4Setting::forwarding, 1},
    {Ipv4Setting::arp_ignore, 1},   // never answer ARP for an address of another interface
    {Ipv4Setting::arp_announce, 2}, // nor ask with one (shadows on lo would leak)
    {Ipv4Setting::rp_filter, 0},    // answers come to addresses that have moved away
    {Ipv4Setting::promote_secondaries, 1},
}};

} // namespace

Result write_ipv4(std::string_view interface, Ipv4Setting setting, int value) {
    const std::string path = path_of(interface, setting);
    const std::string text = std::to_string(value);
    const std::string tried =
        "write " + text + " to " +
        (path.empty() ? "settings of \"" + std::string{interface} + "\"" : path);
    if (path.empty()) {
        return Refusal{EINVAL, tried};
    }
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return Refusal{errno, tried};
    }
    const int error = ::write(fd, text.data(), text.size()) < 0 ? errno : 0;
    ::close(fd);
    if (error != 0) {
        return Refusal{error, tried};
    }
    return std::nullopt;
}

std::optional<int> read_ipv4(std::string_view interface, Ipv4Setting setting) {
    const std::string path = path_of(interface, setting);
    const int fd = path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return std::nullopt;
    }
    std::array<char, 16> text{};
    const ssize_t got = ::read(fd, text.data(), text.size());
    ::close(fd);
    int value = 0;
    if (got <= 0 || std::from_chars(text.data(), text.data() + got, value).ec != std::errc{}) {
        return std::nullopt;
    }
    return value;
}

Result prepare_ipv4(std::string_view interface) {
    for (const auto& [setting, value] : wanted) {
        if (Result refusal = write_ipv4(interface, setting, value)) {
            return refusal;
        }
    }
    return std::nullopt;
}

std::vector<std::string> put_back_ipv4(std::string_view interface) {
    std::vector<std::string> out;
    for (const auto& [setting, value] : wanted) {
        const std::optional<int> found = read_ipv4(interface, setting);
        if (found && *found != value && !write_ipv4(interface, setting, value)) {
            out.push_back("net.ipv4.conf." + std::string{interface} + "." + name_of(setting) +
                          " from " + std::to_string(*found) + " to " + std::to_string(value));
        }
    }
    return out;
}

} // namespace sacip::netlink
