# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""ArgumentSpec: the options of a module with the rules between them, merged out of parts that modules share."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.headroom.libvirt.plugins.module_utils._secrets import (
    find_maskable,
    find_secrets,
    mask_options,
    scrub,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import find_passwords

Groups = t.Sequence[t.Sequence[str]]


class DiscreetModule(AnsibleModule):  # type: ignore[misc]  # ansible-core has no types
    """An AnsibleModule that tells no secret of its options where the runner does not look: in logs, warnings, refusals.

    Ansible itself masks options with ``no_log`` there, and of the passwords in URIs some.
    """

    def log(self, msg: t.Any, log_args: t.Mapping[str, t.Any] | None = None) -> None:
        """Write to the host's log, as every task does with its options."""
        args = {name: self._scrub(value) for name, value in (log_args or {}).items()}
        super().log(self._scrub(msg), log_args=args)

    def warn(self, warning: str, **kwargs: t.Any) -> None:
        """Warn the operator."""
        super().warn(self._scrub(warning), **kwargs)

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """End the task; options that it has not are not repeated, whatever was meant by them."""
        known = {name: self.params[name] for name in self.argument_spec if name in self.params}
        invocation = {"module_args": mask_options(self.argument_spec, known)}
        self.no_log_values |= find_passwords(self.params)
        super().fail_json(msg, **{"invocation": invocation, **kwargs})
        raise AssertionError("fail_json() ends the process")

    def _scrub(self, text: t.Any) -> str:
        secrets = find_maskable(find_secrets(self.argument_spec, self.params))
        return scrub(str(text), secrets | find_passwords(self.params))


@dataclasses.dataclass(frozen=True)
class ArgumentSpec:
    """Options of a module together with the rules between them."""

    options: t.Mapping[str, t.Mapping[str, t.Any]] = dataclasses.field(default_factory=dict)
    mutually_exclusive: Groups = ()
    required_together: Groups = ()
    required_one_of: Groups = ()
    required_if: t.Sequence[t.Sequence[t.Any]] = ()
    required_by: t.Mapping[str, str | t.Sequence[str]] = dataclasses.field(default_factory=dict)

    def merge(self, *others: ArgumentSpec) -> ArgumentSpec:
        """Return all specifications as one; an option of a later one wins over one of the same name."""
        merged = self
        for other in others:
            merged = merged._merge_one(other)
        return merged

    def _merge_one(self, other: ArgumentSpec) -> ArgumentSpec:
        return ArgumentSpec(
            options={**self.options, **other.options},
            mutually_exclusive=[*self.mutually_exclusive, *other.mutually_exclusive],
            required_together=[*self.required_together, *other.required_together],
            required_one_of=[*self.required_one_of, *other.required_one_of],
            required_if=[*self.required_if, *other.required_if],
            required_by={**self.required_by, **other.required_by},
        )

    def create_module(self, *, supports_check_mode: bool = True) -> AnsibleModule:
        """Return the AnsibleModule of this specification; fails the task on invalid options."""
        return DiscreetModule(
            argument_spec={name: dict(option) for name, option in self.options.items()},
            mutually_exclusive=self.mutually_exclusive,
            required_together=self.required_together,
            required_one_of=self.required_one_of,
            required_if=self.required_if,
            required_by=dict(self.required_by),
            supports_check_mode=supports_check_mode,
        )


# Documented in doc_fragments/journal.py.
JOURNAL = ArgumentSpec(options={"journal": {"type": "path"}})

# Documented in doc_fragments/machine.py.
MACHINE = ArgumentSpec(options={"machine": {"type": "dict"}})
MACHINE_URI = ArgumentSpec(options={"machine_uri": {"type": "str"}})

# Documented in doc_fragments/connection.py.
CONNECTION = ArgumentSpec(
    options={
        "uri": {"type": "str", "default": "qemu:///system"},
        "connect_timeout": {"type": "float", "default": 20.0},
    }
)

# Documented in doc_fragments/hosts.py.
HOSTS = ArgumentSpec(
    options={
        "uris": {"type": "list", "elements": "str"},
        "timeout": {"type": "float", "default": 30.0},
        "parallel": {"type": "int", "default": 16},
    }
)
