// SPDX-License-Identifier: BSD-3-Clause
#include "app/netlink/request.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sacip::netlink {
namespace {

/// A request under construction, in memory of its own.
class Message {
public:
    Message(uint16_t type, uint16_t flags) {
        header_ = mnl_nlmsg_put_header(buffer_.data());
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    /// Zeroed family header, right after the netlink header; before any attribute.
    template <typename T>
    T* extra() {
        return static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
    }
    void put(uint16_t type, IpAddr a) { mnl_attr_put_u32(header_, type, a.v4().raw()); }
    void put(uint16_t type, uint32_t value) { mnl_attr_put_u32(header_, type, value); }
    void put(uint16_t type, uint8_t value) { mnl_attr_put_u8(header_, type, value); }
    void put(uint16_t type, const MacAddr& mac) {
        mnl_attr_put(header_, type, mac.bytes.size(), mac.bytes.data());
    }
    void put(uint16_t type, const std::string& text) {
        mnl_attr_put_strz(header_, type, text.c_str());
    }
    nlmsghdr* get() { return header_; }

private:
    alignas(nlmsghdr) std::array<char, request_size> buffer_{};
    nlmsghdr* header_{nullptr};
};

constexpr uint16_t create_only = NLM_F_CREATE | NLM_F_EXCL;
constexpr uint16_t create_or_replace = NLM_F_CREATE | NLM_F_REPLACE;

/// For error texts only.
std::string name_of(IfIndex interface) {
    std::array<char, IF_NAMESIZE> name{};
    const char* found = interface.value > 0
                            ? if_indextoname(static_cast<unsigned>(interface.value), name.data())
                            : nullptr;
    return found != nullptr ? found : "if" + std::to_string(interface.value);
}

Result judge(int error, std::string tried) {
    if (error == 0) {
        return std::nullopt;
    }
    return Refusal{error, std::move(tried)};
}

unsigned char scope_number(AddressScope scope) {
    switch (scope) {
    case AddressScope::link:
        return RT_SCOPE_LINK;
    case AddressScope::host:
        return RT_SCOPE_HOST;
    case AddressScope::global:
    case AddressScope::other:
        break;
    }
    return RT_SCOPE_UNIVERSE;
}

} // namespace

Result Requests::open() {
    if (Result refusal = socket_.open(0, false)) {
        return refusal;
    }
    return asking_.open(0, true);
}

Result Requests::address(uint16_t type, uint16_t flags, const AddressRequest& request,
                         const char* verb) {
    Message m{type, static_cast<uint16_t>(flags | NLM_F_ACK)};
    auto* header = m.extra<ifaddrmsg>();
    header->ifa_family = AF_INET;
    header->ifa_prefixlen = request.prefix_length;
    header->ifa_scope = scope_number(request.scope);
    header->ifa_index = static_cast<unsigned>(request.interface.value);
    m.put(IFA_LOCAL, request.address);
    m.put(IFA_ADDRESS, request.address);
    if (!request.label.empty()) {
        m.put(IFA_LABEL, request.label);
    }
    if (type == RTM_NEWADDR) {
        m.put(IFA_FLAGS, uint32_t{request.no_prefix_route ? IFA_F_NOPREFIXROUTE : 0U});
        if (request.prefix_length < 31) {
            // As ip(8) does with "brd +"; without it hosts that broadcast would go unheard.
            m.put(IFA_BROADCAST, IpPrefix{request.address, request.prefix_length}.last());
        }
    }
    return judge(socket_.transact(m.get()),
                 std::string{"ip addr "} + verb + " " + request.address.to_text() + "/" +
                     std::to_string(request.prefix_length) + " dev " + name_of(request.interface));
}

Result Requests::add_address(const AddressRequest& request) {
    return address(RTM_NEWADDR, create_only, request, "add");
}

Result Requests::delete_address(const AddressRequest& request) {
    return address(RTM_DELADDR, 0, request, "del");
}

Result Requests::list_addresses(IfIndex interface, std::vector<LabelledAddress>& out) {
    Message m{RTM_GETADDR, NLM_F_DUMP};
    m.extra<ifaddrmsg>()->ifa_family = AF_INET;
    const int error = socket_.transact(m.get(), [&](const nlmsghdr* line) {
        const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(line));
        if (header->ifa_index != static_cast<unsigned>(interface.value)) {
            return;
        }
        LabelledAddress& found = out.emplace_back();
        found.prefix_length = header->ifa_prefixlen;
        const auto* a =
            static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(line, sizeof *header));
        auto left = static_cast<int>(mnl_nlmsg_get_payload_len(line) - MNL_ALIGN(sizeof *header));
        while (mnl_attr_ok(a, left)) {
            if (mnl_attr_get_type(a) == IFA_LOCAL && mnl_attr_get_payload_len(a) >= 4) {
                found.address = Ipv4Addr::from_raw(mnl_attr_get_u32(a));
            } else if (mnl_attr_get_type(a) == IFA_LABEL) {
                found.label = mnl_attr_get_str(a);
            }
            left -= static_cast<int>(MNL_ALIGN(a->nla_len));
            a = mnl_attr_next(a);
        }
    });
    return judge(error == EINTR ? 0 : error, "ip addr show dev " + name_of(interface));
}

