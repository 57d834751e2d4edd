# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._domain import survey
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.defined import look_up
from ansible_collections.headroom.libvirt.plugins.module_utils._domain.request import DomainRequest
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domains

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_DOMAIN = """<domain type='test'><name>{name}</name><memory>8192</memory><os><type>hvm</type></os>
  <metadata><h:machine xmlns:h='urn:headroom:libvirt:1'><h:fleet>{fleet}</h:fleet></h:machine></metadata></domain>"""


@pytest.fixture
def host(node: Connection) -> Connection:
    for name, fleet in (("web-1", "web"), ("web-2", "web"), ("db", "stores"), ("ci-1", "ci")):
        domains.define(node, _DOMAIN.format(name=name, fleet=fleet))
    return node


@pytest.mark.parametrize(
    ("names", "fleet", "pattern", "chosen", "missing"),
    [
        (["web-2", "db", "gone"], None, None, ["web-2", "db"], ["gone"]),
        ([], "web", None, ["web-1", "web-2"], []),
        ([], None, "ci-*", ["ci-1"], []),
        ([], None, "CI-*", [], []),
        (["db", "gone"], "web", "ci-?", ["ci-1", "db", "web-1", "web-2"], ["gone"]),
    ],
)
def test_domains_are_chosen_by_name_fleet_and_pattern(
    host: Connection,
    names: list[str],
    fleet: str | None,
    pattern: str | None,
    chosen: list[str],
    missing: list[str],
) -> None:
    choice = survey.choose(host, names=names, fleet=fleet, pattern=pattern)
    assert ([domain.name for domain in choice.domains], choice.missing) == (chosen, missing)


def test_only_what_a_request_needs_is_read(host: Connection) -> None:
    domain = look_up(host, "web-1")
    (plain,) = survey.inspect_all(host, [domain], DomainRequest(state="running"))
    assert (plain.observed.situation, plain.autostart) == ("shutdown", None)
    (asked,) = survey.inspect_all(host, [domain], DomainRequest(autostart=True))
    assert asked.autostart is False


def test_one_that_vanished_is_missed_only_where_it_is_not_to_go(
    host: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "undefine", lambda domain: domain.undefineFlags(0))
    domain = look_up(host, "web-1")
    domains.undefine(domain.domain)
    assert survey.inspect_all(host, [domain], DomainRequest(state="absent")) == []
    with pytest.raises(NotFound):
        survey.inspect_all(host, [domain], DomainRequest(state="running"))
