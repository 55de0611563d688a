// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/monitor.hpp"

#include "app/netlink/message.hpp"

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace sacip::netlink {
namespace {

using Table = KernelState::Table;

constexpr unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |
                            RTMGRP_IPV4_RULE | RTMGRP_NEIGH | 1U << (RTNLGRP_NEXTHOP - 1);
constexpr size_t receive_size = 32768;
/// Datagrams read in one poll, so that a storm of events can't keep all else waiting for ever.
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

Result Monitor::start(ChangeSink& sink, int receive_buffer) {
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
    const uint64_t failed = failed_dumps();
    questions_.wait_for_rtnl();
    dump_all(sink);
    if (failed_dumps() != failed) {
        return Refusal{EIO, "dump Linux's links, addresses, rules, routes and neighbours"};
    }
    return std::nullopt;
}

void Monitor::poll(ChangeSink& sink) {
    if (read(sink) && is_stale()) {
        sink.flush();
        questions_.wait_for_rtnl();
        dump(sink);
    }
    sink.flush();
}

void Monitor::dump(ChangeSink& sink) {
    const uint64_t calls = calls_;
    if (all_stale_) {
        dump_all(sink);
    } else {
        dump(sink, Table::routes);
    }
    calls_ = calls; // the lines of a dump call for none
}

bool Monitor::read(ChangeSink& sink) {
    alignas(nlmsghdr) std::array<char, receive_size> buffer;
    for (int i = 0; i < reads_per_poll; ++i) {
        const ssize_t got = mnl_socket_recvfrom(events_.handle(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return true;
        }
        if (got < 0) {
            // ENOBUFS: events were lost; what is queued is older, and Linux queues no more until
            // all of it is read. ENOSPC: one event was longer than the buffer. The dump that
            // follows knows better.
            overruns_.add();
            call(all_stale_);
        }
        int left = static_cast<int>(got);
        const auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data());
        for (; mnl_nlmsg_ok(m, left); m = mnl_nlmsg_next(m, &left)) {
            tell(sink, m);
        }
    }
    return false;
}

void Monitor::tell(ChangeSink& sink, const nlmsghdr* message) {
    const auto type = message->nlmsg_type;
    switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (auto link = read_link(message)) {
            call(routes_stale_);
            sink.take(type == RTM_NEWLINK ? KernelChange{std::move(*link)} : LinkGone{link->index});
        }
        break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        if (const auto address = read_address(message)) {
            if (type == RTM_DELADDR) {
                call(routes_stale_);
            }
            sink.take(type == RTM_NEWADDR ? KernelChange{*address} : AddressGone{*address});
        }
        break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        if (auto route = read_route(message)) {
            sink.take(type == RTM_NEWROUTE
                          ? KernelChange{RouteNews{std::move(*route), insert_mode(message)}}
                          : RouteGone{std::move(*route)});
        }
        break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
        if (auto rule = read_rule(message)) {
            sink.take(type == RTM_NEWRULE ? KernelChange{std::move(*rule)}
                                          : RuleGone{std::move(*rule)});
        }
        break;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
        if (const auto n = read_neighbour(message)) {
            sink.take(type == RTM_NEWNEIGH ? KernelChange{*n}
                                           : NeighbourGone{{n->interface, n->address}});
        }
        break;
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
        call(routes_stale_);
        break;
    default:
        break;
    }
}

/// Links first: the other tables name them.
void Monitor::dump_all(ChangeSink& sink) {
    all_stale_ = false;
    for (const Table table :
         {Table::links, Table::addresses, Table::rules, Table::routes, Table::neighbours}) {
        dump(sink, table);
    }
}

void Monitor::dump(ChangeSink& sink, Table table) {
    if (table == Table::routes) {
        routes_stale_ = false;
    }
    dumps_.add();
    int error = 0;
    for (int attempt = 0; attempt < dump_attempts; ++attempt) {
        sink.take(DumpMark{DumpMark::What::begin, table});
        error = dump_once(sink, table);
        if (error == 0) {
            break;
        }
        if (error != EINTR) {
            // Try again with the next event; what is known stays.
            sink.take(DumpMark{DumpMark::What::abandon, table});
            failed_dumps_.add();
            (table == Table::routes ? routes_stale_ : all_stale_) = true;
            return;
        }
    }
    if (error == EINTR) {
        // It changes too quickly; but then more events are on their way, and bring us here again.
        routes_stale_ |= table == Table::routes;
        all_stale_ |= table != Table::routes;
    }
    sink.take(DumpMark{DumpMark::What::end, table});
}

int Monitor::dump_once(ChangeSink& sink, Table table) {
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
            if (auto route = read_route(line)) {
                sink.take(RouteNews{std::move(*route), RouteInsert::append});
            }
        } else {
            tell(sink, line);
        }
    });
}

} // namespace sacip::netlink