Result Requests::route(uint16_t type, uint16_t flags, const RouteRequest& request,
                       const char* verb) {
    Message m{type, static_cast<uint16_t>(flags | NLM_F_ACK)};
    auto* header = m.extra<rtmsg>();
    header->rtm_family = AF_INET;
    header->rtm_dst_len = request.destination.length();
    header->rtm_table = RT_TABLE_MAIN;
    const bool deleting = type == RTM_DELROUTE;
    const bool direct = request.via.is_unspecified();
    header->rtm_protocol = deleting ? RTPROT_UNSPEC : RTPROT_STATIC;
    header->rtm_scope = deleting ? RT_SCOPE_NOWHERE : (direct ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
    header->rtm_type = deleting ? RTN_UNSPEC : RTN_UNICAST;
    header->rtm_flags = request.onlink ? unsigned{RTNH_F_ONLINK} : 0U;
    m.put(RTA_DST, request.destination.address());
    std::string tried = std::string{"ip route "} + verb + " " + request.destination.to_text();
    if (!direct) {
        m.put(RTA_GATEWAY, request.via);
        tried += " via " + request.via.to_text();
    }
    if (request.interface.value > 0) {
        m.put(RTA_OIF, static_cast<uint32_t>(request.interface.value));
        tried += " dev " + name_of(request.interface);
    }
    if (request.metric != 0) {
        m.put(RTA_PRIORITY, request.metric);
        tried += " metric " + std::to_string(request.metric);
    }
    if (!request.preferred_source.is_unspecified()) {
        m.put(RTA_PREFSRC, request.preferred_source);
        tried += " src " + request.preferred_source.to_text();
    }
    if (request.onlink) {
        tried += " onlink";
    }
    return judge(socket_.transact(m.get()), std::move(tried));
}

Result Requests::add_route(const RouteRequest& request) {
    return route(RTM_NEWROUTE, create_only, request, "add");
}

Result Requests::replace_route(const RouteRequest& request) {
    return route(RTM_NEWROUTE, create_or_replace, request, "replace");
}

Result Requests::delete_route(const RouteRequest& request) {
    return route(RTM_DELROUTE, 0, request, "del");
}

Result Requests::set_neighbour(IfIndex interface, IpAddr address, MacAddr mac) {
    Message m{RTM_NEWNEIGH, create_or_replace | NLM_F_ACK};
    auto* header = m.extra<ndmsg>();
    header->ndm_family = AF_INET;
    header->ndm_ifindex = interface.value;
    header->ndm_state = NUD_PERMANENT;
    m.put(NDA_DST, address);
    m.put(NDA_LLADDR, mac);
    return judge(socket_.transact(m.get()), "ip neigh replace " + address.to_text() + " lladdr " +
                                                mac.to_text() + " dev " + name_of(interface) +
                                                " nud permanent");
}

Result Requests::delete_neighbour(IfIndex interface, IpAddr address) {
    Message m{RTM_DELNEIGH, NLM_F_ACK};
    auto* header = m.extra<ndmsg>();
    header->ndm_family = AF_INET;
    header->ndm_ifindex = interface.value;
    m.put(NDA_DST, address);
    return judge(socket_.transact(m.get()),
                 "ip neigh del " + address.to_text() + " dev " + name_of(interface));
}

void Requests::ask_neighbour(IfIndex interface, IpAddr address) {
    Message m{RTM_NEWNEIGH, NLM_F_CREATE};
    auto* header = m.extra<ndmsg>();
    header->ndm_family = AF_INET;
    header->ndm_ifindex = interface.value;
    header->ndm_flags = NTF_USE;
    m.put(NDA_DST, address);
    if (asking_.send(m.get()) != 0) {
        ++neighbours_refused_;
    }
    // Without NLM_F_ACK Linux answers refusals only, and those at once.
    alignas(nlmsghdr) std::array<char, request_size> buffer;
    while (asking_.is_open() &&
           mnl_socket_recvfrom(asking_.handle(), buffer.data(), buffer.size()) > 0) {
        ++neighbours_refused_;
    }
}

Result Requests::link(IfIndex interface, unsigned flags, unsigned change,
                      std::optional<bool> carrier, std::string tried) {
    Message m{RTM_NEWLINK, NLM_F_ACK};
    auto* header = m.extra<ifinfomsg>();
    header->ifi_family = AF_UNSPEC;
    header->ifi_index = interface.value;
    header->ifi_flags = flags;
    header->ifi_change = change;
    if (carrier) {
        m.put(IFLA_CARRIER, uint8_t{*carrier});
    }
    return judge(socket_.transact(m.get()), std::move(tried));
}

Result Requests::set_link_up(IfIndex interface, bool up) {
    return link(interface, up ? unsigned{IFF_UP} : 0U, IFF_UP, std::nullopt,
                "ip link set " + name_of(interface) + (up ? " up" : " down"));
}

Result Requests::set_carrier(IfIndex interface, bool carrier) {
    return link(interface, 0, 0, carrier,
                "ip link set " + name_of(interface) + " carrier " + (carrier ? "on" : "off"));
}

} // namespace sacip::netlink
