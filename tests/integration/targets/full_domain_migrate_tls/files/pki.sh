#!/bin/sh
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# pki.sh FOLDER HOST ...: certificates for QEMU in FOLDER/HOST, by a CA in FOLDER/ca. As many as the wrong ones may be:
# FOLDER/HOST-misnamed is by the same CA for another host, FOLDER/HOST-foreign by another CA for the right one.
set -e
folder=$1
shift
mkdir -p "$folder"
cd "$folder"

authority() { # NAME
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout "$1.key" -out "$1.pem"
}

host() { # FOLDER CA NAME
    mkdir -p "$1"
    cp "$2.pem" "$1/ca-cert.pem"
    for role in server client; do
        printf '%s\n' "subjectAltName=DNS:$3" "extendedKeyUsage=${role}Auth" keyUsage=critical,digitalSignature \
            basicConstraints=critical,CA:FALSE >"$1/extensions"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$3" \
            -keyout "$1/$role-key.pem" -out "$1/request"
        openssl x509 -req -in "$1/request" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 \
            -extfile "$1/extensions" -out "$1/$role-cert.pem"
    done
    rm "$1/request" "$1/extensions"
}

authority ca
authority strangers
for name in "$@"; do
    host "$name" ca "$name"
    host "$name-misnamed" ca elsewhere
    host "$name-foreign" strangers "$name"
done
