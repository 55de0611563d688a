// SPDX-License-Identifier: BSD-3-Clause
//
// sacipctl genkey and pubkey: the command line and the two texts, on the real cryptography and in
// the real process.
#include "app/crypto/key_text.hpp"
#include "app/sacipctl/options.hpp"
#include "app/sacipctl/run.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#ifndef SACIPCTL
#error "SACIPCTL names the program"
#endif

namespace sacip::ctl {
namespace {

struct Outcome {
    int code;
    std::string out;
    std::string err;
};

/// A fake that shows what was asked.
Outcome run_with(const std::vector<std::string>& words, const std::string& input, KeyTool tool) {
    std::istringstream in{input};
    std::ostringstream out;
    std::ostringstream err;
    tool.in = &in;
    Surroundings surroundings;
    surroundings.socket_directory = "/nonexistent";
    surroundings.keys = std::move(tool);
    const int code = run(words, surroundings, out, err);
    return {code, out.str(), err.str()};
}
KeyTool fake() {
    return {.write_new_private_key =
                [](std::ostream& out) {
                    out << "a key";
                    return true;
                },
            .public_key_of = [](std::string_view text) -> std::optional<std::string> {
                return text.size() == 44 ? std::optional{"<" + std::string{text} + ">"}
                                         : std::nullopt;
            }};
}

TEST(KeyCommands, AskNoGateway) {
    const Outcome made = run_with({"genkey"}, "", fake());
    EXPECT_EQ(made.code, done);
    EXPECT_EQ(made.out, "a key\n");
    EXPECT_EQ(made.err, "");
    const std::string key(44, 'k');
    for (const std::string& end : {std::string{}, std::string{"\n"}}) {
        const Outcome told = run_with({"pubkey"}, key + end, fake());
        EXPECT_EQ(told.code, done);
        EXPECT_EQ(told.out, "<" + key + ">\n");
    }
}

TEST(KeyCommands, WarnOfAnOpenFile) {
    KeyTool tool = fake();
    tool.output_is_open_file = true;
    const Outcome made = run_with({"genkey"}, "", tool);
    EXPECT_EQ(made.code, done);
    EXPECT_NE(made.err.find("umask 077"), std::string::npos);
    EXPECT_EQ(run_with({"pubkey"}, std::string(44, 'k'), tool).err, "");
}

TEST(KeyCommands, Refusals) {
    const std::string key(44, 'k');
    for (const std::string& input :
         {std::string{}, key.substr(1), key + "x", key + "\n\n", key + "\r\n", key + key}) {
        const Outcome told = run_with({"pubkey"}, input, fake());
        EXPECT_EQ(told.code, refused);
        EXPECT_EQ(told.out, "");
        EXPECT_NE(told.err.find("no private key"), std::string::npos);
        EXPECT_EQ(told.err.find("kkk"), std::string::npos) << "a secret in an error";
    }
    EXPECT_EQ(run_with({"genkey"}, "", {}).code, refused);
    EXPECT_EQ(run_with({"pubkey"}, key, {}).code, refused);
}

TEST(KeyCommands, Usage) {
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{"genkey", "x"},
                                               {"pubkey", "x"},
                                               {"-j", "genkey"},
                                               {"-s", "/x", "pubkey"},
                                               {"genkey", "--all"},
                                               {"genkey", "--host", "10.0.0.1"}}) {
        EXPECT_EQ(run_with(words, "", fake()).code, bad_usage);
    }
    EXPECT_NE(help_text().find("genkey"), std::string::npos);
    EXPECT_NE(help_text().find("pubkey"), std::string::npos);
}

/// The pipe of the manual, by a shell.
TEST(KeyCommands, InTheShell) {
    std::string pattern = testing::TempDir() + "sacip-keys-XXXXXX";
    const std::string directory = mkdtemp(pattern.data());
    const std::string in = "cd " + directory + " && ";
    const auto shell = [&in](const std::string& line) { return std::system((in + line).c_str()); };
    const auto text = [&directory](const std::string& name) {
        std::ifstream file{directory + "/" + name};
        return std::string{std::istreambuf_iterator<char>{file}, {}};
    };
    EXPECT_EQ(shell("umask 077; " SACIPCTL " genkey 2>err1 | tee private.key | " SACIPCTL
                    " pubkey >public.key 2>err2"),
              0);
    EXPECT_EQ(text("err1") + text("err2"), "");
    ASSERT_EQ(text("private.key").size(), 45U);
    ASSERT_EQ(text("public.key").size(), 45U);
    const auto key = crypto::private_key_from_text(text("private.key").substr(0, 44));
    ASSERT_TRUE(key);
    EXPECT_EQ(to_text(*crypto::public_key_of(*key)) + "\n", text("public.key"));
    EXPECT_EQ(shell("umask 022; " SACIPCTL " genkey >open.key 2>err3"), 0);
    EXPECT_NE(text("err3").find("warning"), std::string::npos);
    EXPECT_EQ(shell("umask 077; " SACIPCTL " genkey >closed.key 2>err4"), 0);
    EXPECT_EQ(text("err4"), "");
    EXPECT_NE(text("open.key"), text("closed.key"));
    EXPECT_NE(shell("echo no key | " SACIPCTL " pubkey 2>err5"), 0);
    EXPECT_NE(shell(SACIPCTL " genkey 2>err6 >/dev/full"), 0);
    EXPECT_NE(text("err6").find("cannot write"), std::string::npos);
    std::filesystem::remove_all(directory);
}

} // namespace
} // namespace sacip::ctl
