// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/message.hpp"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sacip::netlink {
namespace {

/// The attributes of one message by type; later ones win, unknown ones are left out.
class Attributes {
public:
    Attributes(const nlmsghdr* message, size_t header_size) {
        const auto* a =
            static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, header_size));
        const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
        for (; mnl_attr_ok(a, static_cast<int>(end - reinterpret_cast<const char*>(a)));
             a = mnl_attr_next(a)) {
            const size_t type = mnl_attr_get_type(a);
            if (type < known_types) {
                found_[type] = a;
            }
        }
    }
    const nlattr* raw(size_t type) const { return found_[type]; }
    /// The value's bytes as a T, if there are enough.
    template <typename T>
    std::optional<T> get(size_t type) const {
        if (found_[type] == nullptr || mnl_attr_get_payload_len(found_[type]) < sizeof(T)) {
            return std::nullopt;
        }
        T value;
        std::memcpy(&value, mnl_attr_get_payload(found_[type]), sizeof value);
        return value;
    }
    IpAddr address(size_t type) const {
        return Ipv4Addr::from_raw(get<uint32_t>(type).value_or(0));
    }
    MacAddr mac(size_t type) const {
        const bool ethernet =
            found_[type] != nullptr && mnl_attr_get_payload_len(found_[type]) == 6;
        return ethernet ? get<MacAddr>(type).value_or(MacAddr{}) : MacAddr{};
    }

private:
    /// Above every type that is asked for here.
    static constexpr size_t known_types = 32;
    std::array<const nlattr*, known_types> found_{};
};

template <typename T>
const T* fixed_header(const nlmsghdr* message) {
    return mnl_nlmsg_get_payload_len(message) < sizeof(T)
               ? nullptr
               : static_cast<const T*>(mnl_nlmsg_get_payload(message));
}

AddressScope scope_of(unsigned char scope) {
    switch (scope) {
    case RT_SCOPE_UNIVERSE:
        return AddressScope::global;
    case RT_SCOPE_LINK:
        return AddressScope::link;
    case RT_SCOPE_HOST:
        return AddressScope::host;
    default:
        return AddressScope::other;
    }
}

RouteType type_of(unsigned char type) {
    switch (type) {
    case RTN_UNICAST:
        return RouteType::unicast;
    case RTN_BLACKHOLE:
        return RouteType::blackhole;
    case RTN_UNREACHABLE:
        return RouteType::unreachable;
    case RTN_PROHIBIT:
        return RouteType::prohibit;
    case RTN_THROW:
        return RouteType::throw_on;
    default:
        return RouteType::other;
    }
}

struct Hop {
    NextHop to;
    bool sound{true}; ///< its link has a carrier
    bool onlink{false};
};

/// One hop of RTA_MULTIPATH; nothing where Linux does not use it: its link is down, or without a
/// carrier while the interface is told to ignore such routes, or its router is known only by an
/// IPv6 address.
std::optional<Hop> read_hop(const rtnexthop& hop, const char* attributes) {
    Hop out{{IfIndex{hop.rtnh_ifindex}, {}},
            (hop.rtnh_flags & RTNH_F_LINKDOWN) == 0,
            (hop.rtnh_flags & RTNH_F_ONLINK) != 0};
    bool usable = (hop.rtnh_flags & RTNH_F_DEAD) == 0;
    const auto* a = reinterpret_cast<const nlattr*>(attributes);
    int left = hop.rtnh_len - static_cast<int>(sizeof hop);
    while (mnl_attr_ok(a, left)) {
        if (mnl_attr_get_type(a) == RTA_GATEWAY && mnl_attr_get_payload_len(a) >= 4) {
            out.to.address = Ipv4Addr::from_raw(mnl_attr_get_u32(a));
        }
        usable = usable && mnl_attr_get_type(a) != RTA_VIA;
        left -= static_cast<int>(MNL_ALIGN(a->nla_len));
        a = mnl_attr_next(a);
    }
    return usable ? std::optional{out} : std::nullopt;
}

