// SPDX-License-Identifier: BSD-3-Clause
#include "app/control/listener.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace sacip::control {

namespace {

constexpr mode_t socket_mode = 0660;
constexpr mode_t directory_mode = 0755; // the socket's own mode decides who may connect
constexpr int backlog = 64;

std::string reason(int error) { return std::strerror(error); }

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), static_cast<char*>(address.sun_path));
    return address;
}

/// Opens the directory, makes it if missing. mkdir() obeys the umask, so the mode is widened
/// afterwards, and only if it was we who made it.
Fd open_directory(const std::string& directory, std::string& error) {
    const bool made = ::mkdir(directory.c_str(), directory_mode) == 0;
    if (!made && errno != EEXIST) {
        error = "cannot make " + directory + " (" + reason(errno) +
                "): make it, or set gateway.control_socket to another place";
        return {};
    }
    Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || (made && ::fchmod(fd.get(), directory_mode) != 0)) {
        error = "cannot open " + directory + " (" + reason(errno) + "): check its rights";
        return {};
    }
    return fd;
}

/// Locks without waiting for ever: anybody who may read the directory can take this lock.
bool lock_directory(int fd) {
    constexpr timespec pause{0, 20'000'000};
    for (int attempt = 0; attempt < 100; ++attempt) {
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        ::nanosleep(&pause, nullptr);
    }
    return false;
}

/// Empty if the name is free now; a dead process's socket file is removed.
std::string free_name(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
        return errno == ENOENT ? "" : "cannot look at it (" + reason(errno) + "): check its rights";
    }
    if (!S_ISSOCK(info.st_mode)) {
        return "a file that is not a socket is there: move it away, or set gateway.control_socket";
    }
    const Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = address_of(path);
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
        errno == EAGAIN) { // EAGAIN: alive, and its backlog is full
        return "a running gateway answers there: stop it, or set another gateway.control_socket";
    }
    if (errno != ECONNREFUSED) {
        return "cannot tell whether its owner is alive (" + reason(errno) + "): remove it by hand";
    }
    if (::unlink(path.c_str()) != 0) {
        return "cannot remove a dead process's socket (" + reason(errno) + "): check the rights";
    }
    return "";
}

/// Binds with the mode already right; gives back the file's O_PATH descriptor.
Fd bind_socket(int fd, const std::string& path, std::string& error) {
    const sockaddr_un address = address_of(path);
    if (::fchmod(fd, socket_mode) != 0 ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        error = "cannot bind (" + reason(errno) + "): check the rights of its directory";
        return {};
    }
    Fd inode{::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    struct stat info {};
    if (!inode || ::fstat(inode.get(), &info) != 0 || !S_ISSOCK(info.st_mode) ||
        info.st_uid != ::geteuid()) {
        error =
            "somebody replaced the socket while it was made: use a directory only you can write";
        return {};
    }
    const std::string by_inode = "/proc/self/fd/" + std::to_string(inode.get());
    if ((info.st_mode & 0777) != socket_mode && ::chmod(by_inode.c_str(), socket_mode) != 0) {
        ::unlink(path.c_str());
        error = "cannot set mode 0660 (" + reason(errno) + "): start with umask 007 or 022";
        return {};
    }
    return inode;
}

} // namespace

Listener::Listener(std::string path, Fd socket, Fd inode)
    : path_{std::move(path)}, socket_{std::move(socket)}, inode_{std::move(inode)} {}

Listener::~Listener() {
    struct stat ours {};
    struct stat named {};
    if (inode_ && ::fstat(inode_.get(), &ours) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
        ours.st_dev == named.st_dev && ours.st_ino == named.st_ino) {
        ::unlink(path_.c_str());
    }
}

Listener::Result Listener::open(const std::string& path) {
    const auto fail = [&path](const std::string& why) {
        return Result{std::nullopt, "control socket " + path + ": " + why};
    };
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
        return fail("the path has " + std::to_string(path.size()) + " bytes: use 1 to " +
                    std::to_string(sizeof(sockaddr_un::sun_path) - 1));
    }
    std::string error;
    const Fd directory = open_directory(directory_of(path), error);
    if (!directory) {
        return fail(error);
    }
    if (!lock_directory(directory.get())) {
        return fail("its directory stays locked: wait until the other gateway has started");
    }
    error = free_name(path);
    if (!error.empty()) {
        return fail(error);
    }
    Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) {
        return fail("cannot make a socket (" + reason(errno) + "): raise the limit of open files");
    }
    Fd inode = bind_socket(socket.get(), path, error);
    if (!inode) {
        return fail(error);
    }
    Listener listener{path, std::move(socket), std::move(inode)};
    if (::listen(listener.fd(), backlog) != 0) {
        return fail("cannot listen (" + reason(errno) + "): check the system's limits");
    }
    return {std::move(listener), ""};
}

} // namespace sacip::control
