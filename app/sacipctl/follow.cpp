// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/follow.hpp"

#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/client.hpp"
#include "app/sacipctl/move_text.hpp"
#include "app/sacipctl/run.hpp"

#include <poll.h>

#include <memory>

namespace sacip::ctl {

using nlohmann::json;

namespace {

class Follower {
public:
    Follower(const Options& options, const std::string& socket, const Following& following,
             std::ostream& out, std::ostream& err)
        : options_{options}, socket_{socket}, following_{following}, out_{out}, err_{err} {}

    int run() {
        const json& from = member(options_.args, "after");
        bool known = from.is_number_unsigned();
        last_ = known ? from.get<std::uint64_t>() : 0;
        for (;;) {
            const json reply = ask(known);
            if (stopped()) {
                return done;
            }
            if (!reply.is_object()) {
                return no_gateway;
            }
            if (const json& error = member(reply, "error"); !error.is_null()) {
                err_ << "sacipctl: " << cell(error, "what") << ": " << cell(error, "remedy")
                     << "\n";
                return refused;
            }
            if (!take(reply, std::exchange(known, true))) {
                return no_gateway;
            }
            if (!out_.flush() || !pause()) {
                return done;
            }
        }
    }

private:
    bool stopped() const { return following_.stop != nullptr && *following_.stop; }

    /// The gateway's answer; null, with the reason told, if it has gone away.
    json ask(bool known) {
        // `after` is beyond all numbers where only what comes next is wanted.
        const json request{{"command", "events"},
                           {"args", {{"after", known ? last_ : ~std::uint64_t{0}}}}};
        Reply answer;
        // The gateway closes a connection that was silent for seconds: we were stopped, or our
        // reader did not read. That is no reason to give up.
        for (int tries = 0; tries < 2; ++tries) {
            if (!conversation_) {
                conversation_ = std::make_unique<Conversation>(socket_, following_.stop);
            }
            answer = conversation_->ask(request.dump(), following_.patience);
            if (answer.error.empty() || stopped()) {
                break;
            }
            conversation_.reset();
        }
        json reply = json::parse(answer.line, nullptr, false);
        if (!stopped() && !answer.error.empty()) {
            err_ << "sacipctl: " << answer.error << "\n";
            return {};
        }
        if (!stopped() && (!reply.is_object() ||
                           (!reply.contains("error") && !member(reply, "last").is_number()))) {
            err_ << "sacipctl: what answers at " << socket_
                 << " tells no events: it is no sacip-gw, or too old a one\n";
            return {};
        }
        return reply;
    }

    /// Prints what is new. False if the numbers began again.
    bool take(const json& reply, bool known) {
        const auto last = member(reply, "last").get<std::uint64_t>();
        if (known && last < last_) {
            err_ << "sacipctl: the gateway at " << socket_
                 << " has started anew: follow it again\n";
            return false;
        }
        for (const json& event : rows(reply, "events")) {
            const json& number = member(event, "number");
            if (number.is_number_unsigned() && number.get<std::uint64_t>() > last_ + 1) {
                missed(number.get<std::uint64_t>() - last_ - 1);
            }
            last_ = number.is_number_unsigned() ? number.get<std::uint64_t>() : last_ + 1;
            out_ << (options_.json
                         ? event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"
                         : event_line(event))
                 << std::flush;
        }
        last_ = last;
        return true;
    }

    void missed(std::uint64_t count) {
        if (options_.json) {
            out_ << json{{"missed", count}}.dump() << "\n";
        } else {
            out_ << count << (count == 1 ? " event was" : " events were") << " missed\n";
        }
    }

    /// False if nobody reads any more, or we are told to stop.
    bool pause() const {
        pollfd reader{following_.output_fd, 0, 0};
        ::poll(&reader, 1, static_cast<int>(following_.every.count()));
        return !stopped() && (reader.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
    }

    const Options& options_;
    const std::string& socket_;
    const Following& following_;
    std::ostream& out_;
    std::ostream& err_;
    std::unique_ptr<Conversation> conversation_;
    std::uint64_t last_{0};
};

} // namespace

int follow(const Options& options, const std::string& socket, const Following& following,
           std::ostream& out, std::ostream& err) {
    return Follower{options, socket, following, out, err}.run();
}

} // namespace sacip::ctl
