# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What every module's ``main()`` does: build, call, exit, and map whatever is raised to one family of errors.

No secret of the options is in what it returns, whoever wrote the message.
"""

from __future__ import annotations

import traceback
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    MissingDependency,
    Unexpected,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._secrets import (
    find_maskable,
    find_secrets,
    mask_options,
    scrub,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import find_passwords

if t.TYPE_CHECKING:
    import types

    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec

Result = t.Mapping[str, t.Any]


class _Outcome:
    """Runs a block and keeps the error that ended it, so that nothing is told while it is being handled.

    Ansible adds the traceback of an error that is being handled, with all that led to it, to what a module returns.
    """

    error: Exception | None = None

    def __enter__(self) -> None:
        """Only its end is of interest."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: types.TracebackType | None,
    ) -> bool:
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None


def run_module(spec: ArgumentSpec, action: str, call: t.Callable[[AnsibleModule], Result]) -> None:
    """Run ``call`` and end the task with what it returns.

    ``action`` completes "Failed to …" when it raises. An error that is none of the collection's own is of the kind
    ``unexpected``, and its message and traceback are scrubbed.
    """
    module = spec.create_module()
    secrets = find_secrets(spec.options, module.params)
    module.no_log_values = find_maskable(secrets) | find_passwords(module.params)
    invocation = {"module_args": mask_options(spec.options, module.params)}
    result: Result = {}
    outcome = _Outcome()
    with outcome:
        result = call(module)
    error = outcome.error
    if error is None:
        module.exit_json(**{"invocation": invocation, **result})
    else:
        module.fail_json(invocation=invocation, **_describe_error(error, action, secrets))


def _describe_error(error: Exception, action: str, secrets: set[str]) -> dict[str, t.Any]:
    known = error if isinstance(error, HeadroomError) else _explain_unexpected(error, secrets)
    fields: dict[str, t.Any] = {
        "msg": f"Failed to {action}: {known.message}",
        "error": known.as_result(),
    }
    if known is not error:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        fields["exception"] = scrub(trace, secrets)
    elif isinstance(known, MissingDependency) and known.import_traceback:
        fields["exception"] = known.import_traceback
    return fields


def _explain_unexpected(error: Exception, secrets: set[str]) -> Unexpected:
    name = type(error).__name__
    return Unexpected(
        f"{name}: {scrub(str(error), secrets)}. The collection does not know this error. "
        "Please report it, with the output of ansible-playbook -vvv.",
        exception=name,
    )
