#!/bin/sh
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# boot-host.sh CGROUP NAME ROOT DIRECTORY HOSTNAME [NSPAWN OPTION ...]
#
# Boots one host of the lab on an overlay over ROOT, in the network namespace and the control group made for it.
# Runs in a mount namespace of its own ("unshare --mount --propagation slave"): its mounts end with it, and what is
# unmounted outside is unmounted here too.
set -e
cgroup=$1 name=$2 root=$3 directory=$4 hostname=$5
shift 5

echo $$ > "$cgroup/cgroup.procs"

# systemd wants one version of control groups; a machine with the old or the mixed layout gets the new one in here
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount --recursive --lazy /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

mount -t overlay headroom-lab \
    -o "lowerdir=$root,upperdir=$directory/upper,workdir=$directory/work" "$directory/merged"

# without a writable /proc/sys/net libvirt's networks fail on disable_ipv6; the lab has its own lock, and nspawn's
# lock files stay behind when it is killed
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network SYSTEMD_NSPAWN_LOCK=0
exec systemd-nspawn --quiet --boot --directory="$directory/merged" --machine="$name" --hostname="$hostname" \
    --register=no --keep-unit --network-namespace-path="/run/netns/$name" --capability=all \
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe "$@"
