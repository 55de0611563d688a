// SPDX-License-Identifier: BSD-3-Clause
#include "app/control/request.hpp"

#include <exception>

namespace sacip::control {

using nlohmann::json;

namespace {

constexpr const char* shape = R"(one line holds one request: {"command":"status"} or )"
                              R"({"command":"flows","args":{"limit":10}})";

/// What the line holds, or a refusal in `error`.
json parse(std::string_view line, json& error) {
    bool too_deep = false;
    // Values that nest too deep are dropped while parsing, so that they cost no memory.
    const auto limit_depth = [&too_deep](int depth, json::parse_event_t, json&) {
        too_deep = too_deep || depth > max_depth;
        return !too_deep;
    };
    json request;
    try {
        request = json::parse(line.begin(), line.end(), limit_depth);
    } catch (const json::parse_error& bad) {
        error = refusal("the request is not JSON (byte " + std::to_string(bad.byte) + ")", shape);
    } catch (const json::exception&) { // a number no double can hold
        error = refusal("the request holds a number that is out of range", shape);
    }
    if (too_deep) {
        error = refusal("the request nests deeper than " + std::to_string(max_depth), shape);
    }
    return request;
}

/// Nothing if `request` is {"command": string, "args": object?} and no more. An unknown member is
/// refused, because a misspelt "args" would quietly widen a command to everything.
json check(const json& request) {
    if (!request.is_object()) {
        return refusal("the request is not a JSON object", shape);
    }
    for (const auto& [key, value] : request.items()) {
        const bool known = key == "command" || key == "args";
        if (!known) {
            return refusal("unknown member \"" + key.substr(0, 40) + "\" in the request", shape);
        }
        if (key == "command" && !value.is_string()) {
            return refusal("\"command\" is not a string", shape);
        }
        if (key == "args" && !value.is_object()) {
            return refusal("\"args\" is not an object", shape);
        }
    }
    if (!request.contains("command")) {
        return refusal("the request has no \"command\"", shape);
    }
    return {};
}

json carry_out(std::string_view line, const Handler& handler) {
    json error;
    const json request = parse(line, error);
    if (error.is_null()) {
        error = check(request);
    }
    if (!error.is_null()) {
        return error;
    }
    const auto args = request.find("args");
    try {
        json reply = handler(request["command"].get<std::string>(),
                             args == request.end() ? json::object() : *args);
        if (reply.is_object()) {
            return reply;
        }
        return refusal("internal error: the reply is not an object", "please report this");
    } catch (const json::exception&) {
        return refusal("an argument has the wrong type", "see docs/control.md for the arguments");
    } catch (const std::exception& bad) {
        return refusal(std::string{"internal error: "} + bad.what(), "please report this");
    }
}

} // namespace

json refusal(const std::string& what, const std::string& remedy) {
    return {{"error", {{"what", what}, {"remedy", remedy}}}};
}

std::string answer(std::string_view line, const Handler& handler) {
    return carry_out(line, handler).dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace sacip::control
