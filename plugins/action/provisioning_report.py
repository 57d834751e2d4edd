# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report is made on the controller, where its library is and what the hosts returned; `copy` puts it in place."""

from __future__ import annotations

import itertools
import pathlib
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    InvalidInput,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.files import choose_files
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.page import (
    build_report,
    render,
)

_FLEET: t.Final = {
    "name": {"type": "str", "required": True},
    "tenant": {"type": "str"},
    "interval": {"type": "int"},
    "past": {"type": "list", "elements": "dict", "default": []},
}
_HOST: t.Final = {
    "name": {"type": "str", "required": True},
    "facts": {"type": "dict"},
    "domains": {"type": "list", "elements": "dict", "default": []},
}
_MACHINE: t.Final = {"vcpus": {"type": "int"}, "memory": {"type": "str"}, "disk": {"type": "str"}}
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
        "now": {"type": "float"},
        "mode": {"type": "raw", "default": "0640"},
    }
)


# Each page is a tenant's own.
_FOLDER_MODE: t.Final = "0750"


class _Page(t.NamedTuple):
    """The text of a page, and the tenant that it is for; None for the operator's."""

    text: str
    tenant: str | None = None


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
            pages, left_out = self._render_pages(params)
        except HeadroomError as error:
            # Ansible would tell the cause once more.
            raise AnsibleActionFail(
                f"Failed to make the report: {error.message}", result={"error": error.as_result()}
            ) from None
        variables = task_vars or {}
        is_missing = self._make_folder(params["tenant_dest"], pages, variables)
        results: list[dict[str, t.Any]] = [
            {"changed": True}
            if page.tenant is not None and is_missing
            else self._write(path, page.text, params["mode"], variables)
            for path, page in pages.items()
        ]
        for tenant, reason in left_out.items():
            self._display.warning(f"The tenant {tenant!r} has no page: {reason}.")
        return {
            "changed": any(result.get("changed") for result in results),
            "diff": list(itertools.chain(*(result.get("diff") or [] for result in results))),
            "pages": [
                {"path": path, "size_bytes": len(page.text.encode()), "tenant": page.tenant}
                for path, page in pages.items()
            ],
            "left_out": [
                {"tenant": tenant, "reason": reason} for tenant, reason in left_out.items()
            ],
        }

    def _render_pages(self, params: dict[str, t.Any]) -> tuple[dict[str, _Page], dict[str, str]]:
        """Return each page by its path, and why tenants have none."""
        templates = params["templates"]
        if templates is not None and not pathlib.Path(templates).is_dir():
            remedy = "Write the path of a folder on the controller."
            raise InvalidInput("templates", templates, "is not a folder", remedy)
        report = build_report(params, time.time() if params["now"] is None else params["now"])
        pages = {params["dest"]: _Page(render(report, templates))}
        if not params["tenant_dest"]:
            return pages, {}
        names = [tenant.name for tenant in report.tenants]
        paths, left_out = choose_files(names, params["tenant_dest"], params["dest"])
        for tenant, path in paths.items():
            pages[path] = _Page(render(report.select_tenant(tenant), templates), tenant)
        return pages, left_out

    def _make_folder(
        self, path: str | None, pages: t.Mapping[str, _Page], task_vars: dict[str, t.Any]
    ) -> bool:
        """Make the folder of the tenants' pages where it is missing; return whether it still is, as in check mode."""
        if path is None or not any(page.tenant for page in pages.values()):
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
