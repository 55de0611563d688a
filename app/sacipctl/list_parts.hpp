// SPDX-License-Identifier: BSD-3-Clause
//
// Lists that a gateway gives in parts, each so short that packets hardly wait for it: asked for one
// after the other and put together.
#pragma once

#include "app/sacipctl/client.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace sacip::ctl {

bool comes_in_parts(const std::string& command);

/// The whole list, or as many entries as `limit` in `args` says (flows: 100 without), with
/// `truncated`; a refusal; no object if what answers is no gateway. Why there is no answer is in
/// `error`.
nlohmann::json ask_for_parts(Conversation& gateway, const std::string& command,
                             const nlohmann::json& args, std::chrono::milliseconds patience,
                             std::string& error);

/// One question and its reply, the same otherwise.
nlohmann::json ask_once(Conversation& gateway, const std::string& command,
                        const nlohmann::json& args, std::chrono::milliseconds patience,
                        std::string& error);

} // namespace sacip::ctl
