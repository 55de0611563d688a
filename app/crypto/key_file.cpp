// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/key_file.hpp"

#include "app/crypto/file.hpp"
#include "app/crypto/key_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sacip::crypto {
namespace {

/// Zeroed at the end of its scope; one byte longer than the longest good content.
struct Content {
    std::array<char, key_text_length + 2> characters{};
    size_t length{0};
    Content() = default;
    Content(const Content&) = delete;
    Content& operator=(const Content&) = delete;
    ~Content() { explicit_bzero(characters.data(), characters.size()); }
    std::string_view view() const { return {characters.data(), length}; }
};

/// What is wrong with the file's nature, owner or mode; empty if nothing.
std::string complaint_about(const struct stat& status, const std::string& path) {
    if (!S_ISREG(status.st_mode)) {
        return "is not a regular file: name the file that sacipctl genkey was written to";
    }
    if (status.st_uid != geteuid() && status.st_uid != 0) {
        return "belongs to another user (uid " + std::to_string(status.st_uid) +
               "), who can read it: chown it to the gateway's user and make a new key";
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return "can be read or written by others than its owner: chmod 600 " + path +
               ", and make a new key if others may have seen it";
    }
    return {};
}

} // namespace

std::variant<PrivateKey, std::string> read_private_key_file(const std::string& path) {
    const std::string start = path + ": ";
    // Not blocked by a pipe that nobody writes to; fstat() below is about what was opened.
    const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat status {};
    if (file.fd < 0 || fstat(file.fd, &status) != 0) {
        const std::string why = std::strerror(errno);
        return start + "cannot be read: " + why + ": make one with (umask 077; sacipctl genkey > " +
               path + ")";
    }
    if (const std::string complaint = complaint_about(status, path); !complaint.empty()) {
        return start + complaint;
    }
    Content content;
    if (const std::string why = file.read_all(content.characters, content.length); !why.empty()) {
        return start + "cannot be read: " + why;
    }
    std::string_view text = content.view();
    if (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    auto key = private_key_from_text(text);
    if (!key) {
        return start + "is no private key: " + std::string{what_a_key_looks_like} +
               ", and nothing else in the file";
    }
    return std::move(*key);
}

} // namespace sacip::crypto
