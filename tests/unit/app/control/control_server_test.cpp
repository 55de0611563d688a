// SPDX-License-Identifier: BSD-3-Clause
//
// The control socket as its clients see it: real sockets, good and bad manners. Time is given to
// poll(), so the deadlines are tested without waiting.
#include "app/control/server.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace sacip::control {
namespace {

using nlohmann::json;

json handle(const std::string& command, const json& args) {
    if (command == "echo") {
        return {{"args", args}};
    }
    if (command == "big") {
        return {{"text", std::string(args.at("size").get<std::size_t>(), 'x')}};
    }
    if (command == "throw") {
        throw std::runtime_error{"thrown"};
    }
    if (command == "list") {
        return json::array({1});
    }
    if (command == "bytes") {
        return {{"text", "\xff\n"}};
    }
    return refusal("unknown command", "see sacipctl --help");
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    return address;
}

Fd connect_to(const std::string& path) {
    Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const sockaddr_un address = address_of(path);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {};
    }
    return fd;
}

bool readable(int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

class ControlServer : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "sacip-ctl-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        path_ = directory_ + "/gw.sock";
    }
    void TearDown() override {
        server_.reset();
        std::filesystem::remove_all(directory_);
    }
    void start() {
        Server::Result result = Server::open(path_, handle);
        ASSERT_TRUE(result.server) << result.error;
        server_ = std::move(result.server);
    }
    /// Polls as an event loop would: while the descriptor says that there is work.
    void turn() {
        server_->poll(now_);
        for (int i = 0; i < 10'000 && readable(server_->poll_fd()); ++i) {
            server_->poll(now_);
        }
    }
    Fd client() {
        Fd fd = connect_to(path_);
        turn();
        return fd;
    }
    static void write(const Fd& fd, const std::string& text) {
        ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// All that can be read now.
    static std::string read(const Fd& fd) {
        std::string text;
        std::vector<char> chunk(65536);
        ssize_t got = 0;
        while ((got = ::recv(fd.get(), chunk.data(), chunk.size(), 0)) > 0) {
            text.append(chunk.data(), static_cast<std::size_t>(got));
        }
        return text;
    }
    /// True if the server has closed the connection (what it sent before is thrown away).
    static bool closed(const Fd& fd) {
        read(fd);
        char byte = 0;
        const ssize_t got = ::recv(fd.get(), &byte, 1, 0);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    std::string exchange(const Fd& fd, const std::string& text) {
        write(fd, text);
        turn();
        return read(fd);
    }
    mode_t mode_of(const std::string& path) {
        struct stat info {};
        EXPECT_EQ(::lstat(path.c_str(), &info), 0);
        return info.st_mode & 07777;
    }

    std::string directory_;
    std::string path_;
    std::unique_ptr<Server> server_;
    Nanos now_{from_s(1000)};
};

std::string what(const std::string& line) {
    return json::parse(line).at("error").at("what").get<std::string>();
}

TEST(ControlRequest, AnswersWhateverTheLineHolds) {
    const auto ask = [](const std::string& line) { return answer(line, handle); };
    EXPECT_EQ(ask(R"({"command":"echo"})"), R"({"args":{}})");
    EXPECT_EQ(ask(R"({"args":{"a":[1]},"command":"echo"})"
                  "\r"),
              R"({"args":{"a":[1]}})");
    EXPECT_EQ(what(ask("")), "the request is not JSON (byte 1)");
    EXPECT_EQ(what(ask(R"({"command":)")), "the request is not JSON (byte 12)");
    EXPECT_EQ(what(ask("[1]")), "the request is not a JSON object");
    EXPECT_EQ(what(ask("{}")), "the request has no \"command\"");
    EXPECT_EQ(what(ask(R"({"command":1})")), "\"command\" is not a string");
    EXPECT_EQ(what(ask(R"({"command":"echo","args":[]})")), "\"args\" is not an object");
    EXPECT_EQ(what(ask(R"({"command":"echo","arg":{}})")), "unknown member \"arg\" in the request");
    EXPECT_EQ(what(ask(R"({"command":"echo","args":{"a":1e999}})")),
              "the request holds a number that is out of range");
    EXPECT_EQ(what(ask(R"({"command":"big"})")), "an argument has the wrong type");
    EXPECT_EQ(what(ask(R"({"command":"throw"})")), "internal error: thrown");
    EXPECT_EQ(what(ask(R"({"command":"list"})")), "internal error: the reply is not an object");
    EXPECT_EQ(ask(R"({"command":"bytes"})"), "{\"text\":\"\xEF\xBF\xBD\\n\"}");
    EXPECT_EQ(what(ask(std::string(65536, '['))), "the request nests deeper than 8");
    EXPECT_EQ(what(ask(R"({"command":"echo","args":{"a":)" + std::string(30000, '[') +
                       std::string(30000, ']') + "}}")),
              "the request nests deeper than 8");
    EXPECT_EQ(what(ask("{\"command\":\"\xff\"}")), "the request is not JSON (byte 13)");
}

TEST_F(ControlServer, ModeIs0660WhateverTheUmask) {
    for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}, mode_t{0777}}) {
        const mode_t before = ::umask(mask);
        start();
        ::umask(before);
        EXPECT_EQ(mode_of(path_), 0660U) << std::oct << mask;
        server_.reset();
        EXPECT_FALSE(std::filesystem::exists(path_));
    }
}

