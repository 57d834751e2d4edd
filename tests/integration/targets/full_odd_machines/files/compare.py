# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what the running machines named by the arguments have of the same: paths, ports, serials, addresses."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import typing as t

from lxml import etree

# What only one machine can have, by where it stands, and what of it several may: the place on a bus, the group that
# cards meet in, the image that linked clones stand on.
ATTRIBUTES = ["path", "file", "port", "service", "socket", "websocket", "tlsPort", "tty", "dev"]
ELEMENTS = {"uuid", "name", "path", "nvram", "serial", "wwn", "genid", "entry"}
OF_SEVERAL = re.compile(
    r"os/boot|devices/(.*/address|(?!interface)\w+/target|interface/source(/\w+)?|disk/backingStore/source)"
)
WORDS = {"-1", "/dev/urandom", "several", "Example", "kept"}


def main() -> None:
    machines = [set(read(name)) for name in sys.argv[1:]]
    for first, second in itertools.combinations(machines, 2):
        for place, value in sorted(first & second):
            print(place, value)


def read(name: str) -> t.Iterator[tuple[str, str]]:
    command = ["virsh", "dumpxml", "--security-info", name]
    root = etree.fromstring(subprocess.run(command, check=True, capture_output=True).stdout)
    for element in root.iterdescendants(etree.Element):
        place = root.getroottree().getelementpath(element)
        place = re.sub(r"\[\d+\]", "", place)
        values = [element.get(attribute) for attribute in ATTRIBUTES]
        values += [element.get("address")] if element.tag == "mac" else []
        values += [element.text] if element.tag in ELEMENTS else []
        for value in values:
            if value and value not in WORDS and not OF_SEVERAL.fullmatch(place):
                yield place, value


main()
