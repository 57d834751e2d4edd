# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 ARCHIVE NAME ARGUMENTS…` on a host. With `module NAME OPTIONS` it is a module, run without Ansible."""

from __future__ import annotations

import importlib
import json
import sys
import typing as t

from ansible.module_utils.testing import patch_module_args

from faults.on_host import appliance, clone

TESTS: dict[str, t.Callable[..., list[dict[str, t.Any]]]] = {
    "appliance": appliance.run,
    "clone": clone.run,
}


def main() -> None:
    """Run, and print what came of it as JSON."""
    name, *arguments = sys.argv[1:]
    if name == "module":
        module, options = arguments
        with patch_module_args(json.loads(options)):
            importlib.import_module(
                f"ansible_collections.headroom.libvirt.plugins.modules.{module}"
            ).main()
    else:
        json.dump(TESTS[name](*arguments), sys.stdout, indent=2)
