// SPDX-License-Identifier: BSD-3-Clause
//
// KernelInterface: the network interface of Linux that a DPDK device stands on (af_packet, af_xdp,
// pcap), or that stands for a port in Linux. DPDK says nothing of its MTU, nor whether the kernel
// makes long frames out of short ones before we see them.
//
// By index, in the network namespace of the process. Slow path only; each call is a few ioctls.
#pragma once

#include "sacip_core/base/units.hpp"

#include <optional>
#include <string>

namespace sacip::kernel_interface {

/// Nothing if there is no such interface.
std::optional<std::string> name_of(IfIndex index);
/// Bytes of an IP packet; nothing if there is no such interface.
std::optional<uint32_t> mtu_of(IfIndex index);
/// Why not (errno), or 0. Takes CAP_NET_ADMIN.
int set_mtu(IfIndex index, uint16_t mtu);
/// What of "gro" and "lro" is on, as `ethtool -K` takes it: " gro off lro off". Empty if nothing
/// is, or the kernel does not say.
std::string merging_remedy(IfIndex index);

} // namespace sacip::kernel_interface
