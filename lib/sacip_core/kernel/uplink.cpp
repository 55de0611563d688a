// SPDX-License-Identifier: BSD-3-Clause
//
// See uplink.hpp. One pass per observation: who came, who went, who follows whom, who is given up.
#include "sacip_core/kernel/uplink.hpp"

#include <algorithm>
#include <tuple>

namespace sacip {
namespace {

/// The entry that speaks for `address`: it may be there twice, with two prefix lengths, while a
/// DHCP client replaces one by the other.
const AddressInfo* find_present(std::span<const AddressInfo> present, IpAddr address) {
    const AddressInfo* best = nullptr;
    for (const AddressInfo& a : present) {
        if (a.address == address && is_eligible(a) && (best == nullptr || best->deprecated)) {
            best = &a;
        }
    }
    return best;
}

} // namespace

std::vector<UplinkEffect> Uplink::observe(std::span<const AddressInfo> present,
                                          std::span<const WayOut> ways,
                                          std::span<const IpAddr> markers, Nanos now) {
    std::vector<UplinkEffect> effects;
    const std::optional<IpAddr> before = primary_;
    note_departures(present, now);
    note_arrivals(present, markers, effects);
    judge(present, ways);
    leave_what_leads_nowhere(effects);
    move_all(false, effects); // first, so that a marker sees which address the others took
    move_all(true, effects);
    expire(now, effects);
    choose_primary(before, effects);
    return effects;
}

std::vector<UplinkEffect> Uplink::tick(Nanos now) {
    std::vector<UplinkEffect> effects;
    const std::optional<IpAddr> before = primary_;
    expire(now, effects);
    choose_primary(before, effects);
    return effects;
}

void Uplink::note_departures(std::span<const AddressInfo> present, Nanos now) {
    std::erase_if(held_, [&](const Held& h) {
        return h.state == State::left && find_present(present, h.info.address) == nullptr;
    });
    uint64_t youngest = 0;
    for (const Held& h : held_) {
        youngest = std::max(youngest, h.info.order);
    }
    for (Held& h : held_) {
        if (h.state == State::present && find_present(present, h.info.address) == nullptr) {
            h.state = State::waiting;
            h.deadline = now + rules_.settle;
            h.last_before = youngest;
        }
    }
}

void Uplink::note_arrivals(std::span<const AddressInfo> present, std::span<const IpAddr> markers,
                           std::vector<UplinkEffect>& effects) {
    for (const AddressInfo& a : present) {
        if (!is_eligible(a) || find_present(present, a.address) != &a) {
            continue;
        }
        const bool marker = std::ranges::find(markers, a.address) != markers.end();
        Held* h = find(a.address);
        if (h == nullptr) {
            if (!a.deprecated) {
                held_.push_back({a, State::present, marker});
                effects.emplace_back(AddressGained{a.address});
            }
            continue;
        }
        h->info = a;
        h->marker = h->marker || marker;
        h->was_primary = false;
        if (h->state == State::lost) {
            effects.emplace_back(AddressReturned{a.address});
            h->state = State::present;
        } else if (h->state == State::waiting) {
            h->state = State::present; // back in time: nobody needs to know
        } else if (h->state == State::left && !a.deprecated) {
            effects.emplace_back(AddressGained{a.address});
            h->state = State::present;
            h->marker = marker;
        }
    }
}

/// A marker that is but an address says nothing of the way that its prefix takes.
void Uplink::judge(std::span<const AddressInfo> present, std::span<const WayOut> ways) {
    any_way_ = !ways.empty();
    const auto is_bare_marker = [](const Held& h) {
        return h.marker && h.info.prefix_length == 32;
    };
    std::vector<AddressInfo> own;
    for (const AddressInfo& a : present) {
        const Held* h = find(a.address);
        if (h == nullptr || !is_bare_marker(*h)) {
            own.push_back(a);
        }
    }
    for (Held& h : held_) {
        if ((h.state == State::present || h.state == State::left) && !is_bare_marker(h)) {
            h.leads = leads_out(h.info.address, own, ways);
            h.best = std::max(h.best, h.leads);
        }
    }
}

void Uplink::leave_what_leads_nowhere(std::vector<UplinkEffect>& effects) {
    Held* const old = primary_ ? find(*primary_) : nullptr;
    if (old == nullptr || old->state != State::present || old->leads != LeadsOut::no) {
        return;
    }
    const Held* const next = find_successor(*old);
    if (next != nullptr && next->leads >= LeadsOut::yes) {
        effects.emplace_back(AddressMoved{old->info.address, next->info.address});
        primary_ = next->info.address;
    }
}

/// True if `next` leads out as well as `old` once did; being named by a route is no more than that.
bool Uplink::may_follow(const Held& old, const Held& next) {
    const bool gone = old.state == State::waiting || old.state == State::lost;
    const bool came_after = gone && next.info.order > old.last_before;
    return next.leads >= std::min(old.best, came_after ? LeadsOut::first : LeadsOut::yes);
}

/// Lets every address that is gone or deprecated go over to its successor.
void Uplink::move_all(bool markers, std::vector<UplinkEffect>& effects) {
    for (Held& old : held_) {
        const bool usable = old.state == State::present && !old.info.deprecated;
        if (old.marker != markers || usable || old.state == State::left) {
            continue;
        }
        Held* successor = find_successor(old);
        if (successor == nullptr) {
            continue;
        }
        effects.emplace_back(AddressMoved{old.info.address, successor->info.address});
        successor->marker = old.marker;
        if (primary_ == old.info.address || (!primary_ && old.was_primary)) {
            // New flows go where the old ones went, even if Linux would list another one first.
            primary_ = successor->info.address;
        }
        old.state = State::left;
    }
    // What is left and gone from the interface needs no memory; only `present` can tell, so the
    // next note_departures() forgets it.
}

/// An ordinary address: what leads out best; then the same prefix length; then the same subnet,
/// where Linux promotes the first in its list; then the one added last. A marker: only an address
/// added after it, of the same prefix length, that neither another prefix nor (if in use) the
/// uplink has taken.
Uplink::Held* Uplink::find_successor(const Held& old) {
    const IpPrefix subnet{old.info.address, old.info.prefix_length};
    const auto rank = [&](const Held& h) {
        const bool same_length = h.info.prefix_length == old.info.prefix_length;
        const bool same_subnet = subnet.contains(h.info.address);
        return std::tuple{h.leads, same_length, same_subnet,
                          same_subnet ? ~h.info.order : h.info.order};
    };
    Held* best = nullptr;
    for (Held& h : held_) {
        if (h.state != State::present || h.info.deprecated || h.marker || &h == &old ||
            !may_follow(old, h)) {
            continue;
        }
        if (old.marker &&
            (h.info.order <= old.info.order || h.info.prefix_length != old.info.prefix_length ||
             (rules_.primary_in_use && primary_ == h.info.address))) {
            continue;
        }
        if (best == nullptr || rank(h) > rank(*best)) {
            best = &h;
        }
    }
    return best;
}

void Uplink::expire(Nanos now, std::vector<UplinkEffect>& effects) {
    for (Held& h : held_) {
        if (h.state == State::waiting && now >= h.deadline) {
            h.state = State::lost;
            effects.emplace_back(AddressLost{h.info.address});
            if (primary_ == h.info.address) {
                primary_.reset();
                h.was_primary = true;
            }
        }
    }
}

/// Keeps the one there is; else the one that Linux would use, which is no secondary if possible.
/// Where there is a way out, only one that leads there; and none that a lost one would not go to.
void Uplink::choose_primary(std::optional<IpAddr> before, std::vector<UplinkEffect>& effects) {
    const auto leads = [&](const Held& h) { return any_way_ ? h.leads : h.best; };
    const auto rank = [&](const Held& h) {
        return std::tuple{static_cast<int>(LeadsOut::preferred) - static_cast<int>(leads(h)),
                          h.info.secondary, h.info.order};
    };
    const auto will_do = [&](const Held& h) {
        return h.state == State::present && !h.info.deprecated && !h.marker &&
               (!any_way_ || h.leads != LeadsOut::no) &&
               std::ranges::all_of(held_, [&](const Held& old) {
                   const bool missed = old.state == State::waiting || old.state == State::lost;
                   return !missed || old.marker || may_follow(old, h);
               });
    };
    if (!primary_) {
        const Held* best = nullptr;
        for (const Held& h : held_) {
            if (will_do(h) && (best == nullptr || rank(h) < rank(*best))) {
                best = &h;
            }
        }
        if (best != nullptr) {
            primary_ = best->info.address;
        }
    }
    if (primary_ != before) {
        effects.emplace_back(PrimaryChanged{primary_});
    }
}

std::optional<Nanos> Uplink::next_deadline() const {
    std::optional<Nanos> next;
    for (const Held& h : held_) {
        if (h.state == State::waiting && (!next || h.deadline < *next)) {
            next = h.deadline;
        }
    }
    return next;
}

std::optional<IpAddr> Uplink::way_out() const {
    const bool leads = std::ranges::any_of(held_, [&](const Held& h) {
        return primary_ == h.info.address && h.state == State::present && h.leads != LeadsOut::no;
    });
    return leads ? primary_ : std::nullopt;
}

std::vector<IpAddr> Uplink::lost() const {
    std::vector<IpAddr> out;
    for (const Held& h : held_) {
        if (h.state == State::lost) {
            out.push_back(h.info.address);
        }
    }
    return out;
}

void Uplink::forget(IpAddr lost) {
    std::erase_if(held_,
                  [&](const Held& h) { return h.state == State::lost && h.info.address == lost; });
}

Uplink::Held* Uplink::find(IpAddr address) {
    const auto it = std::find_if(held_.begin(), held_.end(),
                                 [&](const Held& h) { return h.info.address == address; });
    return it == held_.end() ? nullptr : &*it;
}

} // namespace sacip
