// SPDX-License-Identifier: BSD-3-Clause
//
// sacipctl: its command line, its texts from canned replies, and its exit codes against a real
// server that runs in a thread.
#include "app/control/server.hpp"
#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/client.hpp"
#include "app/sacipctl/options.hpp"
#include "app/sacipctl/render.hpp"
#include "app/sacipctl/run.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace sacip::ctl {
namespace {

using nlohmann::json;

json canned(const std::string& command) {
    static const json replies = json::parse(R"({
"status": {"name":"branch-1","version":"0.1.0","uptime_s":273130,"workers":2,"flows":41208,
  "flow_capacity":1048576,"paths":12,"path_capacity":65536,"moves_total":17,"moves_in_progress":0,
  "stages":[
   {"stage":"worker 1","received":1000,"forwarded":990,"punted":8,"held":0,"dropped":2,"balanced":true},
   {"stage":"slow path","received":8,"forwarded":7,"punted":0,"held":1,"dropped":0,"balanced":true}],
  "balanced":true,"a key from the future":[1]},
"ports": {"ports":[
  {"name":"lan","device":"net_af_packet0","role":"inside","mac":"02:00:00:00:00:01","link":true,
   "rx_packets":10,"rx_bytes":1000,"tx_packets":5,"tx_bytes":500,"uplink":null,
   "host_interface":{"name":"lan0","kind":"tap","addresses":["10.1.0.1/24","10.1.1.1/24"]},
   "offload":{"ipv4":"software","l4":"software"}},
  {"name":"wan","device":"net_af_packet1","vlan":10,"role":"outside","mac":"02:00:00:00:00:02","link":false,
   "rx_packets":5,"rx_bytes":500,"tx_packets":10,"tx_bytes":1000,"uplink":"10.0.1.2",
   "hosts":["10.1.0.10","box"],"host_interface":null,"offload":{"ipv4":"hardware","l4":"software"}}]},
"flows": {"flows":[{"proto":"tcp","host":"10.1.0.10:40000","remote":"10.9.0.10:80","path":3,"idle_s":0.25},
  {"proto":"icmp","host":"10.1.0.10:7","remote":"10.9.0.10:7","path":3,"idle_s":65}],
  "total":41208,"truncated":true},
"paths": {"paths":[{"id":3,"host":"10.1.0.10","local_original":"10.0.1.2","local_active":"10.0.2.2",
  "remote_original":"10.9.0.10","remote_active":"10.9.0.10","flows":2,"checksum":"original",
  "state":"forward","port":"wan","next_hop_mac":"02:00:00:00:00:09"}]},
"bindings": {"local":[{"host":"10.1.0.10","original":"10.0.1.2","active":"10.0.2.2","paths":1,"way":"uplink","port":"wan"}],
  "remote":[{"original":"10.9.0.10","active":"10.9.0.10","paths":1,"peer":"basic","proven":false}]},
"moves": {"moves":[
  {"id":1,"side":"remote","trigger":"notification","old":"10.9.0.10","new":"10.9.1.10","state":"settled",
   "result":"done","paths":1,"flows":2,"event_to_flip_us":40,"notifications":0,"tries":0,
   "held":3,"dropped":0,"started":"2026-01-02T03:04:05Z"},
  {"id":2,"side":"local","trigger":"netlink","old":"10.0.1.2","new":"10.0.2.2","state":"hold",
   "result":null,"paths":1,"flows":2,"event_to_flip_us":21345.5,"notifications":1,"tries":2,
   "held":null,"dropped":null,"started":"2026-01-02T03:05:05Z",
   "trace":[{"event":"move_begun","after_us":0,"peer":null},{"event":"bind_sent","after_us":120.25,"peer":"hq"},
    {"event":"acknowledged","after_us":21300,"peer":"hq"},{"event":"drained","after_us":30000123,"peer":null}],
   "legs":[{"peer":"hq","switched":true,"applied":false,"refused":true}]}]},
"peers": {"peers":[
  {"kind":"secure","name":"hq","state":"up","epoch":1767323045,"carrier":"icmp","rtt_us":20100.5,"last_heard_s":1.25,
   "at":"10.0.9.2","claims":[{"original":"10.9.0.0/24","active":"10.8.0.0/24","proven":true}],
   "trials":[{"original":"10.9.1.1","active":"10.8.1.1","in_use":false}],
   "told":true,"tries":1,"bindings":2,"flows":7},
  {"kind":"secure","name":"new","state":"unknown","epoch":null,"carrier":"both","rtt_us":null,"last_heard_s":null,
   "at":null,"claims":[],"trials":[],"told":true,"tries":0,"bindings":0,"flows":0},
  {"kind":"basic","prefix":"10.8.0.0/24","roam_to":["10.0.0.0/8"]}]},
"events": {"events":[
  {"number":7,"event":"peer_up","move":null,"peer":"hq","text":"","time":"2026-01-02T03:04:05.006Z"},
  {"number":8,"event":"switched","move":2,"peer":null,"text":"local 10.0.1.2 > 10.0.2.2","time":"2026-01-02T03:05:05.027Z"}],
  "last":8},
"why": {"verdict":"refuse","reason":"flow_conflict","text":"Refused: it is another's.","direction":"inbound",
  "flow":{"proto":"tcp","host":"10.9.0.10:80","remote":"10.0.1.2:4000","path":3,"idle_s":0.25},
  "path":{"id":3,"state":"forward","local_original":"10.9.0.10","local_active":"10.9.0.10",
   "remote_original":"10.0.1.2","remote_active":"10.0.2.2"},"rewrites_to":"10.0.1.2:4000 > 10.9.0.10:80"},
"move": {"move":18,"paths":3,"event_to_flip_us":412},
"drops": {"drops":[{"reason":"ttl_expired","description":"TTL reached 0 here","packets":31},
  {"reason":"bad_checksum","description":"IPv4 header checksum is wrong","packets":0}],"total":31}
})");
    return replies.at(command);
}

