// SPDX-License-Identifier: BSD-3-Clause
//
// WakeUp: how one thread gets another out of poll(2) (an eventfd).
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace sacip {

class WakeUp {
public:
    WakeUp() : fd_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
    ~WakeUp() {
        if (is_open()) {
            close(fd_);
        }
    }
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;

    bool is_open() const { return fd_ >= 0; }
    /// Readable from wake() to clear().
    int fd() const { return fd_; }
    /// Any thread, after what the other is to see.
    void wake() const {
        const uint64_t one = 1;
        [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
    }
    /// The thread that is woken, before it looks.
    void clear() const {
        uint64_t count = 0;
        [[maybe_unused]] const auto got = read(fd_, &count, sizeof count);
    }

private:
    int fd_;
};

} // namespace sacip
