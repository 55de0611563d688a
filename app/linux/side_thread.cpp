// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/side_thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace sacip {

std::thread start_side_thread(const char* name, const std::optional<cpu_set_t>& cpus,
                              std::function<void()> body) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread out{std::move(body)};
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_setname_np(out.native_handle(), name);
    if (cpus) {
        pthread_setaffinity_np(out.native_handle(), sizeof *cpus, &*cpus);
    }
    return out;
}

} // namespace sacip
