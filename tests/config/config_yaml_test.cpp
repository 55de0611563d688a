// SPDX-License-Identifier: BSD-3-Clause
//
// The loader over files: every bad/NAME.yaml must give exactly the lines of bad/NAME.expected,
// the shipped configurations must load, and what loads must have the values that were written.
//
// SACIP_REGEN=1 rewrites the .expected files from what the loader says now; then read the diff
// with the eyes of an operator at three in the morning: is it plain what to type?
//
// SACIP_SOURCE_DIR (a compile definition, or in the environment) is the top of the source tree.
#include "app/yaml/config_yaml.hpp"
#include "sacip_core/wire/key_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace sacip {
namespace {

namespace fs = std::filesystem;

fs::path source_dir() {
    if (const char* from_environment = std::getenv("SACIP_SOURCE_DIR")) {
        return from_environment;
    }
#ifdef SACIP_SOURCE_DIR
    return SACIP_SOURCE_DIR;
#else
    return ".";
#endif
}

std::string read(const fs::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

std::string error_lines(const ConfigResult& result, const std::string& file) {
    std::string out;
    for (const auto& error : result.errors) {
        out += to_text(error, file) + "\n";
    }
    return out;
}

std::vector<fs::path> bad_files() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(source_dir() / "tests/config/bad")) {
        if (entry.path().extension() == ".yaml") {
            out.push_back(entry.path());
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

constexpr std::string_view minimal = R"(
gateway: {name: m}
ports:
  - {name: lan, device: d0, role: inside,  host_interface: {name: lan0}}
  - {name: wan, device: d1, role: outside, host_interface: {name: wan0}}
)";

ConfigResult with(std::string_view more) {
    return parse_config(std::string{minimal} + std::string{more});
}

IpPrefix prefix(std::string_view text) { return IpPrefix::from_text(text).value(); }

TEST(BadConfig, GivesExactlyTheExpectedErrors) {
    const bool regenerate = std::getenv("SACIP_REGEN") != nullptr;
    const auto files = bad_files();
    EXPECT_GE(files.size(), 40U);
    for (const auto& file : files) {
        SCOPED_TRACE(file.filename().string());
        const ConfigResult result = load_config(file.string());
        EXPECT_FALSE(result.config.has_value());
        EXPECT_FALSE(result.errors.empty());
        const std::string lines = error_lines(result, file.filename().string());
        const fs::path expected = fs::path{file}.replace_extension(".expected");
        if (regenerate) {
            std::ofstream{expected, std::ios::binary} << lines;
        } else {
            EXPECT_EQ(lines, read(expected));
        }
    }
}

TEST(BadConfig, EachExpectedFileHasItsYaml) {
    for (const auto& entry : fs::directory_iterator(source_dir() / "tests/config/bad")) {
        if (entry.path().extension() == ".expected") {
            EXPECT_TRUE(fs::exists(fs::path{entry.path()}.replace_extension(".yaml")))
                << entry.path();
        }
    }
}

TEST(BadConfig, ErrorsAreSortedOnOneLineAndPrintable) {
    for (const auto& file : bad_files()) {
        SCOPED_TRACE(file.filename().string());
        const auto errors = load_config(file.string()).errors;
        EXPECT_TRUE(std::is_sorted(errors.begin(), errors.end(), [](const auto& a, const auto& b) {
            return std::pair{a.line, a.column} < std::pair{b.line, b.column};
        }));
        for (const auto& error : errors) {
            EXPECT_GE(error.line, 1);
            EXPECT_GE(error.column, 1);
            EXPECT_FALSE(error.what.empty());
            EXPECT_FALSE(error.remedy.empty());
            const std::string line = to_text(error, "f");
            EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) {
                return c >= ' ' && c <= '~';
            })) << line;
        }
    }
}

TEST(BadConfig, FileThatCanNotBeRead) {
    const auto missing = load_config("/nonexistent/sacip.yaml");
    ASSERT_EQ(missing.errors.size(), 1U);
    EXPECT_EQ(to_text(missing.errors[0], "sacip.yaml"),
              "sacip.yaml:1:1: the file can not be read (No such file or directory): check the "
              "path given to --config and its permissions");
    const auto directory = load_config(source_dir().string());
    ASSERT_EQ(directory.errors.size(), 1U);
    EXPECT_NE(directory.errors[0].what.find("directory"), std::string::npos);
}

