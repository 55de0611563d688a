// SPDX-License-Identifier: BSD-3-Clause
//
// What was made, or a failed test that says why not.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>

namespace sacip::test {

/// nullptr with the failure. `T` is a pointer that owns.
template <typename T>
T take(std::variant<T, std::string> made) {
    if (const auto* error = std::get_if<std::string>(&made)) {
        ADD_FAILURE() << *error;
        return nullptr;
    }
    return std::move(std::get<0>(made));
}

} // namespace sacip::test
