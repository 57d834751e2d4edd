# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that returns as many rows as another one, from nothing: what Ansible itself needs for such a result."""

from __future__ import annotations

import json

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Return the row so many times, each with values of its own, as a module that reads them has."""
    options = {"number": {"type": "int"}, "row": {"type": "str"}}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    rows = [json.loads(module.params["row"]) for _index in range(module.params["number"])]
    module.exit_json(domains=rows)


if __name__ == "__main__":
    main()