std::string text_of(const std::vector<std::string>& words) {
    const ParsedOptions parsed = parse_options(words);
    EXPECT_EQ(parsed.error, "");
    return render(parsed.options, canned(parsed.options.command));
}

TEST(SacipctlText, Status) {
    EXPECT_EQ(text_of({}), "sacip-gw branch-1  version 0.1.0  up 3d03h  workers 2\n"
                           "flows    41208 of 1048576 (4 %)\n"
                           "paths    12 of 65536 (0 %)\n"
                           "moves    17, 0 in progress\n"
                           "packets  balanced: received = forwarded + punted + held + dropped\n"
                           "  STAGE      RECEIVED  FORWARDED  PUNTED  HELD  DROPPED  BALANCED\n"
                           "  worker 1       1000        990       8     0        2  yes\n"
                           "  slow path         8          7       0     1        0  yes\n");
}

TEST(SacipctlText, Ports) {
    EXPECT_EQ(
        text_of({"ports"}),
        "NAME  ROLE     LINK  UPLINK    HOSTS          HOST-IF  KIND  ADDRESSES                "
        "RX-PACKETS  RX-BYTES  TX-PACKETS  TX-BYTES  IPV4-SUM  L4-SUM    MAC                "
        "DEVICE          VLAN\n"
        "lan   inside   up    -         -              lan0     tap   10.1.0.1/24,10.1.1.1/24  "
        "        10      1000           5       500  software  software  02:00:00:00:00:01  "
        "net_af_packet0  -\n"
        "wan   outside  down  10.0.1.2  10.1.0.10,box  -        -     -                        "
        "         5       500          10      1000  hardware  software  02:00:00:00:00:02  "
        "net_af_packet1  10\n");
}

