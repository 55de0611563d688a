// SPDX-License-Identifier: BSD-3-Clause
//
// app/crypto's identity and epoch file: two gateways come to the same keys, every start has a
// larger epoch whatever the clock does, and what can't be trusted is refused in an operator's
// words.
#include "app/crypto/epoch_file.hpp"
#include "app/crypto/identity.hpp"
#include "app/crypto/key_text.hpp"
#include "sacip_core/config/config.hpp"
#include "sacip_core/config/policy.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sacip::crypto {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t now = 1'700'000'000'000'000;

class Folder : public testing::Test {
protected:
    Folder() {
        std::string pattern = testing::TempDir() + "sacip-identity-XXXXXX";
        folder_ = mkdtemp(pattern.data());
        state_ = folder_ + "/state";
    }
    ~Folder() override { fs::remove_all(folder_); }
    static std::string read(const std::string& path) {
        std::ifstream in{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }
    static void write(const std::string& path, std::string_view content, mode_t mode = 0600) {
        std::ofstream{path, std::ios::binary | std::ios::trunc} << content;
        ASSERT_EQ(chmod(path.c_str(), mode), 0);
    }
    ptrdiff_t files() const { return std::distance(fs::directory_iterator{folder_}, {}); }

    std::string folder_;
    std::string state_;
};

class EpochFile : public Folder {
protected:
    uint64_t begin(uint64_t clock) {
        const auto epoch = begin_epoch(state_, clock);
        const auto* error = std::get_if<std::string>(&epoch);
        EXPECT_EQ(error, nullptr) << *error;
        return error == nullptr ? std::get<Epoch>(epoch).value : 0;
    }
    /// What both ways to look at the file complain about.
    std::string complaint() {
        const auto checked = complaint_about_epoch_file(state_);
        const auto epoch = begin_epoch(state_, now);
        const auto* error = std::get_if<std::string>(&epoch);
        EXPECT_EQ(checked.value_or(""), error != nullptr ? *error : "");
        if (error != nullptr) {
            EXPECT_TRUE(error->starts_with(state_ + ": ")) << *error;
        }
        return error != nullptr ? *error : "";
    }
};

TEST_F(EpochFile, IsTheClockOrOneMoreThanTheLast) {
    EXPECT_EQ(begin(now), now);
    EXPECT_EQ(read(state_), "sacip epoch 1700000000000000\n");
    EXPECT_EQ(begin(now), now + 1);       // started twice in one microsecond
    EXPECT_EQ(begin(now - 500), now + 2); // the clock was set back
    EXPECT_EQ(begin(0), now + 3);         // the clock's battery is empty
    EXPECT_EQ(begin(now + 50), now + 50);
    EXPECT_EQ(files(), 1) << "nothing is left behind";
}

TEST_F(EpochFile, IsNeverZero) { EXPECT_EQ(begin(0), 1U); }

TEST_F(EpochFile, IsItsOwnersAlone) {
    write(state_, "sacip epoch 7\n", 0644);
    const mode_t before = umask(0);
    EXPECT_EQ(begin(now), now);
    umask(before);
    struct stat status {};
    ASSERT_EQ(stat(state_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(EpochFile, ThatIsDamagedIsRefusedAndKept) {
    for (const std::string& content :
         {std::string{}, std::string{"\n"}, std::string{"sacip epoch 17000000"},
          std::string{"sacip epoch \n"}, std::string{"sacip epoch -1\n"},
          std::string{"sacip epoch 12 \n"}, std::string{"sacip epoch 12\n\n"},
          std::string{"sacip epoch 0x12\n"}, std::string{"1700000000000000\n"},
          std::string{"sacip epoch 18446744073709551615\n"},
          std::string{"sacip epoch 99999999999999999999\n"}, std::string(64, '\0'),
          "sacip epoch 1" + std::string(1000, '0') + "\n"}) {
        write(state_, content);
        EXPECT_NE(complaint().find("damaged: "), std::string::npos) << content;
        EXPECT_EQ(read(state_), content);
    }
}

TEST_F(EpochFile, ThatCanNotBeWrittenIsRefused) {
    state_ = folder_ + "/none/state";
    EXPECT_NE(complaint().find("cannot be written: No such file"), std::string::npos);
    state_ = "/dev/null/state";
    EXPECT_NE(complaint().find("Not a directory"), std::string::npos);
    state_ = folder_;
    EXPECT_NE(complaint().find("regular file"), std::string::npos);
}

TEST_F(EpochFile, InAFolderOfOthersIsRefused) {
    if (geteuid() == 0) {
        GTEST_SKIP() << "root may write everywhere";
    }
    ASSERT_EQ(chmod(folder_.c_str(), 0500), 0);
    EXPECT_NE(complaint().find("cannot be written: Permission denied"), std::string::npos);
}

class LoadIdentity : public Folder {
protected:
    struct Side {
        Config config;
        PublicKey public_key;
    };
    Side side(const std::string& name) {
        const auto key = generate_private_key();
        SecretText text;
        to_text(*key, text);
        Side out;
        out.config.identity.emplace();
        out.config.identity->private_key_file = folder_ + "/" + name + ".key";
        out.config.identity->state_file = default_state_file(out.config.identity->private_key_file);
        write(out.config.identity->private_key_file, std::string{text.view()} + "\n");
        out.public_key = *public_key_of(*key);
        return out;
    }
    static void introduce(Side& to, const std::string& name, const PublicKey& key) {
        PeerConfig& peer = to.config.peers.emplace_back();
        peer.name = name;
        peer.public_key = key;
    }
    /// What both ways complain about; nothing may have been written then.
    std::string complaint(const Side& of) {
        const auto before = files();
        const auto checked = check_identity(of.config.identity, make_policy(of.config).peers);
        const auto loaded = load_identity(*of.config.identity, make_policy(of.config).peers, now);
        const auto* error = std::get_if<std::string>(&loaded);
        EXPECT_EQ(checked.value_or(""), error != nullptr ? *error : "");
        EXPECT_TRUE(error == nullptr || files() == before);
        return error != nullptr ? *error : "";
    }
    static bool same(const MacKey& a, const MacKey& b) {
        return a.is_set() && b.is_set() && std::ranges::equal(a.bytes(), b.bytes());
    }
};

TEST_F(LoadIdentity, BothEndsComeToTheSameKeys) {
    Side a = side("a");
    Side b = side("b");
    Side c = side("c");
    introduce(a, "c", c.public_key);
    introduce(a, "b", b.public_key);
    introduce(b, "a", a.public_key);
    const auto of_a = load_identity(*a.config.identity, make_policy(a.config).peers, now);
    const auto of_b = load_identity(*b.config.identity, make_policy(b.config).peers, now + 7);
    ASSERT_TRUE(std::holds_alternative<Identity>(of_a)) << std::get<std::string>(of_a);
    ASSERT_TRUE(std::holds_alternative<Identity>(of_b)) << std::get<std::string>(of_b);
    const auto& ours = std::get<Identity>(of_a);
    const auto& theirs = std::get<Identity>(of_b);
    EXPECT_EQ(ours.public_key, a.public_key);
    EXPECT_EQ(ours.sender, sender_id_of(a.public_key));
    EXPECT_EQ(ours.epoch, Epoch{now});
    EXPECT_EQ(theirs.epoch, Epoch{now + 7});
    ASSERT_EQ(ours.peers.size(), 2U);
    ASSERT_EQ(theirs.peers.size(), 1U);
    EXPECT_EQ(ours.peers[{0}].sender, sender_id_of(c.public_key));
    EXPECT_EQ(ours.peers[{1}].sender, theirs.sender);
    EXPECT_TRUE(same(ours.peers[{1}].send, theirs.peers[{0}].receive));
    EXPECT_TRUE(same(ours.peers[{1}].receive, theirs.peers[{0}].send));
    EXPECT_FALSE(same(ours.peers[{1}].send, ours.peers[{0}].send));
    EXPECT_TRUE(ours.challenge_key.is_set());
    EXPECT_FALSE(same(ours.challenge_key, theirs.challenge_key));
}

TEST_F(LoadIdentity, EachStartHasALargerEpochAndAnotherChallengeKey) {
    Side a = side("a");
    introduce(a, "b", side("b").public_key);
    EXPECT_EQ(check_identity(a.config.identity, make_policy(a.config).peers), std::nullopt);
    EXPECT_FALSE(fs::exists(a.config.identity->state_file)) << "a check writes nothing";
    const auto first = load_identity(*a.config.identity, make_policy(a.config).peers, now);
    EXPECT_EQ(check_identity(a.config.identity, make_policy(a.config).peers), std::nullopt);
    const auto second = load_identity(*a.config.identity, make_policy(a.config).peers, now - 1);
    EXPECT_EQ(std::get<Identity>(first).epoch, Epoch{now});
    EXPECT_EQ(std::get<Identity>(second).epoch, Epoch{now + 1});
    EXPECT_FALSE(
        same(std::get<Identity>(first).challenge_key, std::get<Identity>(second).challenge_key));
}

TEST_F(LoadIdentity, WithoutOneThereIsNothingToCheck) {
    EXPECT_EQ(check_identity({}, {}), std::nullopt);
}

TEST_F(LoadIdentity, ComplaintsNameTheKeyOfTheConfiguration) {
    Side a = side("a");
    introduce(a, "b", side("b").public_key);
    for (const mode_t mode : {0604U, 0640U, 0644U}) {
        ASSERT_EQ(chmod(a.config.identity->private_key_file.c_str(), mode), 0);
        const std::string error = complaint(a);
        EXPECT_TRUE(error.starts_with("identity.private_key_file: " + folder_ + "/a.key: "))
            << error;
        EXPECT_NE(error.find("chmod 600"), std::string::npos);
    }
    ASSERT_EQ(chmod(a.config.identity->private_key_file.c_str(), 0600), 0);
    EXPECT_EQ(complaint(a), "");
    write(a.config.identity->state_file, "x");
    EXPECT_TRUE(complaint(a).starts_with("identity.state_file: " + folder_ + "/a.key.state: "));
}

TEST_F(LoadIdentity, PeersThatAreNoneAreRefused) {
    Side a = side("a");
    const PublicKey other = side("b").public_key;
    introduce(a, "me", a.public_key);
    EXPECT_TRUE(complaint(a).starts_with("peers: me: public_key is this gateway's own: "));
    a.config.peers.clear();
    introduce(a, "one", other);
    introduce(a, "two", other);
    EXPECT_TRUE(
        complaint(a).starts_with("peers: two: public_key has the same sender id as that of one: "));
    a.config.peers.clear();
    introduce(a, "low", PublicKey{{std::byte{1}}}); // of order 4
    EXPECT_TRUE(complaint(a).starts_with("peers: low: public_key is of low order"));
}

} // namespace
} // namespace sacip::crypto
