# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Open connections to libvirt, and translate its errors: every call of libvirt stands in translate_errors()."""

from __future__ import annotations

import contextlib
import re
import threading
import typing as t
from urllib.parse import urlsplit

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    Conflict,
    ConnectionFailed,
    HeadroomError,
    InvalidInput,
    LibvirtFailed,
    NoSpace,
    NotFound,
    TimedOut,
    Unsupported,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from .libvirt_dep import libvirt, require_libvirt

_KEEPALIVE_INTERVAL_SECONDS = 5
_KEEPALIVE_COUNT = 3
_NO_SPACE = re.compile(
    r"no space left on device|not enough (free )?space|would exceed|larger than.*(free|available)",
    re.IGNORECASE,
)
# What libvirt says of a connection that broke in mid-call comes under several codes.
_LOST = re.compile(
    r"client socket is closed|(?:hangup|error) event on socket|keepalive timeout|broken pipe|connection reset"
    r"|end of file while (?:reading|writing) data|cannot (?:recv|write) data(?! to file)",
    re.IGNORECASE,
)
# What libvirt says in words that name no remedy: what it says, and the sentence that is put behind.
_REMEDIES: t.Final = (
    (
        re.compile(r"storage pool '(?P<name>[^']*)' is not active"),
        "Start it once its storage answers: virsh pool-start {name}.",
    ),
    (
        re.compile(r"failed to connect to the RADOS monitor"),
        "Look at the health of Ceph (ceph -s), and whether its monitors are reached from the host.",
    ),
)


class Connection(t.NamedTuple):
    """An open libvirt connection and the URI that it was asked for, safe to show."""

    handle: libvirt.virConnect
    uri: str


@contextlib.contextmanager
def open_connection(
    uri: str, *, timeout: float = 20.0, read_only: bool = False, keepalive: bool = True
) -> t.Iterator[Connection]:
    """Yield an open Connection to ``uri`` and close it afterwards.

    Who has a deadline of their own for a host that dies in mid-call can do without ``keepalive`` and its thread.

    Raises InvalidInput for what is not a libvirt URI, ConnectionFailed when the host does not answer within
    ``timeout`` seconds or refuses, MissingDependency without libvirt-python.
    """
    require_libvirt()
    _check_uri(uri)
    if keepalive:
        _start_event_loop()
        _check_event_loop()
    libvirt.registerErrorHandler(
        lambda _context, _error: None, None
    )  # errors are raised, not printed
    handle = _open_within(uri, timeout, read_only)
    try:
        if keepalive:
            _keep_alive(handle)
        yield Connection(handle, mask_uri(uri))
    finally:
        with contextlib.suppress(libvirt.libvirtError):
            handle.close()


@contextlib.contextmanager
def ensure_alive(connection: Connection, *, timeout: float = 20.0) -> t.Iterator[Connection]:
    """Yield the connection, or where it has broken a new one to the same host, as when libvirtd was restarted.

    Of modular daemons one that was restarted breaks what goes through it, such as all calls about storage, for as long
    as a connection lasts, while that still counts as alive.

    Raises ConnectionFailed when there is none within ``timeout`` seconds, or its URI holds a password.
    """
    if is_alive(connection):
        yield connection
    else:
        with open_connection(connection.uri, timeout=timeout) as fresh:
            yield fresh


def is_alive(connection: Connection) -> bool:
    """Return whether its host answers through it, with each of its daemons."""
    handle = connection.handle
    try:
        if not handle.isAlive():
            return False
    except libvirt.libvirtError:
        return False
    # Each of these is answered by another daemon where they are modular.
    return all(map(_is_answered, (handle.numOfStoragePools, handle.numOfNetworks)))


def _is_answered(ask: t.Callable[[], int]) -> bool:
    """Return whether the call reaches its daemon; one that refuses, or that a driver does not have, does."""
    try:
        ask()
    except libvirt.libvirtError as error:
        return not isinstance(translate_error(error, "ask"), ConnectionFailed)
    return True


@contextlib.contextmanager
def translate_errors(action: str) -> t.Iterator[None]:
    """Turn a libvirtError of the block into the collection's errors.

    ``action`` says what was being done, as in "look up the domain 'web-1'".
    """
    try:
        yield
    except libvirt.libvirtError as error:
        raise translate_error(error, action) from error


def translate_error(error: libvirt.libvirtError, action: str) -> HeadroomError:
    """Return the HeadroomError that stands for ``error``."""
    text = mask_uri((error.get_error_message() or str(error)).strip())
    code = error.get_error_code()
    if _NO_SPACE.search(text):
        return NoSpace(f"could not {action}: {text}", libvirt_code=code)
    family = ConnectionFailed if _LOST.search(text) else _map_codes().get(code, LibvirtFailed)
    if _event_loop_errors:
        text += f" (libvirt's event loop has failed, too: {_event_loop_errors[0]})"
    return family(f"could not {action}: {text}{_find_remedy(text)}", libvirt_code=code)


