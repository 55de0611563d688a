// SPDX-License-Identifier: BSD-3-Clause
//
// Policy: a PolicyConfig in force, whose entries have ids.
//
// Made in one piece and never changed: another policy is another one of these, made after the one
// before it so that peers and mappings keep their ids (id_book.hpp). It knows nothing of files and
// nothing of the state that the slow path keeps by those ids.
//
// What makes an entry the same in another configuration:
//   a peer with keys   its public key; its name, addresses and where it may roam can change
//   a basic peer       its prefix
//   a mapping          the hosts inside; of the box the port whose address its sockets use
#pragma once

#include "sacip_core/config/id_book.hpp"
#include "sacip_core/config/policy_config.hpp"

namespace sacip {

inline auto identity_of(const PeerConfig& peer) { return peer.public_key.bytes; }
inline auto identity_of(const BasicPeerConfig& peer) { return peer.prefix; }
inline std::variant<IpPrefix, std::string> identity_of(const HostConfig& host) {
    if (host.is_box()) {
        return *host.outside_port();
    }
    return *host.inside_prefix();
}

struct Policy {
    TimeoutsConfig timeouts;
    ChecksumConfig checksum;
    MoveConfig move;
    IdBook<MappingId, HostConfig> hosts;
    IdBook<PeerId, PeerConfig> peers;
    IdBook<BasicPeerId, BasicPeerConfig> basic_peers;

    // Those of now, by their ids.
    const PeerConfig& peer(PeerId id) const { return peers[id]; }
    const BasicPeerConfig& basic_peer(BasicPeerId id) const { return basic_peers[id]; }
};

/// The policy that follows on `former`; without one the first of the process.
inline Policy make_policy(const PolicyConfig& config, const Policy& former = {}) {
    return {config.timeouts,
            config.checksum,
            config.move,
            former.hosts.next(config.hosts),
            former.peers.next(config.peers),
            former.basic_peers.next(config.basic_peers)};
}

} // namespace sacip
