# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""run_on_host(): what ``main()`` calls in modules that speak with one libvirt host; the others do without libvirt.

run_on_hosts() is for those that only read, and take many hosts (``uris``) as well.
"""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
    MissingDependency,
    NotEnoughMemory,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._parallel import run_each
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import Result, run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from .connection import Connection, open_connection

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec

    Call = t.Callable[[Connection, AnsibleModule], Result]


class HostAnswer(t.NamedTuple):
    """What a host answered, or why it did not; ``uri`` is the one that it was asked by, safe to show."""

    uri: str
    result: t.Any = None
    problem: str | None = None


Merge = t.Callable[[t.Sequence[HostAnswer]], Result]


def run_on_host(spec: ArgumentSpec, action: str, call: Call) -> None:
    """As run_module, for modules with the ``uri`` option: ``call`` gets the open connection."""
    run_module(spec, action, lambda module: _call_on_host(module, call))


def run_on_hosts(spec: ArgumentSpec, action: str, call: Call, merge: Merge) -> None:
    """As run_on_host, for modules with the options of the specification HOSTS as well.

    With ``uris`` each of these hosts is asked in a thread of its own, and ``merge`` makes one result of what they
    answered; ``call`` then must not look at the option ``uri``. Without, the result is what ``call`` returns.
    """

    def call_on_hosts(module: AnsibleModule) -> Result:
        if module.params["uris"] is not None:
            return merge(ask_hosts(module, call))
        return _call_on_host(module, call)

    run_module(spec, action, call_on_hosts)


def ask_hosts(module: AnsibleModule, call: Call) -> list[HostAnswer]:
    """Return the answer of each host that ``uris`` names, in their order; raises what is wrong with the options."""
    params = module.params
    timeout = check_positive("timeout", params["timeout"], "seconds")
    parallel = check_positive("parallel", params["parallel"])
    patience = min(timeout, check_positive("connect_timeout", params["connect_timeout"], "seconds"))

    def ask(uri: str) -> Result:
        with open_connection(uri, timeout=patience) as connection:
            return call(connection, module)

    return gather_answers(
        run_each(dict.fromkeys(params["uris"]), ask, timeout=timeout, parallel=parallel)
    )


def gather_answers(answers: t.Mapping[str, t.Any]) -> list[HostAnswer]:
    """Return the answers of run_each() by URI; raises what is wrong whichever host is asked."""
    return [_build_answer(uri, answer) for uri, answer in answers.items()]


def merge_rows(*keys: str) -> Merge:
    """Return what makes one result of rows that each host has under ``keys``, each with the ``uri`` of its host."""

    def merge(answers: t.Sequence[HostAnswer]) -> Result:
        rows: dict[str, list[dict[str, t.Any]]] = {key: [] for key in keys}
        for answer in answers:
            for key in keys:
                rows[key] += [
                    {**row, "uri": answer.uri} for row in (answer.result or {}).get(key, ())
                ]
        return {**rows, "hosts": describe_hosts(answers)}

    return merge


def describe_hosts(answers: t.Iterable[HostAnswer]) -> list[dict[str, t.Any]]:
    """Return a row for each host, with what was in the way of its answer."""
    return [{"uri": answer.uri, "problem": answer.problem} for answer in answers]


def _call_on_host(module: AnsibleModule, call: Call) -> Result:
    params = module.params
    with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
        return call(connection, module)


def _build_answer(uri: str, answer: t.Any) -> HostAnswer:
    if isinstance(answer, (InvalidInput, MissingDependency, NotEnoughMemory)):
        raise answer
    if isinstance(answer, HeadroomError):
        return HostAnswer(mask_uri(uri), problem=answer.message)
    return HostAnswer(mask_uri(uri), answer)
