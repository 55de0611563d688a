// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/config_yaml.hpp"

#include "app/yaml/rules.hpp"
#include "app/yaml/sections.hpp"
#include "app/yaml/yaml_tree.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sys/stat.h>
#include <tuple>

namespace sacip {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

/// The whole file, at most one byte more than is allowed, which parse_config then refuses.
std::optional<std::string> read_file(const std::string& path, std::string& reason) {
    const std::unique_ptr<std::FILE, CloseFile> file{std::fopen(path.c_str(), "rbe")};
    if (!file) {
        reason = std::strerror(errno);
        return std::nullopt;
    }
    struct stat status {};
    if (fstat(fileno(file.get()), &status) == 0 && S_ISDIR(status.st_mode)) {
        reason = "it is a directory";
        return std::nullopt;
    }
    std::string text;
    std::array<char, 4096> block{};
    while (text.size() <= max_config_bytes) {
        const size_t got = std::fread(block.data(), 1, block.size(), file.get());
        text.append(block.data(), got);
        if (got < block.size()) {
            break;
        }
    }
    if (std::ferror(file.get()) != 0) {
        reason = std::strerror(errno);
        return std::nullopt;
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
