// SPDX-License-Identifier: BSD-3-Clause
//
// Tap: an interface of Linux whose other end is this process (/dev/net/tun).
//
// One frame per system call, to and from packet buffers. DPDK's own tap device does the same, but
// can't carry frames above 1,522 bytes. The interface goes with the process. No offloads: Linux
// finishes its checksums itself, and cuts its segments.
//
// One thread receives, any may send: what the kernel does with a written frame, it does in the
// writer's system call. The rest is the slow path's.
#pragma once

#include "sacip_core/base/units.hpp"

#include <memory>
#include <string>
#include <variant>

struct rte_mbuf;
struct rte_mempool;

namespace sacip {

class Tap {
public:
    /// An interface of this name (an unused one), down. `pool` is for what Linux sends, its buffers
    /// hold frames of the interface's MTU; it outlives the tap. The error begins with what failed.
    static std::variant<std::unique_ptr<Tap>, std::string>
    create(const std::string& name, const MacAddr& mac, rte_mempool* pool);
    ~Tap();
    Tap(const Tap&) = delete;
    Tap& operator=(const Tap&) = delete;

    /// Why not (errno), or 0.
    int bring_up();
    /// Packets belong to the caller. Returns how many.
    unsigned receive(rte_mbuf** packets, unsigned room);
    /// Takes the packet, of one piece; false (and it is freed) if Linux did not.
    bool send(rte_mbuf* packet);
    int fd() const { return fd_; }

private:
    Tap(int fd, const std::string& name, rte_mempool* pool) : fd_{fd}, name_{name}, pool_{pool} {}

    int fd_;
    std::string name_;
    rte_mempool* pool_;
    rte_mbuf* next_{nullptr}; ///< for the next frame from Linux
};

} // namespace sacip
