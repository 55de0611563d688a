// SPDX-License-Identifier: BSD-3-Clause
//
// Requests: what the gateway asks of Linux - addresses, routes, neighbours, link state.
//
// Each call is one rtnetlink request, named in errors as the ip(8) command that does the same, so
// that an operator can try it by hand. All but ask_neighbour wait for the acknowledgement, and all
// wait for RTNL, Linux's lock on its tables.
#pragma once

#include "app/netlink/socket.hpp"
#include "sacip_core/kernel/kernel_state.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sacip::netlink {

struct AddressRequest {
    IfIndex interface {};
    IpAddr address{};
    uint8_t prefix_length{32};
    AddressScope scope{AddressScope::global}; ///< `other` is taken as global
    bool no_prefix_route{false};              ///< the subnet gets no route of its own
    std::string label{}; ///< at most 15 characters; empty: the interface's name
};

struct LabelledAddress {
    IpAddr address{};
    uint8_t prefix_length{32};
    std::string label{};
};

struct RouteRequest {
    IpPrefix destination{};
    IpAddr via{};         ///< unspecified: on-link
    IfIndex interface {}; ///< 0: Linux finds it by `via`
    uint32_t metric{0};
    bool onlink{false}; ///< `via` need not lie in a subnet of the interface
    IpAddr preferred_source{};
};

/// One thread at a time; works in the network namespace of the thread that called open().
class Requests {
public:
    Result open();

    Result add_address(const AddressRequest& request); ///< EEXIST: it is there already
    /// With a label: only if it is under that label.
    Result delete_address(const AddressRequest& request);
    /// The interface's addresses, whose labels KernelState does not keep.
    Result list_addresses(IfIndex interface, std::vector<LabelledAddress>& out);
    Result add_route(const RouteRequest& request); ///< EEXIST: one of that prefix and metric is
    Result replace_route(const RouteRequest& request);
    Result delete_route(const RouteRequest& request);
    /// Creates or replaces a permanent neighbour entry.
    Result set_neighbour(IfIndex interface, IpAddr address, MacAddr mac);
    Result delete_neighbour(IfIndex interface, IpAddr address);
    Result set_link_up(IfIndex interface, bool up);
    /// What the lower layer says (IFLA_CARRIER); taps and dummies take it, hardware does not.
    Result set_carrier(IfIndex interface, bool carrier);

    /// Makes Linux resolve a neighbour, as if it had a packet for it (NTF_USE). Does not wait
    /// for it: the answer is a neighbour event. Linux's refusals are counted, not told.
    void ask_neighbour(IfIndex interface, IpAddr address);
    void wait_for_rtnl() { socket_.wait_for_rtnl(); }
    uint64_t neighbours_refused() const { return neighbours_refused_; }

private:
    Result address(uint16_t type, uint16_t flags, const AddressRequest& request, const char* verb);
    Result route(uint16_t type, uint16_t flags, const RouteRequest& request, const char* verb);
    Result link(IfIndex interface, unsigned flags, unsigned change, std::optional<bool> carrier,
                std::string tried);

    Socket socket_;
    Socket asking_; ///< for ask_neighbour, so that its refusals are not taken for other answers
    uint64_t neighbours_refused_{0};
};

} // namespace sacip::netlink
