// SPDX-License-Identifier: BSD-3-Clause
//
// The section `ports`: each entry with its Linux side. Part of sections, in a file of its own
// because a port has more keys than all the rest.
#pragma once

#include "app/yaml/sections.hpp"

#include <string_view>
#include <vector>

namespace sacip::yaml {

/// Letters, digits, '.', '_' and '-' only, 1 to `most` of them.
bool is_plain_name(std::string_view text, size_t most);

/// A plain name that starts with a letter, so that it can't be mistaken for an address.
bool is_port_name(std::string_view text);

void read_ports(const Node& node, std::vector<PortConfig>& ports, std::vector<PortPlaces>& places,
                Errors& errors);

} // namespace sacip::yaml
