// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/settings_keeper.hpp"

#include "app/netlink/sysctl.hpp"

namespace sacip {
namespace {

bool rp_filter_is_overruled() {
    return netlink::read_ipv4("all", netlink::Ipv4Setting::rp_filter).value_or(0) != 0;
}

std::string rp_filter_warning(const std::string& whose) {
    return "net.ipv4.conf.all.rp_filter is set, which overrules " + whose +
           " own 0: Linux may drop packets that came by another way; "
           "run: sysctl -w net.ipv4.conf.all.rp_filter=0";
}

} // namespace

std::vector<std::string> SettingsKeeper::add(const std::string& interface) {
    interfaces_.push_back(interface);
    strict_ = rp_filter_is_overruled();
    return strict_ ? std::vector{rp_filter_warning(interface + "'s")} : std::vector<std::string>{};
}

std::vector<std::string> SettingsKeeper::look() {
    std::vector<std::string> out;
    for (const std::string& interface : interfaces_) {
        for (const std::string& what : netlink::put_back_ipv4(interface)) {
            out.push_back("somebody changed a setting that a port needs; it is put back: " + what);
        }
    }
    if (strict_ != rp_filter_is_overruled()) {
        strict_ = !strict_;
        if (strict_) {
            out.push_back(rp_filter_warning("our interfaces'"));
        }
    }
    return out;
}

} // namespace sacip