TEST(SacipctlText, Flows) {
    EXPECT_EQ(text_of({"flows"}), "PROTO  HOST             REMOTE        PATH   IDLE\n"
                                  "tcp    10.1.0.10:40000  10.9.0.10:80     3   0.2s\n"
                                  "icmp   10.1.0.10:7      10.9.0.10:7      3  1m05s\n"
                                  "2 of 41208 shown; --limit N shows more\n");
}

TEST(SacipctlText, Paths) {
    EXPECT_EQ(text_of({"paths"}),
              "ID  STATE    HOST       LOCAL-ORIGINAL  LOCAL-ACTIVE  REMOTE-ORIGINAL  "
              "REMOTE-ACTIVE  FLOWS  L4-SUM    PORT  NEXT-HOP\n"
              " 3  forward  10.1.0.10  10.0.1.2        10.0.2.2      10.9.0.10        "
              "10.9.0.10          2  original  wan   02:00:00:00:00:09\n");
}

TEST(SacipctlText, Bindings) {
    EXPECT_EQ(text_of({"bindings"}),
              "SIDE    HOST       ORIGINAL   ACTIVE     PATHS  WAY     PORT  PEER   PROVEN\n"
              "local   10.1.0.10  10.0.1.2   10.0.2.2       1  uplink  wan   -      -\n"
              "remote  -          10.9.0.10  10.9.0.10      1  -       -     basic  no\n");
}

TEST(SacipctlText, Moves) {
    EXPECT_EQ(text_of({"moves"}),
              "ID  STARTED               SIDE    TRIGGER       OLD        NEW        STATE    "
              "RESULT  PATHS  FLOWS  FLIP-US  SENT  TRIES  HELD  DROPPED\n"
              " 1  2026-01-02T03:04:05Z  remote  notification  10.9.0.10  10.9.1.10  settled  "
              "done        1      2       40     0      0     3        0\n"
              " 2  2026-01-02T03:05:05Z  local   netlink       10.0.1.2   10.0.2.2   hold     "
              "-           1      2  21345.5     1      2     -        -\n");
}

TEST(SacipctlText, Peers) {
    EXPECT_EQ(text_of({"peers"}),
              "NAME         KIND    STATE    AT        HEARD  RTT      CARRIER  TOLD  TRIES  "
              "BINDINGS  FLOWS  CLAIMS\n"
              "hq           secure  up       10.0.9.2  1.2s   20.1 ms  icmp     yes       1  "
              "       2      7  10.9.0.0/24>10.8.0.0/24,10.9.1.1>10.8.1.1?\n"
              "new          secure  unknown  -         -      -        both     yes       0  "
              "       0      0  -\n"
              "10.8.0.0/24  basic   -        -         -      -        -        -         -  "
              "       -      -  -\n");
    EXPECT_EQ(render(parse_options({"peers"}).options, {{"peers", json::array()}}),
              "no peers: nobody is told of our moves\n");
}

TEST(SacipctlText, Events) {
    EXPECT_EQ(text_of({"events"}),
              "2026-01-02T03:04:05.006Z  #7      peer_up         -          hq        -\n"
              "2026-01-02T03:05:05.027Z  #8      switched        move 2     -         local "
              "10.0.1.2 > 10.0.2.2\n");
}

TEST(SacipctlText, Why) {
    EXPECT_EQ(text_of({"why", "10.0.1.2:4000", "10.9.0.10:80"}),
              "refuse (flow_conflict), inbound\n"
              "  Refused: it is another's.\n"
              "  leaves as  10.0.1.2:4000 > 10.9.0.10:80\n"
              "  flow       tcp 10.9.0.10:80 - 10.0.1.2:4000, idle 0.2s\n"
              "  path       3, forward: ours 10.9.0.10 at 10.9.0.10, theirs 10.0.1.2 at "
              "10.0.2.2\n");
}

TEST(SacipctlText, Move) {
    EXPECT_EQ(text_of({"move", "10.0.1.2", "10.0.2.2"}),
              "move 18  10.0.1.2 -> 10.0.2.2  paths 3  event to flip 412 us\n");
}

