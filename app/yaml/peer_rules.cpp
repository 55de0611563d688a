// SPDX-License-Identifier: BSD-3-Clause
//
// Rules on peers: each address has one who may speak for it, and none of them is ours.
//
// A peer's prefix may be wide and so have ours inside it (the rest of a company's 10.0.0.0/8); what
// lies wholly in ours is a slip.
#include "app/yaml/rules.hpp"
#include "sacip_core/base/prefix_map.hpp"

#include <array>
#include <map>
#include <optional>
#include <utility>

namespace sacip::yaml {

namespace {

/// Whose an address is if it is ours, and where that is written.
struct Own {
    std::string whose;
    Mark at;
};

class OwnAddresses {
public:
    OwnAddresses(const Config& config, const Places& places) {
        for (size_t i = 0; i < config.hosts.size(); ++i) {
            const HostPlaces& place = places.host_entries[i];
            if (const IpPrefix* outside = config.hosts[i].outside_prefix();
                outside != nullptr && place.outside) {
                add(*outside, "our own hosts' outside", place.outside);
            }
            if (const IpPrefix* inside = config.hosts[i].inside_prefix();
                inside != nullptr && place.inside) {
                add(*inside, "our own hosts' inside", place.inside);
            }
        }
        for (size_t i = 0; i < config.ports.size(); ++i) {
            const auto& addresses = config.ports[i].host_interface.addresses;
            for (size_t k = 0; k < addresses.size(); ++k) {
                add(IpPrefix::host(addresses[k].address), "the gateway's own",
                    places.port_entries[i].addresses[k]);
            }
        }
    }

    /// What of ours holds all of `prefix`.
    std::optional<std::pair<IpPrefix, Own>> holding(const IpPrefix& prefix) const {
        std::optional<std::pair<IpPrefix, Own>> out;
        by_prefix_.visit_around(prefix.address(), [&](const IpPrefix& own, const Own& whose) {
            if (own.contains(prefix)) {
                out = {own, whose};
            }
            return out.has_value();
        });
        return out;
    }

private:
    void add(const IpPrefix& prefix, std::string_view whose, Mark at) {
        if (by_prefix_.find(prefix) == nullptr) {
            by_prefix_[prefix] = {std::string{whose}, at};
        }
    }
    PrefixMap<Own> by_prefix_;
};

/// Reports a prefix that can not be that of another site's hosts; true if it can.
bool check_others_prefix(const IpPrefix& prefix, Mark at, std::string_view subject,
                         const OwnAddresses& ours, Errors& errors) {
    if (!check_host_prefix(prefix, at, subject, errors)) {
        return false;
    }
    if (const auto own = ours.holding(prefix)) {
        report(errors, at,
               std::string{subject} + " " + quoted(prefix.to_text()) + " lies in " +
                   own->second.whose + " " + quoted(own->first.to_text()) + " " +
                   in_line(own->second.at),
               "write the addresses of the other site");
        return false;
    }
    return true;
}

/// A wide roam_to is the operator's choice; one of dead addresses only is a slip.
void check_roam_to(const std::vector<IpPrefix>& roam_to, const std::vector<Mark>& places,
                   Errors& errors) {
    for (size_t i = 0; i < roam_to.size(); ++i) {
        if (!has_host_addresses(roam_to[i])) {
            check_host_prefix(roam_to[i], places[i], "roam_to", errors);
        }
    }
}

void check_rendezvous(IpAddr address, Mark at, const OwnAddresses& ours, Errors& errors) {
    const IpPrefix prefix = IpPrefix::host(address);
    if (!has_host_addresses(prefix)) {
        report(errors, at, "rendezvous " + quoted(address.to_text()) + " is no host's address",
               "write the address at which the peer always listens, or delete it");
    } else if (const auto own = ours.holding(prefix)) {
        report(errors, at,
               "rendezvous " + quoted(address.to_text()) + " lies in " + own->second.whose + " " +
                   quoted(own->first.to_text()) + " " + in_line(own->second.at),
               "write the address at which the peer always listens, or delete it");
    }
}

void check_identity(const Places& places, Errors& errors) {
    if (places.identity && !places.peers) {
        report(errors, places.identity, "identity has no use without peers",
               "add peers: with the sites that have keys, or delete it");
    }
    if (places.peers && !places.identity) {
        report(errors, places.peers, "peers can not be spoken to without an identity",
               "add identity: {private_key_file: /etc/sacip/private.key} with a file written by "
               "(umask 077; sacipctl genkey > FILE)");
    }
}

} // namespace

void check_peers(const Config& config, const Places& places, Errors& errors) {
    const OwnAddresses ours{config, places};
    std::vector<PlacedPrefix> prefixes;
    Unique names{"peer name", "give each peer its own"};
    std::map<std::array<std::byte, 32>, Mark> keys;
    check_identity(places, errors);
    for (size_t i = 0; i < config.peers.size(); ++i) {
        const PeerConfig& peer = config.peers[i];
        const PeerPlaces& place = places.peer_entries[i];
        names.add(peer.name, place.name, errors);
        if (place.public_key) {
            const auto [first, is_new] = keys.emplace(peer.public_key.bytes, place.public_key);
            if (!is_new) {
                report(errors, place.public_key,
                       "public_key is the same as " + in_line(first->second),
                       "write each peer's own key; one peer with several prefixes is one entry");
            }
        }
        for (size_t k = 0; k < peer.addresses.size(); ++k) {
            if (check_others_prefix(peer.addresses[k], place.addresses[k], "addresses", ours,
                                    errors)) {
                prefixes.push_back({peer.addresses[k], place.addresses[k], "addresses"});
            }
        }
        check_roam_to(peer.roam_to, place.roam_to, errors);
        if (peer.rendezvous) {
            check_rendezvous(*peer.rendezvous, place.rendezvous, ours, errors);
        }
    }
    for (size_t i = 0; i < config.basic_peers.size(); ++i) {
        const BasicPeerConfig& peer = config.basic_peers[i];
        const BasicPeerPlaces& place = places.basic_peer_entries[i];
        check_roam_to(peer.roam_to, place.roam_to, errors);
        if (place.prefix &&
            check_others_prefix(peer.prefix, place.prefix, "prefix", ours, errors)) {
            prefixes.push_back({peer.prefix, place.prefix, "prefix"});
        }
    }
    check_overlaps(std::move(prefixes), "list each address once, under one peer only", errors);
}

} // namespace sacip::yaml
