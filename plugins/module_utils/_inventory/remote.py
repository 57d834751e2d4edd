# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``look``: a look at a host over SSH, in which the reader runs there and returns everything in one answer.

The same look through libvirt's own connection takes a round trip a call; this takes those of an SSH connection.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import typing as t
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    LibvirtFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import calls, definitions, reader

# What libvirt knows beyond these changes where it connects to, or how: such a URI is left to libvirt.
_KNOWN_PARAMETERS: t.Final = frozenset(
    {"keyfile", "no_tty", "no_verify", "command", "sshauth", "known_hosts"}
)
_SSH_FAILED: t.Final = 255
_MANY_DIGITS: t.Final = 400

_PROGRAM: t.Final = """
import sys, types
for name, source in {sources!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), vars(module))
sys.modules[{main!r}].main(*{arguments!r})
"""


class SshTarget(t.NamedTuple):
    """How SSH reaches a host, and which libvirt to open there."""

    command: tuple[str, ...]
    uri: str


def parse_target(uri: str) -> SshTarget | None:
    """Return how to reach the host of a ``driver+ssh`` URI as libvirt would (remote.html#ssh-transport).

    None when it is another transport, or says something that is libvirt's alone to understand.
    """
    parts = urlsplit(uri)
    driver, _plus, transport = parts.scheme.partition("+")
    parameters = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = parts.hostname
    if (
        transport != "ssh"
        or not host
        or host.startswith("-")
        or parts.password
        or set(parameters) - _KNOWN_PARAMETERS
    ):
        return None
    command = [parameters.get("command", "ssh"), "-T", "-e", "none"]
    if parts.port:
        command += ["-p", str(parts.port)]
    if parts.username:
        command += ["-l", unquote(parts.username)]
    if "keyfile" in parameters:
        command += ["-i", parameters["keyfile"]]
    if "known_hosts" in parameters:
        command += ["-o", f"UserKnownHostsFile={parameters['known_hosts']}"]
    if parameters.get("no_tty") == "1":
        command += ["-o", "BatchMode=yes"]
    if parameters.get("no_verify") == "1":
        command += ["-o", "StrictHostKeyChecking=no"]
    return SshTarget((*command, "--", host), f"{driver}://{parts.path}")


def look(
    uri: str, target: SshTarget, request: reader.LookRequest, timeout: float
) -> dict[str, t.Any] | None:
    """Return the reader's answer on the host; None where it cannot run: no Python, no libvirt binding, no shell.

    Raises ConnectionFailed when SSH does not get in, TimedOut, and LibvirtFailed for what libvirt said there.
    """
    arguments = (
        target.uri,
        list(request.sources),
        request.agent_timeout,
        request.statistics,
        request.xml,
    )
    try:
        process = subprocess.run(
            [*target.command, "python3", "-"],
            input=build_program(arguments),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(f"no answer within {timeout:g} s") from error
    except OSError as error:
        raise ConnectionFailed(f"could not run {target.command[0]}: {error}") from error
    answer = process.stdout.partition(reader.MAGIC)[2]  # what a login script prints comes before
    if process.returncode == _SSH_FAILED and not answer:
        problem = process.stderr.decode(errors="replace").strip()[-_MANY_DIGITS:]
        raise ConnectionFailed(f"ssh could not connect to {mask_uri(uri)}: {problem}")
    return _decode_answer(answer)


def build_program(arguments: tuple[t.Any, ...]) -> bytes:
    """Return the program that calls the reader's main(): its files under their own names, each before who needs it."""
    sources = [(part.__name__, inspect.getsource(part)) for part in (calls, definitions, reader)]
    return _PROGRAM.format(sources=sources, main=reader.__name__, arguments=arguments).encode()


def _decode_answer(compressed: bytes) -> dict[str, t.Any] | None:
    if not compressed:
        return None
    try:
        answer: dict[str, t.Any] = json.loads(zlib.decompress(compressed))
    except (ValueError, zlib.error):  # broken off
        return None
    if "missing" in answer:
        return None
    if "error" in answer:
        raise LibvirtFailed(f"could not read the domains: {answer['error']}")
    return answer