TEST(SacipctlText, Drops) {
    EXPECT_EQ(text_of({"drops"}), "REASON       PACKETS  MEANING\n"
                                  "ttl_expired       31  TTL reached 0 here\n"
                                  "total             31\n");
    EXPECT_EQ(text_of({"drops", "--all"}), "REASON        PACKETS  MEANING\n"
                                           "ttl_expired        31  TTL reached 0 here\n"
                                           "bad_checksum        0  IPv4 header checksum is wrong\n"
                                           "total              31\n");
}

TEST(SacipctlText, MissingAndStrangeMembersAreDashes) {
    const std::vector<json> strange{
        json::object(), json::parse(R"({"ports":1,"flows":{},"stages":[1,null],"drops":"x"})"),
        json::parse(R"({"ports":[[]],"flows":[3],"paths":[null],"local":[1],"remote":{},
            "moves":[""],"drops":[{"packets":[[1]]}],"balanced":3,"uptime_s":-1,"truncated":1})")};
    for (const char* command : {"status", "ports", "flows", "paths", "bindings", "moves", "move",
                                "drops", "peers", "events", "why"}) {
        for (const json& reply : strange) {
            Options options;
            options.command = command;
            EXPECT_TRUE(render(options, reply).ends_with("\n")) << command;
        }
    }
    EXPECT_EQ(render({}, json::object()), "sacip-gw -  version -  up -  workers -\n"
                                          "flows    - of -\n"
                                          "paths    - of -\n"
                                          "moves    -, - in progress\n"
                                          "packets  -\n"
                                          "  STAGE  RECEIVED  FORWARDED  PUNTED  HELD  DROPPED  "
                                          "BALANCED\n");
    EXPECT_EQ(cell(json("\x1b[31mred\n")), "?[31mred?");
    EXPECT_NE(render({}, {{"balanced", false}}).find("NOT BALANCED"), std::string::npos);
}

TEST(SacipctlText, Durations) {
    EXPECT_EQ(duration(0), "0s");
    EXPECT_EQ(duration(0.31), "0.3s");
    EXPECT_EQ(duration(59), "59s");
    EXPECT_EQ(duration(60), "1m00s");
    EXPECT_EQ(duration(7440), "2h04m");
    EXPECT_EQ(duration(86400), "1d00h");
    EXPECT_EQ(duration("x"), "-");
    EXPECT_EQ(duration(1e300), "-");
}

TEST(SacipctlOptions, GoodOnes) {
    EXPECT_EQ(parse_options({}).options.command, "status");
    const auto flows = parse_options({"-j", "flows", "--limit=5", "-s", "x", "--host", "10.1.0.1"});
    EXPECT_EQ(flows.error, "");
    EXPECT_TRUE(flows.options.json);
    EXPECT_EQ(flows.options.socket, "x");
    EXPECT_EQ(flows.options.args.dump(), R"({"host":"10.1.0.1","limit":5})");
    const auto move = parse_options({"move", "10.2.0.0/24", "10.7.0.0/24"});
    EXPECT_EQ(move.options.args.dump(), R"({"new":"10.7.0.0/24","old":"10.2.0.0/24"})");
    EXPECT_EQ(parse_options({"move", "--force", "10.0.0.1", "10.0.0.2"}).options.args.dump(),
              R"({"force":true,"new":"10.0.0.2","old":"10.0.0.1"})");
    EXPECT_EQ(parse_options({"moves", "7"}).options.id, 7);
    EXPECT_EQ(parse_options({"moves", "7"}).options.args.dump(), R"({"id":7})");
    EXPECT_EQ(parse_options({"why", "10.0.0.1:1", "10.0.0.2:2", "udp"}).options.args.dump(),
              R"({"destination":"10.0.0.2:2","proto":"udp","source":"10.0.0.1:1"})");
    const auto events = parse_options({"events", "--follow", "--after", "0"});
    EXPECT_EQ(events.error, "");
    EXPECT_TRUE(events.options.follow);
    EXPECT_EQ(events.options.args.dump(), R"({"after":0})");
    EXPECT_TRUE(parse_options({"nonsense", "--help"}).options.help);
}

