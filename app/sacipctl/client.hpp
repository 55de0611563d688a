// SPDX-License-Identifier: BSD-3-Clause
//
// Client: which gateway to ask, and one question with its answer.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace sacip::ctl {

/// The socket to use, or what to do instead.
struct FoundSocket {
    std::string path;
    std::string error;
};

/// `wanted` (-s) if not empty, else `environment` ($SACIP_SOCKET) if not empty, else the only
/// *.sock in `directory` that a live gateway listens on.
FoundSocket find_socket(const std::string& wanted, const std::string& environment,
                        const std::string& directory);

/// The reply line without its line break, or why there is none.
struct Reply {
    std::string line;
    std::string error;
};

class Connection;

/// A connection to a gateway for one question after the other.
class Conversation {
public:
    /// `stop`, if given, ends the waiting once a signal has set it. Both outlive the conversation.
    explicit Conversation(const std::string& socket, const std::atomic<bool>* stop = nullptr);
    ~Conversation();
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    /// Sends one line and waits for one line, `patience` in all. After an error the conversation is
    /// over.
    Reply ask(const std::string& request, std::chrono::milliseconds patience);

private:
    const std::string& socket_;
    std::unique_ptr<Connection> connection_;
};

} // namespace sacip::ctl
