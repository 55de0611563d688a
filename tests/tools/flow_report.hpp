// SPDX-License-Identifier: BSD-3-Clause
//
// What flowcheck says: JSON of all flows at the end, of a window after a mark, of the state now.
#pragma once

#include "flow_endpoint.hpp"

namespace sacip::flowcheck {

using Streams = std::vector<std::unique_ptr<StreamFlow>>;
using Datagrams = std::vector<TrackedDatagrams>;

// Everything, one line, to `file` ("" prints it on standard output). True if nothing broke:
// every stream finished with the right bytes, every datagram flow was alive both ways at the stop
// with its addresses unchanged and no damaged payload. Lost datagrams are told, not judged.
bool report_end(bool is_server, const Streams& streams, const Datagrams& datagrams,
                const std::string& file);
// The gaps and losses since the last mark, one line on standard output.
void report_window(unsigned number, const Streams& streams, const Datagrams& datagrams,
                   std::uint64_t now);
// How many flows run, one line on standard output.
void report_status(const Streams& streams, const Datagrams& datagrams, std::uint64_t now);

} // namespace sacip::flowcheck
