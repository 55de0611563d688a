// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/cell.hpp"

#include <array>
#include <cstdio>

namespace sacip::ctl {

using nlohmann::json;

namespace {

constexpr const char* unknown = "-";

std::string printable(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            c = '?';
        }
    }
    return text.empty() ? unknown : text;
}

std::string two_digits(std::uint64_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
}

} // namespace

const json& member(const json& object, const std::string& key) {
    static const json missing;
    const auto found = object.find(key); // end() for what is no object
    return found == object.end() ? missing : *found;
}

std::vector<json> rows(const json& object, const std::string& key) {
    const json& array = member(object, key);
    return array.is_array() ? std::vector<json>(array.begin(), array.end()) : std::vector<json>{};
}

std::string cell(const json& value) {
    if (value.is_string()) {
        return printable(value.get<std::string>());
    }
    if (value.is_boolean()) {
        return value.get<bool>() ? "yes" : "no";
    }
    if (value.is_number()) {
        return value.dump();
    }
    if (!value.is_array() || value.empty()) {
        return unknown;
    }
    std::string out;
    for (const json& each : value) {
        out += (out.empty() ? "" : ",") + (each.is_array() ? std::string{unknown} : cell(each));
    }
    return out;
}

std::string cell(const json& object, const std::string& key) { return cell(member(object, key)); }

std::string duration(const json& seconds) {
    if (!seconds.is_number() || seconds.get<double>() < 0 || seconds.get<double>() > 1e15) {
        return unknown;
    }
    if (seconds.is_number_float() && seconds.get<double>() < 10) {
        std::array<char, 32> text{};
        static_cast<void>(std::snprintf(text.data(), text.size(), "%.1fs", seconds.get<double>()));
        return text.data();
    }
    const auto whole = static_cast<std::uint64_t>(seconds.get<double>());
    if (whole < 60) {
        return std::to_string(whole) + "s";
    }
    if (whole < 3600) {
        return std::to_string(whole / 60) + "m" + two_digits(whole % 60) + "s";
    }
    if (whole < 86400) {
        return std::to_string(whole / 3600) + "h" + two_digits(whole / 60 % 60) + "m";
    }
    return std::to_string(whole / 86400) + "d" + two_digits(whole / 3600 % 24) + "h";
}

std::string milliseconds(const json& microseconds) {
    if (!microseconds.is_number()) {
        return unknown;
    }
    const double ms = microseconds.get<double>() / 1000;
    std::array<char, 400> text{};
    static_cast<void>(
        std::snprintf(text.data(), text.size(), "%.*f ms", ms < 1 ? 2 : (ms < 100 ? 1 : 0), ms));
    return text.data();
}

std::string part(const json& used, const json& capacity) {
    std::string text = cell(used) + " of " + cell(capacity);
    if (used.is_number() && capacity.is_number() && capacity.get<double>() > 0) {
        std::array<char, 32> share{};
        static_cast<void>(std::snprintf(share.data(), share.size(), " (%.0f %%)",
                                        100 * used.get<double>() / capacity.get<double>()));
        text += share.data();
    }
    return text;
}

} // namespace sacip::ctl
