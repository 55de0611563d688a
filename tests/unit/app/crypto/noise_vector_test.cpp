// SPDX-License-Identifier: BSD-3-Clause
//
// The public vectors of our Noise protocol (tests/vectors/noise_ikpsk2.json), and those of the
// second implementation (noise.json, by tests/tools/noise.py): each message byte for byte, written
// and read, in both roles; then what guards against floods, and receipts.
#include "sacip_core/wire/cookie.hpp"
#include "sacip_core/wire/noise.hpp"
#include "sacip_core/wire/receipt.hpp"
#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

#ifndef SACIP_SOURCE_DIR
#error "SACIP_SOURCE_DIR names the top of the tree"
#endif

namespace sacip {
namespace {

using nlohmann::json;
using noise::Initiator;
using noise::PresharedKey;
using noise::Responder;
using test::Bytes;

json vectors_of(const std::string& name) {
    std::ifstream file{SACIP_SOURCE_DIR "/tests/vectors/" + name};
    return json::parse(file);
}

Bytes hex(const json& row, const char* name) {
    return test::from_hex(row.value(name, std::string{}));
}

struct Message {
    explicit Message(const json& row)
        : payload{hex(row, "payload")}, ciphertext{hex(row, "ciphertext")}, associated{hex(
                                                                                row, "associated")},
          written(ciphertext.size()), read(payload.size()) {}
    Bytes payload;
    Bytes ciphertext;
    Bytes associated;
    Bytes written; ///< by us
    Bytes read;    ///< by us
};

/// The last of the two, for each end.
struct Session {
    Transport initiator;
    Transport responder;
};

Session handshake(const json& row, Message& first, Message& second) {
    const KeyPair ours = test::pair_of(hex(row, "init_static"));
    const KeyPair theirs = test::pair_of(hex(row, "resp_static"));
    EXPECT_EQ(test::bytes_of(theirs.public_key.bytes), hex(row, "init_remote_static"));
    const auto psk = [&row](const char* name) {
        return row.contains(name)
                   ? test::secret_of<PresharedKey>(test::from_hex(row[name][0].get<std::string>()))
                   : PresharedKey{};
    };
    const auto ephemeral = [&row](const char* name) {
        return test::secret_of<PrivateKey>(hex(row, name));
    };
    auto initiator = std::get<Initiator>(
        Initiator::write(ours, theirs.public_key, hex(row, "init_prologue"), first.payload,
                         first.written, ephemeral("init_ephemeral")));
    auto responder = std::get<Responder>(
        Responder::read(theirs, hex(row, "resp_prologue"), first.ciphertext, first.read));
    EXPECT_EQ(responder.initiator(), ours.public_key);
    auto there = std::get<Transport>(responder.write(psk("resp_psks"), second.payload,
                                                     second.written, ephemeral("resp_ephemeral")));
    auto here =
        std::get<Transport>(initiator.read(second.ciphertext, psk("init_psks"), second.read));
    return {std::move(here), std::move(there)};
}

void expect_as_written(const json& row) {
    std::vector<Message> messages{row["messages"].begin(), row["messages"].end()};
    ASSERT_GT(messages.size(), 4U);
    Session session = handshake(row, messages[0], messages[1]);
    for (size_t i = 2; i < messages.size(); i++) {
        Message& m = messages[i];
        const bool from_initiator = i % 2 == 0;
        Transport& from = from_initiator ? session.initiator : session.responder;
        Transport& to = from_initiator ? session.responder : session.initiator;
        const MessageCounter counter = from.send.next();
        EXPECT_EQ(counter.value, (i - 2) / 2);
        EXPECT_TRUE(from.send.seal(m.associated, m.payload, m.written));
        EXPECT_EQ(to.receive.open(counter, m.associated, m.ciphertext, m.read), Opened::fresh);
    }
    for (size_t i = 0; i < messages.size(); i++) {
        EXPECT_EQ(messages[i].written, messages[i].ciphertext) << "message " << i;
        EXPECT_EQ(messages[i].read, messages[i].payload) << "message " << i;
    }
}

TEST(NoiseVector, PublicOnes) {
    const json rows = vectors_of("noise_ikpsk2.json")["vectors"];
    ASSERT_FALSE(rows.empty());
    for (const json& row : rows) {
        EXPECT_EQ(row["protocol_name"], "Noise_IKpsk2_25519_ChaChaPoly_SHA256");
        expect_as_written(row);
    }
}

TEST(NoiseVector, SecondImplementation) {
    const json rows = vectors_of("noise.json")["sessions"];
    ASSERT_FALSE(rows.empty());
    for (const json& row : rows) {
        expect_as_written(row);
    }
}

IpAddr address_of(const std::string& text) {
    return text == "2001:db8::7"     ? IpAddr{0x20010db800000000, 7}
           : text == "2001:db8:1::9" ? IpAddr{0x20010db800010000, 9}
                                     : IpAddr::from_text(text).value();
}

TEST(NoiseVector, Floods) {
    const json rows = vectors_of("noise.json")["floods"];
    ASSERT_FALSE(rows.empty());
    for (const json& row : rows) {
        const auto receiver = test::value_of<PublicKey>(hex(row, "receiver"));
        Bytes message = hex(row, "message");
        const Tag mac1 = hmac_sha256_128(mac1_key(receiver).value(), message, {}).value();
        EXPECT_EQ(test::bytes_of(mac1.bytes), hex(row, "mac1"));

        const CookieMaker maker{test::secret_of<MacKey>(hex(row, "secret"))};
        const IpAddr source = address_of(row["source"]);
        const Nanos now = from_s(row["seconds"].get<int64_t>());
        const MacKey cookie = maker.cookie_for(source, now).value();
        EXPECT_EQ(test::bytes_of(cookie.bytes()), hex(row, "cookie"));

        SealedCookie sealed;
        ASSERT_EQ(hex(row, "nonce").size(), sealed.nonce.size());
        ASSERT_EQ(hex(row, "sealed").size(), sealed.sealed.size());
        std::ranges::copy(hex(row, "nonce"), sealed.nonce.begin());
        std::ranges::copy(hex(row, "sealed"), sealed.sealed.begin());
        const auto opened = open_cookie(cookie_key(receiver).value(), sealed, mac1);
        ASSERT_TRUE(opened);
        EXPECT_EQ(test::bytes_of(opened->bytes()), hex(row, "cookie"));

        message.insert(message.end(), mac1.bytes.begin(), mac1.bytes.end());
        const auto mac2 = test::value_of<Tag>(hex(row, "mac2"));
        EXPECT_TRUE(equal(hmac_sha256_128(cookie, message, {}).value(), mac2));
        EXPECT_TRUE(maker.is_shown_in(mac2, message, source, now));
    }
}

TEST(NoiseVector, Receipts) {
    const json rows = vectors_of("noise.json")["receipts"];
    ASSERT_FALSE(rows.empty());
    for (const json& row : rows) {
        const auto key = ReceiptKey::of(test::secret_of<PrivateKey>(hex(row, "private"))).value();
        const auto receipt =
            key.write(test::value_of<PublicKey>(hex(row, "peer")), address_of(row["address"]),
                      Hour{row["hour"].get<uint32_t>()});
        EXPECT_EQ(test::bytes_of(receipt.value().bytes), hex(row, "receipt"));
    }
}

} // namespace
} // namespace sacip
