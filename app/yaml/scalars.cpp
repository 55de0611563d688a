// SPDX-License-Identifier: BSD-3-Clause
//
// A message names the key and quotes the value; a remedy gives text that can be typed as it
// stands, made from the operator's own value wherever that is possible.
#include "app/yaml/scalars.hpp"

#include <algorithm>
#include <charconv>

namespace sacip::yaml {

namespace {

constexpr size_t max_digits = 12; // far beyond every range here, and safe in 64 bits

bool all_digits(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// `text` is all digits. More of them than fit are taken as a number larger than any range.
uint64_t to_number(std::string_view text) {
    uint64_t out = 0;
    std::from_chars(text.data(), text.data() + std::min(text.size(), max_digits), out);
    return text.size() > max_digits ? UINT64_MAX : out;
}

bool has_leading_zero(std::string_view digits) { return digits.size() > 1 && digits[0] == '0'; }

std::string_view without_zeros(std::string_view digits) {
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
}

std::string subject(std::string_view key, std::string_view text) {
    return std::string{key} + " " + quoted(text);
}

/// A port number's text in [1, 65535]; no leading zero.
std::optional<uint16_t> port_number(std::string_view text) {
    if (!all_digits(text) || text[0] == '0') {
        return std::nullopt;
    }
    const uint64_t number = to_number(text);
    return number <= 65535 ? std::optional{static_cast<uint16_t>(number)} : std::nullopt;
}

/// "010.001.0.1" -> "10.1.0.1", if that is all that is wrong with it.
std::optional<IpAddr> address_without_zeros(std::string_view text) {
    std::string plain;
    while (true) {
        const size_t dot = text.find('.');
        const std::string_view part = text.substr(0, dot);
        if (!all_digits(part)) {
            return std::nullopt;
        }
        plain += without_zeros(part);
        if (dot == std::string_view::npos) {
            return IpAddr::from_text(plain);
        }
        plain += '.';
        text.remove_prefix(dot + 1);
    }
}

/// The address in `text`, a part of the value at `node`; the rest of the value is `tail`.
std::optional<IpAddr> address_in(const Node& node, std::string_view text, std::string_view tail,
                                 std::string_view key, std::string_view example, Errors& errors) {
    if (const auto address = IpAddr::from_text(text)) {
        return address;
    }
    const std::string what = subject(key, node.text);
    if (const auto meant = address_without_zeros(text)) {
        report(errors, node.mark, what + " has leading zeros, which some programs read as octal",
               "write " + meant->to_text() + std::string{tail});
    } else if (text.find(':') != std::string_view::npos) {
        report(errors, node.mark, what + " is not IPv4, and IPv6 is not supported yet",
               "write an IPv4 value, for example " + std::string{example});
    } else {
        report(errors, node.mark, what + " is not an IPv4 address or prefix",
               "write for example " + std::string{example});
    }
    return std::nullopt;
}

/// The length behind the slash of the value at `node`.
std::optional<uint8_t> length_in(const Node& node, std::string_view text, std::string_view key,
                                 std::string_view example, Errors& errors) {
    if (all_digits(text) && !has_leading_zero(text) && to_number(text) <= 32) {
        return static_cast<uint8_t>(to_number(text));
    }
    report(errors, node.mark,
           subject(key, node.text) + " has no prefix length from 0 to 32 after the slash",
           "write for example " + std::string{example});
    return std::nullopt;
}

} // namespace

std::optional<std::string_view> read_text(const Node& node, std::string_view key,
                                          std::string_view remedy, Errors& errors) {
    switch (node.kind) {
    case Node::Kind::refused:
        return std::nullopt;
    case Node::Kind::null:
        report(errors, node.mark, std::string{key} + " has no value", std::string{remedy});
        return std::nullopt;
    case Node::Kind::list:
        report(errors, node.mark, std::string{key} + " is a list, but takes one value",
               std::string{remedy});
        return std::nullopt;
    case Node::Kind::map:
        report(errors, node.mark, std::string{key} + " is a mapping, but takes one value",
               std::string{remedy});
        return std::nullopt;
    case Node::Kind::text:
        break;
    }
    if (node.text.empty()) {
        report(errors, node.mark, std::string{key} + " is empty", std::string{remedy});
        return std::nullopt;
    }
    return node.text;
}

std::optional<uint32_t> read_integer(const Node& node, std::string_view key, uint32_t least,
                                     uint32_t most, uint32_t example, Errors& errors) {
    const std::string remedy = "write a number from " + std::to_string(least) + " to " +
                               std::to_string(most) + ", for example " + std::to_string(example);
    const auto text = read_text(node, key, remedy, errors);
    if (!text) {
        return std::nullopt;
    }
    const std::string what = subject(key, *text);
    if (!all_digits(*text)) {
        report(errors, node.mark, what + " is not a whole number in plain digits", remedy);
    } else if (has_leading_zero(*text)) {
        report(errors, node.mark, what + " has a leading zero, which some programs read as octal",
               "write " + std::string{without_zeros(*text)});
    } else if (node.is_quoted) {
        report(errors, node.mark, what + " is a text in quotes, not a number",
               "write " + std::string{*text} + " without quotes");
    } else if (const uint64_t number = to_number(*text); number < least || number > most) {
        report(errors, node.mark, what + " is out of range", remedy);
    } else {
        return static_cast<uint32_t>(number);
    }
    return std::nullopt;
}

std::string to_text(Milliseconds duration) {
    const int64_t ms = duration.count();
    return ms % 1000 != 0                   ? std::to_string(ms) + "ms"
           : ms == 0 || ms % 3'600'000 != 0 ? std::to_string(ms / 1000) + "s"
                                            : std::to_string(ms / 3'600'000) + "h";
}

std::optional<Milliseconds> read_duration(const Node& node, std::string_view key,
                                          Milliseconds least, Milliseconds most,
                                          Milliseconds example, Errors& errors) {
    static constexpr std::array<Word<uint64_t>, 5> units{
        {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"m", 60'000}, {"h", 3'600'000}}};
    const std::string remedy =
        "write a whole number with its unit (ms, s, min or h), for example " + to_text(example);
    const auto text = read_text(node, key, remedy, errors);
    if (!text) {
        return std::nullopt;
    }
    const std::string what = subject(key, *text);
    const size_t unit_at = std::min(text->find_first_not_of("0123456789"), text->size());
    const std::string_view digits = text->substr(0, unit_at);
    const std::string_view unit = text->substr(unit_at);
    const auto known = std::find_if(units.begin(), units.end(),
                                    [&](const auto& word) { return word.text == unit; });
    if (digits.empty() || (known == units.end() && !unit.empty())) {
        report(errors, node.mark, what + " is not a time", remedy);
    } else if (has_leading_zero(digits)) {
        report(errors, node.mark, what + " has a leading zero, which some programs read as octal",
               "write " + std::string{without_zeros(digits)} + std::string{unit});
    } else if (unit.empty()) {
        const std::string default_unit = example.count() % 1000 == 0 ? "s" : "ms";
        report(errors, node.mark, what + " has no unit",
               "write " + std::string{digits} + default_unit + " (units: ms, s, min, h)");
    } else if (const uint64_t number = to_number(digits);
               number > static_cast<uint64_t>(most.count()) / known->value ||
               number * known->value < static_cast<uint64_t>(least.count())) {
        report(errors, node.mark, what + " is out of range",
               "write a time from " + to_text(least) + " to " + to_text(most) + ", for example " +
                   to_text(example));
    } else {
        return Milliseconds{static_cast<int64_t>(number * known->value)};
    }
    return std::nullopt;
}

std::optional<IpAddr> read_address(const Node& node, std::string_view key, Errors& errors) {
    static constexpr std::string_view example = "10.0.1.1";
    const auto text = read_text(node, key, "write one IPv4 address, for example 10.0.1.1", errors);
    if (!text) {
        return std::nullopt;
    }
    const size_t slash = text->find('/');
    if (slash != std::string_view::npos && IpAddr::from_text(text->substr(0, slash))) {
        report(errors, node.mark, subject(key, *text) + " is a prefix, but takes one address",
               "write " + std::string{text->substr(0, slash)});
        return std::nullopt;
    }
    return address_in(node, *text, "", key, example, errors);
}

std::optional<IpPrefix> read_prefix(const Node& node, std::string_view key, Errors& errors) {
    static constexpr std::string_view example = "10.2.0.0/24";
    const auto text = read_text(node, key, "write an IPv4 prefix, for example 10.2.0.0/24", errors);
    if (!text) {
        return std::nullopt;
    }
    const size_t slash = std::min(text->find('/'), text->size());
    const auto address =
        address_in(node, text->substr(0, slash), text->substr(slash), key, example, errors);
    if (!address || slash == text->size()) {
        return address ? std::optional{IpPrefix::host(*address)} : std::nullopt;
    }
    const auto length = length_in(node, text->substr(slash + 1), key, example, errors);
    if (!length) {
        return std::nullopt;
    }
    const IpPrefix prefix{*address, *length};
    if (prefix.address() != *address) {
        report(errors, node.mark, subject(key, *text) + " has host bits set",
               "write " + prefix.address().to_text() + "/" + std::to_string(*length) + ", or " +
                   address->to_text() + "/32 for the one address");
        return std::nullopt;
    }
    return prefix;
}

std::optional<InterfaceAddress> read_interface_address(const Node& node, std::string_view key,
                                                       Errors& errors) {
    static constexpr std::string_view example = "10.1.0.1/24";
    const auto text = read_text(node, key, "write address/length, for example 10.1.0.1/24", errors);
    if (!text) {
        return std::nullopt;
    }
    const size_t slash = std::min(text->find('/'), text->size());
    const auto address =
        address_in(node, text->substr(0, slash), text->substr(slash), key, example, errors);
    if (!address) {
        return std::nullopt;
    }
    if (slash == text->size()) {
        report(errors, node.mark, subject(key, *text) + " has no prefix length",
               "write for example " + address->to_text() + "/24");
        return std::nullopt;
    }
    const auto length = length_in(node, text->substr(slash + 1), key, example, errors);
    if (!length) {
        return std::nullopt;
    }
    return InterfaceAddress{*address, *length};
}

std::optional<MacAddr> read_mac(const Node& node, std::string_view key, Errors& errors) {
    const std::string remedy = "write six pairs of hex digits, for example \"02:00:00:00:00:01\"";
    const auto text = read_text(node, key, remedy, errors);
    if (!text) {
        return std::nullopt;
    }
    const auto mac = MacAddr::from_text(*text);
    if (!mac) {
        report(errors, node.mark, subject(key, *text) + " is not an Ethernet address", remedy);
    } else if (mac->is_group() || mac->is_zero()) {
        report(errors, node.mark, subject(key, *text) + " is not the address of one station",
               "write the next hop's own MAC address");
        return std::nullopt;
    }
    return mac;
}

std::optional<BoxPort> read_box_port(const Node& node, Errors& errors) {
    const auto text =
        read_text(node, "a box port", "write port/protocol, for example 22/tcp", errors);
    if (!text) {
        return std::nullopt;
    }
    const size_t slash = std::min(text->find('/'), text->size());
    const auto port = port_number(text->substr(0, slash));
    const std::string_view protocol = text->substr(slash);
    if (port && (protocol == "/tcp" || protocol == "/udp")) {
        return BoxPort{protocol == "/tcp" ? IpProto::tcp : IpProto::udp, *port};
    }
    report(errors, node.mark, "box port " + quoted(*text) + " is not port/protocol",
           port && protocol.empty()
               ? "write " + std::string{*text} + "/tcp or " + std::string{*text} + "/udp"
               : "write a port from 1 to 65535 and tcp or udp, for example 22/tcp");
    return std::nullopt;
}

std::optional<MetricsEndpoint> read_endpoint(const Node& node, std::string_view key,
                                             Errors& errors) {
    const std::string remedy =
        "write address:port, for example 127.0.0.1:9812, or off for no metrics";
    const auto text = read_text(node, key, remedy, errors);
    if (!text) {
        return std::nullopt;
    }
    const size_t colon = std::min(text->rfind(':'), text->size());
    const std::string_view host = text->substr(0, colon);
    const auto address = IpAddr::from_text(host == "localhost" ? "127.0.0.1" : host);
    const auto port = port_number(text->substr(std::min(colon + 1, text->size())));
    if (address && port && !address->is_multicast() && !address->v4().is_reserved()) {
        return MetricsEndpoint{*address, *port};
    }
    report(errors, node.mark, subject(key, *text) + " is not an address and port to listen on",
           remedy);
    return std::nullopt;
}

std::string_view unusable_as_host(IpAddr any) {
    const Ipv4Addr address = any.v4(); // no file has others
    return address.is_unspecified()    ? "the unspecified address"
           : address.is_this_network() ? "in 0.0.0.0/8, which no host may use"
           : address.is_loopback()     ? "a loopback address"
           : address.is_multicast()    ? "a multicast address"
           : address.is_broadcast()    ? "the broadcast address"
           : address.is_reserved()     ? "in the reserved block 240.0.0.0/4"
                                       : "";
}

} // namespace sacip::yaml
