// SPDX-License-Identifier: BSD-3-Clause
//
// The sections about others who speak of their moves: `identity` and `peers`, who speak with keys,
// and `basic_peers`, who speak the paper's message.
#pragma once

#include "app/yaml/field_reader.hpp"
#include "app/yaml/sections.hpp"

namespace sacip::yaml {

/// `root` is the file's own mapping.
void read_peer_sections(const FieldReader& root, Config& config, Places& places, Errors& errors);

} // namespace sacip::yaml
