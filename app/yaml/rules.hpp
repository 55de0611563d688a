// SPDX-License-Identifier: BSD-3-Clause
//
// What may not stand together in one configuration, though each value alone is well formed.
//
// The rules only look at values that have a place (see sections.hpp): a value already refused
// does not draw a second error. A contradiction between two entries is reported at the later one
// and names the line of the earlier.
#pragma once

#include "app/yaml/sections.hpp"

#include <map>
#include <string>
#include <string_view>

namespace sacip::yaml {

/// Names, roles, addresses and routes of the ports.
void check_ports(const Config& config, const Places& places, Errors& errors);

/// Hosts against ports, and against one another.
void check_hosts(const Config& config, const Places& places, Errors& errors);

/// Peers with keys and basic peers: against one another, and against what is our own.
void check_peers(const Config& config, const Places& places, Errors& errors);

inline std::string in_line(Mark at) { return "in line " + std::to_string(at.line); }

/// Each value once; `what` names the kind of value.
class Unique {
public:
    Unique(std::string_view what, std::string_view remedy) : what_{what}, remedy_{remedy} {}
    /// Reports it if it was there before; without a place it is not looked at.
    void add(const std::string& value, Mark at, Errors& errors);

private:
    std::string_view what_;
    std::string_view remedy_;
    std::map<std::string, Mark> first_;
};

/// A prefix, where it stands, and as what ("inside").
struct PlacedPrefix {
    IpPrefix prefix;
    Mark at;
    std::string_view subject;
};

/// Reports each prefix that overlaps another, with `remedy`. n log n, for a file may hold tens of
/// thousands.
void check_overlaps(std::vector<PlacedPrefix> prefixes, std::string_view remedy, Errors& errors);

/// Reports a prefix with addresses that no host can have; true if there was none.
bool check_host_prefix(const IpPrefix& prefix, Mark at, std::string_view subject, Errors& errors);

/// False if no host can have any address of it.
bool has_host_addresses(const IpPrefix& prefix);

} // namespace sacip::yaml
