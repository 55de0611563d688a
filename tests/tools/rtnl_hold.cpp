// SPDX-License-Identifier: BSD-3-Clause
//
// rtnl_hold MILLISECONDS: holds RTNL, the lock on Linux's network configuration, for a while.
//
// Whoever asks a slow network card for something holds it for seconds; everybody else who asks
// Linux for a change of an address, a route or a link, or for a look at a link, waits. To hold it
// on purpose: Linux takes it for an ethtool request and reads the request's end, which lies in a
// page that nobody has filled (userfaultfd(2)), while it has it. We fill the page when we please.
//
// Prints "taken" when Linux has come to that page, "held" when another's request has been seen to
// wait, then "let go" with the time. The lock is one for all network namespaces. Ends with 77 where
// it can't be held: no root, no userfaultfd, or a kernel that lets go of the lock before it reads.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <future>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// How long the request that must wait is watched before we believe that it does.
constexpr milliseconds watch{150};

[[noreturn]] void can_not(const char* what) {
    std::fprintf(stderr, "rtnl_hold: RTNL can't be held: %s: %s\n", what, std::strerror(errno));
    std::_Exit(77);
}

/// An ioctl on `lo`. Returns 0, or errno.
int ask_of_lo(unsigned long what, ifreq& request) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    std::strcpy(request.ifr_name, "lo");
    const int error = ioctl(fd, what, &request) == 0 ? 0 : errno;
    close(fd);
    return error;
}

/// A page that Linux waits for when it reads it, behind one that is there.
class UnfilledPage {
public:
    UnfilledPage() {
        faults_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
        if (faults_ < 0) {
            can_not("userfaultfd");
        }
        uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
        if (ioctl(faults_, UFFDIO_API, &api) != 0) {
            can_not("UFFDIO_API");
        }
        void* const pages =
            mmap(nullptr, 2 * size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (pages == MAP_FAILED) {
            can_not("mmap");
        }
        begin_ = static_cast<char*>(pages) + size_;
        uffdio_register what{};
        what.range = range();
        what.mode = UFFDIO_REGISTER_MODE_MISSING;
        if (ioctl(faults_, UFFDIO_REGISTER, &what) != 0) {
            can_not("UFFDIO_REGISTER");
        }
    }
    /// The last bytes before it.
    char* before(size_t bytes) const { return begin_ - bytes; }
    /// Whether somebody has come to read it within `time`.
    bool is_waited_for(milliseconds time) const {
        pollfd ready{faults_, POLLIN, 0};
        return poll(&ready, 1, static_cast<int>(time.count())) == 1;
    }
    void fill() const {
        uffdio_zeropage zeros{};
        zeros.range = range();
        ioctl(faults_, UFFDIO_ZEROPAGE, &zeros);
    }

private:
    uffdio_range range() const {
        return {.start = reinterpret_cast<unsigned long>(begin_), .len = size_};
    }
    const size_t size_{static_cast<size_t>(sysconf(_SC_PAGESIZE))};
    int faults_{-1};
    char* begin_{nullptr};
};

} // namespace

int main(int argc, char** argv) {
    const long length = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
    if (length <= watch.count()) {
        std::fprintf(stderr, "usage: rtnl_hold MILLISECONDS (more than %d)\n",
                     static_cast<int>(watch.count()));
        return 2;
    }
    const UnfilledPage page;
    constexpr uint32_t command = ETHTOOL_GSTRINGS; // only looks, and reads more than the command
    char* const request = page.before(sizeof command);
    std::memcpy(request, &command, sizeof command);

    const auto begin = Clock::now();
    auto holder = std::async(std::launch::async, [request] {
        ifreq r{};
        r.ifr_data = request;
        return ask_of_lo(SIOCETHTOOL, r);
    });
    if (!page.is_waited_for(milliseconds{1000})) {
        errno = ENOTSUP;
        can_not("ethtool does not read its request");
    }
    std::puts("taken");
    std::fflush(stdout);
    auto other = std::async(std::launch::async, [] {
        ifreq r{};
        const int error = ask_of_lo(SIOCGIFFLAGS, r);
        return error != 0 ? error : ask_of_lo(SIOCSIFFLAGS, r); // as they are
    });
    if (other.wait_for(watch) == std::future_status::ready) {
        errno = other.get() == 0 ? ENOTSUP : EPERM;
        can_not("a request of another did not wait");
    }
    std::puts("held");
    std::fflush(stdout);
    std::this_thread::sleep_until(begin + milliseconds{length});
    page.fill();
    holder.wait();
    other.wait();
    std::printf("let go after %lld ms\n",
                static_cast<long long>(
                    std::chrono::duration_cast<milliseconds>(Clock::now() - begin).count()));
    return 0;
}
