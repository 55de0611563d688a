#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_survive.sh WAY TRIGGER [MOVES]
#
# survive.sh with peers that have keys, and checksums that are valid on the wire.

SACIP_PEERS=${SACIP_PEERS:-secure} exec "$(dirname "$0")/survive.sh" "$@"
