// SPDX-License-Identifier: BSD-3-Clause
//
// Peers as text, and the answer to "why".
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace sacip::ctl {

std::string peers_text(const nlohmann::json& reply);
std::string why_text(const nlohmann::json& reply);

} // namespace sacip::ctl
