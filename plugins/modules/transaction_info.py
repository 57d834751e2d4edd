#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: transaction_info
short_description: List what runs have left unfinished
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Modules that do several things in a row, such as M(headroom.libvirt.appliance_clone), record each step in a journal
    before they take it. A run that is killed leaves its record there. This module lists them.
  - The next run of the same module on the same host cleans up by itself what such a run left. To do so at once, use
    M(headroom.libvirt.transaction).
options:
  kind:
    description:
      - Only transactions of this kind, such as V(clone).
    type: str
  subject:
    description:
      - Only transactions about this, such as the name of a machine.
    type: str
  state:
    description:
      - V(unfinished) lists those that have not ended, V(all) also those that have, as far as the journal keeps them.
    type: str
    choices: [unfinished, all]
    default: unfinished
  uri:
    description:
      - The libvirt connection URI of a host whose exports are listed too, with whether anybody needs them. The hosts
        that read from them are asked.
    type: str
  connect_timeout:
    description:
      - How many seconds each of these hosts may take to answer. One that does not answer makes what it may need
        V(unknown); if it is the one that O(uri) names, the task fails.
    type: float
    default: 20.0
  uris:
    description:
      - The libvirt connection URIs of several hosts, whose own journals are read side by side, over SSH, in place of
        the one on the machine where this module runs. O(journal) is the path of the journal on each host. Libvirt is
        not asked.
      - A host that is down, refuses, is late, or is not reached by SSH is a row of RV(hosts) with a C(problem), and
        does not make the task fail.
      - Mutually exclusive with O(uri).
    type: list
    elements: str
seealso:
  - module: headroom.libvirt.transaction
  - module: headroom.libvirt.domain_info
extends_documentation_fragment:
  - headroom.libvirt.hosts
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Is anything unfinished on this host?
  headroom.libvirt.transaction_info:
  register: journal

- name: Does this host serve disks that nobody reads any more?
  headroom.libvirt.transaction_info:
    uri: qemu:///system
  register: served

- name: Is anything unfinished anywhere?
  headroom.libvirt.transaction_info:
    uris:
      - qemu+ssh://root@kvm1.example.com/system
      - qemu+ssh://root@kvm2.example.com/system
  delegate_to: localhost
  register: everywhere

- name: Show what was left, and what rolling it back would do
  ansible.builtin.debug:
    msg: "{{ item.kind }} of {{ item.subject }}, begun at {{ item.started }}: {{ item.roll_back | join(' ') }}"
  loop: "{{ journal.transactions | rejectattr('alive') }}"
"""

RETURN = r"""
transactions:
  description: The transactions, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: What names it.
      type: str
      sample: 5f0c9a1e
    kind:
      description: What was being done.
      type: str
      sample: clone
    subject:
      description: What it is about, several things with commas between them.
      type: str
      sample: web-1, web-2
    uri:
      description: The host that it works on.
      type: str
      sample: qemu:///system
    host:
      description: The host of O(uris) in whose journal it is; V(null) without O(uris).
      type: str
      sample: qemu+ssh://root@kvm1.example.com/system
    state:
      description: V(unfinished), V(finished), V(rolled_back) or V(resumed).
      type: str
      sample: unfinished
    alive:
      description: Whether a process is at work on it. Nothing has to be done about such a one.
      type: bool
      sample: false
    process:
      description: The id of the process that works, or worked last, on it.
      type: int
      sample: 4711
    started:
      description: When it began.
      type: str
      sample: "2026-05-04T09:30:00Z"
    age_seconds:
      description: How long ago that was.
      type: float
      sample: 512.3
    problem:
      description: Why it was left, where its run could say so. Null for one that was killed.
      type: str
      sample: "could not delete the volume 'web-1.vda.qcow2': cannot unlink file"
    steps:
      description: Its steps, in their order.
      type: list
      elements: dict
      contains:
        name:
          description: What the step does.
          type: str
          sample: volume
        arguments:
          description: What it does it with.
          type: dict
          sample: {pool: default, name: web-1.vda.qcow2}
        state:
          description: V(begun), which may have happened or not, or V(done).
          type: str
          sample: done
        facts:
          description: What became known by it.
          type: dict
          sample: {}
    roll_back:
      description: What rolling it back would do, in sentences. Empty for one that has ended.
      type: list
      elements: str
      sample: ["Delete the volume web-1.vda.qcow2 of the pool default."]
    resume:
      description: What resuming it would do, in sentences. Empty for one that has ended.
      type: list
      elements: str
      sample: ["Delete the volume web-1.vda.qcow2 of the pool default.", "Make web-1, web-2 anew."]
