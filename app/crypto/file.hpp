// SPDX-License-Identifier: BSD-3-Clause
//
// File: a descriptor that is closed at the end of its scope.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

namespace sacip::crypto {

struct File {
    int fd{-1};
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    /// Owns `opened`, which may be -1.
    explicit File(int opened) : fd{opened} {}
    ~File() {
        if (fd >= 0) {
            close(fd);
        }
    }

    /// Reads to the end of the file or of `out`; errno's text if it can't be read, else empty.
    std::string read_all(std::span<char> out, size_t& length) const {
        for (length = 0; length < out.size();) {
            const ssize_t got = read(fd, out.data() + length, out.size() - length);
            if (got < 0 && errno != EINTR) {
                return std::strerror(errno);
            }
            if (got == 0) {
                break;
            }
            length += got > 0 ? static_cast<size_t>(got) : 0;
        }
        return {};
    }
};

} // namespace sacip::crypto
