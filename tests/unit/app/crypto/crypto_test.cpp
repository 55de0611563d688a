// SPDX-License-Identifier: BSD-3-Clause
//
// app/crypto against the vectors of the RFCs it stands on, and its key files and texts against
// everything that is not a key.
#include "app/crypto/key_file.hpp"
#include "app/crypto/key_text.hpp"
#include "app/crypto/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <set>
#include <sstream>

namespace sacip::crypto {
namespace {

std::vector<std::byte> from_hex(std::string_view text) {
    std::vector<std::byte> out;
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        out.push_back(
            static_cast<std::byte>(std::stoi(std::string{text.substr(i, 2)}, nullptr, 16)));
    }
    return out;
}
std::string to_hex(std::span<const std::byte> bytes) {
    std::ostringstream out;
    for (const std::byte byte : bytes) {
        out << std::hex << std::setw(2) << std::setfill('0') << std::to_integer<int>(byte);
    }
    return out.str();
}
template <typename Key>
Key secret_of(std::string_view hex) {
    Key key;
    const auto bytes = from_hex(hex);
    std::copy_n(bytes.begin(), std::min(bytes.size(), secret_bytes), key.overwrite().begin());
    return key;
}
PublicKey public_of(std::string_view hex) {
    PublicKey key;
    std::copy_n(from_hex(hex).begin(), 32, key.bytes.begin());
    return key;
}
std::string tag_of(std::string_view key, std::span<const std::byte> first,
                   std::span<const std::byte> second = {}) {
    const auto tag = hmac_sha256_128(secret_of<MacKey>(key), first, second);
    return tag ? to_hex(tag->bytes) : "none";
}

/// RFC 4231: keys of at most 32 bytes; zeros behind are what HMAC itself puts there.
TEST(Mac, Rfc4231) {
    const std::vector<std::byte> hi = from_hex("4869205468657265");
    EXPECT_EQ(tag_of("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", hi),
              "b0344c61d8db38535ca8afceaf0bf12b");
    EXPECT_EQ(
        tag_of("4a656665", from_hex("7768617420646f2079612077616e7420666f72206e6f7468696e673f")),
        "5bdcc146bf60754e6a042426089575c7");
    EXPECT_EQ(tag_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                     std::vector<std::byte>(50, std::byte{0xDD})),
              "773ea91e36800e46854db8ebd09181a7");
    EXPECT_EQ(tag_of("0102030405060708090a0b0c0d0e0f10111213141516171819",
                     std::vector<std::byte>(50, std::byte{0xCD})),
              "82558a389a443c0ea4cc819899f2083a");
    EXPECT_EQ(tag_of("0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
                     from_hex("546573742057697468205472756e636174696f6e")),
              "a3b6167473100ee06e0c796c2955552b");
}

TEST(Mac, TwoPartsAreOneMessageAndKeysDoNotLinger) {
    const std::vector<std::byte> all = from_hex("000102030405060708");
    const std::string whole = tag_of("aa", all);
    for (size_t i = 0; i <= all.size(); i++) {
        EXPECT_EQ(tag_of("aa", std::span{all}.first(i), std::span{all}.subspan(i)), whole);
        EXPECT_NE(tag_of("ab", all), whole);
    }
    EXPECT_FALSE(hmac_sha256_128(MacKey{}, all, {}).has_value());
}

TEST(Mac, EqualLooksAtEveryBit) {
    const Tag tag{{std::byte{1}, std::byte{2}}};
    EXPECT_TRUE(equal(tag, tag));
    for (size_t bit = 0; bit < tag_bytes * 8; bit++) {
        Tag other = tag;
        other.bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        EXPECT_FALSE(equal(tag, other)) << bit;
    }
}

constexpr auto alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
constexpr auto bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";

