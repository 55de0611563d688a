// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/table.hpp"

#include <algorithm>

namespace sacip::ctl {

namespace {

/// Characters, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

} // namespace

void Table::column(std::string heading, Align align) {
    rows_.front().push_back(std::move(heading));
    aligns_.push_back(align);
}

void Table::row(std::vector<std::string> cells) {
    cells.resize(aligns_.size());
    rows_.push_back(std::move(cells));
}

std::string Table::text(const std::string& indent) const {
    std::vector<std::size_t> widths(aligns_.size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string out;
    for (const auto& row : rows_) {
        std::string line = indent;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string gap(widths[i] - width(row[i]), ' ');
            line +=
                (i == 0 ? "" : "  ") + (aligns_[i] == Align::right ? gap + row[i] : row[i] + gap);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    }
    return out;
}

} // namespace sacip::ctl
