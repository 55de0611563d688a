// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/monitor.hpp"

#include "app/netlink/message.hpp"

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace sacip::netlink {
namespace {

using Table = KernelState::Table;

constexpr unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                            RTMGRP_IPV4_RULE | RTMGRP_NEIGH | 1U << (RTNLGRP_NEXTHOP - 1);
constexpr size_t receive_size = 32768;
/// Datagrams read in one poll, so that a storm of events can't hold the slow path for ever.
constexpr int reads_per_poll = 4096;
/// A table that changes during every one of these dumps is also telling its changes by events.
constexpr int dump_attempts = 8;

struct DumpRequest {
    uint16_t type;
    unsigned char family;
};

DumpRequest dump_request(Table table) {
    switch (table) {
    case Table::links:
        return {RTM_GETLINK, AF_UNSPEC};
    case Table::addresses:
        return {RTM_GETADDR, AF_INET};
    case Table::routes:
        return {RTM_GETROUTE, AF_INET};
    case Table::rules:
        return {RTM_GETRULE, AF_INET};
    case Table::neighbours:
        break;
    }
    return {RTM_GETNEIGH, AF_INET};
}

RouteInsert insert_mode(const nlmsghdr* message) {
    if ((message->nlmsg_flags & NLM_F_REPLACE) != 0) {
        return RouteInsert::replace;
    }
    constexpr unsigned behind_or_alone = NLM_F_APPEND | NLM_F_EXCL;
    return (message->nlmsg_flags & behind_or_alone) != 0 ? RouteInsert::append
                                                         : RouteInsert::prepend;
}

} // namespace

Result Monitor::start(KernelState& state, int receive_buffer) {
    if (Result refusal = questions_.open(0, false)) {
        return refusal;
    }
    if (Result refusal = events_.open(groups, true)) {
        return refusal;
    }
    const int size = receive_buffer;
    if (setsockopt(events_.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
        setsockopt(events_.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    // Events are subscribed to by now, so nothing falls between the dump and the first of them.
    const uint64_t failed = failed_dumps_;
    dump_all(state);
    if (failed_dumps_ != failed) {
        return Refusal{EIO, "dump Linux's links, addresses, rules, routes and neighbours"};
    }
    return std::nullopt;
}

bool Monitor::poll(KernelState& state) {
    bool drained = false;
    bool changed = read_events(state, drained);
    if (!drained) {
        return changed; // what is queued is older than a dump, and must not be applied after it
    }
    if (all_stale_) {
        changed |= dump_all(state);
    } else if (routes_stale_) {
        changed |= dump(state, Table::routes);
    }
    return changed;
}

bool Monitor::read_events(KernelState& state, bool& drained) {
    alignas(nlmsghdr) std::array<char, receive_size> buffer;
    bool changed = false;
    for (int i = 0; i < reads_per_poll; ++i) {
        const ssize_t got = mnl_socket_recvfrom(events_.handle(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            drained = true;
            break;
        }
        if (got < 0) {
            // ENOBUFS: events were lost; what is queued is older, and Linux queues no more until
            // all of it is read. ENOSPC: one event was longer than the buffer. The dump that
            // follows knows better.
            ++overruns_;
            all_stale_ = true;
        }
        int left = static_cast<int>(got);
        const auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
            changed |= apply(state, m);
        }
    }
    return changed;
}

bool Monitor::apply(KernelState& state, const nlmsghdr* message) {
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
        const auto link = read_link(message);
        if (!link) {
            return false;
        }
        routes_stale_ = true;
        return message->nlmsg_type == RTM_NEWLINK ? state.upsert(*link)
                                                  : state.remove_link(link->index);
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
        const auto address = read_address(message);
        if (!address) {
            return false;
        }
        if (message->nlmsg_type == RTM_NEWADDR) {
            return state.upsert(*address);
        }
        routes_stale_ = true;
        return state.remove(*address);
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return apply_route(state, message);
    case RTM_NEWRULE:
    case RTM_DELRULE:
        return apply_rule(state, message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        return apply_neighbour(state, message);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        routes_stale_ = true;
        return false;
    default:
        return false;
    }
}

bool Monitor::apply_route(KernelState& state, const nlmsghdr* message) {
    const auto route = read_route(message);
    if (!route) {
        return false;
    }
    return message->nlmsg_type == RTM_NEWROUTE ? state.add(*route, insert_mode(message))
                                               : state.remove(*route);
}

bool Monitor::apply_rule(KernelState& state, const nlmsghdr* message) {
    const auto rule = read_rule(message);
    if (!rule) {
        return false;
    }
    return message->nlmsg_type == RTM_NEWRULE ? state.add(*rule) : state.remove(*rule);
}

bool Monitor::apply_neighbour(KernelState& state, const nlmsghdr* message) {
    const auto neighbour = read_neighbour(message);
    if (!neighbour) {
        return false;
    }
    return message->nlmsg_type == RTM_NEWNEIGH
               ? state.upsert(*neighbour)
               : state.remove_neighbour({neighbour->interface, neighbour->address});
}

/// Links first: the other tables name them.
bool Monitor::dump_all(KernelState& state) {
    all_stale_ = false;
    bool changed = dump(state, Table::links);
    changed |= dump(state, Table::addresses);
    changed |= dump(state, Table::rules);
    changed |= dump(state, Table::routes);
    changed |= dump(state, Table::neighbours);
    return changed;
}

bool Monitor::dump(KernelState& state, Table table) {
    if (table == Table::routes) {
        routes_stale_ = false;
        wait_for_linux();
    }
    ++dumps_;
    const uint64_t before = state.generation(table);
    int error = 0;
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        state.begin_dump(table);
        error = dump_once(state, table);
        if (error == 0) {
            break;
        }
        if (error != EINTR) {
            // Try again with the next event; what is known stays.
            state.abandon_dump(table);
            ++failed_dumps_;
            (table == Table::routes ? routes_stale_ : all_stale_) = true;
            return state.generation(table) != before;
        }
    }
    if (error == EINTR) {
        // It changes too quickly; but then more events are on their way, and bring us here again.
        routes_stale_ |= table == Table::routes;
        all_stale_ |= table != Table::routes;
    }
    state.end_dump(table);
    return state.generation(table) != before;
}

int Monitor::dump_once(KernelState& state, Table table) {
    const DumpRequest request = dump_request(table);
    alignas(nlmsghdr) std::array<char, request_size> buffer{};
    nlmsghdr* m = mnl_nlmsg_put_header(buffer.data());
    m->nlmsg_type = request.type;
    m->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (table == Table::links) {
        auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(m, sizeof(ifinfomsg)));
        header->ifi_family = request.family;
    } else if (table == Table::addresses) {
        auto* header = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(ifaddrmsg)));
        header->ifa_family = request.family;
    } else if (table == Table::rules) {
        auto* header =
            static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(m, sizeof(fib_rule_hdr)));
        header->family = request.family;
    } else if (table == Table::routes) {
        auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(rtmsg)));
        header->rtm_family = request.family;
    } else {
        auto* header = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(ndmsg)));
        header->ndm_family = request.family;
    }
    return questions_.transact(m, [&](const nlmsghdr* line) {
        if (line->nlmsg_type == RTM_NEWROUTE) {
            // Flags of a dumped line say nothing about its place: Linux lists them in order.
            if (const auto route = read_route(line)) {
                state.add(*route, RouteInsert::append);
            }
        } else {
            apply(state, line);
        }
    });
}

/// Returns when nobody else holds RTNL (see monitor.hpp). The answer itself does not matter.
void Monitor::wait_for_linux() {
    alignas(nlmsghdr) std::array<char, request_size> buffer{};
    nlmsghdr* m = mnl_nlmsg_put_header(buffer.data());
    m->nlmsg_type = RTM_GETLINK;
    m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    auto* header = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(m, sizeof(ifinfomsg)));
    header->ifi_family = AF_UNSPEC;
    header->ifi_index = 1; // lo
    questions_.transact(m);
}

} // namespace sacip::netlink
