#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_lease
short_description: Let one run at a time change a fleet
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Takes or gives up the lease of a fleet on a host. Who holds it may change the fleet there; a second run sees that it
    is held, and by whom, and can leave the fleet alone.
  - A lease ends by itself, so a run that died does not block the fleet for ever.
  - Leases are kept in the host's history database and taken atomically, so of several runs that ask at the same moment
    exactly one gets it.
options:
  holder:
    description:
      - Who asks. Different for each run, for example a random text that the playbook makes once.
    type: str
    required: true
  state:
    description:
      - V(present) takes the lease, or keeps it for another O(seconds) if O(holder) has it already.
      - V(absent) gives it up. A lease of another holder stays.
    type: str
    choices: [present, absent]
    default: present
  seconds:
    description:
      - For how many seconds the lease is taken, counted by the host's clock, at most a day (V(86400)). Modules that
        work for long renew it while they do (O(headroom.libvirt.appliance_clone#module:lease)).
      - A lease that ends farther ahead than that was taken while the clock was wrong, and counts as expired.
    type: float
    default: 900
  fail_if_held:
    description:
      - Whether the task fails when another holder has the lease. Otherwise it only says so.
    type: bool
    default: false
extends_documentation_fragment:
  - headroom.libvirt.history
  - headroom.libvirt.history.fleet
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - Keeping a lease for longer is no change, since its holder stays the same.
seealso:
  - module: headroom.libvirt.demand_sample
    description: Records in the same database.
"""

EXAMPLES = r"""
- name: Claim the fleet
  headroom.libvirt.fleet_lease:
    fleet: web
    holder: "{{ run_id }}"
    seconds: 600
  register: lease

- name: Change the fleet
  ansible.builtin.include_tasks: change.yml
  when: lease.held

- name: Give the fleet back
  headroom.libvirt.fleet_lease:
    fleet: web
    holder: "{{ run_id }}"
    state: absent
"""

RETURN = r"""
fleet:
  description: The fleet.
  returned: success
  type: str
  sample: web
held:
  description: Whether O(holder) holds the lease now, or would without check mode.
  returned: success
  type: bool
  sample: true
by:
  description: Who holds the lease now, V(none) when nobody does.
  returned: success
  type: str
  sample: run-7f3k2m
since:
  description:
    - When that holder took it, in epoch seconds, V(none) when nobody holds it. While it stays the same, nobody else has
      had the fleet, even if the lease had run out meanwhile.
  returned: success
  type: float
  sample: 1795392000.0
until:
  description: When the lease ends by itself, in epoch seconds, V(none) when nobody holds it.
  returned: success
  type: float
  sample: 1795392900.0
recorded:
  description:
    - Whether the history says so now. It does not in check mode, and C(ansible_check_mode) only knows of C(--check).
  returned: success
  type: bool
  sample: true
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_between,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import lease
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import (
    DEFAULT_PATH,
    transact,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    import sqlite3

    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = ArgumentSpec(
    options={
        "fleet": {"type": "str", "required": True},
        "holder": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "seconds": {"type": "float", "default": 900},
        "fail_if_held": {"type": "bool", "default": False},
        "history": {"type": "path", "default": DEFAULT_PATH},
    }
)


def take_or_give_up(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    _check(params)
    now = time.time()
    before, after = transact(module, lambda opened: _change_lease(opened, params, now))
    held = after is not None and after.holder == params["holder"]
    if after is not None and not held and params["state"] == "present" and params["fail_if_held"]:
        raise Conflict(
            f"{after.holder} holds the fleet {params['fleet']!r} for another {after.until - now:.0f} s. "
            "Try again when that run has ended.",
            by=after.holder,
            until=after.until,
        )
    changes = Changes()
    changes.add(
        "holder", None if before is None else before.holder, None if after is None else after.holder
    )
    return {
        **changes.as_result(),
        "fleet": params["fleet"],
        "held": held,
        "by": None if after is None else after.holder,
        "since": None if after is None else after.since,
        "until": None if after is None else after.until,
        "recorded": not module.check_mode,
    }


def _change_lease(
    connection: sqlite3.Connection, params: t.Mapping[str, t.Any], now: float
) -> tuple[lease.Lease | None, lease.Lease | None]:
    fleet, holder = params["fleet"], params["holder"]
    before = lease.read(connection, fleet, now)
    if params["state"] == "present":
        return before, lease.acquire(connection, fleet, holder, params["seconds"], now)
    lease.release(connection, fleet, holder)
    return before, lease.read(connection, fleet, now)


def _check(params: t.Mapping[str, t.Any]) -> None:
    check_name("fleet", params["fleet"])
    if not params["holder"].strip():
        raise InvalidInput(
            "holder",
            params["holder"],
            "does not name a holder",
            "Write a text that is this run's alone.",
        )
    check_positive("seconds", params["seconds"], "seconds")
    check_between(
        "seconds",
        params["seconds"],
        0,
        lease.LONGEST_SECONDS,
        "Take it for less, and renew it while the run lasts.",
    )


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "take or give up the lease of the fleet", take_or_give_up)


if __name__ == "__main__":
    main()
