#!/usr/bin/env bash
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ceph-up.sh ADDRESS GIB
#
# Runs on a host of kind "storage": a Ceph cluster of one monitor, one manager and one OSD on a plain file, which is
# sparse. Starts what is there already. At the end standard output has the key of the user "libvirt", and nothing else.
set -euo pipefail
address=$1 gib=$2
host=$(hostname)
exec 3>&1 1>&2

as_ceph() { setpriv --reuid=ceph --regid=ceph --clear-groups "$@"; }

make_monitor() {
    local keys map
    keys=$(mktemp /tmp/ceph-mon.XXXXXX) map=$(mktemp /tmp/ceph-map.XXXXXX)
    ceph-authtool --create-keyring "$keys" --gen-key --name mon. --cap mon 'allow *'
    ceph-authtool --create-keyring /etc/ceph/ceph.client.admin.keyring --gen-key --name client.admin \
        --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$keys" --import-keyring /etc/ceph/ceph.client.admin.keyring
    monmaptool --create --clobber --addv "$host" "[v2:$address:3300,v1:$address:6789]" --fsid "$1" "$map"
    chown ceph: "$keys" "$map"
    install --directory --owner=ceph --group=ceph "/var/lib/ceph/mon/ceph-$host" "/var/lib/ceph/mgr/ceph-$host" \
        /var/lib/ceph/osd/ceph-0
    as_ceph ceph-mon --mkfs --id "$host" --monmap "$map" --keyring "$keys"
    rm -f "$keys" "$map"
}

make_osd() {
    local folder=/var/lib/ceph/osd/ceph-0 secret
    secret=$(ceph-authtool --gen-print-key)
    printf '{"cephx_secret": "%s"}' "$secret" | ceph osd new "$1" -i -
    ceph-authtool --create-keyring "$folder/keyring" --name osd.0 --add-key "$secret"
    chown ceph: "$folder/keyring"
    as_ceph ceph-osd --mkfs --id 0 --osd-uuid "$1"
}

configure() {
    mkdir -p /etc/ceph
    cat >/etc/ceph/ceph.conf <<CONF
[global]
fsid = $1
mon_initial_members = $host
mon_host = $address
ms_bind_ipv6 = false
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
# the disk under the lab is nearly full now and then, which is no concern of its guests
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_osd_full_ratio = 0.97
[osd]
osd_objectstore = bluestore
bluestore_block_size = $((gib << 30))
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
CONF
}

if [[ ! -e /etc/ceph/lab-is-whole ]]; then
    id=$(cat /proc/sys/kernel/random/uuid)
    configure "$id"
    make_monitor "$id"
    systemctl enable --now "ceph-mon@$host"
    until ceph --connect-timeout 5 -s >/dev/null 2>&1; do sleep 0.1; done
    ceph mon enable-msgr2 || true
    as_ceph touch "/var/lib/ceph/mgr/ceph-$host/keyring"
    ceph auth get-or-create "mgr.$host" mon 'allow profile mgr' osd 'allow *' \
        -o "/var/lib/ceph/mgr/ceph-$host/keyring"
    systemctl enable --now "ceph-mgr@$host"
    make_osd "$(cat /proc/sys/kernel/random/uuid)"
    systemctl enable --now ceph-osd@0
    until ceph osd stat -f json | grep -q '"num_up_osds":1,'; do sleep 0.2; done
    ceph osd pool create libvirt 8
    rbd pool init libvirt
    ceph auth get-or-create client.libvirt mon 'profile rbd' osd 'profile rbd pool=libvirt' mgr 'profile rbd pool=libvirt'
    touch /etc/ceph/lab-is-whole
else
    systemctl start "ceph-mon@$host" "ceph-mgr@$host" ceph-osd@0
fi
# HEALTH_OK never comes: not all modules of the manager can be loaded
until ceph --connect-timeout 5 pg stat -f json 2>/dev/null | grep -q '"name":"active+clean","num":[89]'; do sleep 0.2; done
ceph auth print-key client.libvirt >&3