hosts:
  description: The hosts whose journals were to be read, in the order of O(uris).
  returned: with O(uris)
  type: list
  elements: dict
  contains:
    uri:
      description: The URI that it was asked by.
      type: str
      sample: qemu+ssh://root@kvm1.example.com/system
    problem:
      description: Why its journal could not be read; V(null) where it was.
      type: str
      sample: null
exports:
  description: The helper domains of the host that serve disks to machines of other hosts, by name.
  returned: with O(uri)
  type: list
  elements: dict
  contains:
    name:
      description: The helper domain's name.
      type: str
      sample: headroom-export-0123456789ab
    state:
      description:
        - V(needed), V(unneeded), or V(unknown) where it cannot be told. M(headroom.libvirt.transaction) with
          O(headroom.libvirt.transaction#module:state=swept) ends those that are V(unneeded).
      type: str
      sample: needed
    reason:
      description: Why, for people.
      type: str
      sample: the domain 'web-1' of qemu+ssh://kvm2/system reads from it
    reader_uri:
      description: The host that it is for; null where it does not say so.
      type: str
      sample: qemu+ssh://kvm2/system
    reader_uuid:
      description: The machine that it is for; null where several read from it.
      type: str
      sample: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55
    since:
      description: When it began; null where it does not say so.
      type: str
      sample: "2026-05-04T09:30:00Z"
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    HOSTS,
    JOURNAL,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._journal.records import Record

ARGUMENTS = JOURNAL.merge(HOSTS).merge(
    ArgumentSpec(
        options={
            "kind": {"type": "str"},
            "subject": {"type": "str"},
            "state": {"type": "str", "choices": ["unfinished", "all"], "default": "unfinished"},
            "uri": {"type": "str"},
            "connect_timeout": CONNECTION.options["connect_timeout"],
        },
        mutually_exclusive=[("uri", "uris")],
    )
)


def collect(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the transactions that the options choose."""
    params, now = module.params, time.time()
    if params["uris"] is not None:
        from ansible_collections.headroom.libvirt.plugins.module_utils._recovery import everywhere  # noqa: PLC0415

        return everywhere.list_everywhere(params, now)
    records = open_journal(module).list_records(kind=params["kind"], subject=params["subject"])
    chosen = [record for record in records if params["state"] in {"all", record.state}]
    return {"changed": False, **_list_exports(params, now), "transactions": _describe(chosen, now)}


def _list_exports(params: t.Mapping[str, t.Any], now: float) -> dict[str, t.Any]:
    if params["uri"] is None:
        return {}
    from ansible_collections.headroom.libvirt.plugins.module_utils._recovery import sweep  # noqa: PLC0415

    return {"exports": sweep.list_exports(params["uri"], params["connect_timeout"], now)}


def _describe(records: t.Sequence[Record], now: float) -> list[dict[str, t.Any]]:
    """Return the rows of records of this host's journal."""
    if not records:  # as a rule: and who could recover them is most of the collection to import
        return []
    from ansible_collections.headroom.libvirt.plugins.module_utils._recovery import report  # noqa: PLC0415

    return [{**report.describe_transaction(record, now), "host": None} for record in records]


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "list the transactions", collect)


if __name__ == "__main__":
    main()
