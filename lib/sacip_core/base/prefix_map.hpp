// SPDX-License-Identifier: BSD-3-Clause
//
// PrefixMap: values by IPv4 prefix, the longest one around an address first.
//
// A hash table for each length that occurs. A look-up asks each of these once, whatever they hold.
#pragma once

#include "sacip_core/base/keyed_hash.hpp"

#include <bit>
#include <unordered_map>
#include <vector>

namespace sacip {

template <typename T>
class PrefixMap {
public:
    /// `secret`: random and told to nobody, where strangers choose the prefixes.
    explicit PrefixMap(uint64_t secret = 0) : by_length_(33, Networks{0, KeyedHash{secret}}) {}

    /// The value of exactly this prefix, made if need be.
    T& operator[](const Ipv4Prefix& prefix) {
        lengths_ |= bit(prefix.length());
        return by_length_[prefix.length()][prefix.address()];
    }
    T* find(const Ipv4Prefix& prefix) { return find_in(*this, prefix); }
    const T* find(const Ipv4Prefix& prefix) const { return find_in(*this, prefix); }
    void erase(const Ipv4Prefix& prefix) {
        Networks& networks = by_length_[prefix.length()];
        networks.erase(prefix.address());
        lengths_ &= networks.empty() ? ~bit(prefix.length()) : ~uint64_t{0};
    }
    bool empty() const { return lengths_ == 0; }

    /// Calls `visit(prefix, value)` for each prefix around the address, the longest first, until it
    /// returns true. Whether it did.
    template <typename Visit>
    bool visit_around(Ipv4Addr address, Visit&& visit) const {
        for (uint64_t left = lengths_; left != 0; left &= ~std::bit_floor(left)) {
            const auto length = static_cast<uint8_t>(std::bit_width(left) - 1);
            const Ipv4Prefix prefix{address, length};
            const auto found = by_length_[length].find(prefix.address());
            if (found != by_length_[length].end() && visit(prefix, found->second)) {
                return true;
            }
        }
        return false;
    }
    /// The value of the longest prefix around the address; nullptr if there is none.
    const T* longest(Ipv4Addr address) const {
        const T* out = nullptr;
        visit_around(address, [&](const Ipv4Prefix&, const T& value) {
            out = &value;
            return true;
        });
        return out;
    }
    /// All of them, in no order. O(n).
    template <typename Visit>
    void visit_all(Visit&& visit) const {
        for (uint8_t length = 0; length <= 32; length++) {
            for (const auto& [address, value] : by_length_[length]) {
                visit(Ipv4Prefix{address, length}, value);
            }
        }
    }
    /// Takes away those for which `is_to_go(prefix, value)` is true; it may change the value. O(n).
    template <typename IsToGo>
    void erase_if(IsToGo&& is_to_go) {
        for (uint8_t length = 0; length <= 32; length++) {
            Networks& networks = by_length_[length];
            for (auto it = networks.begin(); it != networks.end();) {
                const bool gone = is_to_go(Ipv4Prefix{it->first, length}, it->second);
                it = gone ? networks.erase(it) : std::next(it);
            }
            lengths_ &= networks.empty() ? ~bit(length) : ~uint64_t{0};
        }
    }
    bool operator==(const PrefixMap& other) const { return by_length_ == other.by_length_; }

private:
    using Networks = std::unordered_map<Ipv4Addr, T, KeyedHash>;
    static constexpr uint64_t bit(uint8_t length) { return uint64_t{1} << length; }
    template <typename Map>
    static auto find_in(Map& map, const Ipv4Prefix& prefix)
        -> decltype(&map.by_length_[0].begin()->second) {
        auto& networks = map.by_length_[prefix.length()];
        const auto found = networks.find(prefix.address());
        return found == networks.end() ? nullptr : &found->second;
    }

    uint64_t lengths_{0};             ///< that occur, as bits
    std::vector<Networks> by_length_; ///< 0 to 32
};

} // namespace sacip
