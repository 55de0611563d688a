// SPDX-License-Identifier: BSD-3-Clause
//
// Request: one line of the control protocol in, one line out.
//
// A pure function apart from what the handler does, so that it can be fuzzed without a socket.
// Whatever the line holds, there is an answer, it is one JSON object, and it has no line break.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace sacip::control {

/// Carries out one command. `args` is always a JSON object, {} if the client sent none, but its
/// members are whatever the client wrote: check their types. The reply is a JSON object, for a
/// refusal refusal(what, remedy). A thrown std::exception becomes a refusal too, so a handler may
/// leave nlohmann's type errors alone. Called by the thread that calls Server::poll().
using Handler =
    std::function<nlohmann::json(const std::string& command, const nlohmann::json& args)>;

/// Longest request, in bytes without its line break.
inline constexpr std::size_t max_request = 64 * 1024;
/// Deepest nesting of objects and arrays in a request; the schemas need two.
inline constexpr int max_depth = 8;

/// {"error":{"what":…,"remedy":…}}: no change was made, why, and what to do about it.
nlohmann::json refusal(const std::string& what, const std::string& remedy);

/// The reply to one request line (without its line break; a trailing CR does no harm). Bytes of a
/// reply that are not UTF-8 come out as U+FFFD. Never throws for what the line or handler holds.
std::string answer(std::string_view line, const Handler& handler);

} // namespace sacip::control
