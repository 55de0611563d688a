// SPDX-License-Identifier: BSD-3-Clause
//
// sacip-gw EAL-OPTIONS -- --config FILE [--check] [--total-num-mbufs N]
//
// Our own options are read first: a configuration is checked before any hardware is touched, and
// with --check nothing else happens.
#include "app/appliance.hpp"
#include "app/crypto/identity.hpp"
#include "app/dpdk/eal.hpp"
#include "app/yaml/config_yaml.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

std::atomic<bool> stop{false};

void on_signal(int) { stop = true; }

/// A terminal that is closed, or a habit: no reason to drop everybody's packets.
void on_hang_up(int) {
    constexpr std::string_view line{
        "sacip-gw: SIGHUP: still running; nothing is read anew (to take "
        "another configuration, end it with SIGTERM and start it)\n"};
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    errno = error;
}

constexpr const char* usage =
    "usage: sacip-gw EAL-OPTIONS -- --config FILE [--check] [--total-num-mbufs N]\n"
    "\n"
    "  EAL-OPTIONS    as for dpdk-testpmd: -l 0-1 or --lcores, -a PCI or --vdev, --file-prefix "
    "...\n"
    "                 the main lcore is the slow path, all others forward\n"
    "  --config FILE  the configuration (conf/sacip.example.yaml explains every key)\n"
    "  --check        read the configuration and the key, say what is wrong with them, and end\n"
    "  --total-num-mbufs N\n"
    "                 packet buffers, where the ports need more than their rings hold\n"
    "  --version      print the version and end\n"
    "  --help         print this and end\n";

struct Options {
    std::string config;
    bool check{false};
    uint32_t total_num_mbufs{0};
};

/// False if the word is no number of buffers.
bool read_mbufs(std::string_view word, uint32_t& out) {
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
    return error == std::errc{} && end == word.data() + word.size() && out > 0;
}

/// Reads what stands after "--"; an exit status if that is all there is to do.
std::optional<int> read_options(int argc, char** argv, Options& out) {
    int at = 1;
    while (at < argc && std::string_view{argv[at]} != "--") {
        const std::string_view early{argv[at]};
        if (early == "--version" || early == "--help" || early == "--check" ||
            early == "--config") {
            break; // without EAL options the "--" may be left out
        }
        at++;
    }
    at += at < argc && std::string_view{argv[at]} == "--" ? 1 : 0;
    for (; at < argc; at++) {
        const std::string_view word{argv[at]};
        if (word == "--config" && at + 1 < argc) {
            out.config = argv[++at];
        } else if (word == "--total-num-mbufs" && at + 1 < argc) {
            if (!read_mbufs(argv[++at], out.total_num_mbufs)) {
                std::fprintf(stderr,
                             "sacip-gw: --total-num-mbufs %s is no number: write how many packet "
                             "buffers there shall be at least, for example 65536\n",
                             argv[at]);
                return 2;
            }
        } else if (word == "--check") {
            out.check = true;
        } else if (word == "--version") {
            std::printf("sacip-gw %s\n", SACIP_VERSION);
            return 0;
        } else if (word == "--help") {
            std::fputs(usage, stdout);
            return 0;
        } else if (word != "--") {
            std::fprintf(stderr, "sacip-gw: unknown option %s after --: see sacip-gw --help\n",
                         argv[at]);
            return 2;
        }
    }
    if (out.config.empty()) {
        std::fprintf(stderr, "sacip-gw: no configuration: add -- --config FILE\n%s", usage);
        return 2;
    }
    return std::nullopt;
}

std::optional<sacip::Config> read_config(const std::string& file) {
    auto result = sacip::load_config(file);
    for (const auto& error : result.errors) {
        std::fprintf(stderr, "%s\n", to_text(error, file).c_str());
    }
    return std::move(result.config);
}

int run_gateway(const sacip::BootConfig& boot, std::shared_ptr<const sacip::Policy> policy,
                const sacip::Eal& eal, uint32_t packets) {
    sacip::Appliance appliance{boot, std::move(policy), eal.worker_lcores(), eal.side_cpus(),
                               packets};
    if (const auto error = appliance.start()) {
        std::fprintf(stderr, "sacip-gw: %s\n", error->c_str());
        return 1;
    }
    for (const auto& warning : appliance.warnings()) {
        std::fprintf(stderr, "sacip-gw: warning: %s\n", warning.c_str());
    }
    for (const auto& port : appliance.ports_text()) {
        std::printf("sacip-gw: %s\n", port.c_str());
    }
    std::printf("sacip-gw: %s ready\n", boot.gateway.name.c_str());
    std::fflush(stdout);
    appliance.run(stop);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    if (const auto status = read_options(argc, argv, options)) {
        return *status;
    }
    const auto config = read_config(options.config);
    if (!config) {
        return 1;
    }
    const auto policy = std::make_shared<const sacip::Policy>(sacip::make_policy(*config));
    if (const auto complaint = sacip::crypto::check_identity(config->identity, policy->peers)) {
        std::fprintf(stderr, "%s: %s\n", options.config.c_str(), complaint->c_str());
        return 1;
    }
    if (options.check) {
        std::printf("%s: ok\n", options.config.c_str());
        return 0;
    }
    auto eal = sacip::Eal::init(argc, argv);
    if (const auto* error = std::get_if<std::string>(&eal)) {
        std::fprintf(stderr, "sacip-gw: %s\n", error->c_str());
        return 1;
    }
    const auto& environment = *std::get<0>(eal);
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    std::signal(SIGHUP, on_hang_up);
    std::signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1); // sleeps of 20 us are meant
    if (const auto why = std::get<0>(eal)->enable_capture()) {
        std::fprintf(stderr, "sacip-gw: dpdk-dumpcap can't attach: %s\n", why->c_str());
    }
    return run_gateway(*config, policy, environment, options.total_num_mbufs);
}