/// The hops in Linux's order, those without a carrier last. False if none is of use.
bool read_multipath(const nlattr* attribute, RouteInfo& out) {
    const auto* bytes = static_cast<const char*>(mnl_attr_get_payload(attribute));
    size_t left = mnl_attr_get_payload_len(attribute);
    std::vector<Hop> hops;
    while (left >= sizeof(rtnexthop)) {
        rtnexthop hop;
        std::memcpy(&hop, bytes, sizeof hop);
        if (hop.rtnh_len < sizeof hop || hop.rtnh_len > left) {
            break;
        }
        if (const auto known = read_hop(hop, bytes + sizeof hop)) {
            hops.push_back(*known);
        }
        const size_t step = MNL_ALIGN(static_cast<size_t>(hop.rtnh_len));
        bytes += step;
        left -= std::min(left, step);
    }
    std::ranges::stable_partition(hops, &Hop::sound);
    for (const Hop& hop : hops) {
        out.onlink = out.onlink || hop.onlink;
        if (out.interface == IfIndex{}) {
            out.interface = hop.to.interface;
            out.via = hop.to.address;
        } else {
            out.more.push_back(hop.to);
        }
    }
    return !hops.empty();
}

std::string text_of(const nlattr* attribute) {
    if (attribute == nullptr) {
        return {};
    }
    const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
    return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

std::optional<RuleInfo::Action> action_of(unsigned char action) {
    switch (action) {
    case FR_ACT_TO_TBL:
        return RuleInfo::Action::look_up;
    case FR_ACT_GOTO:
        return RuleInfo::Action::go_to;
    case FR_ACT_NOP:
        return RuleInfo::Action::nop;
    case FR_ACT_BLACKHOLE:
        return RuleInfo::Action::blackhole;
    case FR_ACT_UNREACHABLE:
        return RuleInfo::Action::unreachable;
    case FR_ACT_PROHIBIT:
        return RuleInfo::Action::prohibit;
    default:
        return std::nullopt;
    }
}

/// A condition that is never met by what we ask for: no mark, no TOS, no user, no ports, no VRF.
bool is_foreign(const Attributes& attributes, const fib_rule_hdr& header) {
    const uint32_t mask = attributes.get<uint32_t>(FRA_FWMASK).value_or(UINT32_MAX);
    const bool marked = (attributes.get<uint32_t>(FRA_FWMARK).value_or(0) & mask) != 0;
    const bool vrf = attributes.get<uint8_t>(FRA_L3MDEV).value_or(0) != 0;
    return marked || vrf || header.tos != 0 || attributes.raw(FRA_UID_RANGE) != nullptr ||
           attributes.raw(FRA_IP_PROTO) != nullptr || attributes.raw(FRA_SPORT_RANGE) != nullptr ||
           attributes.raw(FRA_DPORT_RANGE) != nullptr ||
           attributes.get<uint64_t>(FRA_TUN_ID).value_or(0) != 0;
}

} // namespace

std::optional<LinkInfo> read_link(const nlmsghdr* message) {
    const auto* header = fixed_header<ifinfomsg>(message);
    if (header == nullptr || header->ifi_family != AF_UNSPEC) {
        return std::nullopt; // AF_BRIDGE tells of bridge ports
    }
    const Attributes attributes{message, sizeof *header};
    LinkInfo out;
    out.index = IfIndex{header->ifi_index};
    out.name = text_of(attributes.raw(IFLA_IFNAME));
    out.mac = attributes.mac(IFLA_ADDRESS);
    out.master = IfIndex{attributes.get<int>(IFLA_MASTER).value_or(0)};
    out.up = (header->ifi_flags & IFF_UP) != 0;
    out.carrier = (header->ifi_flags & IFF_LOWER_UP) != 0;
    return out;
}

std::optional<AddressInfo> read_address(const nlmsghdr* message) {
    const auto* header = fixed_header<ifaddrmsg>(message);
    if (header == nullptr || header->ifa_family != AF_INET) {
        return std::nullopt;
    }
    const Attributes attributes{message, sizeof *header};
    AddressInfo out;
    out.interface = IfIndex{static_cast<int>(header->ifa_index)};
    // IFA_LOCAL is ours; on a point-to-point link IFA_ADDRESS is the peer's.
    out.address =
        attributes.address(attributes.raw(IFA_LOCAL) != nullptr ? IFA_LOCAL : IFA_ADDRESS);
    const IpAddr other = attributes.address(IFA_ADDRESS);
    out.peer = other == out.address ? IpAddr{} : other;
    out.prefix_length = header->ifa_prefixlen;
    const uint32_t flags = attributes.get<uint32_t>(IFA_FLAGS).value_or(header->ifa_flags);
    out.secondary = (flags & IFA_F_SECONDARY) != 0;
    out.deprecated = (flags & IFA_F_DEPRECATED) != 0;
    out.scope = scope_of(header->ifa_scope);
    return out;
}

