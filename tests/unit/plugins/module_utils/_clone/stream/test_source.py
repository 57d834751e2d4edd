# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._clone.stream import source
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import Conflict, InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming import tls
from ansible_collections.headroom.libvirt.plugins.module_utils._streaming.model import Handshake
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import blocks, domains, storage
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.dependency import Service

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )


@pytest.fixture
def origin(shelf: Catalogue, monkeypatch: pytest.MonkeyPatch) -> source.Source:
    """A source on libvirt's test driver, which starts nothing paused."""

    def create(connection: Connection, name: str, xml: str) -> blocks.Domain:
        del name
        return connection.handle.createXML(xml, 0)

    monkeypatch.setattr(blocks, "create_transient_paused", create)
    return source.Source("test:///default", shelf, "10.0.0.1", range(10809, 10811))


def test_the_source_is_where_its_uri_says_or_the_task() -> None:
    uri = "qemu+ssh://root@127.0.0.2/system"
    assert source.resolve_address(uri, None) == ("127.0.0.2", None)
    assert source.resolve_address(uri, "127.0.0.3") == ("127.0.0.3", None)
    with pytest.raises(InvalidInput, match="source_address"):
        source.resolve_address("qemu:///system", None)


def test_a_certificate_is_for_the_name_that_leads_to_the_source() -> None:
    assert source.resolve_address("qemu+ssh://root@localhost/system", None)[1] == "localhost"
    assert source.resolve_address("qemu+ssh://root@kvm1/system", "localhost")[1] == "localhost"


def test_a_password_is_not_kept_in_metadata() -> None:
    assert source.check_uri("qemu+ssh://root@kvm1/system") == "qemu+ssh://root@kvm1/system"
    with pytest.raises(InvalidInput) as caught:
        source.check_uri("qemu+ssh://root:secret@kvm1/system")
    assert "secret" not in caught.value.message


def test_a_failed_handshake_is_told_before_anything_is_defined(origin: source.Source) -> None:
    manifest = origin.catalogue.get("web", "1")
    pool = storage.look_up_pool(origin.connection, "default")

    def look() -> set[str]:
        return {domain.name() for domain in domains.list_all(origin.connection)} | {
            volume.name() for volume in storage.list_volumes(pool)
        }

    before = look()
    # nothing to try without TLS
    assert source.settle_tls(origin.connection, origin, manifest, "web-1") == (origin, ())
    encrypted = dataclasses.replace(origin, tls=True, tls_name="kvm1")
    with pytest.raises(
        Conflict, match=r"tls: no TLS connection to kvm1 comes about: .*ca-cert\.pem"
    ):
        source.settle_tls(origin.connection, encrypted, manifest, "web-1")
    assert look() == before


NO_CERTIFICATES = (
    "unable to execute QEMU command 'object-add': Unable to access credentials "
    "/etc/pki/qemu/ca-cert.pem: No such file or directory"
)


@pytest.mark.parametrize(
    ("problem", "encrypted", "words"),
    [
        ("", True, "travel encrypted, from kvm1"),
        (NO_CERTIFICATES, False, "travel in clear"),
        ("The certificate hasn't got a known issuer", None, "no TLS connection to kvm1"),
        ("Unable to access credentials /x.pem: Permission denied", None, "no TLS connection"),
        ("TLS handshake failed: Error in the pull function.", None, "no TLS connection"),
    ],
)
def test_where_it_may_be_without_only_a_lack_of_certificates_counts(
    origin: source.Source,
    monkeypatch: pytest.MonkeyPatch,
    problem: str,
    encrypted: bool | None,
    words: str,
) -> None:
    """Whoever stands between the hosts can break a handshake, but not make QEMU miss its own files."""
    monkeypatch.setattr(tls, "shake_hands", lambda _probe: Handshake("kvm1", problem))
    manifest = origin.catalogue.get("web", "1")
    wish = dataclasses.replace(origin, tls=True, tls_name="kvm1", tls_optional=True)
    if encrypted is None:
        with pytest.raises(Conflict, match=words):
            source.settle_tls(origin.connection, wish, manifest, "web-1")
        return
    settled, (note,) = source.settle_tls(origin.connection, wish, manifest, "web-1")
    assert settled.tls is encrypted
    assert words in note


def test_clones_are_told_where_and_how_their_disks_are_served(
    origin: source.Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    backups: list[str] = []
    monkeypatch.setattr(blocks, "begin_backup", lambda _domain, xml: backups.append(xml))
    manifest = origin.catalogue.get("web", "1")
    encrypted = dataclasses.replace(origin, tls=True, tls_name="kvm1")
    service = Service("qemu+ssh://kvm2/system", since="2026-05-04T09:30:00Z")
    record = source.serve_appliance(encrypted, manifest, "f" * 32, 7, service)
    assert (record.tls, record.tls_name, record.bytes_per_second) == (True, "kvm1", 7)
    assert record.port in origin.ports
    helper = domains.look_up(origin.connection, record.ref.helper)
    assert domains.read_metadata(helper).service == service
    domains.power_off(domains.look_up(origin.connection, record.ref.helper))
    # what is served again is served the same way
    source.serve_again(origin.catalogue, manifest, record, service)
    assert backups[1] == backups[0]
    assert 'tls="yes"' in backups[0]
    assert f'exportname="{"f" * 32}-vdb"' in backups[0]
