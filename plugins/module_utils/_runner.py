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
    Interrupted,
    MissingDependency,
    NotEnoughMemory,
    Unexpected,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._interrupt import Stopped
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

_LONGEST_TEXT: t.Final = 4_000
_LONGEST_TRACE: t.Final = 64_000


class _Outcome:
    """Runs a block and keeps what ended it, so that nothing is told while it is being handled.

    Ansible adds the traceback of an error that is being handled, with all that led to it, to what a module returns.
    The exit of a task that told its result already is none of these.
    """

    error: BaseException | None = None

    def __enter__(self) -> None:
        """Only its end is of interest."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: types.TracebackType | None,
    ) -> bool:
        self.error = None if _is_told(error) else error
        return self.error is not None


def run_module(spec: ArgumentSpec, action: str, call: t.Callable[[AnsibleModule], Result]) -> None:
    """Run ``call`` and end the task with what it returns.

    ``action`` completes "Failed to …" when it raises. An error that is none of the collection's own is of the kind
    ``unexpected``, an interrupt of the kind ``interrupted``; message and traceback are scrubbed and have a limit.
    """
    module = spec.create_module()
    secrets: set[str] | None = None
    invocation: dict[str, t.Any] = {}
    outcome = _Outcome()
    with outcome:
        secrets = find_secrets(spec.options, module.params)
        module.no_log_values = find_maskable(secrets) | find_passwords(module.params)
        invocation = {"module_args": mask_options(spec.options, module.params)}
        module.exit_json(**{"invocation": invocation, **call(module)})
    failure: dict[str, t.Any] = {"msg": f"Failed to {action}: its error cannot be told."}
    telling = _Outcome()
    with telling:
        failure = _describe_error(outcome.error, action, secrets)
        module.fail_json(invocation=invocation, **failure)
    # What the error's details hold cannot be sent.
    kind = {"kind": getattr(outcome.error, "kind", Unexpected.kind)}
    module.fail_json(msg=failure["msg"], error=kind, invocation=invocation)


def _is_told(error: BaseException | None) -> bool:
    """Return whether Ansible ended the process after it had written a result."""
    if error is None or not isinstance(error, SystemExit):
        return False
    codes = [frame.f_code for frame, _line in traceback.walk_tb(error.__traceback__)]
    return bool(codes) and codes[-1].co_name in ("exit_json", "fail_json")


def _describe_error(
    error: BaseException | None, action: str, secrets: set[str] | None
) -> dict[str, t.Any]:
    """Return the result of a task that failed; without its ``secrets``, no text of another library's is in it."""
    known = error if isinstance(error, HeadroomError) else _explain_foreign(error, secrets)
    fields: dict[str, t.Any] = {
        "msg": _make_printable(f"Failed to {action}: {known.message}"),
        "error": _make_all_printable(known.as_result()),
    }
    if isinstance(known, MissingDependency) and known.import_traceback:
        fields["exception"] = known.import_traceback
    elif isinstance(known, Unexpected) and error is not None and secrets is not None:
        trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        fields["exception"] = _shorten(scrub(trace, secrets), _LONGEST_TRACE)
    return fields


def _explain_foreign(error: BaseException | None, secrets: set[str] | None) -> HeadroomError:
    if isinstance(error, Stopped):
        return Interrupted(f"a signal stopped it ({error.signal_name}). Run the task again.")
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("it was interrupted. Run the task again.")
    if isinstance(error, MemoryError):
        return NotEnoughMemory(
            "the process had no memory left for it. Raise its limits, or ask for less at once."
        )
    name = type(error).__name__
    text = "" if secrets is None else _read_text(error)
    said = _shorten(scrub(text, secrets or ()), _LONGEST_TEXT)
    return Unexpected(
        f"{name}{': ' if said else ''}{said}. The collection does not know this error. "
        "Please report it, with the output of ansible-playbook -vvv.",
        exception=name,
    )


def _read_text(error: BaseException | None) -> str:
    """Return what an error says of itself; one of another library may not even be able to do that."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it is, the error that is told is the other one
        return "it cannot say what it is"


def _shorten(text: str, most: int) -> str:
    """Return ``text`` with its middle left out where it is longer than ``most`` characters."""
    shown = _make_printable(text)
    if len(shown) <= most:
        return shown
    half = most // 2
    return f"{shown[:half]} … {len(shown) - 2 * half} characters … {shown[-half:]}"


def _make_all_printable(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {
            _make_all_printable(name): _make_all_printable(part) for name, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_make_all_printable(part) for part in value]
    return _make_printable(value) if isinstance(value, str) else value


def _make_printable(text: str) -> str:
    """Return ``text`` with what no encoding has written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()