std::optional<RouteInfo> read_route(const nlmsghdr* message) {
    const auto* header = fixed_header<rtmsg>(message);
    if (header == nullptr || header->rtm_family != AF_INET || header->rtm_tos != 0 ||
        (header->rtm_flags & RTM_F_CLONED) != 0 || header->rtm_dst_len > 32) {
        return std::nullopt;
    }
    const Attributes attributes{message, sizeof *header};
    RouteInfo out;
    out.table = attributes.get<uint32_t>(RTA_TABLE).value_or(header->rtm_table);
    if (out.table == RT_TABLE_LOCAL) {
        return std::nullopt;
    }
    out.destination = IpPrefix{attributes.address(RTA_DST), header->rtm_dst_len};
    out.via = attributes.address(RTA_GATEWAY);
    out.interface = IfIndex{attributes.get<int>(RTA_OIF).value_or(0)};
    out.metric = attributes.get<uint32_t>(RTA_PRIORITY).value_or(0);
    out.preferred_source = attributes.address(RTA_PREFSRC);
    out.type = type_of(header->rtm_type);
    out.onlink = (header->rtm_flags & RTNH_F_ONLINK) != 0;
    // A route that Linux does not use at the moment is none.
    const nlattr* hops = attributes.raw(RTA_MULTIPATH);
    const bool live =
        hops != nullptr ? read_multipath(hops, out) : (header->rtm_flags & RTNH_F_DEAD) == 0;
    if (attributes.raw(RTA_VIA) != nullptr) {
        out.type = RouteType::other;
    }
    return live ? std::optional{out} : std::nullopt;
}

std::optional<RuleInfo> read_rule(const nlmsghdr* message) {
    const auto* header = fixed_header<fib_rule_hdr>(message);
    const auto action = header == nullptr ? std::nullopt : action_of(header->action);
    if (header == nullptr || header->family != AF_INET || header->src_len > 32 ||
        header->dst_len > 32 || !action) {
        return std::nullopt;
    }
    const Attributes attributes{message, sizeof *header};
    RuleInfo out;
    out.action = *action;
    out.priority = attributes.get<uint32_t>(FRA_PRIORITY).value_or(0);
    out.table = attributes.get<uint32_t>(FRA_TABLE).value_or(header->table);
    out.target = attributes.get<uint32_t>(FRA_GOTO).value_or(0);
    out.from = IpPrefix{attributes.address(FRA_SRC), header->src_len};
    out.to = IpPrefix{attributes.address(FRA_DST), header->dst_len};
    out.in = text_of(attributes.raw(FRA_IIFNAME));
    out.out = text_of(attributes.raw(FRA_OIFNAME));
    out.inverted = (header->flags & FIB_RULE_INVERT) != 0;
    out.foreign = is_foreign(attributes, *header);
    out.suppress_prefix_length =
        static_cast<int>(attributes.get<uint32_t>(FRA_SUPPRESS_PREFIXLEN).value_or(UINT32_MAX));
    return out.action == RuleInfo::Action::look_up && out.table == RT_TABLE_LOCAL
               ? std::nullopt
               : std::optional{out};
}

std::optional<NeighbourInfo> read_neighbour(const nlmsghdr* message) {
    const auto* header = fixed_header<ndmsg>(message);
    if (header == nullptr || header->ndm_family != AF_INET ||
        (header->ndm_flags & NTF_PROXY) != 0) {
        return std::nullopt;
    }
    const Attributes attributes{message, sizeof *header};
    NeighbourInfo out;
    out.interface = IfIndex{header->ndm_ifindex};
    out.address = attributes.address(NDA_DST);
    constexpr unsigned usable =
        NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
    if ((header->ndm_state & usable) != 0) {
        out.state = NeighbourState::resolved;
        out.mac = attributes.mac(NDA_LLADDR);
    } else {
        out.state = (header->ndm_state & NUD_FAILED) != 0 ? NeighbourState::failed
                                                          : NeighbourState::incomplete;
    }
    return out;
}

} // namespace sacip::netlink