TEST(BadConfig, PipeThatNobodyWritesTo) {
    const auto path =
        fs::temp_directory_path() / ("sacip-config-" + std::to_string(::getpid()) + ".fifo");
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const auto errors = load_config(path.string()).errors;
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(errors[0].what, "the file can not be read (a pipe, and nobody writes to it)");
    // One that is written to, in pieces, is as good as a file.
    std::thread writer{[&] {
        std::ofstream pipe{path};
        pipe << "gateway: {name: a" << std::flush;
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        pipe << ", colour: red}\n";
    }};
    const auto written = load_config(path.string()).errors;
    writer.join();
    fs::remove(path);
    ASSERT_FALSE(written.empty());
    EXPECT_EQ(written[0].what.find("can not be read"), std::string::npos) << written[0].what;
}

TEST(BadConfig, FileThatIsTooLarge) {
    const auto at_limit = parse_config("#" + std::string(max_config_bytes - 1, 'x'));
    ASSERT_EQ(at_limit.errors.size(), 1U);
    EXPECT_EQ(at_limit.errors[0].what, "the file is empty");
    const auto beyond = parse_config("#" + std::string(max_config_bytes, 'x'));
    ASSERT_EQ(beyond.errors.size(), 1U);
    EXPECT_EQ(beyond.errors[0].what, "the file is larger than 1 MiB");
    EXPECT_EQ(load_config("/dev/zero").errors, beyond.errors);
}

TEST(BadConfig, DepthIsBounded) {
    for (const char* piece : {"[", "{a: ", "- ", "a: [{", "? "}) {
        std::string text;
        while (text.size() < max_config_bytes / 4) {
            text += piece;
        }
        SCOPED_TRACE(piece);
        EXPECT_FALSE(parse_config(text).config.has_value());
    }
}

TEST(GoodConfig, DefaultsAreThoseOfConfig) {
    const auto result = with("");
    ASSERT_TRUE(result.config) << error_lines(result, "minimal");
    const Config& config = *result.config;
    EXPECT_EQ(config.gateway.control_socket, "/run/sacip/m.sock");
    EXPECT_EQ(config.gateway.metrics, (MetricsEndpoint{{127, 0, 0, 1}, 9812}));
    EXPECT_EQ(config.cores.idle, IdlePolicy::adaptive);
    EXPECT_EQ(config.limits.flows, 1048576U);
    EXPECT_EQ(config.limits.paths, 65536U);
    EXPECT_EQ(config.timeouts.tcp_established, std::chrono::hours{2} + std::chrono::minutes{4});
    EXPECT_EQ(config.move.settle, Milliseconds{20});
    EXPECT_EQ(config.move.drain, std::chrono::seconds{30});
    EXPECT_EQ(config.protocol.icmp_type, 20);
    EXPECT_EQ(config.protocol.udp_port, 4720);
    EXPECT_TRUE(config.hosts.empty());
    EXPECT_TRUE(config.basic_peers.empty());
    EXPECT_EQ(config.ports[0].host_interface.kind, HostInterfaceKind::automatic);
}

