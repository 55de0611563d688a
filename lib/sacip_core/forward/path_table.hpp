// SPDX-License-Identifier: BSD-3-Clause
//
// PathTable: the paths, and the wire index that leads inbound packets to them.
//
// A packet from the wire carries the active addresses. The wire index maps that pair to the short
// list of (host, remote original) views the packet may have from inside: usually one; several where
// flows set up before and after a move share the wire. Views of moved flows come first: a packet
// that fits an older flow belongs to it, since a newcomer with the same ports is refused.
//
// One view lies in the entry itself, several in a list. A list is immutable once readers can
// see it: a changed one is a new one, and the old one is freed after a grace period. A reader looks
// for a list first; the writer fills in the single view before it takes the last list away, and
// leaves it alone while there is one. So whatever a reader sees was the whole truth a moment ago.
#pragma once

#include "sacip_core/forward/big_array.hpp"
#include "sacip_core/forward/hash_index.hpp"
#include "sacip_core/forward/path.hpp"

#include <optional>
#include <span>
#include <vector>

namespace sacip {

/// How a packet of some wire pair may look to the inside host.
template <AddressFamily F>
struct WireViewOf {
    typename F::Addr host;
    typename F::Addr remote; ///< original
    bool operator==(const WireViewOf&) const = default;
};
using WireView = WireViewOf<Ipv4>;

template <AddressFamily F>
class PathTableOf {
public:
    using Pair = WirePairOf<F>;
    using View = WireViewOf<F>;
    using Slot = RewriteSlotOf<F>;
    using Path = PathOf<F>;

    /// The views of one pair. Valid until the reader's next quiescent state.
    class Views {
    public:
        size_t size() const { return size_; }
        View operator[](size_t i) const {
            if (list_ != nullptr) [[unlikely]] { // ?: would have the one read from memory, too
                return list_[i];
            }
            return only_;
        }

    private:
        friend PathTableOf;
        View only_;
        const View* list_{nullptr}; ///< if there are several
        size_t size_{0};
    };

    /// For up to `capacity` paths; or why not.
    static std::variant<std::unique_ptr<PathTableOf>, std::string> create(uint32_t capacity,
                                                                          GracePeriod& grace);
    ~PathTableOf();

    // Any registered thread.

    void find_burst(const Pair* const* pairs, unsigned count, int32_t* positions) const {
        index_->find_burst(reinterpret_cast<const void* const*>(pairs), count, positions);
    }
    int32_t find(Pair pair) const { return index_->find(&pair); }
    /// The views at a position from find; none if they went away meanwhile.
    Views views(int32_t position) const;
    /// Changes whenever packets of some pair may have become another flow's: a moved view has come
    /// before others.
    uint32_t orders() const { return orders_.load(std::memory_order_acquire); }
    const Path& path(PathId id) const { return paths_[id.value]; }

    // Slow path only.

    /// A new path, seen by workers once a flow points to it. Nothing when the table is full.
    std::optional<PathId> add(const Slot& slot, Pair pair, View view);
    /// Takes inbound packets of the path on `pair` too, from now on. The previous other pair, if
    /// any, is no longer taken by workers.
    void prepare(PathId id, Pair pair, View view);
    /// Fills the idle slot with the next addresses and makes it the active one. `pair` is what the
    /// path has on the wire from now on: the pair in force, or one that was prepared.
    void publish(PathId id, const Slot& next, Pair pair);
    /// Takes no more packets of the path on `pair`.
    void retire(PathId id, Pair pair, View view);
    /// Forgets a path that no flow points to and whose pairs have all been retired.
    void remove(PathId id);
    /// A token for the bursts that workers are in now, and whether all of them have ended.
    uint64_t start_grace() { return grace_.start(); }
    bool grace_passed(uint64_t token) const { return grace_.passed(token); }
    /// Frees what no reader can hold any more. Call now and then.
    void reclaim();

    uint32_t size() const { return used_; }
    /// Places that a path can have now. Those of paths that were removed come back by and by.
    uint32_t available() const { return static_cast<uint32_t>(free_.size()); }
    uint32_t capacity() const { return static_cast<uint32_t>(paths_.size()); }

    PathTableOf(std::unique_ptr<HashIndex> index, uint32_t capacity, GracePeriod& grace);

private:
    struct ViewList {
        std::vector<View> views;
    };
    struct Entry {
        std::atomic<const ViewList*> list{nullptr}; ///< of several views
        Published<View> only;                       ///< where no list; all zeros: none
    };
    /// The writer's account of an entry: each view with the number of paths that want it.
    struct Account {
        std::vector<std::pair<View, uint32_t>> views;
    };
    struct Retired {
        uint64_t token;
        const ViewList* list; ///< or nullptr: then `path` is to be given out again
        PathId path;
    };

    void reference(Pair pair, View view);
    void unreference(Pair pair, View view);
    void publish_views(int32_t position, Pair pair);

    GracePeriod& grace_;
    std::unique_ptr<HashIndex> index_;
    BigArray<Entry> entries_;
    std::vector<Account> accounts_;
    std::atomic<uint32_t> orders_{1}; ///< 0 is nobody's
    BigArray<Path> paths_;
    std::vector<uint64_t> flipped_; ///< per path: grace token of its last flip
    std::vector<PathId> free_;
    std::vector<Retired> retired_;
    uint32_t used_{0};
};
using PathTable = PathTableOf<Ipv4>;

template <AddressFamily F>
inline typename PathTableOf<F>::Views PathTableOf<F>::views(int32_t position) const {
    const Entry& entry = entries_[static_cast<uint32_t>(position)];
    Views out;
    if (const ViewList* list = entry.list.load(std::memory_order_acquire)) [[unlikely]] {
        out.list_ = list->views.data();
        out.size_ = list->views.size();
    } else {
        out.only_ = entry.only.load();
        out.size_ = differences(out.only_, View{}) == 0 ? 0 : 1;
    }
    return out;
}

} // namespace sacip
