#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vlan_story.sh: story.sh with every network card's link a VLAN.

# shellcheck disable=SC2034 # read by the story
vlans=yes
. "$(dirname "${BASH_SOURCE[0]}")/story.sh"
