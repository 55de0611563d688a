// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes -> text that yaml-cpp may see.
//
// There for clear words, and because yaml-cpp silently replaces what it can't decode, which would
// also shift every position behind it.
#pragma once

#include "app/yaml/yaml_tree.hpp"

#include <string_view>

namespace sacip::yaml {

/// True if `text` is UTF-8 without control characters or tabs in indentation. Such tabs are
/// reported line by line (the first twenty), a byte that is no text once.
bool check_bytes(std::string_view text, Errors& errors);

} // namespace sacip::yaml
