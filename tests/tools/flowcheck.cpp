// SPDX-License-Identifier: BSD-3-Clause
//
// flowcheck: real traffic that knows when it was harmed.
//
//   flowcheck server --bind ADDRESS --port PORT [--raw 1] [--json FILE]
//   flowcheck client --to ADDRESS:PORT [--tcp N] [--udp N] [--raw N] [--tcp-rate-kbit K]
//                    [--udp-rate R] [--udp-size BYTES] [--udp-no-checksum] [--bind ADDRESS]
//                    [--seconds S] [--finish-timeout S] [--commands] [--json FILE]
//
// Commands, one a line on standard input: `mark` (prints the gaps and losses since the last mark;
// SIGUSR1 does the same), `status`, `open tcp|udp|raw N`, `stop` (SIGTERM does the same).
// Exit status: 0 nothing broke, 1 something did, 2 it could not start.
#include "flow_endpoint.hpp"

#include <cstdlib>
#include <iostream>

namespace {

using sacip::flowcheck::EndpointOptions;

int usage(const std::string& what) {
    std::cerr << "flowcheck: " << what << "\n"
              << "usage: flowcheck server --bind ADDRESS --port PORT [--raw 1] [--json FILE]\n"
              << "       flowcheck client --to ADDRESS:PORT [--tcp N] [--udp N] [--raw N]\n"
              << "           [--tcp-rate-kbit K] [--udp-rate R] [--udp-size BYTES]\n"
              << "           [--udp-no-checksum] [--bind ADDRESS] [--seconds S]\n"
              << "           [--finish-timeout S] [--commands] [--json FILE]\n";
    return 2;
}

bool parse_number(const std::string& text, double least, double most, double& value) {
    char* end = nullptr;
    value = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == '\0' && value >= least && value <= most;
}

// Takes one option with its value. False if either is not understood.
bool take_option(EndpointOptions& options, const std::string& name, const std::string& value) {
    constexpr double most_flows = 10000, fastest = 1e6;
    double number = 0;
    if (name == "--json") {
        options.json_file = value;
        return true;
    }
    if (name == "--bind") {
        return sacip::flowcheck::parse_address(value, options.is_server ? options.address
                                                                        : options.source);
    }
    if (name == "--to" && !options.is_server) {
        return sacip::flowcheck::parse_address(value, options.address);
    }
    if (name == "--port" && parse_number(value, 1, 65535, number)) {
        options.address.sin_port = htons(static_cast<std::uint16_t>(number));
    } else if (name == "--tcp" && parse_number(value, 0, most_flows, number)) {
        options.tcp = static_cast<unsigned>(number);
    } else if (name == "--udp" && parse_number(value, 0, most_flows, number)) {
        options.udp = static_cast<unsigned>(number);
    } else if (name == "--raw" && parse_number(value, 0, most_flows, number)) {
        options.raw = static_cast<unsigned>(number);
    } else if (name == "--tcp-rate-kbit" && parse_number(value, 1, fastest, number)) {
        options.tcp_rate_kbit = static_cast<std::uint32_t>(number);
    } else if (name == "--udp-rate" && parse_number(value, 1, fastest, number)) {
        options.datagram_rate = static_cast<std::uint32_t>(number);
    } else if (name == "--udp-size" && parse_number(value, sacip::flowcheck::smallest_datagram,
                                                    sacip::flowcheck::largest_datagram, number)) {
        options.datagram_size = static_cast<std::uint16_t>(number);
    } else if (name == "--seconds" && parse_number(value, 0, fastest, number)) {
        options.seconds = number;
    } else if (name == "--finish-timeout" && parse_number(value, 0, fastest, number)) {
        options.finish_timeout = number;
    } else {
        return false;
    }
    return true;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty() || (words[0] != "server" && words[0] != "client")) {
        return usage("server or client?");
    }
    EndpointOptions options;
    options.is_server = words[0] == "server";
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (words[i] == "--udp-no-checksum") {
            options.udp_no_checksum = true;
        } else if (words[i] == "--commands") {
            options.commands = true;
        } else if (i + 1 >= words.size() || !take_option(options, words[i], words[i + 1])) {
            return usage("option not understood: " + words[i]);
        } else {
            ++i;
        }
    }
    if (options.address.sin_port == 0 || options.address.sin_addr.s_addr == 0) {
        return usage(options.is_server ? "--bind and --port are needed" : "--to is needed");
    }
    return sacip::flowcheck::Endpoint(options).run();
}
