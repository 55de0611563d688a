// SPDX-License-Identifier: BSD-3-Clause
#include "flow_endpoint.hpp"

#include "flow_report.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <sstream>

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace sacip::flowcheck {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000ULL;
constexpr int receive_buffer_bytes = 4 * 1024 * 1024;

const sockaddr* generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

bool enable(int fd, int level, int option) {
    const int one = 1;
    return setsockopt(fd, level, option, &one, sizeof(one)) == 0;
}

// A datagram socket that stamps arrivals in the kernel: the gap is the network's, not this
// process's place in the run queue.
Descriptor datagram_socket(DatagramKind kind) {
    const bool is_udp = kind == DatagramKind::udp;
    Descriptor made(socket(AF_INET, (is_udp ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC,
                           is_udp ? 0 : raw_protocol));
    if (made.is_open()) {
        enable(made.get(), SOL_SOCKET, SO_TIMESTAMPNS);
        setsockopt(made.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                   sizeof(receive_buffer_bytes));
    }
    return made;
}

// For the server's sockets, which are one port's. A client's must not: two of them could be given
// the same port, and one would get what is for both.
void share_port(int fd) { enable(fd, SOL_SOCKET, SO_REUSEADDR); }

bool complain(const char* what) {
    std::cerr << "flowcheck: " << what << ": " << error_name(errno) << "\n";
    return false;
}

std::uint64_t arrival_time(msghdr& message) {
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
         item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(item), sizeof(stamp));
            return static_cast<std::uint64_t>(stamp.tv_sec) * nanoseconds_per_second +
                   static_cast<std::uint64_t>(stamp.tv_nsec);
        }
    }
    return now_ns();
}

} // namespace

int Endpoint::run() {
    if (!set_up() || (options_.is_server && !listen())) {
        return 2;
    }
    if (!options_.is_server &&
        !(open_flows("tcp", options_.tcp) && open_flows("udp", options_.udp) &&
          open_flows("raw", options_.raw))) {
        return 2;
    }
    while (!is_finished()) {
        epoll_event events[64];
        const int count = epoll_wait(epoll_.get(), events, 64, -1);
        for (int i = 0; i < count; ++i) {
            dispatch(events[i]);
        }
    }
    for (const auto& stream : streams_) {
        stream->fail("did not finish");
    }
    return report_end(options_.is_server, streams_, datagrams_, options_.json_file) ? 0 : 1;
}

bool Endpoint::set_up() {
    started_ = now_ns();
    next_flow_ =
        static_cast<std::uint32_t>(mix(started_ ^ static_cast<std::uint64_t>(getpid()))) | 1U;
    epoll_ = Descriptor(epoll_create1(EPOLL_CLOEXEC));
    timer_ = Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGUSR1, SIGTERM, SIGINT}) {
        sigaddset(&set, number);
    }
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = Descriptor(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!epoll_.is_open() || !timer_.is_open() || !signals_.is_open()) {
        return complain("event loop");
    }
    // Fast flows need a fine tick; slow ones leave the processor to the gateways. A server does not
    // know its flows yet.
    constexpr std::uint32_t fast_flow = 200;
    const bool is_fine = options_.is_server || options_.datagram_rate > fast_flow;
    const long tick = is_fine ? 1'000'000 : 5'000'000;
    const itimerspec every{{0, tick}, {0, tick}};
    timerfd_settime(timer_.get(), 0, &every, nullptr);
    watch(timer_.get(), Source::timer, 0);
    watch(signals_.get(), Source::signal, 0);
    if (options_.commands) {
        watch(STDIN_FILENO, Source::input, 0);
    }
    return true;
}

bool Endpoint::listen() {
    const auto& at = options_.address;
    listen_tcp_ = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    enable(listen_tcp_.get(), SOL_SOCKET, SO_REUSEADDR);
    constexpr int backlog = 1024;
    if (bind(listen_tcp_.get(), generic(at), sizeof(at)) != 0 ||
        ::listen(listen_tcp_.get(), backlog) != 0) {
        return complain("listen on TCP");
    }
    listen_udp_ = datagram_socket(DatagramKind::udp);
    share_port(listen_udp_.get());
    if (bind(listen_udp_.get(), generic(at), sizeof(at)) != 0) {
        return complain("bind UDP");
    }
    watch(listen_tcp_.get(), Source::listen_tcp, 0);
    watch(listen_udp_.get(), Source::listen_udp, 0);
    if (options_.raw != 0) {
        raw_ = datagram_socket(DatagramKind::raw);
        if (bind(raw_.get(), generic(at), sizeof(at)) != 0) {
            return complain("bind raw socket");
        }
        watch(raw_.get(), Source::raw, 0);
    }
    std::cout << "flowcheck: listening on " << to_text(at) << std::endl;
    return true;
}

bool Endpoint::open_flows(const std::string& kind, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const bool opened = kind == "tcp"   ? open_stream()
                            : kind == "udp" ? open_datagrams(DatagramKind::udp)
                                            : open_datagrams(DatagramKind::raw);
        if (!opened) {
            return false;
        }
    }
    return true;
}

