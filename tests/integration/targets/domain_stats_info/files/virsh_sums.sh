#!/bin/sh
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Prints what virsh says of a domain's disks and NICs, summed over the devices: lines such as "block.rd_req=12".
set -eu
for disk in $(virsh domblklist "$1" | awk 'NR > 2 && NF {print $1}'); do
    virsh domblkstat "$1" "$disk" | sed -n 's/^[^ ]* /block /p'
done >"/tmp/$1.sums"
for nic in $(virsh domiflist "$1" | awk 'NR > 2 && NF {print $1}'); do
    virsh domifstat "$1" "$nic" | sed -n 's/^[^ ]* /interface /p'
done >>"/tmp/$1.sums"
awk 'NF == 3 {sum[$1 "." $2] += $3} END {for (name in sum) printf "%s=%.0f\n", name, sum[name]}' "/tmp/$1.sums" | sort
rm "/tmp/$1.sums"
