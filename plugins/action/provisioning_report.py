# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report is made on the controller, where its library is and what the hosts returned; `copy` puts it in place."""

from __future__ import annotations

import dataclasses
import itertools
import posixpath
import time
import typing as t
import urllib.parse

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.data import render_data
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.files import (
    PAGE,
    choose_files,
    encode_name,
    name_beside,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.look import Look, read_look
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.page import (
    Link,
    Report,
    build_report,
    render,
)

_MACHINE: t.Final = {"vcpus": {"type": "int"}, "memory": {"type": "str"}, "disk": {"type": "str"}}
_FLEET: t.Final = {
    "name": {"type": "str", "required": True},
    "tenant": {"type": "str"},
    "interval": {"type": "int"},
    "past": {"type": "list", "elements": "dict", "default": []},
    "machine": {"type": "dict", "options": _MACHINE},
}
_HOST: t.Final = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
    "domains": {"type": "list", "elements": "dict", "default": []},
}
_TENANT: t.Final = {
    "name": {"type": "str", "required": True},
    "title": {"type": "str"},
    "logo": {"type": "path"},
    "templates": {"type": "path"},
}
ARGUMENTS: t.Final = ArgumentSpec(
    options={
        "dest": {"type": "path", "required": True},
        "tenant_dest": {"type": "path"},
        "title": {"type": "str", "default": "Provisioning"},
        "fleets": {"type": "list", "elements": "dict", "default": [], "options": _FLEET},
        "hosts": {"type": "list", "elements": "dict", "default": [], "options": _HOST},
        "machine": {"type": "dict", "default": {}, "options": _MACHINE},
        "quotas": {"type": "dict", "default": {}},
        "transactions": {"type": "list", "elements": "dict", "default": []},
        "backtest": {"type": "dict"},
        "outlook": {"type": "dict"},
        "templates": {"type": "path"},
        "logo": {"type": "path"},
        "tenants": {"type": "list", "elements": "dict", "default": [], "options": _TENANT},
        "timezone": {"type": "str", "default": "UTC"},
        "data": {"type": "list", "elements": "str", "choices": ["csv", "json"], "default": []},
        "now": {"type": "float"},
        "mode": {"type": "raw", "default": "0640"},
    }
)


# Each page is a tenant's own.
_FOLDER_MODE: t.Final = "0750"


class _File(t.NamedTuple):
    """The text of a file, the tenant that it is for (None: the operator), and whether it is a page."""

    text: str
    tenant: str | None
    is_page: bool


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action of ``provisioning_report``."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Render the pages and hand each to ``copy``, which knows check mode, diffs and atomic replacement."""
        super().run(tmp, task_vars)
        _validated, params = self.validate_argument_spec(argument_spec=ARGUMENTS.options)
        try:
            files, left_out = _render_files(params)
        except HeadroomError as error:
            # Ansible would tell the cause once more.
            raise AnsibleActionFail(
                f"Failed to make the report: {error.message}", result={"error": error.as_result()}
            ) from None
        variables = task_vars or {}
        is_missing = self._make_folder(params["tenant_dest"], files, variables)
        results: list[dict[str, t.Any]] = [
            {"changed": True}
            if file.tenant is not None and is_missing
            else self._write(path, file.text, params["mode"], variables)
            for path, file in files.items()
        ]
        for tenant, reason in left_out.items():
            self._display.warning(f"The tenant {tenant!r} has no page: {reason}.")
        return {
            "changed": any(result.get("changed") for result in results),
            "diff": list(itertools.chain(*(result.get("diff") or [] for result in results))),
            "pages": _describe_files(files, pages=True),
            "data": _describe_files(files, pages=False),
            "left_out": [
                {"tenant": tenant, "reason": reason} for tenant, reason in left_out.items()
            ],
        }

    def _make_folder(
        self, path: str | None, files: t.Mapping[str, _File], task_vars: dict[str, t.Any]
    ) -> bool:
        """Make the folder of the tenants' pages where it is missing; return whether it still is, as in check mode."""
        if path is None or not any(file.tenant for file in files.values()):
            return False
        asked: dict[str, t.Any] = {"path": path}
        told = self._execute_module("ansible.builtin.stat", asked, task_vars=task_vars)
        if told.get("failed") or told["stat"]["exists"]:
            return False
        folder = {**asked, "state": "directory", "mode": _FOLDER_MODE}
        done = self._execute_module("ansible.builtin.file", folder, task_vars=task_vars)
        if done.get("failed"):
            raise AnsibleActionFail(f"Failed to make {path}: {done.get('msg')}", result=done)
        return bool(self._task.check_mode)

    def _write(
        self, path: str, text: str, mode: t.Any, task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        task = self._task.copy()
        task.args = {"content": text, "dest": path, "mode": mode}
        action = self._shared_loader_obj.action_loader.get(
            "ansible.builtin.copy",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        result: dict[str, t.Any] = action.run(task_vars=task_vars)
        if result.get("failed"):
            raise AnsibleActionFail(f"Failed to write {path}: {result.get('msg')}", result=result)
        return result


def _render_files(params: dict[str, t.Any]) -> tuple[dict[str, _File], dict[str, str]]:
    """Return each page, and the data beside it, by its path, and why tenants have none."""
    look = read_look("", {**params, "title": None})
    looks = {row["name"]: read_look(f"tenants ({row['name']}).", row) for row in params["tenants"]}
    report = build_report(params, time.time() if params["now"] is None else params["now"])
    base = posixpath.basename(name_beside(params["dest"], ""))
    contents = _render_contents(report, look, params["data"], base)
    files = {
        params["dest"] if suffix == PAGE else name_beside(params["dest"], suffix): _File(
            text, None, suffix == PAGE
        )
        for suffix, text in contents.items()
    }
    if not params["tenant_dest"]:
        return files, {}
    names = [tenant.name for tenant in report.tenants]
    of_tenants = {
        name: _render_contents(
            report.select_tenant(name),
            looks.get(name, Look()).above(look),
            params["data"],
            encode_name(name),
        )
        for name in names
    }
    chosen, left_out = choose_files(of_tenants, params["tenant_dest"], list(files))
    for tenant, texts in chosen.items():
        files.update(
            {path: _File(text, tenant, path.endswith(PAGE)) for path, text in texts.items()}
        )
    return files, left_out


def _render_contents(
    report: Report, look: Look, kinds: t.Sequence[str], base: str
) -> dict[str, str]:
    """Return a page and its data by what their names end in; ``base`` is what they begin with."""
    report = dataclasses.replace(report, title=look.title or report.title)
    data = render_data(report, kinds)
    links = [
        Link(suffix.lstrip(".").removesuffix(".csv"), urllib.parse.quote(f"{base}{suffix}"))
        for suffix in data
    ]
    return {PAGE: render(report, look, links), **data}


def _describe_files(files: t.Mapping[str, _File], *, pages: bool) -> list[dict[str, t.Any]]:
    return [
        {"path": path, "size_bytes": len(file.text.encode()), "tenant": file.tenant}
        for path, file in files.items()
        if file.is_page is pages
    ]
