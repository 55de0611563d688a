// SPDX-License-Identifier: BSD-3-Clause
//
// tests/vectors/secure.yaml, made by a second implementation, against the code: keys, tags, bodies
// and packets, in both directions. docs/protocol.md holds the same vectors word for word.
#include "app/crypto/key_text.hpp"
#include "app/crypto/keys.hpp"
#include "sacip_core/wire/secure_carrier.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <fstream>
#include <iterator>

#ifndef SACIP_SOURCE_DIR
#error "SACIP_SOURCE_DIR names the top of the tree"
#endif

namespace sacip {
namespace {

using test::Bytes;

std::string content_of(const std::string& path) {
    std::ifstream file{SACIP_SOURCE_DIR "/" + path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

const YAML::Node& vectors() {
    static const YAML::Node node = YAML::Load(content_of("tests/vectors/secure.yaml"));
    return node;
}

Bytes hex(const YAML::Node& node) {
    std::string digits;
    for (const char c : node.as<std::string>()) {
        if (std::isspace(static_cast<unsigned char>(c)) == 0) {
            digits += c;
        }
    }
    Bytes out;
    for (size_t i = 0; i + 1 < digits.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    }
    return out;
}
Bytes bytes_of(std::span<const std::byte> span) { return {span.begin(), span.end()}; }

template <typename T>
T array_of(const YAML::Node& node) {
    T out;
    const Bytes bytes = hex(node);
    EXPECT_EQ(bytes.size(), out.bytes.size());
    std::copy_n(bytes.begin(), out.bytes.size(), out.bytes.begin());
    return out;
}
Challenge counting(int from) {
    Challenge out;
    for (std::byte& byte : out.bytes) {
        byte = static_cast<std::byte>(from++);
    }
    return out;
}

crypto::PrivateKey private_key(const char* who) {
    const Bytes bytes = hex(vectors()[who]["private"]);
    return crypto::PrivateKey{std::span<const std::byte, secret_bytes>{bytes.data(), 32}};
}
PublicKey public_key(const char* who) { return array_of<PublicKey>(vectors()[who]["public"]); }
SenderId sender(const char* who) {
    SenderId id;
    for (const std::byte byte : hex(vectors()[who]["sender"])) {
        id.value = id.value << 8 | std::to_integer<uint64_t>(byte);
    }
    return id;
}

TEST(SecureVectors, Keys) {
    for (const char* who : {"a", "b"}) {
        const crypto::PrivateKey key = private_key(who);
        EXPECT_EQ(crypto::public_key_of(key), public_key(who));
        EXPECT_EQ(to_text(public_key(who)), vectors()[who]["public_text"].as<std::string>());
        crypto::SecretText text;
        crypto::to_text(key, text);
        EXPECT_EQ(text.view(), vectors()[who]["private_text"].as<std::string>());
        EXPECT_EQ(crypto::sender_id_of(public_key(who)), sender(who));
    }
}

TEST(SecureVectors, Derivation) {
    const auto shared = crypto::shared_secret(private_key("a"), public_key("b"));
    ASSERT_TRUE(shared);
    EXPECT_EQ(bytes_of(shared->bytes()), hex(vectors()["shared"]));
    const auto prk = crypto::pseudo_random_key(*shared);
    ASSERT_TRUE(prk);
    EXPECT_EQ(bytes_of(prk->bytes()), hex(vectors()["prk"]));
    const auto at_a = crypto::pair_keys(private_key("a"), public_key("b"));
    const auto at_b = crypto::pair_keys(private_key("b"), public_key("a"));
    ASSERT_TRUE(at_a && at_b);
    EXPECT_EQ(bytes_of(at_a->send.bytes()), hex(vectors()["key_a_to_b"]));
    EXPECT_EQ(bytes_of(at_b->receive.bytes()), hex(vectors()["key_a_to_b"]));
    EXPECT_EQ(bytes_of(at_a->receive.bytes()), hex(vectors()["key_b_to_a"]));
    EXPECT_EQ(bytes_of(at_b->send.bytes()), hex(vectors()["key_b_to_a"]));
}

// ---- messages

const Ipv4Addr a_at{203, 0, 113, 7};
const Ipv4Addr b_at{198, 51, 100, 1};
constexpr Epoch epoch_a{1'735'689'600'000'000};
constexpr WireTuple tcp{6, L4Port{40000}, L4Port{443}, {203, 0, 113, 7}, {198, 51, 100, 1}};

struct Expected {
    const char* name;
    bool from_b;
    SecureHeader header; ///< sender and epoch are filled in
    SecureBody body;
};

std::vector<Expected> all_expected() {
    Bind bind;
    bind.add({IpPrefix{{192, 0, 2, 7}, 32}, IpPrefix{a_at, 32}, 200, 3600});
    bind.add({IpPrefix{{10, 2, 0, 0}, 24}, IpPrefix{{10, 7, 0, 0}, 24}, 100, 3600});
    const std::array<std::byte, 8> nonce{std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3},
                                         std::byte{4}, std::byte{5}, std::byte{6}, std::byte{7}};
    const auto with = [](uint64_t sequence, uint16_t flags = 0) {
        return SecureHeader{.sequence = {sequence}, .flags = flags};
    };
    return {
        {"hello_nat", false, with(1, flag_nat),
         Hello{public_key("a"), 0, WireChecksum::wire, counting(0x10), {}}},
        {"hello_ack", true, with(7),
         HelloAck{public_key("b"), 0, WireChecksum::original, counting(0xA0), counting(0x10)}},
        {"bind", false, with(42, flag_old_address_lost), bind},
        {"bind_ack_validate", true, with(8),
         BindAck{epoch_a, {42}, BindStatus::validate, BindReason::none, counting(0xA0)}},
        {"solicit", true, with(9), Solicit{tcp}},
        {"solicit_ack", false, with(43),
         SolicitAck{tcp, {192, 0, 2, 7}, b_at, SolicitStatus::known}},
        {"probe", false, with(44), Probe{nonce, 123456789, 12}},
        {"probe_ack", true, with(10), ProbeAck{nonce, 123456789, 0}},
    };
}

TEST(SecureVectors, MessagesBothWays) {
    const auto keys = crypto::pair_keys(private_key("a"), public_key("b"));
    ASSERT_TRUE(keys);
    for (Expected expected : all_expected()) {
        SCOPED_TRACE(expected.name);
        const SecureAddresses addresses =
            expected.from_b ? SecureAddresses{b_at, a_at} : SecureAddresses{a_at, b_at};
        const MacKey& key = expected.from_b ? keys->receive : keys->send;
        expected.header.sender = sender(expected.from_b ? "b" : "a");
        expected.header.epoch = expected.from_b ? Epoch{epoch_a.value + 100'000'000} : epoch_a;
        const Bytes bytes = hex(vectors()["messages"][expected.name]);
        const auto envelope = decode_envelope(bytes);
        ASSERT_TRUE(std::holds_alternative<Envelope>(envelope));
        EXPECT_EQ(std::get<Envelope>(envelope).header, expected.header);
        EXPECT_TRUE(is_genuine(std::get<Envelope>(envelope), key, addresses));
        const auto body = decode_body(std::get<Envelope>(envelope));
        ASSERT_TRUE(std::holds_alternative<SecureBody>(body));
        EXPECT_EQ(std::get<SecureBody>(body), expected.body);
        Bytes made(secure_message_max_bytes);
        made.resize(encode(expected.header, expected.body, made));
        ASSERT_TRUE(seal(made, key, addresses));
        EXPECT_EQ(made, bytes);
    }
}

TEST(SecureVectors, Family6) {
    const auto keys = crypto::pair_keys(private_key("b"), public_key("a"));
    ASSERT_TRUE(keys);
    const Bytes bytes = hex(vectors()["messages"]["bind_of_family_6"]);
    const auto envelope = decode_envelope(bytes);
    ASSERT_TRUE(std::holds_alternative<Envelope>(envelope));
    EXPECT_TRUE(is_genuine(std::get<Envelope>(envelope), keys->receive, {a_at, b_at}));
    EXPECT_EQ(std::get<DropReason>(decode_body(std::get<Envelope>(envelope))),
              DropReason::notification_family);
}

TEST(SecureVectors, Packets) {
    const Bytes message = hex(vectors()["messages"]["bind"]);
    for (const Carrier carrier : {Carrier::icmp, Carrier::udp}) {
        CarrierRoute route{.carrier = carrier, .addresses = {a_at, b_at}};
        if (carrier == Carrier::udp) {
            route.source_port = route.destination_port = L4Port{default_notification_udp_port};
        }
        Bytes frame(secure_frame_max_bytes);
        frame.resize(encode_carrier(message, route, default_notification_icmp_type, {}, frame));
        frame.erase(frame.begin(), frame.begin() + ether_header_bytes);
        EXPECT_EQ(frame, hex(vectors()["packets"][carrier == Carrier::udp ? "bind_over_udp"
                                                                          : "bind_over_icmp"]));
    }
}

TEST(SecureVectors, TheDocumentHoldsThem) {
    std::string yaml = content_of("tests/vectors/secure.yaml");
    ASSERT_FALSE(yaml.empty());
    yaml.erase(0, yaml.find("\na:") + 1); // the lines about the file itself
    EXPECT_NE(content_of("docs/protocol.md").find("```yaml\n" + yaml + "```"), std::string::npos)
        << "docs/protocol.md: its ```yaml block is not tests/vectors/secure.yaml";
}

} // namespace
} // namespace sacip