// The claim of listener.hpp that nothing can be raced: the mode is right at bind(), not later.
TEST_F(ControlServer, BindItselfMakesTheMode) {
    const mode_t before = ::umask(0);
    const Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::fchmod(fd.get(), 0660), 0);
    const sockaddr_un address = address_of(path_);
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::umask(before);
    EXPECT_EQ(mode_of(path_), 0660U);
    EXPECT_FALSE(connect_to(path_)) << "nobody may connect before listen()";
}

TEST_F(ControlServer, MakesItsDirectoryButNotMore) {
    path_ = directory_ + "/run/gw.sock";
    const mode_t before = ::umask(077);
    start();
    ::umask(before);
    EXPECT_EQ(mode_of(directory_ + "/run"), 0755U);
    const auto result = Server::open(directory_ + "/a/b/gw.sock", handle);
    EXPECT_FALSE(result.server);
    EXPECT_NE(result.error.find("cannot make"), std::string::npos) << result.error;
}

TEST_F(ControlServer, ReplacesTheSocketOfADeadProcess) {
    {
        const Fd dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        const sockaddr_un address = address_of(path_);
        ASSERT_EQ(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
                  0);
        ASSERT_EQ(::listen(dead.get(), 1), 0);
    }
    ASSERT_TRUE(std::filesystem::exists(path_));
    start();
    EXPECT_EQ(exchange(client(), "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
}

TEST_F(ControlServer, RefusesALiveSocketAndOtherFiles) {
    start();
    const auto second = Server::open(path_, handle);
    EXPECT_FALSE(second.server);
    EXPECT_EQ(second.error, "control socket " + path_ +
                                ": a running gateway answers there: stop it, or set another "
                                "gateway.control_socket");
    turn();
    EXPECT_EQ(exchange(client(), "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");

    const std::string file = directory_ + "/file.sock";
    std::ofstream{file} << "precious";
    EXPECT_NE(Server::open(file, handle).error.find("not a socket"), std::string::npos);
    EXPECT_TRUE(std::filesystem::exists(file));
    const std::string link = directory_ + "/link.sock";
    std::filesystem::create_symlink(file, link);
    EXPECT_NE(Server::open(link, handle).error.find("not a socket"), std::string::npos);
    const auto too_long = Server::open(directory_ + "/" + std::string(100, 'x'), handle);
    EXPECT_NE(too_long.error.find("use 1 to 107"), std::string::npos) << too_long.error;
    EXPECT_FALSE(Server::open("", handle).server);
}

TEST_F(ControlServer, LeavesAForeignFileAlone) {
    start();
    ASSERT_EQ(::unlink(path_.c_str()), 0);
    std::ofstream{path_} << "somebody else's";
    server_.reset();
    EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(ControlServer, AnswersManyRequestsOfOneClientInOrder) {
    start();
    const Fd fd = client();
    std::string requests;
    std::string expected;
    for (int i = 0; i < 500; ++i) {
        requests += R"({"command":"echo","args":{"n":)" + std::to_string(i) + "}}\n";
        expected += R"({"args":{"n":)" + std::to_string(i) + "}}\n";
    }
    write(fd, requests);
    std::string replies; // the socket holds fewer than 500: the rest waits until some are read
    for (int i = 0; i < 100 && replies.size() < expected.size(); ++i) {
        turn();
        replies += read(fd);
    }
    EXPECT_EQ(replies, expected);
}

TEST_F(ControlServer, OneCallAnswersOneRequest) {
    start();
    const Fd greedy = client();
    const Fd modest = client();
    write(greedy, "{\"command\":\"echo\"}\n{\"command\":\"echo\"}\n");
    write(modest, "{\"command\":\"echo\"}\n");
    server_->poll(now_);
    EXPECT_EQ(read(greedy), "{\"args\":{}}\n");
    EXPECT_EQ(read(modest), "");
    EXPECT_TRUE(readable(server_->poll_fd())) << "what waits must wake the loop";
    server_->poll(now_);
    EXPECT_EQ(read(greedy), "") << "it is the other one's turn";
    EXPECT_EQ(read(modest), "{\"args\":{}}\n");
    turn();
    EXPECT_EQ(read(greedy), "{\"args\":{}}\n");
    EXPECT_FALSE(readable(server_->poll_fd())) << "nothing to do must not spin";
}

TEST_F(ControlServer, ManyThatAskAtOnceAreAnsweredInTurn) {
    start();
    std::vector<Fd> clients;
    for (std::size_t i = 0; i < max_clients; ++i) {
        clients.push_back(client());
    }
    for (int round = 0; round < 3; ++round) {
        for (const Fd& fd : clients) {
            write(fd, "{\"command\":\"echo\"}\n");
        }
    }
    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < max_clients; ++i) {
            server_->poll(now_);
        }
        for (const Fd& fd : clients) {
            EXPECT_EQ(read(fd), "{\"args\":{}}\n") << "once in each round";
        }
    }
}

TEST_F(ControlServer, TakesARequestInPieces) {
    start();
    const Fd fd = client();
    for (const char c : std::string{"{\"command\":\"echo\"}"}) {
        EXPECT_EQ(exchange(fd, std::string(1, c)), "");
    }
    EXPECT_EQ(exchange(fd, "\n"), "{\"args\":{}}\n");
}

TEST_F(ControlServer, AnswersALastLineWithoutLineBreak) {
    start();
    const Fd fd = client();
    write(fd, "{\"command\":\"echo\"}\n{\"command\":\"echo\"}");
    ::shutdown(fd.get(), SHUT_WR);
    turn();
    EXPECT_EQ(read(fd), "{\"args\":{}}\n{\"args\":{}}\n");
    EXPECT_TRUE(closed(fd));
    EXPECT_EQ(server_->client_count(), 0U);
}

TEST_F(ControlServer, RefusesWhatIsTooLong) {
    start();
    const std::string start_of_echo = R"({"command":"echo","args":{"a":")";
    const std::string fits =
        start_of_echo + std::string(max_request - start_of_echo.size() - 3, 'x') + "\"}}";
    ASSERT_EQ(fits.size(), max_request);
    EXPECT_NE(exchange(client(), fits + "\n").find("xxx"), std::string::npos);
    const Fd fd = client();
    write(fd, fits + " ");
    turn();
    EXPECT_EQ(what(read(fd)), "the request is longer than 65536 bytes");
    EXPECT_TRUE(closed(fd));
}

TEST_F(ControlServer, AClientThatIsSilentOrDripsIsClosedAfterItsTime) {
    start();
    const Fd silent = client();
    const Fd dripping = client();
    const Fd busy = client();
    for (int i = 0; i < 5; ++i) {
        now_ = now_ + from_s(1);
        write(dripping, " ");
        if (i < 4) {
            EXPECT_EQ(exchange(busy, "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
        }
        turn();
    }
    EXPECT_TRUE(closed(silent));
    EXPECT_TRUE(closed(dripping));
    EXPECT_FALSE(closed(busy));
    EXPECT_EQ(server_->client_count(), 1U);
}

TEST_F(ControlServer, AClientThatNeverReadsBlocksNobody) {
    start();
    const Fd deaf = client();
    std::string request = R"({"command":"big","args":{"size":1000000}})"
                          "\n";
    write(deaf, request + request + request);
    turn();
    const Fd other = client();
    EXPECT_EQ(exchange(other, "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
    EXPECT_FALSE(readable(server_->poll_fd())) << "a full socket must not spin";
    now_ = now_ + patience;
    turn();
    EXPECT_EQ(server_->client_count(), 0U);
}

TEST_F(ControlServer, ALongReplyArrivesWholeInPartialWrites) {
    start();
    const Fd fd = client();
    write(fd, R"({"command":"big","args":{"size":3000000}})"
              "\n");
    std::string reply;
    for (int i = 0; i < 1000 && !reply.ends_with("\n"); ++i) {
        turn();
        reply += read(fd);
    }
    EXPECT_EQ(reply.size(), 3000000 + std::string{"{\"text\":\"\"}\n"}.size());
    EXPECT_EQ(exchange(fd, "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
}

TEST_F(ControlServer, RepliesThatAreTooMuchAreRefused) {
    start();
    const Fd fd = client();
    EXPECT_NE(exchange(fd, R"({"command":"big","args":{"size":5000000}})"
                           "\n")
                  .find("too many now"),
              std::string::npos);
    std::vector<Fd> deaf;
    for (int i = 0; i < 8; ++i) {
        deaf.push_back(client());
        write(deaf.back(), R"({"command":"big","args":{"size":4000000}})"
                           "\n");
        turn();
    }
    EXPECT_NE(read(deaf.back()).find("too many now"), std::string::npos);
    deaf.clear();
    turn();
    EXPECT_EQ(server_->client_count(), 1U);
    write(fd, R"({"command":"big","args":{"size":4000000}})"
              "\n");
    turn();
    EXPECT_TRUE(read(fd).starts_with("{\"text\":\"xxx")) << "what was waiting must be given back";
}

TEST_F(ControlServer, HangingUpKillsNobody) {
    start();
    for (const char* text : {"", "{\"command\":", "{\"command\":\"echo\"}\n",
                             "{\"command\":\"big\",\"args\":{\"size\":3000000}}\n"}) {
        {
            const Fd at_once = connect_to(path_);
            write(at_once, text);
        }
        turn();
        {
            const Fd later = client();
            write(later, text);
            turn();
        }
        turn();
        EXPECT_EQ(server_->client_count(), 0U) << text;
    }
    EXPECT_FALSE(readable(server_->poll_fd()));
}

TEST_F(ControlServer, TellsTheSixtyFifthClient) {
    start();
    std::vector<Fd> clients;
    for (std::size_t i = 0; i < max_clients; ++i) {
        clients.push_back(client());
    }
    EXPECT_EQ(server_->client_count(), max_clients);
    const Fd one_more = client();
    EXPECT_EQ(what(read(one_more)), "too many clients (64)");
    EXPECT_TRUE(closed(one_more));
    EXPECT_EQ(exchange(clients.front(), "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
    now_ = now_ + patience;
    turn();
    EXPECT_EQ(server_->client_count(), 0U);
    EXPECT_EQ(exchange(client(), "{\"command\":\"echo\"}\n"), "{\"args\":{}}\n");
}

TEST_F(ControlServer, RunningOutOfDescriptorsIsSurvived) {
    start();
    const Fd waiting = connect_to(path_);
    write(waiting, "{\"command\":\"echo\"}\n");
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    server_->poll(now_);
    const bool spins = readable(server_->poll_fd());
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_FALSE(spins);
    EXPECT_EQ(server_->client_count(), 0U);
    now_ = now_ + from_s(1);
    turn();
    EXPECT_EQ(read(waiting), "{\"args\":{}}\n");
}

} // namespace
} // namespace sacip::control
