// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/linux_tables.hpp"

#include <algorithm>
#include <sstream>

namespace sacip::test {

void LinuxTables::take(const std::string& message, IfIndex interface) {
    if (message.substr(1).starts_with("default")) {
        take_route(message, interface);
    } else {
        take_address(message, interface);
    }
}

void LinuxTables::take_address(const std::string& message, IfIndex interface) {
    std::istringstream words{message.substr(1)};
    std::string word;
    words >> word;
    const size_t slash = word.find('/');
    AddressInfo a;
    a.interface = interface;
    a.address = Ipv4Addr::from_text(word.substr(0, slash)).value();
    a.prefix_length = static_cast<uint8_t>(std::stoi(word.substr(slash + 1)));
    while (words >> word) {
        a.secondary |= word == "secondary";
        a.deprecated |= word == "deprecated";
        a.scope = word == "link" ? AddressScope::link : a.scope;
        a.scope = word == "host" ? AddressScope::host : a.scope;
        if (word == "peer") {
            words >> word;
            a.peer = Ipv4Addr::from_text(word).value();
        }
    }
    if (message[0] == '+') {
        state_.upsert(a);
    } else {
        state_.remove(a);
    }
    mend_routes(interface);
}

template <typename Which>
void LinuxTables::remove_routes(Which&& which) {
    for (const RouteInfo& r : state_.all_routes()) {
        if (which(r)) {
            state_.remove(r);
        }
    }
}

void LinuxTables::take_route(const std::string& message, IfIndex interface) {
    RouteInfo r;
    r.interface = interface;
    std::istringstream words{message.substr(1)};
    for (std::string word; words >> word;) {
        std::string value;
        if (word == "onlink") {
            r.onlink = true;
        } else if (word != "default" && words >> value) {
            r.via = word == "via" ? Ipv4Addr::from_text(value).value() : r.via;
            r.preferred_source =
                word == "src" ? Ipv4Addr::from_text(value).value() : r.preferred_source;
            r.metric = word == "metric" ? static_cast<uint32_t>(std::stoul(value)) : r.metric;
        }
    }
    if (message[0] == '-') {
        remove_routes([&](const RouteInfo& old) {
            return old.interface == interface && old.destination.length() == 0;
        });
    } else {
        state_.add(r, message[0] == '=' ? RouteInsert::replace : RouteInsert::append);
    }
}

void LinuxTables::mend_routes(IfIndex interface) {
    const auto present = state_.addresses(interface);
    const std::vector<AddressInfo> addresses{present.begin(), present.end()};
    const auto has = [&](auto&& what) { return std::ranges::any_of(addresses, what); };
    remove_routes([&](const RouteInfo& r) {
        const bool source_gone =
            !r.preferred_source.is_unspecified() &&
            !has([&](const AddressInfo& a) { return a.address == r.preferred_source; });
        const bool subnet_gone = r.destination.length() > 0 && !has([&](const AddressInfo& a) {
                                     return a.subnet() == r.destination;
                                 });
        return r.interface == interface && (addresses.empty() || source_gone || subnet_gone);
    });
    for (const AddressInfo& a : addresses) {
        if (!a.secondary && (a.prefix_length < 32 || !a.peer.is_unspecified())) {
            state_.remove({a.subnet(), {}, interface, 0, a.address});
            state_.add({a.subnet(), {}, interface, 0, a.address});
        }
    }
}

} // namespace sacip::test
