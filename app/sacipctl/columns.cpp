// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/columns.hpp"

#include "app/sacipctl/cell.hpp"

namespace sacip::ctl {

void add_row(Table& table, const Columns& columns, const nlohmann::json& row) {
    std::vector<std::string> cells;
    for (const Column& column : columns) {
        cells.push_back(cell(row, column.key));
    }
    table.row(std::move(cells));
}

std::string plain_table(const Columns& columns, const std::vector<nlohmann::json>& rows) {
    Table table;
    for (const Column& column : columns) {
        table.column(column.heading, column.align);
    }
    for (const nlohmann::json& row : rows) {
        add_row(table, columns, row);
    }
    return table.text();
}

} // namespace sacip::ctl