def _find_remedy(text: str) -> str:
    for pattern, remedy in _REMEDIES:
        found = pattern.search(text)
        if found:
            return f". {remedy.format_map(found.groupdict())}"
    return ""


def _map_codes() -> dict[int, type[HeadroomError]]:
    # Built at call time: the constants exist only where libvirt could be imported.
    return {
        libvirt.VIR_ERR_NO_DOMAIN: NotFound,
        libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT: NotFound,
        libvirt.VIR_ERR_NO_STORAGE_POOL: NotFound,
        libvirt.VIR_ERR_NO_STORAGE_VOL: NotFound,
        libvirt.VIR_ERR_NO_NETWORK: NotFound,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA: NotFound,
        libvirt.VIR_ERR_NO_NWFILTER: NotFound,
        libvirt.VIR_ERR_NO_SECRET: NotFound,
        libvirt.VIR_ERR_DOM_EXIST: Conflict,
        libvirt.VIR_ERR_STORAGE_VOL_EXIST: Conflict,
        libvirt.VIR_ERR_OPERATION_TIMEOUT: TimedOut,
        libvirt.VIR_ERR_NO_SUPPORT: Unsupported,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED: Unsupported,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED: Unsupported,
        libvirt.VIR_ERR_NO_CONNECT: ConnectionFailed,
        libvirt.VIR_ERR_AUTH_FAILED: ConnectionFailed,
        libvirt.VIR_ERR_RPC: ConnectionFailed,
    }


def _check_uri(uri: str) -> None:
    try:
        scheme = urlsplit(uri).scheme
    except ValueError:  # brackets in which no address of IPv6 is
        scheme = ""
    if not scheme or any(character.isspace() for character in uri):
        raise InvalidInput(
            "uri",
            mask_uri(uri),
            "is not a libvirt URI",
            "Write for example qemu:///system or qemu+ssh://root@host/system.",
        )


def _open_within(uri: str, timeout: float, read_only: bool) -> libvirt.virConnect:
    """Open ``uri`` in a thread of its own: libvirt has no time limit for a host that swallows packets."""
    outcome: dict[str, t.Any] = {}

    def attempt() -> None:
        try:
            outcome["handle"] = libvirt.openReadOnly(uri) if read_only else libvirt.open(uri)
        except libvirt.libvirtError as error:
            outcome["error"] = error

    thread = threading.Thread(target=attempt, name="libvirt-open", daemon=True)
    thread.start()
    thread.join(timeout)
    if "handle" in outcome:
        return t.cast("libvirt.virConnect", outcome["handle"])
    if "error" in outcome:
        text = mask_uri(str(outcome["error"]).strip())
        raise ConnectionFailed(
            f"uri: could not connect to {mask_uri(uri)}: {text}. Check that libvirtd (or virtqemud) runs there and "
            "that this user may use it.",
            uri=mask_uri(uri),
        )
    raise ConnectionFailed(
        f"uri: {mask_uri(uri)} did not answer within {timeout:g} s. Check the host and the network, or raise "
        "connect_timeout.",
        uri=mask_uri(uri),
    )


def _keep_alive(handle: libvirt.virConnect) -> None:
    # A host that dies in mid-call is noticed after interval * count seconds. Local drivers do not support it.
    with contextlib.suppress(libvirt.libvirtError):
        handle.setKeepAlive(_KEEPALIVE_INTERVAL_SECONDS, _KEEPALIVE_COUNT)


_event_loop_lock = threading.Lock()
_event_loop_threads: list[threading.Thread] = []
_event_loop_errors: list[Exception] = []
_LOOP_FAILURES: t.Final = 10


def _start_event_loop() -> None:
    """Run libvirt's event loop in the background; keepalive and events need it, once a process."""
    with _event_loop_lock:
        if _event_loop_threads:
            return
        libvirt.virEventRegisterDefaultImpl()
        thread = threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True)
        thread.start()
        _event_loop_threads.append(thread)


def _run_event_loop() -> None:
    """Run until it has failed too often in a row; from then on connections that need it are refused."""
    failures = 0
    while failures < _LOOP_FAILURES:
        try:
            libvirt.virEventRunDefaultImpl()
            failures = 0
        except (libvirt.libvirtError, OSError, RuntimeError) as error:
            failures += 1
            if failures == _LOOP_FAILURES:
                _event_loop_errors.append(error)


def _check_event_loop() -> None:
    """Raise ConnectionFailed once libvirt's event loop has ended: nothing would notice a host that dies in mid-call."""
    if _event_loop_errors:
        raise ConnectionFailed(
            f"libvirt's event loop has failed {_LOOP_FAILURES} times in a row: {_event_loop_errors[0]}. A host that "
            "dies would not be noticed. Run the task again, and check libvirt's installation where it runs."
        )