bool Endpoint::open_stream() {
    Descriptor made(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in source = options_.source;
    if (source.sin_family == AF_INET && bind(made.get(), generic(source), sizeof(source)) != 0) {
        return complain("bind TCP");
    }
    if (connect(made.get(), generic(options_.address), sizeof(sockaddr_in)) != 0 &&
        errno != EINPROGRESS) {
        return complain("connect TCP");
    }
    const std::uint32_t flow = next_flow_++;
    streams_.push_back(std::make_unique<StreamFlow>(
        StreamFlow::client(std::move(made), flow, mix(flow), options_.tcp_rate_kbit)));
    stream_watched_.push_back(false);
    return true;
}

bool Endpoint::open_datagrams(DatagramKind kind) {
    Descriptor made = datagram_socket(kind);
    sockaddr_in source = options_.source;
    if (source.sin_family == AF_INET && bind(made.get(), generic(source), sizeof(source)) != 0) {
        return complain("bind datagram socket");
    }
    if (connect(made.get(), generic(options_.address), sizeof(sockaddr_in)) != 0) {
        return complain("connect datagram socket");
    }
    DatagramSettings settings{kind, next_flow_++, options_.datagram_rate, options_.datagram_size,
                              0};
    if (kind == DatagramKind::udp && options_.udp_no_checksum) {
        enable(made.get(), SOL_SOCKET, SO_NO_CHECK);
        settings.flags |= no_checksum;
    }
    watch(made.get(), Source::datagram, datagrams_.size());
    datagrams_.push_back(
        {std::make_unique<DatagramFlow>(std::move(made), settings, now_ns()), {}, true});
    return true;
}

void Endpoint::watch(int fd, Source source, std::size_t index, unsigned events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(source) << 32U | index;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void Endpoint::dispatch(const epoll_event& event) {
    const auto source = static_cast<Source>(event.data.u64 >> 32U);
    const std::size_t index = event.data.u64 & 0xffffffffU;
    switch (source) {
    case Source::timer:
        on_tick();
        break;
    case Source::signal:
        on_signal();
        break;
    case Source::input:
        on_input();
        break;
    case Source::listen_tcp:
        accept_streams();
        break;
    case Source::listen_udp:
        read_datagrams(listen_udp_.get(), DatagramKind::udp, nullptr);
        break;
    case Source::raw:
        read_datagrams(raw_.get(), DatagramKind::raw, nullptr);
        break;
    case Source::stream: {
        StreamFlow& stream = *streams_[index];
        const int fd = stream.fd();
        stream.on_readable(now_ns());
        if (stream.fd() >= 0 && !stream.wants_reading()) {
            epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        }
        break;
    }
    case Source::datagram: {
        DatagramFlow& flow = *datagrams_[index].flow;
        read_datagrams(flow.fd(), flow.settings().kind, &flow);
        break;
    }
    }
}

void Endpoint::on_tick() {
    std::uint64_t expirations = 0;
    if (read(timer_.get(), &expirations, sizeof(expirations)) < 0) {
        return;
    }
    const std::uint64_t now = now_ns();
    for (std::size_t i = 0; i < streams_.size(); ++i) {
        streams_[i]->tick(now);
        if (!stream_watched_[i] && streams_[i]->wants_reading()) {
            watch(streams_[i]->fd(), Source::stream, i);
            stream_watched_[i] = true;
        }
    }
    for (TrackedDatagrams& tracked : datagrams_) {
        tracked.flow->tick(now);
    }
    const double elapsed = static_cast<double>(now - started_) / 1e9;
    if (options_.seconds > 0 && elapsed >= options_.seconds) {
        stop();
    }
}

void Endpoint::on_signal() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        if (info.ssi_signo == SIGUSR1) {
            mark();
        } else {
            stop();
        }
    }
}

void Endpoint::on_input() {
    char buffer[512];
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count <= 0) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
        return;
    }
    input_.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
        command(input_.substr(0, end));
        input_.erase(0, end + 1);
    }
}

void Endpoint::command(const std::string& line) {
    std::istringstream words(line);
    std::string verb, kind;
    unsigned count = 0;
    words >> verb;
    if (verb == "mark") {
        mark();
    } else if (verb == "status") {
        report_status(streams_, datagrams_, now_ns());
    } else if (verb == "stop") {
        stop();
    } else if (verb == "open" && words >> kind >> count &&
               (kind == "tcp" || kind == "udp" || kind == "raw")) {
        open_flows(kind, count);
    } else {
        std::cerr << "flowcheck: not a command: " << line << "\n";
    }
}

