// SPDX-License-Identifier: BSD-3-Clause
//
// Moves and events as text, for somebody who was woken up by them.
#pragma once

#include "app/sacipctl/options.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace sacip::ctl {

std::string moves_text(const Options& options, const nlohmann::json& reply);
std::string move_text(const Options& options, const nlohmann::json& reply);
std::string events_text(const nlohmann::json& reply);
/// One event with its line break; the same columns in every line.
std::string event_line(const nlohmann::json& event);

} // namespace sacip::ctl