TEST(GoodConfig, ExampleLoadsAndDocumentsTheDefaults) {
    const auto result = load_config((source_dir() / "conf/sacip.example.yaml").string());
    ASSERT_TRUE(result.config) << error_lines(result, "sacip.example.yaml");
    const Config& config = *result.config;
    const Config defaults;
    EXPECT_EQ(config.gateway.control_socket, default_control_socket(config.gateway.name));
    EXPECT_EQ(config.gateway.metrics, defaults.gateway.metrics);
    EXPECT_EQ(config.cores.idle, defaults.cores.idle);
    EXPECT_EQ(config.limits.flows, defaults.limits.flows);
    EXPECT_EQ(config.limits.paths, defaults.limits.paths);
    EXPECT_EQ(config.timeouts.tcp_established, defaults.timeouts.tcp_established);
    EXPECT_EQ(config.timeouts.tcp_other, defaults.timeouts.tcp_other);
    EXPECT_EQ(config.timeouts.udp, defaults.timeouts.udp);
    EXPECT_EQ(config.timeouts.other, defaults.timeouts.other);
    EXPECT_EQ(config.checksum.l4, defaults.checksum.l4);
    EXPECT_EQ(config.offload, defaults.offload);
    EXPECT_EQ(config.move.settle, defaults.move.settle);
    EXPECT_EQ(config.move.drain, defaults.move.drain);
    EXPECT_EQ(config.move.switch_timeout, defaults.move.switch_timeout);
    EXPECT_EQ(config.move.shield, defaults.move.shield);
    EXPECT_EQ(config.protocol.icmp_type, defaults.protocol.icmp_type);
    EXPECT_EQ(config.protocol.udp_port, defaults.protocol.udp_port);
    EXPECT_EQ(config.ports.size(), 4U);
    EXPECT_EQ(config.ports[2].host_interface.kind, HostInterfaceKind::none);
    EXPECT_EQ(config.ports[2].next_hop_mac, MacAddr::from_text("02:00:00:00:00:01"));
    EXPECT_EQ(config.ports[1].vlan, PortConfig{}.vlan);
    EXPECT_EQ(config.ports[3].vlan, 20);
    EXPECT_TRUE(config.has_vlans("net_af_packet1"));
    EXPECT_FALSE(config.has_vlans("net_af_packet0"));
    EXPECT_EQ(config.largest_mtu("net_af_packet0"), PortConfig{}.mtu);
    EXPECT_EQ(config.hosts.size(), 4U);
    ASSERT_TRUE(config.identity);
    EXPECT_EQ(config.identity->state_file, default_state_file(config.identity->private_key_file));
    ASSERT_EQ(config.peers.size(), 1U);
    EXPECT_EQ(config.peers[0].path_validation, PeerConfig{}.path_validation);
    EXPECT_EQ(config.basic_peers.size(), 1U);
}

TEST(GoodConfig, LabLoads) {
    const auto result = load_config((source_dir() / "conf/sacip.lab.yaml").string());
    EXPECT_TRUE(result.config) << error_lines(result, "sacip.lab.yaml");
}

