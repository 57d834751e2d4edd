#!/bin/sh
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# QEMU as libvirt starts it, but with 8 KiB more of memory for the guest: in place of QEMU on hosts whose own loses
# writes of emulated guests in a migration when their memory is a multiple of 256 KiB (before 9.0; mended by "physmem:
# Fix migration dirty bitmap coherency with TCG memory access"). Memory of huge pages and of files stays as long as it is.
longer_kib=8
for argument; do
    case $argument in
    *'"qom-type":"memory-backend-file"'* | *'"qom-type":"memory-backend-memfd"'*) longer_kib=0 ;;
    esac
done
previous=
for argument; do
    shift
    case $previous:$argument in
    -m:size=*k)
        kib=${argument#size=}
        argument="size=$((${kib%k} + longer_kib))k"
        ;;
    -m:*[!0-9]*) ;;
    -m:*) argument="size=$((argument * 1024 + longer_kib))k" ;;
    -object:*'"qom-type":"memory-backend-ram"'*)
        size=${argument##*'"size":'}
        rest=${size#"${size%%[!0-9]*}"}
        argument="${argument%"$size"}$((${size%"$rest"} + longer_kib * 1024))$rest"
        ;;
    esac
    set -- "$@" "$argument"
    previous=$argument
done
exec /usr/bin/qemu-system-x86_64-itself "$@"
