// SPDX-License-Identifier: BSD-3-Clause
//
// Cell: one member of a JSON object as printable text, '-' if it is missing, null or no scalar.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace sacip::ctl {

/// The member, or null if `object` has none (or is no object).
const nlohmann::json& member(const nlohmann::json& object, const std::string& key);

/// The rows of an array member; none if it is missing or something else.
std::vector<nlohmann::json> rows(const nlohmann::json& object, const std::string& key);

/// Strings without control characters, numbers, "yes" or "no" for booleans, arrays of
/// those joined by commas.
std::string cell(const nlohmann::json& object, const std::string& key);
std::string cell(const nlohmann::json& value);

/// Seconds as "0.3s", "42s", "3m05s", "2h04m", "3d04h".
std::string duration(const nlohmann::json& seconds);

/// Microseconds as "0.04 ms", "12.3 ms", "1205 ms".
std::string milliseconds(const nlohmann::json& microseconds);

/// "412 of 1000 (41 %)", without the share if one of them is not a number.
std::string part(const nlohmann::json& used, const nlohmann::json& capacity);

} // namespace sacip::ctl
