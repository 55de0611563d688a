// SPDX-License-Identifier: BSD-3-Clause
//
// Render: a gateway's reply as text for people.
//
// Pure, and tolerant on purpose: sacipctl and the gateway may be of different versions. Members
// it does not know are ignored, missing or null ones are printed as '-', whatever their type.
// Control characters in strings are replaced, so that no name can play with the terminal.
#pragma once

#include "app/sacipctl/options.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace sacip::ctl {

/// Text for the reply (not a refusal) to `options.command`, ending in a line break.
std::string render(const Options& options, const nlohmann::json& reply);

} // namespace sacip::ctl
