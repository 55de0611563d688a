// SPDX-License-Identifier: BSD-3-Clause
//
// Teller: tells an Uplink a story, one message of Linux's after the other (linux_tables.hpp), and
// says what became of flows.
#pragma once

#include "sacip_core/kernel/uplink.hpp"
#include "tests/support/linux_tables.hpp"

#include <algorithm>
#include <utility>

namespace sacip::test {

using Lines = std::vector<std::string>;
inline constexpr IfIndex wan_link{7};
inline constexpr Ipv4Addr fallback_gateway{169, 254, 1, 1};

inline std::string text_of(const UplinkEffect& effect) {
    struct Text {
        std::string operator()(const AddressGained& e) { return "gained " + e.address.to_text(); }
        std::string operator()(const AddressMoved& e) {
            return "moved " + e.from.to_text() + " to " + e.to.to_text();
        }
        std::string operator()(const AddressLost& e) { return "lost " + e.address.to_text(); }
        std::string operator()(const AddressReturned& e) {
            return "returned " + e.address.to_text();
        }
        std::string operator()(const PrimaryChanged& e) {
            return "primary " + (e.address ? e.address->to_text() : "none");
        }
    };
    return std::visit(Text{}, effect);
}

/// An interface, its Uplink, and what happened to flows.
class Teller {
public:
    /// Prefixes follow `markers`, all the time.
    explicit Teller(UplinkRules rules = {}, std::vector<Ipv4Addr> markers = {})
        : uplink_{rules}, markers_{std::move(markers)} {}

    void take(const std::string& message) { linux_.take(message, wan_link); }
    void observe() {
        const KernelState& host = linux_.state();
        record(uplink_.observe(host.addresses(wan_link), ways_out(host, wan_link, fallback_gateway),
                               markers_, now_));
    }
    /// Lets time pass, with a tick at each deadline.
    void wait(Nanos duration) {
        const Nanos end = now_ + duration;
        while (const auto deadline = uplink_.next_deadline()) {
            if (*deadline > end) {
                break;
            }
            now_ = *deadline;
            record(uplink_.tick(now_));
        }
        now_ = end;
    }
    /// Bit i of `pauses`: observe after message i. "wait 28" (ms) always observes first.
    void tell(const Lines& story, uint32_t pauses) {
        for (size_t i = 0; i < story.size(); ++i) {
            if (story[i].starts_with("wait ")) {
                observe();
                wait(from_ms(std::stoi(story[i].substr(5))));
                continue;
            }
            take(story[i]);
            if ((pauses >> i & 1) != 0) {
                observe();
            }
        }
        observe();
    }
    Lines take_effects() { return std::exchange(effects_, {}); }
    /// Where flows that began on `original` are: an address, or "held at ..." while it is lost.
    std::string flows_of(const std::string& original) const {
        std::string at = original;
        for (const auto& [from, to] : moves_) {
            at = from == at ? to : at;
        }
        const auto lost = uplink_.lost();
        const auto address = Ipv4Addr::from_text(at).value();
        return std::find(lost.begin(), lost.end(), address) == lost.end() ? at : "held at " + at;
    }
    std::string primary() const {
        return uplink_.primary() ? uplink_.primary()->to_text() : "none";
    }
    Uplink& uplink() { return uplink_; }

private:
    void record(const std::vector<UplinkEffect>& effects) {
        for (const UplinkEffect& effect : effects) {
            effects_.push_back(text_of(effect));
            if (const auto* moved = std::get_if<AddressMoved>(&effect)) {
                moves_.emplace_back(moved->from.to_text(), moved->to.to_text());
            }
        }
    }

    LinuxTables linux_;
    Uplink uplink_;
    std::vector<Ipv4Addr> markers_;
    Nanos now_{from_s(1)};
    Lines effects_;
    std::vector<std::pair<std::string, std::string>> moves_;
};

} // namespace sacip::test