void Endpoint::accept_streams() {
    while (true) {
        Descriptor made(accept4(listen_tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!made.is_open()) {
            return;
        }
        watch(made.get(), Source::stream, streams_.size());
        streams_.push_back(std::make_unique<StreamFlow>(StreamFlow::server(std::move(made))));
        stream_watched_.push_back(true);
    }
}

void Endpoint::read_datagrams(int fd, DatagramKind kind, DatagramFlow* owner) {
    while (true) {
        std::uint8_t buffer[largest_datagram + 100];
        alignas(cmsghdr) char control[256];
        sockaddr_in from{};
        iovec data{buffer, sizeof(buffer)};
        msghdr message{};
        message.msg_name = &from;
        message.msg_namelen = sizeof(from);
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        const ssize_t count = recvmsg(fd, &message, 0);
        if (count < 0) {
            if (errno == EAGAIN) {
                return;
            }
            if (owner != nullptr) { // an ICMP error came back: told, and the flow goes on
                owner->count_receive_error(errno);
            }
            continue;
        }
        std::span<const std::uint8_t> bytes(buffer, static_cast<std::size_t>(count));
        if (kind == DatagramKind::raw) { // raw sockets deliver the IPv4 header as well
            const std::size_t header = bytes.empty() ? 0 : (bytes[0] & 0x0fU) * 4U;
            bytes = bytes.subspan(std::min(header, bytes.size()));
        }
        on_datagram(kind, from, bytes, arrival_time(message), owner);
    }
}

void Endpoint::on_datagram(DatagramKind kind, const sockaddr_in& from,
                           std::span<const std::uint8_t> data, std::uint64_t arrived,
                           DatagramFlow* owner) {
    DatagramHeader header{};
    const DatagramCheck check = check_datagram(data, header);
    if (check != DatagramCheck::good) {
        // Raw sockets of one process all see each datagram: damage would be counted by each.
        if (check == DatagramCheck::damaged && owner != nullptr) {
            owner->take_damaged();
        }
        return;
    }
    if (!options_.is_server) {
        if (owner != nullptr && owner->settings().flow == header.flow) {
            owner->take(header, arrived);
        }
        return;
    }
    DatagramFlow* flow = nullptr;
    for (const TrackedDatagrams& tracked : datagrams_) {
        if (tracked.flow->settings().flow == header.flow) {
            flow = tracked.flow.get();
            break;
        }
    }
    if (flow == nullptr) {
        flow = adopt(kind, from, header);
    } else if (flow->addresses().remote != to_text(from)) {
        flow->count_address_change();
    }
    if (flow != nullptr) {
        flow->take(header, arrived);
    }
}

// A new flow gets a socket of its own, bound to the same address and connected to its client, so
// that `ss` shows both addresses and ICMP errors find it.
DatagramFlow* Endpoint::adopt(DatagramKind kind, const sockaddr_in& from,
                              const DatagramHeader& header) {
    const DatagramSettings settings{kind, header.flow, header.rate, header.size, header.flags};
    std::unique_ptr<DatagramFlow> flow;
    if (kind == DatagramKind::raw) {
        flow = std::make_unique<DatagramFlow>(raw_.get(), from, settings, now_ns());
    } else {
        Descriptor made = datagram_socket(kind);
        share_port(made.get());
        const auto& at = options_.address;
        if (bind(made.get(), generic(at), sizeof(at)) != 0 ||
            connect(made.get(), generic(from), sizeof(from)) != 0) {
            complain("adopt a UDP flow");
            return nullptr;
        }
        if ((header.flags & no_checksum) != 0) {
            enable(made.get(), SOL_SOCKET, SO_NO_CHECK);
        }
        watch(made.get(), Source::datagram, datagrams_.size());
        flow = std::make_unique<DatagramFlow>(std::move(made), settings, now_ns());
    }
    datagrams_.push_back({std::move(flow), {}, true});
    return datagrams_.back().flow.get();
}

void Endpoint::mark() {
    report_window(++marks_, streams_, datagrams_, now_ns());
    for (const auto& stream : streams_) {
        stream->gaps().start_window();
    }
    for (TrackedDatagrams& tracked : datagrams_) {
        DatagramFlow& flow = *tracked.flow;
        tracked.window = {flow.sequence().expected(), flow.sequence().received(),
                          flow.peer().expected, flow.peer().received};
        flow.start_window();
    }
}

void Endpoint::stop() {
    if (stopped_ != 0) {
        return;
    }
    stopped_ = now_ns();
    for (TrackedDatagrams& tracked : datagrams_) {
        tracked.flow->stop();
        // A server is stopped after its clients: then silence is no fault.
        tracked.alive_at_stop = options_.is_server || tracked.flow->is_alive(stopped_);
    }
    if (!options_.is_server) {
        for (const auto& stream : streams_) {
            stream->finish();
        }
    }
}

bool Endpoint::is_finished() const {
    if (stopped_ == 0) {
        return false;
    }
    const double waited = static_cast<double>(now_ns() - stopped_) / 1e9;
    // Datagrams still on their way are given a moment.
    constexpr double last_datagrams = 0.3;
    if (options_.is_server || waited >= options_.finish_timeout) {
        return true;
    }
    return waited >= last_datagrams &&
           std::all_of(streams_.begin(), streams_.end(),
                       [](const auto& stream) { return stream->is_over(); });
}

} // namespace sacip::flowcheck
