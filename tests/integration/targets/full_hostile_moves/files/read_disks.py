# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each disk of a domain holds, read as it is declared: read_disks.py DOMAIN prints {target: SHA-256}."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from lxml import etree


def read(path: str, image_format: str) -> str:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        raw = Path(folder) / "raw"
        options = ["-U", "-f", image_format, "-O", "raw"]
        subprocess.run(["qemu-img", "convert", *options, path, raw], check=True)
        return hashlib.sha256(raw.read_bytes()).hexdigest()


text = subprocess.run(["virsh", "dumpxml", sys.argv[1]], check=True, capture_output=True).stdout
sums = {}
for disk in etree.fromstring(text).iterfind("devices/disk"):
    attributes = {element.tag: element.attrib for element in disk}
    sums[attributes["target"]["dev"]] = read(
        attributes["source"]["file"], attributes["driver"]["type"]
    )
print(json.dumps(sums, sort_keys=True))
