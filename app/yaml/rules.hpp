// SPDX-License-Identifier: BSD-3-Clause
//
// What may not stand together in one configuration, though each value alone is well formed.
//
// The rules only look at values that have a place (see sections.hpp): a value already refused
// does not draw a second error. A contradiction between two entries is reported at the later one
// and names the line of the earlier.
#pragma once

#include "app/yaml/sections.hpp"

namespace sacip::yaml {

/// Names, roles, addresses and routes of the ports.
void check_ports(const Config& config, const Places& places, Errors& errors);

/// Hosts against ports, and against one another.
void check_hosts(const Config& config, const Places& places, Errors& errors);

/// Basic peers against one another and against our own hosts.
void check_basic_peers(const Config& config, const Places& places, Errors& errors);

/// A prefix and where it stands.
struct PlacedPrefix {
    Ipv4Prefix prefix;
    Mark at;
};

/// Reports each prefix that overlaps another as `subject` (say "outside prefix") with `remedy`.
/// n log n, for a file may hold tens of thousands.
void check_overlaps(std::vector<PlacedPrefix> prefixes, std::string_view subject,
                    std::string_view remedy, Errors& errors);

/// Reports a prefix with addresses that no host can have; true if there was none.
bool check_host_prefix(const Ipv4Prefix& prefix, Mark at, std::string_view subject, Errors& errors);

} // namespace sacip::yaml