TEST(GoodConfig, DesignShapeHasItsValues) {
    const auto result = parse_config(R"(
gateway: {name: branch-1, control_socket: /run/sacip/branch-1.sock, metrics: 127.0.0.1:9812}
cores:   {idle: busy}
limits:  {flows: 2000, paths: 100}
ports:
  - {name: lan, device: net_af_packet0, role: inside,
     host_interface: {name: lan0, addresses: [10.1.0.1/24]}}
  - {name: wan, device: net_af_packet1, role: outside,
     host_interface: {name: wan0, addresses: [10.0.1.2/24],
                      routes: [{to: default, via: 10.0.1.1}]}}
hosts:
  - {inside: 10.1.0.10/32, outside: wan}
  - {inside: 10.2.0.0/24,  outside: 10.2.0.0/24}
  - {inside: box, outside: wan, box_ports: [22/tcp, 53/udp]}
basic_peers:
  - {prefix: 10.8.0.0/24, roam_to: [10.0.0.0/8]}
checksum: {l4: original, offload: off}
move: {settle: 5ms, drain: 2min, switch_timeout: 1s, shield: 0ms}
timeouts: {tcp_established: 1h, udp: 60s}
protocol: {icmp_type: 253, udp_port: 4721}
)");
    ASSERT_TRUE(result.config) << error_lines(result, "design");
    const Config& config = *result.config;
    EXPECT_EQ(config.gateway.name, "branch-1");
    EXPECT_EQ(config.cores.idle, IdlePolicy::busy);
    EXPECT_EQ(config.limits.flows, 2000U);
    EXPECT_EQ(config.limits.paths, 100U);
    ASSERT_EQ(config.ports.size(), 2U);
    const PortConfig& wan = config.ports[1];
    EXPECT_EQ(config.port_named("wan"), PortId{1});
    EXPECT_EQ(config.port_named("dsl"), std::nullopt);
    EXPECT_EQ(wan.device, "net_af_packet1");
    EXPECT_EQ(wan.role, PortRole::outside);
    EXPECT_EQ(wan.host_interface.name, "wan0");
    ASSERT_EQ(wan.host_interface.addresses.size(), 1U);
    EXPECT_EQ(wan.host_interface.addresses[0], (InterfaceAddress{{10, 0, 1, 2}, 24}));
    ASSERT_EQ(wan.host_interface.routes.size(), 1U);
    EXPECT_EQ(wan.host_interface.routes[0], (RouteConfig{IpPrefix{}, {10, 0, 1, 1}}));
    EXPECT_FALSE(wan.next_hop_mac.has_value());
    ASSERT_EQ(config.hosts.size(), 3U);
    EXPECT_EQ(*config.hosts[0].inside_prefix(), prefix("10.1.0.10"));
    EXPECT_EQ(*config.hosts[0].outside_port(), "wan");
    EXPECT_EQ(*config.hosts[1].outside_prefix(), prefix("10.2.0.0/24"));
    EXPECT_TRUE(config.hosts[2].is_box());
    EXPECT_EQ(config.hosts[2].box_ports,
              (std::vector<BoxPort>{{IpProto::tcp, 22}, {IpProto::udp, 53}}));
    ASSERT_EQ(config.basic_peers.size(), 1U);
    EXPECT_EQ(config.basic_peers[0].prefix, prefix("10.8.0.0/24"));
    EXPECT_EQ(config.basic_peers[0].roam_to, std::vector{prefix("10.0.0.0/8")});
    EXPECT_EQ(config.checksum.l4, L4Checksum::original);
    EXPECT_EQ(config.offload, OffloadPolicy::off);
    EXPECT_EQ(config.move.settle, Milliseconds{5});
    EXPECT_EQ(config.move.drain, std::chrono::minutes{2});
    EXPECT_EQ(config.move.shield, Milliseconds{0});
    EXPECT_EQ(config.timeouts.tcp_established, std::chrono::hours{1});
    EXPECT_EQ(config.timeouts.udp, std::chrono::minutes{1});
    EXPECT_EQ(config.protocol.icmp_type, 253);
    EXPECT_EQ(config.protocol.udp_port, 4721);
}

constexpr std::string_view key_1 = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
constexpr std::string_view key_2 = "3p7bfXt9wbTTW2HC7OQ1c0Q3g8WLdk2nrfx+FG+IK08=";

TEST(GoodConfig, PeersHaveTheirValues) {
    const auto result = with("identity: {private_key_file: /etc/sacip/m.key}\n"
                             "peers:\n"
                             "  - {name: hq, public_key: " +
                             std::string{key_1} +
                             ", addresses: [10.9.0.0/24]}\n"
                             "  - name: 2nd.branch_x-y\n"
                             "    public_key: \"" +
                             std::string{key_2} +
                             "\"\n"
                             "    addresses: [10.6.0.0/15, 10.5.0.7]\n"
                             "    roam_to: [0.0.0.0/0, 10.5.0.0/16]\n"
                             "    path_validation: always\n"
                             "    rendezvous: 198.51.100.7\n"
                             "basic_peers: [{prefix: 10.8.0.0/24, roam_to: [10.0.0.0/8]}]\n");
    ASSERT_TRUE(result.config) << error_lines(result, "peers");
    const Config& config = *result.config;
    ASSERT_TRUE(config.identity);
    EXPECT_EQ(config.identity->private_key_file, "/etc/sacip/m.key");
    EXPECT_EQ(config.identity->state_file, "/etc/sacip/m.key.state");
    ASSERT_EQ(config.peers.size(), 2U);
    const PeerConfig& hq = config.peers[0];
    EXPECT_EQ(hq.name, "hq");
    EXPECT_EQ(hq.public_key, public_key_from_text(key_1));
    EXPECT_EQ(hq.addresses, std::vector{prefix("10.9.0.0/24")});
    EXPECT_TRUE(hq.roam_to.empty());
    EXPECT_EQ(hq.path_validation, PathValidation::trust_peer);
    EXPECT_FALSE(hq.rendezvous);
    const PeerConfig& branch = config.peers[1];
    EXPECT_EQ(branch.name, "2nd.branch_x-y");
    EXPECT_EQ(branch.public_key, public_key_from_text(key_2));
    EXPECT_EQ(branch.addresses, (std::vector{prefix("10.6.0.0/15"), prefix("10.5.0.7")}));
    EXPECT_EQ(branch.roam_to, (std::vector{prefix("0.0.0.0/0"), prefix("10.5.0.0/16")}));
    EXPECT_EQ(branch.path_validation, PathValidation::always);
    EXPECT_EQ(branch.rendezvous, Ipv4Addr(198, 51, 100, 7));
    EXPECT_EQ(config.basic_peers.size(), 1U);
}

