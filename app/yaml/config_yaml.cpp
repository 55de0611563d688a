// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/config_yaml.hpp"

#include "app/yaml/rules.hpp"
#include "app/yaml/sections.hpp"
#include "app/yaml/yaml_tree.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

namespace sacip {

namespace {

/// How long a pipe's writer may take; a start must never wait for ever.
constexpr int patience_ms = 3000;

class File {
public:
    explicit File(const std::string& path)
        : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)} {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    int fd() const { return fd_; }

private:
    int fd_;
};

/// The whole file, at most one byte more than is allowed, which parse_config then refuses. A pipe
/// is as good as a file (`--config <(...)`), if somebody writes to it.
std::optional<std::string> read_file(const std::string& path, std::string& reason) {
    const File file{path};
    struct stat status {};
    if (file.fd() < 0 || fstat(file.fd(), &status) != 0) {
        reason = std::strerror(errno);
        return std::nullopt;
    }
    if (S_ISDIR(status.st_mode)) {
        reason = "it is a directory";
        return std::nullopt;
    }
    std::string text;
    std::array<char, 4096> block{};
    while (text.size() <= max_config_bytes) {
        pollfd readable{file.fd(), POLLIN, 0};
        const int ready = ::poll(&readable, 1, patience_ms);
        const ssize_t got = ready > 0 ? ::read(file.fd(), block.data(), block.size()) : -1;
        if (got == 0) {
            break;
        }
        if (got < 0 && ready != 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (got < 0) {
            reason = ready == 0 ? "a pipe, and nobody writes to it" : std::strerror(errno);
            return std::nullopt;
        }
        text.append(block.data(), static_cast<size_t>(got));
    }
    return text;
}

} // namespace

ConfigResult parse_config(std::string_view text) {
    ConfigResult result;
    const yaml::Node root = yaml::parse_tree(text, result.errors);
    if (root.kind == yaml::Node::Kind::map) {
        Config config;
        yaml::Places places;
        yaml::read_sections(root, config, places, result.errors);
        yaml::check_ports(config, places, result.errors);
        yaml::check_hosts(config, places, result.errors);
        yaml::check_peers(config, places, result.errors);
        if (result.errors.empty()) {
            result.config = std::move(config);
        }
    }
    std::stable_sort(result.errors.begin(), result.errors.end(), [](const auto& a, const auto& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    return result;
}

ConfigResult load_config(const std::string& path) {
    std::string reason;
    if (const auto text = read_file(path, reason)) {
        return parse_config(*text);
    }
    ConfigResult result;
    result.errors.push_back({1, 1, "the file can not be read (" + reason + ")",
                             "check the path given to --config and its permissions"});
    return result;
}

std::string to_text(const ConfigError& error, std::string_view file) {
    return std::string{file} + ":" + std::to_string(error.line) + ":" +
           std::to_string(error.column) + ": " + error.what + ": " + error.remedy;
}

} // namespace sacip