TEST(SacipctlOptions, BadOnes) {
    const std::vector<std::pair<std::vector<std::string>, std::string>> rows{
        {{"nonsense"}, "unknown command \"nonsense\""},
        {{"--nonsense"}, "unknown option --nonsense"},
        {{"--json=1"}, "option --json is unknown or takes no value"},
        {{"-s"}, "option -s needs a value"},
        {{"--socket="}, "option --socket needs a value"},
        {{"flows", "--limit"}, "option --limit needs a value"},
        {{"flows", "--limit", "0"}, "--limit takes a whole number from 1, not \"0\""},
        {{"flows", "--limit=1x"}, "--limit takes a whole number from 1, not \"1x\""},
        {{"flows", "10.1.0.1"}, "usage: sacipctl flows [--host A] [--limit N]"},
        {{"status", "x"}, "usage: sacipctl status"},
        {{"ports", "--limit", "5"}, "--limit belongs to flows, paths and bindings"},
        {{"paths", "--host", "10.1.0.10"}, "--host belongs to flows"},
        {{"ports", "--all"}, "--all belongs to drops"},
        {{"move", "10.0.0.1"}, "usage: sacipctl move [--force] OLD NEW"},
        {{"ports", "--force"}, "--force belongs to move"},
        {{"why", "10.0.0.1:1"}, "usage: sacipctl why SRC:PORT DST:PORT [PROTO]"},
        {{"moves", "--follow"}, "--follow and --after belong to events"},
        {{"events", "--after", "-1"}, "--after takes a whole number from 0, not \"-1\""},
        {{"moves", "x"}, "a move's id is a whole number, not \"x\""},
        {{""}, "unknown command \"\""},
    };
    for (const auto& [words, error] : rows) {
        EXPECT_EQ(parse_options(words).error, error);
    }
}

