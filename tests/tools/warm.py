# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Spare a run of tests what Ansible does anew for each playbook and each task: pack modules, compile them, ask often.

What runs is the same. The hosts of `./dev test --full`, the demo and the benchmarks do as a user's hosts.
"""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

_HERE: t.Final = Path(__file__).parent
_BYTECODE: t.Final = _HERE / "on_host/headroom_kept_bytecode.py"
_PYTHONPATH: t.Final = (_HERE / "on_controller", _HERE.parent)
# Debian's Python runs the lines of a .pth file as it starts, if not told otherwise (-S).
_PREPARE: t.Final = """set -e
cd /usr/lib/python3/dist-packages
cat >headroom_kept_bytecode.py
echo 'import headroom_kept_bytecode' >headroom_kept_bytecode.pth
mkdir -m 0700 /var/cache/headroom-kept-bytecode"""
_ON_EACH: t.Final = 'for host; do ssh "$host" "$PREPARE" <"$PROGRAM"; done'


def prepare_environment(folder: Path) -> dict[str, str]:
    """Return the environment in which Ansible finds modules packed and compiled in `folder`, which this makes.

    They are found by their names, so all who share a folder have to run the same modules.
    """
    folder.mkdir(exist_ok=True)
    bytecode = folder / "bytecode"
    bytecode.mkdir(exist_ok=True)
    return {
        "ANSIBLE_CONFIG": str(_HERE / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": str(_HERE / "callbacks"),
        "HEADROOM_KEPT_BYTECODE": str(bytecode),
        "HEADROOM_KEPT_PAYLOADS": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, _PYTHONPATH)),
    }


def keep_bytecode(hosts: t.Iterable[str]) -> list[str]:
    """Return the command that lets Python on these hosts, which are Debian's, keep what it compiles of modules."""
    return [
        "env",
        f"PREPARE={_PREPARE}",
        f"PROGRAM={_BYTECODE}",
        "sh",
        "-ec",
        _ON_EACH,
        "-",
        *hosts,
    ]
