// SPDX-License-Identifier: BSD-3-Clause
//
// Arbitrary bytes as a configuration: no crash, no exception, no endless loop, and always either a
// config or at least one error with a real position, which prints as one line.
//
// Build with clang: -fsanitize=fuzzer,address,undefined
#include "app/yaml/config_yaml.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const sacip::ConfigResult result = sacip::parse_config(text);
    if (result.config.has_value() != result.errors.empty()) {
        std::abort();
    }
    for (const auto& error : result.errors) {
        const std::string line = sacip::to_text(error, "fuzz");
        if (error.line < 1 || error.column < 1 || line.find('\n') != std::string::npos) {
            std::abort();
        }
    }
    return 0;
}
