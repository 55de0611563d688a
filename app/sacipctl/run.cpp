// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/run.hpp"

#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/client.hpp"
#include "app/sacipctl/list_parts.hpp"
#include "app/sacipctl/options.hpp"
#include "app/sacipctl/render.hpp"

#ifndef SACIP_VERSION
#define SACIP_VERSION "unversioned"
#endif

namespace sacip::ctl {

using nlohmann::json;

namespace {

/// Leaves only the move with that id; a refusal if there is none.
json only_move(const json& reply, long id) {
    for (const json& move : rows(reply, "moves")) {
        if (member(move, "id") == json(id)) {
            return {{"moves", json::array({move})}};
        }
    }
    return {{"error",
             {{"what", "no move " + std::to_string(id)},
              {"remedy", "sacipctl moves lists those remembered"}}}};
}

int print(const Options& options, const json& reply, std::ostream& out, std::ostream& err) {
    if (options.json) {
        out << reply.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
    }
    if (const json& error = member(reply, "error"); !error.is_null()) {
        err << "sacipctl: " << cell(error, "what") << ": " << cell(error, "remedy") << "\n";
        return refused;
    }
    if (!options.json) {
        out << render(options, reply);
    }
    if (!out.flush()) {
        err << "sacipctl: cannot write the output\n";
        return refused;
    }
    return done;
}

} // namespace

int run(const std::vector<std::string>& words, const Surroundings& surroundings, std::ostream& out,
        std::ostream& err) {
    const ParsedOptions parsed = parse_options(words);
    const Options& options = parsed.options;
    if (!parsed.error.empty()) {
        err << "sacipctl: " << parsed.error << " (sacipctl --help tells more)\n";
        return bad_usage;
    }
    if (options.help || options.version) {
        out << (options.help ? help_text() : "sacipctl " SACIP_VERSION "\n");
        return done;
    }
    if (is_key_command(options.command)) {
        return run_key_command(options.command, surroundings.keys, out, err);
    }
    const FoundSocket found =
        find_socket(options.socket, surroundings.socket_variable, surroundings.socket_directory);
    if (!found.error.empty()) {
        err << "sacipctl: " << found.error << "\n";
        return no_gateway;
    }
    if (options.follow) {
        Following following;
        following.patience = surroundings.patience;
        following.stop = surroundings.catch_signals ? surroundings.catch_signals() : nullptr;
        following.output_fd = surroundings.output_fd;
        return follow(options, found.path, following, out, err);
    }
    Conversation gateway{found.path};
    std::string error;
    json reply = (comes_in_parts(options.command) ? ask_for_parts : ask_once)(
        gateway, options.command, options.args, surroundings.patience, error);
    if (!error.empty()) {
        err << "sacipctl: " << error << "\n";
        return no_gateway;
    }
    if (!reply.is_object()) {
        err << "sacipctl: what answers at " << found.path
            << " is no sacip-gw: name the gateway's socket with -s or $SACIP_SOCKET\n";
        return no_gateway;
    }
    if (options.id && !reply.contains("error")) {
        reply = only_move(reply, *options.id);
    }
    return print(options, reply, out, err);
}

} // namespace sacip::ctl
