# shellcheck shell=bash
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What ./dev sets up: Debian packages, a virtual environment and the collection's path. Sourced; needs $root.
: "${root:?}"

cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/headroom-libvirt
# libvirt-python is compiled against the system's libvirt.
venv_packages=(gcc git libvirt-dev pkg-config python3-dev python3-venv)

note() { printf '%s\n' "dev: $*" >&2; }

die() {
    note "$@"
    exit 1
}

need_root() {
    ((EUID == 0)) || die "this needs root, since $1: run it with sudo"
}

# packages NAME…: has them installed, and does nothing when they are.
packages() {
    local missing installed
    command -v dpkg-query >/dev/null || return 0 # not Debian: the build or the tool says what it misses
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
    missing=$(comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u) | xargs)
    [[ -n $missing ]] || return 0
    note "installing $missing"
    # shellcheck disable=SC2086 # $missing is a list of words
    apt_install $missing
}

apt_install() {
    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || die "as root, run: apt-get install --no-install-recommends $*"
        as_root=(sudo)
    fi
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600)
    "${apt[@]}" update >&2 || note "going on with the package lists that are here"
    "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >&2
}

# packages_of FILE: the packages that a list names, one a line; # starts a comment.
packages_of() {
    local names
    [[ -f $1 ]] || return 0
    mapfile -t names < <(sed 's/#.*//' "$1" | xargs -n 1)
    packages "${names[@]}"
}

lint_packages() { packages shellcheck; }
# Signatures and disk images are tested with what makes them.
unit_packages() { packages cpio gpg gpg-agent gpgv qemu-utils zstd; }
browser_packages() { packages chromium chromium-driver fonts-dejavu-core; }
lab_packages() { packages_of "$root/tests/lab/packages.txt"; }

# The system's Python is the one for which libvirt-python's headers are packaged.
find_python() {
    local python=${HEADROOM_PYTHON:-/usr/bin/python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$python is missing or older than 3.11: point HEADROOM_PYTHON at a newer one that has its headers"
    printf '%s' "$python"
}

# use_venv: the locked tools on PATH, and the collection where Ansible finds it. Checkouts with equal locks share one.
use_venv() {
    local python version hash venv
    packages "${venv_packages[@]}"
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    hash=$( (readlink -f "$python" && cat "$root/requirements-dev.txt") | sha256sum | cut -c 1-12)
    venv=$cache/venv-$version-$hash
    [[ -e $venv/complete ]] || build_venv "$python" "$venv"
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
    unset PYTHONHOME PYTHONPATH
    ANSIBLE_COLLECTIONS_PATH=$(PYTHONPATH="$root/tests" python -m tools.checkout)
    export ANSIBLE_COLLECTIONS_PATH
}

# One builds, others wait. What an interrupted build left is started afresh: only the marker makes it complete.
build_venv() {
    local python=$1 venv=$2
    mkdir -p "$cache"
    (
        flock 9
        [[ ! -e $venv/complete ]] || exit 0
        note "building $venv (about a minute, once)"
        rm -rf "$venv"
        "$python" -m venv "$venv"
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input \
            --require-hashes -r "$root/requirements-dev.txt" >&2
        touch "$venv/complete"
    ) 9>"$venv.lock" || die "the virtual environment could not be built: see above"
}
