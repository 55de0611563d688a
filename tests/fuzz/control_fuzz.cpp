// SPDX-License-Identifier: BSD-3-Clause
//
// Any request line must get one JSON object on one line; and sacipctl must be able to print any
// object as the reply to any command. The arguments of the request serve as that reply.
#include "app/control/request.hpp"
#include "app/sacipctl/render.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace {

using nlohmann::json;

json handle(const std::string& command, const json& args) {
    if (command == "throw") {
        throw std::runtime_error{command};
    }
    return command == "list" ? json::array() : args;
}

void require(bool promise) {
    if (!promise) {
        std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line{reinterpret_cast<const char*>(data), size};
    const std::string reply = sacip::control::answer(line, handle);
    require(reply.find('\n') == std::string::npos);
    const json parsed = json::parse(reply, nullptr, false);
    require(parsed.is_object());
    for (const char* command :
         {"status", "ports", "flows", "paths", "bindings", "moves", "move", "drops"}) {
        sacip::ctl::Options options;
        options.command = command;
        options.all = size % 2 == 0;
        if (size % 3 == 0) {
            options.id = 1;
        }
        require(sacip::ctl::render(options, parsed).ends_with("\n"));
    }
    return 0;
}
