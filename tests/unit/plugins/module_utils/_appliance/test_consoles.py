# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No console of a clone is open to more people than that of the original."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import (
    build,
    consoles,
    template,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidSecret
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
    serialise,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

PLAIN = build.build(build.Hardware(64 << 20), ["vda"])
PRIVATE = ("127.0.0.1", [{"type": "address", "address": "127.0.0.1"}])


def machine_with(*graphics: str) -> etree._Element:
    """The template that a domain with these consoles makes."""
    text = PLAIN.replace("<devices>", f"<devices>{''.join(graphics)}")
    made = template.make_template(text)
    assert template.make_template(made) == made
    return parse_element(made)


def read_listeners(root: etree._Element) -> tuple[str | None, list[dict[str, str]]]:
    (device,) = root.iterfind("devices/graphics")
    return device.get("listen"), [dict(listen.attrib) for listen in device.iterfind("listen")]


@pytest.mark.parametrize("kind", ["vnc", "spice", "rdp"])
@pytest.mark.parametrize(
    "listeners",
    [
        "<listen type='address' address='0.0.0.0'/>",
        "<listen type='address' address='::'/>",
        "<listen type='network' network='default'/>",
        "<listen type='address'/>",
        "",
    ],
)
def test_a_console_that_loses_its_password_listens_to_its_host_alone(
    kind: str, listeners: str
) -> None:
    root = machine_with(
        f"<graphics type='{kind}' port='5907' autoport='no' websocket='5700' passwd='s3cret99' "
        f"passwdValidTo='2030-01-01T00:00:00'>{listeners}</graphics>"
    )
    assert "s3cret99" not in serialise(root)
    assert len(consoles.describe_protection(root, None)) == 1
    consoles.protect_consoles(root, None)
    (device,) = root.iterfind("devices/graphics")
    assert read_listeners(root) == PRIVATE
    assert not {"passwd", "passwdValidTo", "websocket", "port"} & set(device.attrib)


@pytest.mark.parametrize(
    ("listeners", "expected"),
    [
        ("<listen type='socket' socket='/run/x'/>", [{"type": "socket"}]),
        ("<listen type='none'/>", [{"type": "none"}]),
    ],
)
@pytest.mark.parametrize("password", ["", " passwd='x'"])
def test_a_socket_does_not_become_a_port(
    listeners: str, expected: list[dict[str, str]], password: str
) -> None:
    root = machine_with(f"<graphics type='vnc'{password}>{listeners}</graphics>")
    consoles.protect_consoles(root, None)
    assert read_listeners(root) == (None, expected)


def test_a_socket_in_the_old_notation_does_not_either() -> None:
    root = machine_with("<graphics type='vnc' socket='/run/x'/>")
    assert read_listeners(root) == (None, [{"type": "socket"}])


def test_a_new_password_lets_it_listen_where_the_original_did() -> None:
    root = machine_with(
        "<graphics type='vnc' passwd='old' sharePolicy='allow-exclusive'>"
        "<listen type='address' address='::'/></graphics>"
    )
    assert consoles.describe_protection(root, "new") == []
    consoles.protect_consoles(root, "new")
    (device,) = root.iterfind("devices/graphics")
    assert device.get("passwd") == "new"
    assert device.get("sharePolicy") == "allow-exclusive"
    assert read_listeners(root) == (None, [{"type": "address", "address": "::"}])


def test_a_console_without_password_stays_as_it_is_and_may_get_one() -> None:
    open_console = "<graphics type='vnc' autoport='yes' listen='10.0.0.1'/>"
    root = machine_with(open_console)
    assert consoles.describe_protection(root, None) == []
    consoles.protect_consoles(root, None)
    assert read_listeners(root) == ("10.0.0.1", [])
    consoles.protect_consoles(root, "new")
    (device,) = root.iterfind("devices/graphics")
    assert device.get("passwd") == "new"


@pytest.mark.parametrize(
    ("ports", "mode"),
    [
        ("tlsPort='5910'", "secure"),
        ("port='-1' tlsPort='5910' autoport='no'", "secure"),
        ("port='5909' tlsPort='5910' autoport='no'", None),
        ("port='5909' tlsPort='-1'", None),
        ("autoport='yes'", None),
    ],
)
def test_a_console_over_tls_alone_gets_no_port_in_clear(ports: str, mode: str | None) -> None:
    root = machine_with(
        f"<graphics type='spice' {ports}><channel name='main' mode='secure'/></graphics>"
    )
    (device,) = root.iterfind("devices/graphics")
    assert device.get("defaultMode") == mode
    assert [dict(channel.attrib) for channel in device.iterfind("channel")] == [
        {"name": "main", "mode": "secure"}
    ]


@pytest.mark.parametrize(
    ("kinds", "password", "problem"),
    [
        (["vnc"], "123456789", "longer than the 8"),
        (["spice"], "x" * 61, "longer than the 60"),
        (["spice", "vnc"], "123456789", "longer than the 8"),
        (["vnc"], "", "printable"),
        (["vnc"], "a\nb", "printable"),
        (["vnc"], "pässwort", "printable"),
        ([], "12345678", "has none by VNC or SPICE"),
        (["sdl"], "12345678", "has none by VNC or SPICE"),
    ],
)
def test_a_password_that_a_console_cannot_have(
    kinds: list[str], password: str, problem: str
) -> None:
    root = machine_with(*(f"<graphics type='{kind}'/>" for kind in kinds))
    with pytest.raises(InvalidSecret, match=problem) as caught:
        consoles.check_password(root, password)
    assert not password or password not in caught.value.message


@pytest.mark.parametrize(("kind", "password"), [("vnc", "12345678"), ("spice", "x" * 60)])
def test_a_password_that_a_console_can_have(kind: str, password: str) -> None:
    consoles.check_password(machine_with(f"<graphics type='{kind}'/>"), password)
