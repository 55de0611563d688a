// SPDX-License-Identifier: BSD-3-Clause
//
// Epoch file: the last epoch a gateway spoke under, on disk.
//
// Peers take nothing of an epoch smaller than the last one, so each start needs a larger one, even
// if the clock was set back meanwhile: it is the clock's time, or one more than the file says.
// What a peer may ever see must be on disk before: written beside, synced, renamed over, the
// folder synced. One line, "sacip epoch NUMBER", and its newline, without which it was cut off.
#pragma once

#include "sacip_core/wire/secure_message.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace sacip::crypto {

/// The epoch for a start at `wall_clock_us` (microseconds since 1970), which has been written down;
/// or "FILE: what is wrong: remedy" for an operator. Of two gateways with one file, one would be
/// believed by nobody: the file is one gateway's own.
std::variant<Epoch, std::string> begin_epoch(const std::string& path, uint64_t wall_clock_us);

/// What begin_epoch() would complain about, as far as can be told without writing.
std::optional<std::string> complaint_about_epoch_file(const std::string& path);

} // namespace sacip::crypto
