// SPDX-License-Identifier: BSD-3-Clause
//
// SettingsKeeper: the IPv4 settings that our interfaces need stay as they were made.
//
// `sysctl --system`, which a package's installation may run, writes all settings of the box. Linux
// tells nobody, so they are read now and then, and written again.
#pragma once

#include <string>
#include <vector>

namespace sacip {

/// One thread at a time.
class SettingsKeeper {
public:
    /// Looks after this one from now on; its settings are made. Returns what to tell the operator.
    std::vector<std::string> add(const std::string& interface);
    /// Puts back what others have changed. Returns what to tell the operator.
    std::vector<std::string> look();

private:
    std::vector<std::string> interfaces_;
    bool strict_{false}; ///< net.ipv4.conf.all.rp_filter, when it was looked at last
};

} // namespace sacip
