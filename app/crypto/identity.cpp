// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/identity.hpp"

#include "app/crypto/epoch_file.hpp"
#include "app/crypto/key_file.hpp"
#include "app/crypto/keys.hpp"

#include <map>
#include <string_view>
#include <utility>

namespace sacip::crypto {

namespace {

constexpr std::string_view cryptography_failed =
    "OpenSSL failed to compute keys: check its configuration (FIPS mode has no X25519)";

std::string at_peer(const PeerConfig& peer, std::string_view complaint) {
    return "peers: " + peer.name + ": " + std::string{complaint};
}

/// The keys shared with each peer.
std::optional<std::string> meet_peers(const KnownPeers& peers, const PrivateKey& own,
                                      Identity& out) {
    std::map<uint64_t, std::string_view> names{{out.sender.value, "this gateway"}};
    out.peers.cover(peers.ids_given());
    for (const auto& [id, peer] : peers) {
        if (peer.public_key == out.public_key) {
            return at_peer(peer, "public_key is this gateway's own: write what sacipctl pubkey "
                                 "prints for the peer's key");
        }
        const auto sender = sender_id_of(peer.public_key);
        if (!sender) {
            return std::string{cryptography_failed};
        }
        const auto [first, is_new] = names.emplace(sender->value, peer.name);
        if (!is_new) { // sought for, if the keys differ: it takes 2^32 tries
            return at_peer(peer, "public_key has the same sender id as that of " +
                                     std::string{first->second} +
                                     ": list each key once, or make the peer a new one");
        }
        auto keys = pair_keys(own, peer.public_key);
        if (!keys) {
            return at_peer(peer, "public_key is of low order, which protects nothing: write what "
                                 "sacipctl pubkey prints for the peer's key");
        }
        out.peers[id] = {*sender, std::move(keys->send), std::move(keys->receive)};
    }
    return std::nullopt;
}

/// All but the epoch.
std::variant<Identity, std::string> read_identity(const IdentityConfig& files,
                                                  const KnownPeers& peers) {
    auto own = read_private_key_file(files.private_key_file);
    if (const auto* complaint = std::get_if<std::string>(&own)) {
        return "identity.private_key_file: " + *complaint;
    }
    const auto& private_key = std::get<PrivateKey>(own);
    const auto public_key = public_key_of(private_key);
    const auto sender = public_key ? sender_id_of(*public_key) : std::nullopt;
    auto challenge_key = random_mac_key();
    if (!sender || !challenge_key) {
        return std::string{cryptography_failed};
    }
    Identity out;
    out.public_key = *public_key;
    out.sender = *sender;
    out.challenge_key = std::move(*challenge_key);
    if (auto complaint = meet_peers(peers, private_key, out)) {
        return std::move(*complaint);
    }
    return out;
}

std::string at_state_file(const std::string& complaint) {
    return "identity.state_file: " + complaint;
}

} // namespace

std::variant<Identity, std::string> load_identity(const IdentityConfig& own,
                                                  const KnownPeers& peers, uint64_t wall_clock_us) {
    auto identity = read_identity(own, peers);
    if (auto* out = std::get_if<Identity>(&identity)) {
        const auto epoch = begin_epoch(own.state_file, wall_clock_us);
        if (const auto* complaint = std::get_if<std::string>(&epoch)) {
            return at_state_file(*complaint);
        }
        out->epoch = std::get<Epoch>(epoch);
    }
    return identity;
}

std::optional<std::string> check_identity(const std::optional<IdentityConfig>& own,
                                          const KnownPeers& peers) {
    if (!own) {
        return std::nullopt;
    }
    auto identity = read_identity(*own, peers);
    if (auto* complaint = std::get_if<std::string>(&identity)) {
        return std::move(*complaint);
    }
    const auto complaint = complaint_about_epoch_file(own->state_file);
    return complaint ? std::optional{at_state_file(*complaint)} : std::nullopt;
}

} // namespace sacip::crypto