TEST(Keys, X25519OfRfc7748) {
    const auto a = secret_of<PrivateKey>(alice);
    const auto b = secret_of<PrivateKey>(bob);
    const auto a_public = public_key_of(a);
    const auto b_public = public_key_of(b);
    ASSERT_TRUE(a_public && b_public);
    EXPECT_EQ(to_hex(a_public->bytes),
              "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    EXPECT_EQ(to_hex(b_public->bytes),
              "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const auto ab = shared_secret(a, *b_public);
    const auto ba = shared_secret(b, *a_public);
    ASSERT_TRUE(ab && ba);
    EXPECT_EQ(to_hex(ab->bytes()),
              "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    EXPECT_EQ(to_hex(ba->bytes()), to_hex(ab->bytes()));
    // §5.2, the first vector
    const auto scalar =
        secret_of<PrivateKey>("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    const auto product = shared_secret(
        scalar, public_of("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
    ASSERT_TRUE(product);
    EXPECT_EQ(to_hex(product->bytes()),
              "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

/// The points of low order and their twins: RFC 7748 §6.1, §7.
TEST(Keys, SharedSecretsOfZerosAreRefused) {
    for (const auto* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
        EXPECT_FALSE(shared_secret(secret_of<PrivateKey>(alice), public_of(hex))) << hex;
        EXPECT_FALSE(pair_keys(secret_of<PrivateKey>(alice), public_of(hex))) << hex;
    }
}

std::vector<std::byte> counting(int from, int to) {
    std::vector<std::byte> out;
    for (int value = from; value <= to; value++) {
        out.push_back(static_cast<std::byte>(value));
    }
    return out;
}

TEST(Keys, HkdfOfRfc5869) {
    const auto first = hkdf_extract(counting(0, 12), std::vector<std::byte>(22, std::byte{0x0B}));
    ASSERT_TRUE(first);
    EXPECT_EQ(to_hex(first->bytes()),
              "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    std::vector<std::byte> out(42);
    ASSERT_TRUE(hkdf_expand(*first, counting(0xF0, 0xF9), out));
    EXPECT_EQ(to_hex(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                           "34007208d5b887185865");
    const auto second = hkdf_extract(counting(0x60, 0xAF), counting(0, 0x4F));
    ASSERT_TRUE(second);
    EXPECT_EQ(to_hex(second->bytes()),
              "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244");
    out.resize(82);
    ASSERT_TRUE(hkdf_expand(*second, counting(0xB0, 0xFF), out));
    EXPECT_EQ(to_hex(out), "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                           "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                           "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

TEST(Keys, BothEndsComeToTheSameTwoKeys) {
    const auto a = secret_of<PrivateKey>(alice);
    const auto b = secret_of<PrivateKey>(bob);
    const auto at_a = pair_keys(a, *public_key_of(b));
    const auto at_b = pair_keys(b, *public_key_of(a));
    ASSERT_TRUE(at_a && at_b);
    EXPECT_EQ(to_hex(at_a->send.bytes()), to_hex(at_b->receive.bytes()));
    EXPECT_EQ(to_hex(at_a->receive.bytes()), to_hex(at_b->send.bytes()));
    EXPECT_NE(to_hex(at_a->send.bytes()), to_hex(at_a->receive.bytes()));
}

TEST(Keys, GeneratedOnesAreClampedAndDiffer) {
    std::set<std::string> seen;
    for (int i = 0; i < 50; i++) {
        const auto key = generate_private_key();
        ASSERT_TRUE(key);
        EXPECT_EQ(key->bytes()[0] & std::byte{7}, std::byte{0});
        EXPECT_EQ(key->bytes()[31] & std::byte{0xC0}, std::byte{0x40});
        EXPECT_TRUE(seen.insert(to_hex(key->bytes())).second);
        const auto challenge = random_challenge();
        ASSERT_TRUE(challenge);
        EXPECT_TRUE(seen.insert(to_hex(challenge->bytes)).second);
    }
}

TEST(KeyText, OneKeyHasOneText) {
    constexpr std::string_view text = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
    const auto key = private_key_from_text(text);
    ASSERT_TRUE(key);
    EXPECT_EQ(to_hex(key->bytes()), alice);
    SecretText out;
    to_text(*key, out);
    EXPECT_EQ(out.view(), text);
    const auto public_key = public_key_from_text(text);
    ASSERT_TRUE(public_key);
    EXPECT_EQ(to_text(*public_key), text);
    PublicKey every{};
    for (int value = 0; value < 256; value++) { // every character, in several places
        for (size_t i = 0; i < every.bytes.size(); i++) {
            every.bytes[i] = static_cast<std::byte>(value + static_cast<int>(i * 37));
        }
        EXPECT_EQ(public_key_from_text(to_text(every)), every);
    }
}

TEST(KeyText, AnythingElseIsRefused) {
    const std::string good = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
    for (size_t length = 0; length < good.size(); length++) {
        EXPECT_FALSE(public_key_from_text(good.substr(0, length))) << length;
    }
    EXPECT_FALSE(public_key_from_text(good + "\n"));
    EXPECT_FALSE(public_key_from_text(good + "="));
    EXPECT_FALSE(public_key_from_text(" " + good.substr(1)));
    EXPECT_FALSE(public_key_from_text(good.substr(0, 42) + "p=")); // spare bits set
    EXPECT_FALSE(public_key_from_text(good.substr(0, 42) + "=="));
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        std::string text = good;
        text[7] = static_cast<char>(c);
        EXPECT_EQ(public_key_from_text(text).has_value(),
                  alphabet.find(static_cast<char>(c)) != std::string::npos)
            << c;
    }
}

class KeyFile : public testing::Test {
protected:
    KeyFile() {
        std::string pattern = testing::TempDir() + "sacip-key-XXXXXX";
        directory_ = mkdtemp(pattern.data());
        path_ = directory_ + "/private.key";
    }
    ~KeyFile() override { std::filesystem::remove_all(directory_); }
    void write(const std::string& content, mode_t mode = 0600) {
        std::ofstream{path_, std::ios::binary | std::ios::trunc} << content;
        ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    }
    std::string complaint() {
        const auto result = read_private_key_file(path_);
        const auto* error = std::get_if<std::string>(&result);
        if (error != nullptr) {
            EXPECT_TRUE(error->starts_with(path_ + ": ")) << *error;
            EXPECT_EQ(error->find("dwdtCnMY"), std::string::npos) << "a secret in an error";
        }
        return error != nullptr ? *error : "";
    }
    std::string directory_;
    std::string path_;
    const std::string text_ = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
};

TEST_F(KeyFile, IsReadWithAndWithoutNewline) {
    for (const char* end : {"", "\n"}) {
        write(text_ + end);
        const auto result = read_private_key_file(path_);
        ASSERT_TRUE(std::holds_alternative<PrivateKey>(result));
        EXPECT_EQ(to_hex(std::get<PrivateKey>(result).bytes()), alice);
    }
    write(text_, 0400);
    EXPECT_EQ(complaint(), "");
}

TEST_F(KeyFile, ThatOthersCanReadIsRefused) {
    for (const mode_t mode : {0640U, 0604U, 0660U, 0620U, 0602U, 0601U, 0644U, 0777U}) {
        write(text_ + "\n", mode);
        EXPECT_NE(complaint().find("chmod 600"), std::string::npos) << std::oct << mode;
    }
}

TEST_F(KeyFile, OfAnotherUserIsRefused) {
    write(text_);
    if (geteuid() != 0) {
        GTEST_SKIP() << "needs root to give a file away";
    }
    ASSERT_EQ(chown(path_.c_str(), 65534, 65534), 0);
    EXPECT_NE(complaint().find("another user"), std::string::npos);
}

TEST_F(KeyFile, WithAnythingElseInItIsRefused) {
    for (const std::string& content :
         {std::string{}, std::string{"\n"}, text_.substr(1), text_ + "\r\n", text_ + "\n\n",
          text_ + "x", text_ + "\n#", " " + text_, text_ + text_, text_ + std::string(100000, 'A'),
          std::string(44, '\0'), "# a comment\n" + text_ + "\n"}) {
        write(content);
        EXPECT_NE(complaint().find("44 characters"), std::string::npos) << content.size();
    }
}

TEST_F(KeyFile, ThatIsNoneIsRefused) {
    EXPECT_NE(complaint().find("No such file"), std::string::npos);
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    EXPECT_NE(complaint().find("regular file"), std::string::npos);
    path_ = directory_;
    EXPECT_NE(complaint().find("regular file"), std::string::npos);
}

/// The kernel's own word: "dd" is MADV_DONTDUMP, "wf" is MADV_WIPEONFORK.
TEST(SecretMemory, IsLeftOutOfCoreDumps) {
    const auto key = secret_of<MacKey>(alice);
    const auto address = reinterpret_cast<uintptr_t>(key.bytes().data());
    std::ifstream maps{"/proc/self/smaps"};
    bool ours = false;
    for (std::string line; std::getline(maps, line);) {
        uintptr_t low = 0;
        uintptr_t high = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &low, &high) == 2) {
            ours = low <= address && address < high;
        } else if (ours && line.starts_with("VmFlags:")) {
            EXPECT_NE(line.find(" dd"), std::string::npos) << line;
            EXPECT_NE(line.find(" wf"), std::string::npos) << line;
            return;
        }
    }
    GTEST_SKIP() << "no /proc/self/smaps here";
}

TEST(SecretMemory, IsZeroWhenGivenBackAndGrows) {
    const std::byte* where = nullptr;
    {
        const auto key = secret_of<MacKey>(alice);
        where = key.bytes().data();
    }
    EXPECT_TRUE(
        std::all_of(where, where + secret_bytes, [](std::byte b) { return b == std::byte{0}; }));
    std::vector<MacKey> many;
    std::set<const std::byte*> places;
    for (int i = 0; i < 1000; i++) {
        many.push_back(secret_of<MacKey>(bob));
        EXPECT_TRUE(places.insert(many.back().bytes().data()).second);
    }
    EXPECT_TRUE(std::all_of(many.begin(), many.end(),
                            [](const MacKey& key) { return to_hex(key.bytes()) == bob; }));
}

} // namespace
} // namespace sacip::crypto
