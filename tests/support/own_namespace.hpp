// SPDX-License-Identifier: BSD-3-Clause
//
// Tests against the real Linux, in a network namespace of their own. For tests only.
#pragma once

#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sacip::test {

/// The process goes into a new namespace; the one it leaves dies with its links. False, said aloud,
/// where that is not allowed: the test is to be skipped.
inline bool enter_own_namespace() {
    if (unshare(CLONE_NEWNET) == 0) {
        return true;
    }
    std::fprintf(stderr, "\n*** NOT TESTED: a network namespace of our own: %s ***\n\n",
                 std::strerror(errno));
    return false;
}

} // namespace sacip::test
