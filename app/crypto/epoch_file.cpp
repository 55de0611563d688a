// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/epoch_file.hpp"

#include "app/crypto/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace sacip::crypto {

namespace {

constexpr std::string_view first_words = "sacip epoch ";
constexpr uint64_t max_epoch = uint64_t{1} << 62; // 146,000 years from 1970: no clock says more

std::string folder_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string cannot_write(const std::string& path, const std::string& why) {
    return path + ": cannot be written: " + why +
           ": make its folder writable for the gateway, or name another file";
}

std::optional<uint64_t> epoch_in(std::string_view text) {
    if (!text.starts_with(first_words) || !text.ends_with('\n')) {
        return std::nullopt;
    }
    text.remove_prefix(first_words.size());
    text.remove_suffix(1);
    uint64_t epoch = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    return is_number && epoch <= max_epoch ? std::optional{epoch} : std::nullopt;
}

/// The epoch on disk; 0 if there is no file yet.
std::variant<uint64_t, std::string> read_epoch(const std::string& path) {
    const File file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (file.fd < 0 && errno == ENOENT) {
        return uint64_t{0};
    }
    struct stat status {};
    if (file.fd < 0 || fstat(file.fd, &status) != 0) {
        const std::string why = std::strerror(errno);
        return path + ": cannot be read: " + why +
               ": let it belong to the gateway's user, or name another file";
    }
    if (!S_ISREG(status.st_mode)) {
        return path + ": is not a regular file: name a file that the gateway may make and replace";
    }
    std::array<char, 64> content;
    size_t length = 0;
    if (const std::string why = file.read_all(content, length); !why.empty()) {
        return path + ": cannot be read: " + why + ": name another file";
    }
    const auto epoch = epoch_in({content.data(), length});
    if (!epoch) {
        return path + ": is no state file of a gateway, or damaged: name another file if it is "
                      "not this gateway's; else delete it once this machine's clock is right";
    }
    return *epoch;
}

/// errno's text if not all of it could be written down, else empty.
std::string write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t put = write(fd, text.data(), text.size());
        if (put < 0 && errno != EINTR) {
            return std::strerror(errno);
        }
        text.remove_prefix(put > 0 ? static_cast<size_t>(put) : 0);
    }
    return fsync(fd) == 0 ? std::string{} : std::strerror(errno);
}

/// The same for the whole file at `path`: either the old or the new content is there, ever.
std::string replace_file(const std::string& path, std::string_view text) {
    std::string beside = path + ".XXXXXX";
    {
        const File file{mkostemp(beside.data(), O_CLOEXEC)}; // mode 0600
        if (file.fd < 0) {
            return std::strerror(errno);
        }
        std::string why = write_all(file.fd, text);
        if (why.empty() && std::rename(beside.c_str(), path.c_str()) != 0) {
            why = std::strerror(errno);
        }
        if (!why.empty()) {
            unlink(beside.c_str());
            return why;
        }
    }
    const File folder{open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    return folder.fd >= 0 && fsync(folder.fd) == 0 ? std::string{} : std::strerror(errno);
}

} // namespace

std::variant<Epoch, std::string> begin_epoch(const std::string& path, uint64_t wall_clock_us) {
    const auto last = read_epoch(path);
    if (const auto* complaint = std::get_if<std::string>(&last)) {
        return *complaint;
    }
    const uint64_t epoch = std::max(wall_clock_us, std::get<uint64_t>(last) + 1);
    const std::string text = std::string{first_words} + std::to_string(epoch) + "\n";
    if (const std::string why = replace_file(path, text); !why.empty()) {
        return cannot_write(path, why);
    }
    return Epoch{epoch};
}

std::optional<std::string> complaint_about_epoch_file(const std::string& path) {
    const auto last = read_epoch(path);
    if (const auto* complaint = std::get_if<std::string>(&last)) {
        return *complaint;
    }
    if (faccessat(AT_FDCWD, folder_of(path).c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        return cannot_write(path, std::strerror(errno));
    }
    return std::nullopt;
}

} // namespace sacip::crypto
