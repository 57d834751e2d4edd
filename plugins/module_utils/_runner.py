# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What every module's ``main()`` does: build, call, exit, and map the one family of errors."""

from __future__ import annotations

import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    MissingDependency,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import find_passwords

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec

Result = t.Mapping[str, t.Any]


def run_module(spec: ArgumentSpec, action: str, call: t.Callable[[AnsibleModule], Result]) -> None:
    """Run ``call`` and end the task with what it returns.

    ``action`` completes "Failed to …" when it raises a HeadroomError.
    """
    module = spec.create_module()
    module.no_log_values |= find_passwords(
        module.params
    )  # Ansible returns the options with every result
    try:
        result = call(module)
    except HeadroomError as error:
        _fail(module, action, error)
    else:
        module.exit_json(**result)


def _fail(module: AnsibleModule, action: str, error: HeadroomError) -> None:
    extra: dict[str, t.Any] = {}
    if isinstance(error, MissingDependency) and error.import_traceback:
        extra["exception"] = error.import_traceback
    module.fail_json(msg=f"Failed to {action}: {error.message}", error=error.as_result(), **extra)
