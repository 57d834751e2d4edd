# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import yaml

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.origin import parse_ports
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import ports
from ansible_collections.headroom.libvirt.plugins.modules import appliance_clone

from tools.checkout import ROOT


def test_the_firewall_of_a_hypervisor_knows_every_port_that_we_use() -> None:
    variables = yaml.safe_load((ROOT / "roles/hypervisor/vars/main.yml").read_text())
    known: set[int] = set()
    for span in map(str, variables["__hypervisor_ports"]):
        first, _dash, last = span.partition("-")
        known |= set(range(int(first), int(last or first) + 1))
    streamed = parse_ports(appliance_clone.ARGUMENTS.options["source_ports"]["default"])
    libvirt_tls = {16514}
    used = {*ports.MIGRATIONS, *ports.EXPORTS, *streamed, *libvirt_tls}
    assert known == used
