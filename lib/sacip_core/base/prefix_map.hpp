// SPDX-License-Identifier: BSD-3-Clause
//
// PrefixMap: values by prefix, of both families, the longest one around an address first.
//
// A hash table for each length that occurs. A look-up asks each of these once, whatever they hold.
#pragma once

#include "sacip_core/base/keyed_hash.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sacip {

template <typename T>
class PrefixMap {
public:
    /// `secret`: random and told to nobody, where strangers choose the prefixes.
    explicit PrefixMap(uint64_t secret = 0) : hash_{secret} {}

    /// The value of exactly this prefix, made if need be. It stays where it is until it is erased.
    T& operator[](const IpPrefix& prefix) {
        auto place = place_of(prefix);
        if (place == of_length_.end() || !place->holds(prefix)) {
            place = of_length_.insert(place, {prefix.is_v4(), prefix.length(), Networks{0, hash_}});
        }
        return place->networks[prefix.address()];
    }
    T* find(const IpPrefix& prefix) { return const_cast<T*>(std::as_const(*this).find(prefix)); }
    const T* find(const IpPrefix& prefix) const {
        const auto place = place_of(prefix);
        if (place == of_length_.end() || !place->holds(prefix)) {
            return nullptr;
        }
        const auto found = place->networks.find(prefix.address());
        return found == place->networks.end() ? nullptr : &found->second;
    }
    void erase(const IpPrefix& prefix) {
        const auto place = place_of(prefix);
        if (place != of_length_.end() && place->holds(prefix)) {
            place->networks.erase(prefix.address());
            forget_empty();
        }
    }
    bool empty() const { return of_length_.empty(); }

    /// Calls `visit(prefix, value)` for each prefix around the address, the longest first, until it
    /// returns true. Whether it did.
    template <typename Visit>
    bool visit_around(IpAddr address, Visit&& visit) const {
        for (const OfLength& of : of_length_) {
            if (of.v4 != address.is_v4()) {
                continue;
            }
            const IpPrefix prefix{address, of.length};
            const auto found = of.networks.find(prefix.address());
            if (found != of.networks.end() && visit(prefix, found->second)) {
                return true;
            }
        }
        return false;
    }
    /// The value of the longest prefix around the address; nullptr if there is none.
    const T* longest(IpAddr address) const {
        const T* out = nullptr;
        visit_around(address, [&](const IpPrefix&, const T& value) {
            out = &value;
            return true;
        });
        return out;
    }
    /// All of them, in no order. O(n).
    template <typename Visit>
    void visit_all(Visit&& visit) const {
        for (const OfLength& of : of_length_) {
            for (const auto& [address, value] : of.networks) {
                visit(IpPrefix{address, of.length}, value);
            }
        }
    }
    /// Takes away those for which `is_to_go(prefix, value)` is true; it may change the value. O(n).
    template <typename IsToGo>
    void erase_if(IsToGo&& is_to_go) {
        for (OfLength& of : of_length_) {
            for (auto it = of.networks.begin(); it != of.networks.end();) {
                const bool gone = is_to_go(IpPrefix{it->first, of.length}, it->second);
                it = gone ? of.networks.erase(it) : std::next(it);
            }
        }
        forget_empty();
    }
    bool operator==(const PrefixMap& other) const { return of_length_ == other.of_length_; }

private:
    using Networks = std::unordered_map<IpAddr, T, KeyedHash>;
    struct OfLength {
        bool v4;
        uint8_t length;
        Networks networks; ///< not empty
        bool holds(const IpPrefix& p) const { return v4 == p.is_v4() && length == p.length(); }
        bool operator==(const OfLength&) const = default;
    };
    template <typename Self>
    static auto place_in(Self& self, const IpPrefix& prefix) {
        return std::ranges::find_if(self, [&](const OfLength& of) {
            return of.v4 == prefix.is_v4() ? of.length <= prefix.length() : !of.v4;
        });
    }
    auto place_of(const IpPrefix& prefix) { return place_in(of_length_, prefix); }
    auto place_of(const IpPrefix& prefix) const { return place_in(of_length_, prefix); }
    void forget_empty() {
        std::erase_if(of_length_, [](const OfLength& of) { return of.networks.empty(); });
    }

    KeyedHash hash_;
    std::vector<OfLength> of_length_; ///< IPv4 first, the longest of a family first
};

} // namespace sacip
