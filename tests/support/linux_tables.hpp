// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxTables: a KernelState that is told addresses and default routes as Linux has them, one
// message at a time, with what Linux does by itself: a subnet's route comes and goes with its
// address, a route that names a source goes with it, and the last address takes the interface's
// routes away.
//
//   "+10.5.0.1/24", "+10.5.0.2/24 secondary", "+10.5.0.1/24 deprecated", "+10.5.0.1/32
//   peer 10.5.0.9",
//   "+169.254.1.2/32 link" (scopes link and host), "-10.5.0.1/24"
//   "+default via 10.5.0.254 src 10.5.0.1 metric 100 onlink", "=default via ..." in place of that
//   metric's, "-default" all of them
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

#include <string>

namespace sacip::test {

class LinuxTables {
public:
    const KernelState& state() const { return state_; }

    void take(const std::string& message, IfIndex interface);

private:
    void take_address(const std::string& message, IfIndex interface);
    void take_route(const std::string& message, IfIndex interface);
    void mend_routes(IfIndex interface);

    template <typename Which>
    void remove_routes(Which&& which);

    KernelState state_;
};

} // namespace sacip::test
