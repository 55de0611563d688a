// SPDX-License-Identifier: BSD-3-Clause
//
// The sections of the file, one reader each: which keys there are, what type each has, which must
// be there. What depends on more than one entry is left to the rules, which get the values
// together with the places they came from.
#pragma once

#include "app/yaml/yaml_tree.hpp"
#include "sacip_core/config/config.hpp"

#include <vector>

namespace sacip::yaml {

// Places mirror the lists of a Config, entry by entry. A mark of line 0 says that the value is
// missing or was refused, so no rule may judge it.

struct PortPlaces {
    Mark entry;
    Mark name;
    Mark device;
    Mark vlan; ///< the value; the entry where there is none; nothing if it was refused
    Mark role;
    Mark mtu;            ///< as for vlan
    Mark interface_kind; ///< kind is known: given, or left to its default
    Mark interface_name;
    std::vector<Mark> addresses;
    bool all_addresses{true}; ///< none of them was refused
    std::vector<Mark> routes; ///< each at its `to`
    std::vector<Mark> vias;
};

struct HostPlaces {
    Mark entry;
    Mark inside;
    Mark outside;
    Mark box_ports;
    std::vector<Mark> box_port_entries;
};

struct PeerPlaces {
    Mark name;
    Mark public_key;
    std::vector<Mark> addresses;
    std::vector<Mark> roam_to;
    Mark rendezvous;
};

struct BasicPeerPlaces {
    Mark prefix;
    std::vector<Mark> roam_to;
};

struct Places {
    Mark root;
    Mark ports; ///< the list
    Mark hosts;
    Mark identity; ///< the key
    Mark peers;    ///< the key, unless its list is empty
    std::vector<PortPlaces> port_entries;
    std::vector<HostPlaces> host_entries;
    std::vector<PeerPlaces> peer_entries;
    std::vector<BasicPeerPlaces> basic_peer_entries;
};

/// Fills `config` and `places` as far as the tree can be understood; reports the rest.
void read_sections(const Node& root, Config& config, Places& places, Errors& errors);

} // namespace sacip::yaml
