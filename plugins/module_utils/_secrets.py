# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What of a task's options is secret: ``find_secrets``, ``mask_options`` and ``scrub`` keep it out of results. Pure.

Ansible masks every value of an option with ``no_log`` wherever its text stands in a result, so that a header of ``1``
would take each number with a 1 along. So an option is masked where it stands, and elsewhere only what is a secret.
"""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import quote, quote_plus

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import find_passwords

MASK: t.Final = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
_SECRET_NAME: t.Final = re.compile(
    r"pass|pwd|secret|token|key|auth|credential|cookie|session|signature|private|psk|sasl",
    re.IGNORECASE,
)
_ASSIGNMENT: t.Final = re.compile(
    r"""(?P<name>[\w.-]+)["']?\s*[:=]\s*(?P<value>"[^"]+"|'[^']+'|[^\s"',}]+)"""
)
# Below a secret name, as in cloud-init's chpasswd, these say what the secret is of.
_HARMLESS_NAMES: t.Final = frozenset({"name", "user", "type", "expire", "path"})
# A shorter text stands by chance in results: masking it would say more about the secret than leaving it alone.
_SHORTEST: t.Final = 4
_SHORTEST_NUMBER: t.Final = 8
_SHORTEST_WORD: t.Final = 8
# What a secret option says under a harmless name is masked elsewhere only when it cannot be there by chance.
_SHORTEST_TEXT: t.Final = 16

Options = t.Mapping[str, t.Mapping[str, t.Any]]


def is_secret_name(name: str) -> bool:
    """Return whether what is called ``name`` (an option, a header, a key of cloud-init) is a secret by its name."""
    return bool(_SECRET_NAME.search(name))


def find_secrets(options: Options, params: t.Mapping[str, t.Any]) -> set[str]:
    """Return the secrets in ``params``: of options with ``no_log``, and the passwords of URIs, in every notation."""
    secrets = find_passwords(params)
    for _name, value in _walk_secret_options(options, params):
        secrets.update(_read_secrets(value, secret=isinstance(value, str)))
    return {form for secret in secrets for form in _write_forms(secret)} - {""}


def find_maskable(secrets: t.Iterable[str]) -> set[str]:
    """Return those of ``secrets`` that are long enough to be masked wherever they stand in a result."""
    return {
        secret
        for secret in secrets
        if len(secret) >= (_SHORTEST_NUMBER if secret.isdecimal() else _SHORTEST)
    }


def mask_options(options: Options, params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``params`` as a result may show them: what options with ``no_log`` say is replaced."""
    shown = dict(params)
    for name, option in _iterate_names(options):
        value = shown.get(name)
        if not value:
            continue
        if option.get("no_log"):
            shown[name] = MASK
        elif isinstance(value, dict) and "options" in option:
            shown[name] = mask_options(option["options"], value)
        elif isinstance(value, list) and "options" in option:
            shown[name] = [
                mask_options(option["options"], row) if isinstance(row, dict) else row
                for row in value
            ]
    return shown


def scrub(text: str, secrets: t.Iterable[str]) -> str:
    """Return ``text`` without any of the ``secrets``, the longest first, since one may hold another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _iterate_names(options: Options) -> t.Iterator[tuple[str, t.Mapping[str, t.Any]]]:
    for name, option in options.items():
        yield name, option
        for alias in option.get("aliases", ()):
            yield alias, option


def _walk_secret_options(
    options: Options, params: t.Mapping[str, t.Any]
) -> t.Iterator[tuple[str, t.Any]]:
    for name, option in _iterate_names(options):
        value = params.get(name)
        if option.get("no_log"):
            yield name, value
        elif "options" in option:
            for row in value if isinstance(value, list) else [value]:
                if isinstance(row, dict):
                    yield from _walk_secret_options(option["options"], row)


def _read_secrets(value: t.Any, *, secret: bool) -> t.Iterator[str]:
    """Yield what is secret in ``value``; ``secret`` says that all of it is."""
    if isinstance(value, dict):
        for name, part in value.items():
            inherited = secret and name not in _HARMLESS_NAMES
            yield from _read_secrets(part, secret=inherited or is_secret_name(str(name)))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _read_secrets(part, secret=secret)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
        yield from _read_text(str(value), secret=secret)


def _read_text(text: str, *, secret: bool) -> t.Iterator[str]:
    if secret or len(text) >= _SHORTEST_TEXT:
        yield text
        yield text.strip()
    if "\n" in text.strip():
        for line in text.splitlines():
            yield from _read_line(line.strip())
    elif secret:
        yield from (word for word in text.split() if len(word) >= _SHORTEST_WORD)


def _read_line(line: str) -> t.Iterator[str]:
    if len(line) >= _SHORTEST_TEXT:
        yield line
    for assignment in _ASSIGNMENT.finditer(line):
        if is_secret_name(assignment["name"]):
            yield assignment["value"].strip("\"'")


def _write_forms(secret: str) -> t.Iterator[str]:
    """Yield ``secret`` as it stands, and as errors and addresses write it."""
    yield secret
    yield repr(secret)[1:-1]
    yield repr(secret.encode("utf-8", "surrogateescape"))[2:-1]
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="", errors="replace")
    yield quote_plus(secret, errors="replace")