TEST(GoodConfig, StateFileOfOnesChoice) {
    const auto result = with("peers: [{name: hq, public_key: " + std::string{key_1} +
                             ", addresses: [10.9.0.0/24], roam_to: []}]\n"
                             "identity: {state_file: /var/lib/sacip/epoch, "
                             "private_key_file: /etc/sacip/m.key}\n");
    ASSERT_TRUE(result.config) << error_lines(result, "state");
    EXPECT_EQ(result.config->identity->state_file, "/var/lib/sacip/epoch");
}

TEST(GoodConfig, APeersWidePrefixMayHaveOursInIt) {
    const auto result = with("hosts: [{inside: 10.2.0.0/24, outside: 10.2.0.0/24}]\n"
                             "identity: {private_key_file: /etc/sacip/m.key}\n"
                             "peers: [{name: hq, public_key: " +
                             std::string{key_1} + ", addresses: [10.0.0.0/8]}]\n");
    EXPECT_TRUE(result.config) << error_lines(result, "wide");
}

TEST(BadConfig, NoMessageRepeatsWhatMayBeAKey) {
    const std::string secret = "qFz7PpGd0Vw";
    for (const std::string& more :
         {"identity: {private_key_file: " + secret + "}\n",
          "identity: {private_key_file: /k, state_file: " + secret + "}\n",
          "identity: {private_key_file: /k}\npeers: [{name: a, public_key: " + secret +
              ", addresses: [10.9.0.0/24]}]\n"}) {
        EXPECT_EQ(error_lines(with(more), "f").find(secret), std::string::npos) << more;
    }
}

TEST(GoodConfig, BoxOnlyGatewayNeedsNoInsidePort) {
    const auto result = parse_config("gateway: {name: b, metrics: off}\n"
                                     "ports: [{name: wan, device: d, role: outside, "
                                     "host_interface: {kind: tap, name: wan0}}]\n"
                                     "hosts: [{inside: box, outside: wan}]\n");
    ASSERT_TRUE(result.config) << error_lines(result, "box");
    EXPECT_EQ(result.config->ports[0].host_interface.kind, HostInterfaceKind::tap);
    EXPECT_FALSE(result.config->gateway.metrics.has_value());
}

TEST(GoodConfig, WhatIsUnusualButRight) {
    for (const char* more :
         {"hosts: [{inside: 10.1.0.10, outside: wan}, {inside: box, outside: wan}]\n",
          "hosts: [{inside: \"10.1.0.10\", outside: '203.0.113.9/32'}]\n", "hosts: []\n",
          "basic_peers: []\n", "peers: []\n",
          "basic_peers: [{prefix: 10.9.0.1, roam_to: [0.0.0.0/0]}]\n",
          "basic_peers: [{prefix: 10.8.0.0/24, roam_to: [10.0.0.0/8]}, "
          "{prefix: 10.9.0.0/24, roam_to: [10.0.0.0/8]}]\n",
          "limits: {flows: 134217728, paths: 1048576}\n", "limits: {flows: 1, paths: 1}\n"}) {
        const auto result = with(more);
        EXPECT_TRUE(result.config) << error_lines(result, more);
    }
    EXPECT_TRUE(parse_config("---\n" + std::string{minimal}).config);
    EXPECT_TRUE(parse_config("\xEF\xBB\xBF" + std::string{minimal}).config);
    std::string dos;
    for (const char c : minimal) {
        dos += c == '\n' ? "\r\n" : std::string(1, c);
    }
    EXPECT_TRUE(parse_config(dos).config);
}

} // namespace
} // namespace sacip
