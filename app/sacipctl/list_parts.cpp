// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/list_parts.hpp"

#include "app/sacipctl/cell.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace sacip::ctl {

using nlohmann::json;

namespace {

constexpr std::uint64_t entries_at_once = 1000;

/// Adds the lists of `part` to those of `whole`; how many entries they have.
std::uint64_t append(json& whole, const json& part) {
    std::uint64_t entries = 0;
    for (const auto& [key, value] : part.items()) {
        if (!value.is_array() || !whole.contains(key)) {
            whole[key] = value;
        } else {
            whole[key].insert(whole[key].end(), value.begin(), value.end());
        }
        entries += value.is_array() ? value.size() : 0;
    }
    return entries;
}

} // namespace

bool comes_in_parts(const std::string& command) {
    return command == "flows" || command == "paths" || command == "bindings";
}

json ask_once(Conversation& gateway, const std::string& command, const json& args,
              std::chrono::milliseconds patience, std::string& error) {
    const json request{{"command", command}, {"args", args}};
    const Reply answer =
        gateway.ask(request.dump(-1, ' ', false, json::error_handler_t::replace), patience);
    error = answer.error;
    return error.empty() ? json::parse(answer.line, nullptr, false) : json{};
}

json ask_for_parts(Conversation& gateway, const std::string& command, const json& args,
                   std::chrono::milliseconds patience, std::string& error) {
    const std::uint64_t all = command == "flows" ? 100 : std::numeric_limits<std::uint64_t>::max();
    std::uint64_t wanted = args.value("limit", all);
    std::uint64_t at = 0;
    json whole = json::object();
    json request = args;
    for (;;) {
        request["limit"] = std::min(wanted, entries_at_once);
        request["after"] = at;
        const json part = ask_once(gateway, command, request, patience, error);
        if (!error.empty() || !part.is_object() || part.contains("error")) {
            return part;
        }
        wanted -= std::min(wanted, append(whole, part));
        const json next = member(part, "next");
        whole.erase("next");
        whole["truncated"] = next.is_number_unsigned();
        // It goes forward, whatever answers.
        if (!next.is_number_unsigned() || wanted == 0 || next.get<std::uint64_t>() <= at) {
            return whole;
        }
        at = next.get<std::uint64_t>();
    }
}

} // namespace sacip::ctl
