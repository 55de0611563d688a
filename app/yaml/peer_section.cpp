// SPDX-License-Identifier: BSD-3-Clause
//
// No message quotes a key, or what stands where the path of a key should: what was pasted there by
// mistake may be a private key.
#include "app/yaml/peer_section.hpp"

#include "app/yaml/port_section.hpp"
#include "app/yaml/scalars.hpp"
#include "sacip_core/wire/key_text.hpp"

#include <climits>

namespace sacip::yaml {

namespace {

constexpr size_t max_peer_name = 64;
constexpr size_t max_path = PATH_MAX - 8; // room for the ending of a file beside it

constexpr std::array validation_words{
    Word<PathValidation>{"trust_peer", PathValidation::trust_peer},
    Word<PathValidation>{"always", PathValidation::always}};

/// The path of a file, from the root.
std::optional<std::string> read_file_path(const Node& node, std::string_view key,
                                          std::string_view example, Errors& errors) {
    const std::string remedy = "write a path from the root, for example " + std::string{example};
    const auto text = read_text(node, key, remedy, errors);
    if (!text) {
        return std::nullopt;
    }
    if (text->front() == '/' && text->back() != '/' && text->size() <= max_path &&
        text->find('\0') == std::string_view::npos) {
        return std::string{*text};
    }
    report(errors, node.mark, std::string{key} + " is no path of a file from the root", remedy);
    return std::nullopt;
}

void read_identity(const Node& node, IdentityConfig& identity, Errors& errors) {
    FieldReader fields{node, "identity", {"private_key_file", "state_file"}, errors};
    if (const Node* file = fields.require(
            "private_key_file", "add private_key_file: with the file sacipctl genkey was written "
                                "to")) {
        if (auto path =
                read_file_path(*file, "private_key_file", "/etc/sacip/private.key", errors)) {
            identity.private_key_file = std::move(*path);
            identity.state_file = default_state_file(identity.private_key_file);
        }
    }
    if (const Node* file = fields.find("state_file")) {
        if (auto path = read_file_path(*file, "state_file", "/var/lib/sacip/epoch", errors)) {
            if (*path == identity.private_key_file) {
                report(errors, file->mark, "state_file is the private key's own file",
                       "name another file, or delete the line");
            }
            identity.state_file = std::move(*path);
        }
    }
}

/// The prefixes of a list that are well formed, each with its place.
void read_prefixes(const Node& node, std::string_view key, std::string_view example,
                   std::vector<IpPrefix>& prefixes, std::vector<Mark>& marks, Errors& errors) {
    for (const auto& item : read_list(node, key, example, errors)) {
        if (const auto value = read_prefix(item, key, errors)) {
            prefixes.push_back(*value);
            marks.push_back(item.mark);
        }
    }
}

void read_public_key(const Node& node, PeerConfig& peer, PeerPlaces& places, Errors& errors) {
    static constexpr std::string_view remedy =
        "write the line that sacipctl pubkey prints for the peer's key";
    const auto text = read_text(node, "public_key", remedy, errors);
    if (!text) {
        return;
    }
    const auto key = public_key_from_text(*text);
    if (!key) {
        report(errors, node.mark, "public_key is not 44 characters of base64 for 32 bytes",
               std::string{remedy});
    } else if (*key == PublicKey{}) {
        report(errors, node.mark, "public_key is all zero, which protects nothing",
               std::string{remedy});
    } else {
        peer.public_key = *key;
        places.public_key = node.mark;
    }
}

void read_peer_name(const Node& node, PeerConfig& peer, PeerPlaces& places, Errors& errors) {
    static constexpr std::string_view remedy =
        "write a name of at most 64 letters, digits, '.', '_' and '-', for example hq";
    const auto text = read_text(node, "name", remedy, errors);
    if (text && is_plain_name(*text, max_peer_name)) {
        peer.name = *text;
        places.name = node.mark;
    } else if (text) {
        report(errors, node.mark, "name " + quoted(*text) + " can not be used",
               std::string{remedy});
    }
}

void read_peer_addresses(const Node& node, PeerConfig& peer, PeerPlaces& places, Errors& errors) {
    if (node.kind == Node::Kind::list && node.items.empty()) {
        report(errors, node.mark, "addresses is empty, so the peer could speak for nobody",
               "write the addresses of the peer's site, for example [10.9.0.0/24]");
    }
    read_prefixes(node, "addresses", "10.9.0.0/24", peer.addresses, places.addresses, errors);
}

void read_peer(const Node& node, PeerConfig& peer, PeerPlaces& places, Errors& errors) {
    FieldReader fields{
        node,
        "an entry of peers",
        {"name", "public_key", "addresses", "roam_to", "path_validation", "rendezvous"},
        errors};
    if (const Node* name = fields.require("name", "add name: hq, under which sacipctl shows it")) {
        read_peer_name(*name, peer, places, errors);
    }
    if (const Node* key = fields.require(
            "public_key", "add public_key: with what sacipctl pubkey prints for the peer's key")) {
        read_public_key(*key, peer, places, errors);
    }
    if (const Node* addresses =
            fields.require("addresses", "add addresses: with those of the peer's site, for example "
                                        "[10.9.0.0/24]")) {
        read_peer_addresses(*addresses, peer, places, errors);
    }
    if (const Node* roam_to = fields.find("roam_to")) {
        read_prefixes(*roam_to, "roam_to", "0.0.0.0/0", peer.roam_to, places.roam_to, errors);
    }
    if (const Node* validation = fields.find("path_validation")) {
        if (const auto value =
                read_word(*validation, "path_validation", validation_words, errors)) {
            peer.path_validation = *value;
        }
    }
    if (const Node* rendezvous = fields.find("rendezvous")) {
        peer.rendezvous = read_address(*rendezvous, "rendezvous", errors);
        if (peer.rendezvous) {
            places.rendezvous = rendezvous->mark;
        }
    }
}

void read_basic_peer(const Node& node, BasicPeerConfig& peer, BasicPeerPlaces& places,
                     Errors& errors) {
    FieldReader fields{node, "an entry of basic_peers", {"prefix", "roam_to"}, errors};
    if (const Node* prefix =
            fields.require("prefix", "add prefix: with the addresses the site speaks from")) {
        if (const auto value = read_prefix(*prefix, "prefix", errors)) {
            peer.prefix = *value;
            places.prefix = prefix->mark;
        }
    }
    const Node* const roam_to = fields.require(
        "roam_to", "add roam_to: with the prefixes it may move to, for example [10.0.0.0/8]");
    if (roam_to == nullptr) {
        return;
    }
    if (roam_to->kind == Node::Kind::list && roam_to->items.empty()) {
        report(errors, roam_to->mark, "roam_to is empty, so the site could never move",
               "write the prefixes it may move to, for example [10.0.0.0/8]");
    }
    read_prefixes(*roam_to, "roam_to", "10.0.0.0/8", peer.roam_to, places.roam_to, errors);
}

} // namespace

void read_peer_sections(const FieldReader& root, Config& config, Places& places, Errors& errors) {
    if (const Node* identity = root.find("identity")) {
        places.identity = root.key_mark("identity");
        read_identity(*identity, config.identity.emplace(), errors);
    }
    if (const Node* peers = root.find("peers")) {
        if (peers->kind != Node::Kind::list || !peers->items.empty()) {
            places.peers = root.key_mark("peers");
        }
        for (const auto& item :
             read_list(*peers, "peers", "{name: hq, public_key: \"...\", addresses: [10.9.0.0/24]}",
                       errors)) {
            read_peer(item, config.peers.emplace_back(), places.peer_entries.emplace_back(),
                      errors);
        }
    }
    if (const Node* peers = root.find("basic_peers")) {
        for (const auto& item : read_list(*peers, "basic_peers",
                                          "{prefix: 10.8.0.0/24, roam_to: [10.0.0.0/8]}", errors)) {
            read_basic_peer(item, config.basic_peers.emplace_back(),
                            places.basic_peer_entries.emplace_back(), errors);
        }
    }
}

} // namespace sacip::yaml
