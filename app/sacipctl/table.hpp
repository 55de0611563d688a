// SPDX-License-Identifier: BSD-3-Clause
//
// Table: aligned columns of text, two blanks apart, no frames, nothing after the last word of a
// line: made for eyes and for awk alike.
#pragma once

#include <string>
#include <vector>

namespace sacip::ctl {

enum class Align { left, right };

class Table {
public:
    /// A column with its heading; numbers are best aligned right.
    void column(std::string heading, Align align = Align::left);
    /// A row; missing cells at its end are empty.
    void row(std::vector<std::string> cells);
    /// Heading and rows, each line starting with `indent`.
    std::string text(const std::string& indent = "") const;

private:
    std::vector<Align> aligns_;
    std::vector<std::vector<std::string>> rows_{1}; ///< the first is the heading
};

} // namespace sacip::ctl
