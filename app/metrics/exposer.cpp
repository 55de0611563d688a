// SPDX-License-Identifier: BSD-3-Clause
#include "app/metrics/exposer.hpp"

#include "app/metrics/families.hpp"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

namespace sacip::metrics {

namespace {

struct Address {
    std::string host; ///< without brackets
    std::string port;
};

/// "host:port", strictly: the web server would read lists, flags and ranges into the string.
std::optional<Address> parse(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) {
        return std::nullopt;
    }
    Address address{text.substr(0, colon), text.substr(colon + 1)};
    unsigned port = 0;
    const char* const end = address.port.data() + address.port.size();
    const auto number = std::from_chars(address.port.data(), end, port);
    if (number.ec != std::errc{} || number.ptr != end || port > 65535) {
        return std::nullopt;
    }
    const bool bracketed = address.host.front() == '[' && address.host.back() == ']';
    if (bracketed) {
        address.host = address.host.substr(1, address.host.size() - 2);
    } else if (address.host == "localhost") {
        address.host = "127.0.0.1";
    }
    in6_addr bits{};
    if (::inet_pton(bracketed ? AF_INET6 : AF_INET, address.host.c_str(), &bits) != 1) {
        return std::nullopt;
    }
    return address;
}

std::string to_text(const Address& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

/// Calls `use` with the socket address and a new socket; both are gone afterwards.
template <typename Use>
void with_socket(const Address& address, Use use) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) != 0) {
        return;
    }
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    use(fd, *found);
    ::close(fd);
    ::freeaddrinfo(found);
}

/// Why an address can't be listened on; the web server itself says only that it could not.
std::string bind_reason(const Address& address) {
    std::string reason = "the web server did not start";
    with_socket(address, [&reason](int fd, const addrinfo& at) {
        const int on = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(fd, at.ai_addr, at.ai_addrlen) != 0 || ::listen(fd, 1) != 0) {
            reason = std::strerror(errno);
        }
    });
    return reason;
}

/// The web server looks every 2 s whether it should stop, or when somebody connects; so somebody
/// connects until it has stopped.
void stop(std::unique_ptr<prometheus::Exposer> http, const Address& address) {
    std::atomic<bool> stopped{false};
    std::thread waker{[&stopped, &address] {
        while (!stopped) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
            with_socket(address, [](int fd, const addrinfo& at) {
                static_cast<void>(::connect(fd, at.ai_addr, at.ai_addrlen));
            });
        }
    }};
    http.reset();
    stopped = true;
    waker.join();
}

/// Blocks all signals while threads are started, so that they reach the gateway's own thread.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

class Collector : public prometheus::Collectable {
public:
    explicit Collector(Source source) : source_{std::move(source)} {}
    std::vector<prometheus::MetricFamily> Collect() const override {
        const std::lock_guard<std::mutex> one_at_a_time{mutex_};
        return to_families(source_());
    }

private:
    mutable std::mutex mutex_;
    Source source_;
};

} // namespace

struct Exposer::Impl {
    Address address;
    std::shared_ptr<Collector> collector;
    std::unique_ptr<prometheus::Exposer> http;
};

Exposer::Exposer(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Exposer::~Exposer() {
    const SignalsBlocked blocked;
    impl_->address.port = std::to_string(port());
    stop(std::move(impl_->http), impl_->address);
}

int Exposer::port() const { return impl_->http->GetListeningPorts().front(); }

Exposer::Result Exposer::open(const std::string& address, Source source) {
    const std::optional<Address> parsed = parse(address);
    if (!parsed) {
        return {nullptr, "metrics " + address +
                             ": not HOST:PORT: write for example 127.0.0.1:9812 or [::1]:9812"};
    }
    auto impl = std::make_unique<Impl>();
    impl->address = *parsed;
    impl->collector = std::make_shared<Collector>(std::move(source));
    const std::vector<std::string> options{
        "listening_ports", to_text(*parsed), "num_threads", "16", "request_timeout_ms", "2000"};
    try {
        const SignalsBlocked blocked;
        impl->http = std::make_unique<prometheus::Exposer>(options);
        impl->http->RegisterCollectable(impl->collector);
    } catch (const std::exception&) { // the web server's only way to report
        return {nullptr, "metrics " + address + ": cannot listen (" + bind_reason(*parsed) +
                             "): set gateway.metrics to a free address and port of this machine"};
    }
    return {std::unique_ptr<Exposer>{new Exposer{std::move(impl)}}, ""};
}

} // namespace sacip::metrics
