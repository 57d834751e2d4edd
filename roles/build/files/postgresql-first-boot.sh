#!/bin/sh
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Makes this machine's own cluster of PostgreSQL. What cloud-init puts into /etc/headroom/postgresql.sql is run in it.
set -eu
version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -1)
cluster=/etc/postgresql/$version/main
if [ ! -e "$cluster" ]; then
    pg_createcluster "$version" main
    if [ -s /etc/headroom/postgresql.networks ]; then
        echo "listen_addresses = '*'" > "$cluster/conf.d/headroom.conf"
        while read -r network; do
            echo "host all all $network scram-sha-256" >> "$cluster/pg_hba.conf"
        done < /etc/headroom/postgresql.networks
    fi
fi
[ -e /var/lib/postgresql/.first-boot ] && exit 0
pg_ctlcluster "$version" main status > /dev/null || pg_ctlcluster "$version" main start
if [ -e /etc/headroom/postgresql.sql ]; then
    runuser -u postgres -- psql --quiet --no-psqlrc --single-transaction --set ON_ERROR_STOP=1 < /etc/headroom/postgresql.sql
fi
touch /var/lib/postgresql/.first-boot
