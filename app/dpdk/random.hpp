// SPDX-License-Identifier: BSD-3-Clause
//
// Random: bytes nobody can guess, from the kernel's generator, for secrets.
#pragma once

#include <cstddef>
#include <span>

namespace sacip {

/// Fills `out`; false if the kernel gave none (then `out` must not be used). Any thread; may block
/// shortly after the machine's boot.
bool fill_random(std::span<std::byte> out);

} // namespace sacip
