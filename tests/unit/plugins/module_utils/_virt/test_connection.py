# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    InvalidInput,
    LibvirtFailed,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import connection, domains
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    Connection,
    ensure_alive,
    open_connection,
    translate_error,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.libvirt_dep import libvirt

from tools.refusals import refusal


def test_opens_and_closes() -> None:
    with open_connection("test:///default") as opened:
        assert opened.handle.isAlive()
    assert opened.uri == "test:///default"


@pytest.mark.parametrize("uri", ["", "localhost", "qemu:///sys tem", "qemu:///system\n"])
def test_refuses_what_is_no_uri(uri: str) -> None:
    with (
        pytest.raises(InvalidInput, match=r"^uri: .*Write for example qemu:///system"),
        open_connection(uri),
    ):
        pass


def test_names_the_unreachable_host_without_its_password() -> None:
    with (
        pytest.raises(
            ConnectionFailed, match=r"qemu\+tcp://me:\*\*\*@127\.0\.0\.1:1/system"
        ) as caught,
        open_connection("qemu+tcp://me:secret@127.0.0.1:1/system"),
    ):
        pass
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.as_result())


def test_translates_libvirt_errors() -> None:
    with (
        open_connection("test:///default") as opened,
        pytest.raises(NotFound, match="could not look up the domain 'nope'") as caught,
    ):
        domains.look_up(opened, "nope")
    assert caught.value.as_result()["kind"] == "not_found"


@pytest.mark.parametrize(
    "text",
    [
        "internal error: client socket is closed",
        "internal error: received hangup event on socket",
        "internal error: received error event on socket",
        "End of file while reading data: Input/output error",
        "Cannot recv data: No route to host",
        "internal error: connection closed due to keepalive timeout",
        "Cannot write data: Broken pipe",
    ],
)
def test_a_connection_that_breaks_in_mid_call_is_told_as_such(text: str) -> None:
    error = refusal(libvirt.VIR_ERR_INTERNAL_ERROR, text)
    assert isinstance(translate_error(error, "start 'web-1'"), ConnectionFailed)


def test_a_pool_that_stopped_is_told_how_to_start() -> None:
    stopped = "Requested operation is not valid: storage pool 'ceph' is not active"
    error = refusal(libvirt.VIR_ERR_OPERATION_INVALID, stopped)
    assert translate_error(error, "list the volumes").message == (
        f"could not list the volumes: {stopped}. Start it once its storage answers: virsh pool-start ceph."
    )


def test_a_file_that_cannot_be_written_is_no_broken_connection() -> None:
    error = refusal(libvirt.VIR_ERR_SYSTEM_ERROR, "cannot write data to file '/x'")
    assert isinstance(translate_error(error, "define 'web-1'"), LibvirtFailed)


class HalfDead:
    """A connection whose own daemon lives, and another one of which was restarted."""

    def isAlive(self) -> int:  # noqa: N802
        return 1

    def numOfStoragePools(self) -> int:  # noqa: N802
        raise refusal(libvirt.VIR_ERR_INTERNAL_ERROR, "internal error: client socket is closed")

    def numOfNetworks(self) -> int:  # noqa: N802
        raise refusal(libvirt.VIR_ERR_NO_SUPPORT, "this function is not supported")


def test_a_connection_that_is_dead_for_storage_is_replaced(node: Connection) -> None:
    dead = Connection(t.cast("t.Any", HalfDead()), node.uri)
    with ensure_alive(dead) as fresh:
        assert fresh.handle.numOfStoragePools() >= 0


def test_one_of_a_driver_without_networks_is_used() -> None:
    class WithoutNetworks(HalfDead):
        numOfStoragePools = HalfDead.numOfNetworks  # noqa: N815

    alive = Connection(t.cast("t.Any", WithoutNetworks()), "test:///default")
    with ensure_alive(alive) as same:
        assert same is alive


def test_an_event_loop_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def fail() -> int:
        calls.append(1)
        raise refusal(libvirt.VIR_ERR_INTERNAL_ERROR, "poll failed")

    monkeypatch.setattr(connection, "_event_loop_errors", [])
    with monkeypatch.context() as patch:
        patch.setattr(libvirt, "virEventRunDefaultImpl", fail)
        connection._run_event_loop()
    assert len(calls) == 10
    with (
        pytest.raises(
            ConnectionFailed, match=r"event loop has failed 10 times in a row: poll failed"
        ),
        open_connection("test:///default"),
    ):
        pass
    with open_connection("test:///default", keepalive=False):
        pass
    lost = refusal(libvirt.VIR_ERR_INTERNAL_ERROR, "no")
    assert "event loop has failed, too: poll failed" in translate_error(lost, "start 'x'").message


def test_a_connection_that_lives_is_used_and_a_broken_one_replaced(node: Connection) -> None:
    with ensure_alive(node) as same:
        assert same is node
    node.handle.close()
    with ensure_alive(node) as fresh:
        assert fresh is not node
        assert fresh.uri == node.uri
        assert fresh.handle.isAlive()
