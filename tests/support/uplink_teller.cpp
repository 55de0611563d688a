// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/uplink_teller.hpp"

#include <algorithm>
#include <utility>

namespace sacip::test {

std::string text_of(const UplinkEffect& effect) {
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

Teller::Teller(UplinkRules rules, std::vector<IpAddr> markers)
    : uplink_{rules}, markers_{std::move(markers)} {}

void Teller::take(const std::string& message) { linux_.take(message, wan_link); }

void Teller::observe() {
    const KernelState& host = linux_.state();
    record(uplink_.observe(host.addresses(wan_link), ways_out(host, wan_link, fallback_gateway),
                           markers_, now_));
}

void Teller::wait(Nanos duration) {
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

void Teller::tell(const Lines& story, uint32_t pauses) {
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

Lines Teller::take_effects() { return std::exchange(effects_, {}); }

std::string Teller::flows_of(const std::string& original) const {
    std::string at = original;
    for (const auto& [from, to] : moves_) {
        at = from == at ? to : at;
    }
    const auto lost = uplink_.lost();
    const auto address = IpAddr::from_text(at).value();
    return std::find(lost.begin(), lost.end(), address) == lost.end() ? at : "held at " + at;
}

std::string Teller::primary() const {
    return uplink_.primary() ? uplink_.primary()->to_text() : "none";
}

void Teller::record(const std::vector<UplinkEffect>& effects) {
    for (const UplinkEffect& effect : effects) {
        effects_.push_back(text_of(effect));
        if (const auto* moved = std::get_if<AddressMoved>(&effect)) {
            moves_.emplace_back(moved->from.to_text(), moved->to.to_text());
        }
    }
}

} // namespace sacip::test
