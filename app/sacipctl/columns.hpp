// SPDX-License-Identifier: BSD-3-Clause
//
// Columns: tables whose cells are members of a row as they are.
#pragma once

#include "app/sacipctl/table.hpp"

#include <nlohmann/json.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace sacip::ctl {

/// A column and the member that fills it.
struct Column {
    const char* heading;
    const char* key;
    Align align{Align::left};
};
using Columns = std::initializer_list<Column>;

void add_row(Table& table, const Columns& columns, const nlohmann::json& row);
/// The whole table.
std::string plain_table(const Columns& columns, const std::vector<nlohmann::json>& rows);

} // namespace sacip::ctl
