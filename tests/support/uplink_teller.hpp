// SPDX-License-Identifier: BSD-3-Clause
//
// Teller: tells an Uplink a story, one message of Linux's after the other (linux_tables.hpp), and
// says what became of flows.
#pragma once

#include "sacip_core/kernel/uplink.hpp"
#include "tests/support/linux_tables.hpp"

#include <utility>

namespace sacip::test {

using Lines = std::vector<std::string>;
inline constexpr IfIndex wan_link{7};
inline constexpr IpAddr fallback_gateway{169, 254, 1, 1};

std::string text_of(const UplinkEffect& effect);

/// An interface, its Uplink, and what happened to flows.
class Teller {
public:
    /// Prefixes follow `markers`, all the time.
    explicit Teller(UplinkRules rules = {}, std::vector<IpAddr> markers = {});

    void take(const std::string& message);
    void observe();
    /// Lets time pass, with a tick at each deadline.
    void wait(Nanos duration);
    /// Bit i of `pauses`: observe after message i. "wait 28" (ms) always observes first.
    void tell(const Lines& story, uint32_t pauses);
    Lines take_effects();
    /// Where flows that began on `original` are: an address, or "held at ..." while it is lost.
    std::string flows_of(const std::string& original) const;
    std::string primary() const;
    Uplink& uplink() { return uplink_; }

private:
    void record(const std::vector<UplinkEffect>& effects);

    LinuxTables linux_;
    Uplink uplink_;
    std::vector<IpAddr> markers_;
    Nanos now_{from_s(1)};
    Lines effects_;
    std::vector<std::pair<std::string, std::string>> moves_;
};

} // namespace sacip::test
