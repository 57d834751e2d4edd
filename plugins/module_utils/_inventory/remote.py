# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``look``: a look at a host over SSH, in which the reader runs there and returns everything in one answer.

The same look through libvirt's own connection takes a round trip a call; this takes those of an SSH connection.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import selectors
import subprocess
import tempfile
import threading
import time
import typing as t
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    LibvirtFailed,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from . import answer as answer_format
from . import calls, definitions, reader, tables

if t.TYPE_CHECKING:
    import types

# What libvirt knows beyond these changes where it connects to, or how: such a URI is left to libvirt.
_KNOWN_PARAMETERS: t.Final = frozenset(
    {"keyfile", "no_tty", "no_verify", "command", "sshauth", "known_hosts"}
)
_SSH_FAILED: t.Final = 255
_MANY_DIGITS: t.Final = 400
_CHUNK_BYTES: t.Final = 65536
# Some 10 KiB a domain, so thousands of them; a host that is not honest may pack gigabytes into a megabyte.
_LARGEST_ANSWER_BYTES: t.Final = 64 * 1024**2

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
    options = request._asdict()
    del options["places"]  # those of the host itself
    # as a plain tuple, which a program can be written with
    options["tables"] = request.tables and tuple(request.tables)
    return _run_program(uri, target, build_program(reader, (target.uri, options)), timeout)


def fetch_tables(
    uri: str, target: SshTarget, request: tables.TablesRequest, timeout: float
) -> dict[str, t.Any] | None:
    """As look(), of what the host's own user keeps in an SQLite file there; libvirt is not asked."""
    return _run_program(uri, target, build_program(tables, (tuple(request),)), timeout)


def _run_program(
    uri: str, target: SshTarget, text: bytes, timeout: float
) -> dict[str, t.Any] | None:
    with tempfile.TemporaryFile() as program:
        program.write(text)
        program.seek(0)
        try:
            process = subprocess.Popen(
                [*target.command, "python3", "-"],
                stdin=program,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise ConnectionFailed(f"could not run {target.command[0]}: {error}") from error
    output, complaints = _collect(process, timeout)
    answer = output.partition(answer_format.MAGIC)[2]  # what a login script prints comes before
    if process.returncode == _SSH_FAILED and not answer:
        problem = complaints.decode(errors="replace").strip()[-_MANY_DIGITS:]
        raise ConnectionFailed(f"ssh could not connect to {mask_uri(uri)}: {problem}")
    return _decode_answer(answer)


def _collect(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes]:
    """Return what a process writes until it ends, output and errors; raises TimedOut, LibvirtFailed for too much."""
    deadline = time.monotonic() + timeout
    with process, selectors.DefaultSelector() as selector:
        texts = {stream: bytearray() for stream in (process.stdout, process.stderr) if stream}
        for stream in texts:
            selector.register(stream, selectors.EVENT_READ)
        try:
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise TimedOut(f"no answer within {timeout:g} s")
                for key, _events in ready:
                    chunk = os.read(key.fd, _CHUNK_BYTES)
                    texts[key.fileobj].extend(chunk)  # type: ignore[index]  # one of the streams
                    if not chunk:
                        selector.unregister(key.fileobj)
                if max(map(len, texts.values())) > _LARGEST_ANSWER_BYTES:
                    raise _refuse_size(_LARGEST_ANSWER_BYTES)
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"no answer within {timeout:g} s") from error
        finally:
            process.kill()
        output, complaints = texts.values()
        return bytes(output), bytes(complaints)


# Of a module in an archive, as Ansible sends it, Python keeps the text in a cache that only one thread may look into.
_reading: t.Final = threading.Lock()


def build_program(main: types.ModuleType, arguments: tuple[t.Any, ...]) -> bytes:
    """Return the program that calls a file's main(): the files under their own names, each before who needs it."""
    with _reading:
        sources = _read_sources()
    return _PROGRAM.format(sources=sources, main=main.__name__, arguments=arguments).encode()


@functools.lru_cache(maxsize=1)
def _read_sources() -> list[tuple[str, str]]:
    parts = (answer_format, calls, definitions, tables, reader)
    return [(part.__name__, inspect.getsource(part)) for part in parts]


def _decode_answer(
    compressed: bytes, limit_bytes: int = _LARGEST_ANSWER_BYTES
) -> dict[str, t.Any] | None:
    """Return what the reader answered; None where that cannot be read. Raises LibvirtFailed for too much."""
    if not compressed:
        return None
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(compressed, limit_bytes)
        if unpacking.unconsumed_tail:
            raise _refuse_size(limit_bytes)
        answer = json.loads(text) if unpacking.eof else None
    except (ValueError, RecursionError, zlib.error):  # broken off
        return None
    if not isinstance(answer, dict) or "missing" in answer:
        return None
    if "error" in answer:
        raise LibvirtFailed(f"could not read the domains: {answer['error']}")
    return answer


def _refuse_size(limit_bytes: int) -> LibvirtFailed:
    return LibvirtFailed(
        f"the host's answer is larger than {limit_bytes >> 20} MiB. See what that host sends, or set on_host to false."
    )
