// SPDX-License-Identifier: BSD-3-Clause
//
// Fd: the owner of one file descriptor, so that no error path of this folder can leak one.
#pragma once

#include <unistd.h>

#include <utility>

namespace sacip::control {

/// Owns a descriptor, or none (-1); closes it once.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_{-1};
};

} // namespace sacip::control
