// SPDX-License-Identifier: BSD-3-Clause
//
// Config: everything an operator may choose, as plain typed values: one file's worth.
//
// It is two halves, and who needs one takes that one: BootConfig is fixed while the process lives,
// PolicyConfig need not be. It knows no file format: app/yaml fills it and refuses what
// contradicts itself, so a Config from there satisfies every rule written at its members. Tests
// make one by hand and may leave out what they don't need.
//
// Defaults live at the members and nowhere else (conf/sacip.example.yaml repeats them, checked by a
// test).
#pragma once

#include "sacip_core/config/boot_config.hpp"
#include "sacip_core/config/policy_config.hpp"

namespace sacip {

struct Config : BootConfig, PolicyConfig {};

} // namespace sacip