/// A gateway's socket with canned replies, served by a thread of its own.
class SacipctlRun : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "sacip-run-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        surroundings_.socket_directory = directory_;
    }
    void TearDown() override {
        stop();
        std::filesystem::remove_all(directory_);
    }
    void start(const std::string& name = "gw.sock") {
        auto result = control::Server::open(
            directory_ + "/" + name, [](const std::string& command, const json& args) -> json {
                if (command == "move" && args.at("old") == "10.66.0.1") {
                    return control::refusal("no binding has 10.66.0.1", "see sacipctl bindings");
                }
                return canned(command);
            });
        ASSERT_TRUE(result.server) << result.error;
        serve(std::move(result.server));
    }
    void serve(std::unique_ptr<control::Server> gateway) {
        thread_ = std::thread{[this, server = std::move(gateway)] {
            while (!end_) {
                server->poll(Nanos{});
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }};
    }
    void stop() {
        end_ = true;
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    int run(const std::vector<std::string>& words) {
        out_.str("");
        err_.str("");
        return ctl::run(words, surroundings_, out_, err_);
    }
    /// A Unix socket that is bound, and listens if asked, but is never served.
    control::Fd silent_socket(const std::string& name, bool listening) {
        control::Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        (directory_ + "/" + name)
            .copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        const timeval limit{5, 0}; // so that a test's accept() can't wait for ever
        ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (listening) {
            EXPECT_EQ(::listen(fd.get(), 1), 0);
        }
        return fd;
    }

    std::string directory_;
    Surroundings surroundings_;
    std::ostringstream out_;
    std::ostringstream err_;
    std::atomic<bool> end_{false};
    std::thread thread_;
};

/// Parts of two at most, of a list of five.
TEST_F(SacipctlRun, ListsInPartsArePutTogether) {
    auto result = control::Server::open(
        directory_ + "/gw.sock", [](const std::string& command, const json& args) -> json {
            EXPECT_EQ(command, "paths");
            const auto limit = std::min(args.at("limit").get<uint64_t>(), uint64_t{2});
            const auto after = args.at("after").get<uint64_t>();
            json paths = json::array();
            for (uint64_t id = after; id < std::min(after + limit, uint64_t{5}); id++) {
                paths.push_back({{"id", id}});
            }
            const auto next = after + limit;
            return {
                {"paths", paths}, {"total", 5}, {"next", next < 5 ? json(next) : json(nullptr)}};
        });
    ASSERT_TRUE(result.server) << result.error;
    serve(std::move(result.server));
    ASSERT_EQ(run({"-j", "paths"}), 0) << err_.str();
    const json whole = json::parse(out_.str());
    EXPECT_EQ(whole["paths"].size(), 5U);
    EXPECT_EQ(whole["paths"][4]["id"], 4);
    EXPECT_EQ(whole["truncated"], false);
    EXPECT_FALSE(whole.contains("next"));
    ASSERT_EQ(run({"-j", "paths", "--limit", "3"}), 0) << err_.str();
    const json some = json::parse(out_.str());
    EXPECT_EQ(some["paths"].size(), 3U);
    EXPECT_EQ(some["truncated"], true);
}

/// What answers may be anything.
TEST_F(SacipctlRun, ListsInPartsEndWhereNextGoesNoFurther) {
    auto result =
        control::Server::open(directory_ + "/gw.sock", [](const std::string&, const json&) -> json {
            return {{"paths", json::array()}, {"next", 0}};
        });
    ASSERT_TRUE(result.server) << result.error;
    serve(std::move(result.server));
    EXPECT_EQ(run({"-j", "paths"}), 0) << err_.str();
}

TEST_F(SacipctlRun, DoneIsZero) {
    start();
    EXPECT_EQ(run({}), 0) << err_.str();
    EXPECT_TRUE(out_.str().starts_with("sacip-gw branch-1")) << out_.str();
    EXPECT_EQ(run({"-j", "move", "10.0.1.2", "10.0.2.2"}), 0);
    EXPECT_EQ(out_.str(), "{\n  \"event_to_flip_us\": 412,\n  \"move\": 18,\n  \"paths\": 3\n}\n");
    EXPECT_EQ(run({"moves", "2"}), 0);
    EXPECT_EQ(out_.str(), "move 2  10.0.1.2 -> 10.0.2.2\n"
                          "  side             local\n"
                          "  trigger          netlink\n"
                          "  started          2026-01-02T03:05:05Z\n"
                          "  state            hold\n"
                          "  result           -\n"
                          "  paths            1\n"
                          "  flows            2\n"
                          "  notifications    1\n"
                          "  tries            2\n"
                          "  packets held     -\n"
                          "  packets dropped  -\n"
                          "  event to flip    21.3 ms\n"
                          "     AFTER  EVENT         PEER\n"
                          "   0.00 ms  move_begun    -\n"
                          "   0.12 ms  bind_sent     hq\n"
                          "   21.3 ms  acknowledged  hq\n"
                          "  30000 ms  drained       -\n"
                          "  PEER  SWITCHED  APPLIED  REFUSED\n"
                          "  hq    yes       no       yes\n");
    EXPECT_EQ(err_.str(), "");
    EXPECT_EQ(run({"--help"}), 0);
    EXPECT_EQ(run({"--version"}), 0);
}

/// A log of events that grows with every question, and forgets.
class SacipctlFollow : public SacipctlRun {
protected:
    /// One answer for each question; the last one for all further ones.
    void start_log(std::vector<json> answers) {
        auto result =
            control::Server::open(directory_ + "/gw.sock",
                                  [this, answers = std::move(answers)](const std::string& command,
                                                                       const json& args) -> json {
                                      EXPECT_EQ(command, "events");
                                      asked_.push_back(args);
                                      return answers[std::min(asked_.size(), answers.size()) - 1];
                                  });
        ASSERT_TRUE(result.server) << result.error;
        serve(std::move(result.server));
    }
    /// Follows, and is told to stop after a time, as by a signal.
    int follow(const std::vector<std::string>& words, std::chrono::milliseconds time) {
        std::atomic<bool> stop{false};
        surroundings_.catch_signals = [&stop]() -> const std::atomic<bool>* { return &stop; };
        std::thread timer{[&] {
            std::this_thread::sleep_for(time);
            stop = true;
        }};
        const int code = run(words);
        timer.join();
        return code;
    }
    static json event(unsigned number) {
        return {{"number", number}, {"event", "peer_up"}, {"peer", "hq"}};
    }
    std::vector<json> asked_; ///< read it after stop()
};

TEST_F(SacipctlFollow, PrintsWhatComesAndWhatWasMissed) {
    start_log({{{"events", json::array()}, {"last", 5}},
               {{"events", {event(6), event(7)}}, {"last", 7}},
               {{"events", {event(10)}}, {"last", 10}},
               {{"events", json::array()}, {"last", 10}}});
    EXPECT_EQ(follow({"-j", "events", "--follow"}, std::chrono::milliseconds{900}), 0)
        << err_.str();
    EXPECT_EQ(out_.str(), event(6).dump() + "\n" + event(7).dump() + "\n{\"missed\":2}\n" +
                              event(10).dump() + "\n");
    stop();
    ASSERT_GE(asked_.size(), 4U);
    EXPECT_GT(asked_[0].at("after"), json(1U << 31)) << "only what comes next";
    EXPECT_EQ(asked_[1].dump(), R"({"after":5})");
    EXPECT_EQ(asked_[2].dump(), R"({"after":7})");
}

TEST_F(SacipctlFollow, FromTheBeginningAsText) {
    start_log({{{"events", {event(2)}}, {"last", 2}}, {{"events", json::array()}, {"last", 2}}});
    EXPECT_EQ(follow({"events", "--follow", "--after=0"}, std::chrono::milliseconds{300}), 0);
    EXPECT_EQ(out_.str(),
              "1 event was missed\n-                         #2      peer_up         -          "
              "hq        -\n");
}

TEST_F(SacipctlFollow, AGatewayThatStartedAnewIsThree) {
    start_log({{{"events", json::array()}, {"last", 5}}, {{"events", json::array()}, {"last", 1}}});
    EXPECT_EQ(follow({"events", "--follow"}, std::chrono::milliseconds{900}), 3);
    EXPECT_NE(err_.str().find("has started anew"), std::string::npos) << err_.str();
}

TEST_F(SacipctlFollow, AGatewayThatGoesAwayIsThree) {
    start_log({{{"events", json::array()}, {"last", 5}}});
    std::thread death{[this] {
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        stop();
    }};
    EXPECT_EQ(run({"events", "--follow"}), 3);
    EXPECT_NE(err_.str().find("no gateway at"), std::string::npos) << err_.str();
    death.join();
}

TEST_F(SacipctlFollow, AReaderThatGoesAwayIsTheEnd) {
    start_log({{{"events", json::array()}, {"last", 5}}});
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    surroundings_.output_fd = ends[1];
    ::close(ends[0]);
    EXPECT_EQ(run({"events", "--follow"}), 0) << err_.str();
    ::close(ends[1]);
}

TEST_F(SacipctlFollow, AnOldGatewayIsThree) {
    start_log({{{"status", 1}}});
    EXPECT_EQ(run({"events", "--follow"}), 3);
    EXPECT_NE(err_.str().find("tells no events"), std::string::npos) << err_.str();
}

TEST_F(SacipctlRun, RefusedIsOne) {
    start();
    EXPECT_EQ(run({"move", "10.66.0.1", "10.0.2.2"}), 1);
    EXPECT_EQ(out_.str(), "");
    EXPECT_EQ(err_.str(), "sacipctl: no binding has 10.66.0.1: see sacipctl bindings\n");
    EXPECT_EQ(run({"-j", "move", "10.66.0.1", "10.0.2.2"}), 1);
    EXPECT_EQ(json::parse(out_.str()).at("error").at("remedy"), "see sacipctl bindings");
    EXPECT_EQ(run({"moves", "3"}), 1);
    EXPECT_EQ(err_.str(), "sacipctl: no move 3: sacipctl moves lists those remembered\n");
    out_.setstate(std::ios::badbit);
    EXPECT_EQ(run({}), 1) << "output that can't be written is no success";
}

TEST_F(SacipctlRun, UsageIsTwo) {
    EXPECT_EQ(run({"nonsense"}), 2);
    EXPECT_EQ(err_.str(), "sacipctl: unknown command \"nonsense\" (sacipctl --help tells more)\n");
}

TEST_F(SacipctlRun, NoGatewayIsThree) {
    EXPECT_EQ(run({}), 3);
    EXPECT_EQ(err_.str(), "sacipctl: no gateway in " + directory_ +
                              " (no *.sock there): start sacip-gw, or name its socket with -s or "
                              "$SACIP_SOCKET\n");
    EXPECT_EQ(run({"-s", directory_ + "/none.sock"}), 3);
    EXPECT_EQ(err_.str(), "sacipctl: no gateway at " + directory_ +
                              "/none.sock (No such file or directory): start sacip-gw, or name "
                              "its socket with -s or $SACIP_SOCKET\n");
    EXPECT_EQ(run({"-s", std::string(200, 'x')}), 3);
    surroundings_.socket_directory = directory_ + "/missing";
    EXPECT_EQ(run({}), 3);
}

TEST_F(SacipctlRun, FindsTheOnlyLiveGateway) {
    const control::Fd dead = silent_socket("dead.sock", false);
    std::ofstream{directory_ + "/notes.txt"} << "x";
    EXPECT_EQ(run({}), 3);
    EXPECT_NE(err_.str().find("no gateway behind " + directory_ + "/dead.sock"), std::string::npos);
    start();
    EXPECT_EQ(run({}), 0) << err_.str();
    const control::Fd second = silent_socket("another.sock", true);
    EXPECT_EQ(run({}), 3);
    EXPECT_EQ(err_.str(), "sacipctl: several gateways, name one with -s or $SACIP_SOCKET: " +
                              directory_ + "/another.sock, " + directory_ + "/gw.sock\n");
    surroundings_.socket_variable = directory_ + "/gw.sock";
    EXPECT_EQ(run({}), 0) << err_.str();
    EXPECT_EQ(run({"-s", directory_ + "/dead.sock"}), 3) << "-s comes before the variable";
}

TEST_F(SacipctlRun, AGatewayThatDoesNotAnswerIsThree) {
    const control::Fd silent = silent_socket("gw.sock", true);
    surroundings_.patience = std::chrono::milliseconds{100};
    EXPECT_EQ(run({"-s", directory_ + "/gw.sock"}), 3);
    EXPECT_EQ(err_.str(), "sacipctl: the gateway at " + directory_ +
                              "/gw.sock did not answer within 100 ms: see whether it runs, or "
                              "name another socket with -s\n");
}

TEST_F(SacipctlRun, SomethingElseThatAnswersIsThree) {
    const control::Fd silent = silent_socket("gw.sock", true);
    for (const std::string& line : {std::string{"220 mail ready\n"}, std::string{}}) {
        std::thread other{[&silent, &line] {
            const control::Fd fd{::accept4(silent.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            char byte = 0;
            while (::recv(fd.get(), &byte, 1, 0) == 1 && byte != '\n') {
            }
            static_cast<void>(::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL));
        }};
        EXPECT_EQ(run({"-s", directory_ + "/gw.sock"}), 3);
        other.join();
    }
    EXPECT_NE(err_.str().find("closed the connection"), std::string::npos) << err_.str();
}

} // namespace
} // namespace sacip::ctl
