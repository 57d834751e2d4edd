#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: transaction
short_description: Finish or undo what a run has left unfinished
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Resumes or rolls back transactions that M(headroom.libvirt.transaction_info) lists as unfinished, because their run
    was killed or its machine failed.
  - One that a process is still at work on is never touched; it is an error.
  - With O(state=swept) it ends what serves disks of this host to nobody any more.
options:
  state:
    description:
      - V(rolled_back) undoes the steps of the transaction, the newest first.
      - V(resumed) brings about what it was to bring about. For a C(clone) that is to undo its steps and to make the
        clones anew, since a copy that broke off cannot be gone on with.
      - V(swept) ends the exports of the host O(uri) that nobody reads from any more. These are helper domains that
        serve the disks of guests that have moved, or of appliances to streamed clones. Each says for whom it is, and
        both hosts are asked. One that is needed stays, and so does one of which that cannot be known, for example
        because the other host does not answer; RV(exports) says which and why. What was served is never deleted.
        Exports on other hosts that could not be ended when their machine was removed, and that the journal has noted,
        are ended as well.
    type: str
    choices: [resumed, rolled_back, swept]
    required: true
  id:
    description:
      - The transaction.
    type: str
  subject:
    description:
      - All unfinished transactions about this, such as the name of a machine. There may be none.
    type: str
  kind:
    description:
      - Only those about O(subject) that are of this kind.
    type: str
  uri:
    description:
      - The libvirt connection URI of the host that the transaction is about. The journal knows it, so that it need not
        be given, unless it holds a password, which the journal does not keep.
      - With O(state=swept) the host that is swept, V(qemu:///system) if it is not given.
      - A transaction about another host than this one is an error.
    type: str
  connect_timeout:
    description:
      - How many seconds the host may take to answer before the task fails.
    type: float
    default: 20.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - libvirt 8.0 or newer on the host
  - python >= 3.9 where the module runs
  - libvirt-python where the module runs (packaged as C(python3-libvirt))
  - lxml where the module runs (packaged as C(python3-lxml))
seealso:
  - module: headroom.libvirt.transaction_info
  - module: headroom.libvirt.appliance_clone
extends_documentation_fragment:
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Undo whatever was left half done about a machine
  headroom.libvirt.transaction:
    subject: web-7
    state: rolled_back

- name: See what finishing all that was left would do
  headroom.libvirt.transaction:
    id: "{{ item.id }}"
    state: resumed
  loop: "{{ journal.transactions | rejectattr('alive') }}"
  check_mode: true

- name: End exports that nobody reads from any more
  headroom.libvirt.transaction:
    state: swept
"""

RETURN = r"""
transactions:
  description:
    - The transactions that were chosen, as M(headroom.libvirt.transaction_info) returns them, with the state that they
      have now, or would have in check mode.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5f0c9a1e
      kind: clone
      subject: web-1, web-2
      state: rolled_back
      alive: false
actions:
  description: What was done, or would be done in check mode, in sentences.
  returned: success
  type: list
  elements: str
  sample: ["Delete the volume web-1.vda.qcow2 of the pool default."]
exports:
  description:
    - The exports that the host had, as M(headroom.libvirt.transaction_info) returns them. Those that were V(unneeded)
      have ended, or would in check mode.
  returned: with O(state=swept)
  type: list
  elements: dict
  sample:
    - name: headroom-export-0123456789ab
      state: unneeded
      reason: no machine of qemu+ssh://kvm2/system reads from it
      reader_uri: qemu+ssh://kvm2/system
      reader_uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
      since: null
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    JOURNAL,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.apply import (
    RecoveryChoice,
    ensure,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._recovery.sweep import Sweep
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

_THIS_HOST: t.Final = "qemu:///system"
ARGUMENTS = JOURNAL.merge(
    ArgumentSpec(
        options={
            "state": {
                "type": "str",
                "choices": ["resumed", "rolled_back", "swept"],
                "required": True,
            },
            "id": {"type": "str"},
            "subject": {"type": "str"},
            "kind": {"type": "str"},
            "uri": {"type": "str"},
            "connect_timeout": CONNECTION.options["connect_timeout"],
        },
        mutually_exclusive=[("id", "subject"), ("id", "kind")],
        required_if=[
            ("state", "resumed", ("id", "subject"), True),
            ("state", "rolled_back", ("id", "subject"), True),
        ],
    )
)


def recover(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task; in check mode what it would be."""
    params = module.params
    if params["state"] == "swept":
        return _sweep(module)
    options = ("state", "id", "subject", "kind", "uri", "connect_timeout")
    choice = RecoveryChoice(**{option: params[option] for option in options})
    return ensure(open_journal(module), choice, time.time(), dry_run=module.check_mode)


def _sweep(module: AnsibleModule) -> dict[str, t.Any]:
    params = module.params
    for option in ("id", "subject", "kind"):
        if params[option] is not None:
            raise InvalidInput(
                option,
                params[option],
                "chooses a transaction, and state: swept is about all exports of a host",
                "Leave it out.",
            )
    return Sweep(
        open_journal(module),
        params["uri"] or _THIS_HOST,
        params["connect_timeout"],
        time.time(),
        module.warn,
        module.check_mode,
    ).run()


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "recover the transaction", recover)


if __name__ == "__main__":
    main()
