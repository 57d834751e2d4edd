# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""TARGETS: every parser of what guests, publishers, other hosts and other operators write, by name.

A target reads bytes as its callers do. It may refuse them by one of our own errors, and nothing else. Its seeds are in
``corpus/NAME``, beside those that the unit tests have already; what was ever found is one of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import typing as t
import zlib
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import foreign, template
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    manifest,
    packed_nvram,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._clone import rewrite
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.model import Overrides
from ansible_collections.headroom.libvirt.plugins.module_utils._clone.seed import seed
from ansible_collections.headroom.libvirt.plugins.module_utils._demand import csv, prometheus
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    HeadroomError,
    NotFound,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import (
    checksums,
    entry,
    signature,
    simplestreams,
    transfer,
    virt_builder,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header, unpack
from ansible_collections.headroom.libvirt.plugins.module_utils._inventory import (
    addresses,
    hosts,
    reader,
    remote,
    survey,
    variables,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._layers import layers
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    is_harmless_uri,
    leads_here,
    mask_uri,
    normalise_url,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import (
    agent,
    capabilities,
    domain_xml,
    metadata,
    network_xml,
    node_xml,
    storage_xml,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    parse_element,
)

from fuzz import bombs, mutations
from fuzz.oracle import check_image

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Build = Callable[[Sequence[bytes]], mutations.Spoil]

FOLDER: t.Final = Path(__file__).parent / "corpus"
_UNIT: t.Final = Path(__file__).parent.parent / "unit/plugins/module_utils"
_DOMAINS: t.Final = ("_clone/golden/*.domain.xml", "_clone/golden/refused/*.domain.xml")
_UUID: t.Final = "6c0d8a5e-7a4f-4a8c-9b59-0d6a6b1b4f6e"
_SOURCES: t.Final = ("lease", "reservation", "arp", "agent")
_HOST: t.Final = hosts.InventoryHost("kvm1", "qemu+ssh://kvm1/system")
_PLATFORM: t.Final = capabilities.Platform("kvm", "q35", emulated_cpu=True)
_OVERRIDES: t.Final = Overrides(memory_bytes=2**28, vcpus=3, network="default")
_UNPACKED_BYTES: t.Final = 4 * 1024**2
# Where the numbers of a qcow2 header stand, and those of the first extension.
_QCOW2_FIELDS: t.Final = (
    *((offset, ">I") for offset in (4, 16, 20, 32, 36, 56, 60, 96, 100, 104, 108, 112)),
    *((offset, ">Q") for offset in (8, 24, 40, 48, 64, 72, 80, 88)),
    *((offset, ">Q") for offset in (512, 1024, 1536, 2048, 65536)),
)


class Target(t.NamedTuple):
    """A parser, what spoils its seeds, and inputs that take much of a reader who does not look out."""

    name: str
    parse: Callable[[bytes], object]
    spoil: Build
    bombs: Callable[[], Iterator[bytes]]
    more_seeds: tuple[str, ...] = ()

    def list_seeds(self) -> list[bytes]:
        """Return the seeds, in an order that is always the same."""
        paths = sorted((FOLDER / self.name).iterdir())
        for pattern in self.more_seeds:
            paths += sorted(_UNIT.glob(pattern))
        return [path.read_bytes() for path in paths]


def _read_text(content: bytes) -> str:
    return content.decode(errors="replace")


def _parse_archive(content: bytes) -> None:
    compression = header.detect_compression(content)
    if compression is None:
        raise HeadroomError("it is not compressed")
    with tempfile.TemporaryFile() as file, tempfile.TemporaryDirectory() as folder:
        file.write(content)
        file.flush()
        with unpack.unpack(
            "file", "x", file.fileno(), compression, Path(folder), _UNPACKED_BYTES
        ) as descriptor:
            assert os.fstat(descriptor).st_size <= _UNPACKED_BYTES
            assert os.fstat(descriptor).st_blocks * 512 <= _UNPACKED_BYTES + 65536


def _parse_manifest(content: bytes) -> None:
    appliance = manifest.parse_manifest(content)
    manifest.sort_newest_first([appliance, appliance])
    assert manifest.parse_manifest(manifest.serialise(appliance)) == appliance
    with contextlib.suppress(HeadroomError):
        manifest.machine_size(appliance)
    foreign.check_stored(appliance, "default")


def _parse_index(content: bytes) -> None:
    index = simplestreams.parse(content, "index:1.0")
    simplestreams.read_updated(index)
    simplestreams.read_identity(index)
    simplestreams.list_product_files(index)
    simplestreams.read_expiry(index)


def _check_entries(entries: list[entry.FeedEntry]) -> None:
    for row in entries:
        row.matches(["deb*", "*"])
        if entry.find_problem(row) is None:
            assert row.disks
            assert all(file.size_bytes is None or file.size_bytes > 0 for file in row.disks)
    with contextlib.suppress(NotFound):
        entry.select(entries, "debian-12", None, "x86_64")


def _parse_products(content: bytes) -> None:
    _check_entries(simplestreams.read_products(simplestreams.parse(content, "products:1.0")))


def _parse_virt_builder(content: bytes) -> None:
    _check_entries(virt_builder.read_index(content))


def _parse_domain(content: bytes) -> None:
    root = parse_element(_read_text(content))
    layers.read_disks(root)
    layers.read_other_files(root)
    layers.explain_incomplete(root)
    domain_xml.find_host_devices(root)
    template.read_os_id(_read_text(content))
    template.list_disk_targets(_read_text(content))
    definition = domain_xml.read(root)
    definition.metadata.as_dict()
    with contextlib.suppress(HeadroomError):
        made = template.make_template(_read_text(content))
        rewrite.apply_hardware(made, _PLATFORM, _OVERRIDES)


def _parse_template(content: bytes) -> None:
    checked = foreign.check_template(_read_text(content), "default")
    # What was let in is read by the services that follow.
    domain_xml.parse(checked)
    with contextlib.suppress(HeadroomError):
        rewrite.apply_hardware(checked, _PLATFORM, _OVERRIDES)
    assert foreign.check_template(checked, "default") == checked


def _parse_metadata(content: bytes) -> None:
    found = metadata.read_element(parse_element(_read_text(content)))
    found.as_dict()
    assert metadata.read_element(metadata.build_element(found)) == found


def _parse_network(content: bytes) -> None:
    text = _read_text(content)
    node_xml.read_network(text, active=True, autostart=False)
    list(addresses.read_reservations("default", text))
    network = network_xml.parse(text)
    for _subnet, reservation in network.reservations:
        network_xml.build_host_xml(reservation)


def _parse_pool(content: bytes) -> None:
    node_xml.read_pool(_read_text(content), state="running", autostart=False)
    storage_xml.parse_pool(_read_text(content))


def _parse_volume(content: bytes) -> None:
    storage_xml.parse_volume(_read_text(content))


def _parse_capabilities(content: bytes) -> None:
    text = _read_text(content)
    node_xml.read_capabilities(text)
    capabilities.read_qemu_group(text)
    capabilities.read_domain_support(text)
    capabilities.read_guests(text)


def _parse_agent(content: bytes) -> None:
    answer = _read_text(content)
    with contextlib.suppress(HeadroomError):
        agent.parse_time("web-1", answer)
    status = agent.parse_facts("web-1", "guest-exec-status", answer)
    agent.parse_exit_code("web-1", status)


def _parse_prometheus(content: bytes) -> None:
    prometheus.read_refusal(content)
    points = prometheus.parse(content, "sum(rate(requests_total[5m]))")
    assert all(value is None or value >= 0 for _moment, value in points)


def _parse_csv(content: bytes) -> None:
    rows = csv.read_rows("csv", _read_text(content))
    assert csv.read_rows("csv", csv.write(rows)) == rows


def _parse_cloud_init(content: bytes) -> None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise HeadroomError("no task has such options") from None
    if not isinstance(data, dict):
        raise HeadroomError("no task has such options")
    options = {
        name: data[name] if isinstance(data.get(name), dict) else None
        for name in ("meta_data", "network_config")
    }
    files = seed.make_files(seed.read(data.get("user_data"), **options), "web-1", _UUID)
    assert json.loads(files["meta-data"])["instance-id"] == _UUID


def _parse_inventory(content: bytes) -> None:
    # as it comes, and as what it would be unpacked
    for compressed in (content, zlib.compress(content, 1)):
        answer = remote._decode_answer(compressed)
        if answer is None:
            continue
        snapshot = survey.build_snapshot(answer, _SOURCES)
        for guest in snapshot.guests:
            variables.build_variables(guest, _HOST, "direct")
        json.dumps(snapshot.as_dict())


def _parse_neighbours(content: bytes) -> None:
    rows = [*reader.parse_neighbours(_read_text(content))]
    addresses.AddressBook(filter(None, map(addresses.read_address, rows)), _SOURCES)


def _parse_uri(content: bytes) -> None:
    uri = _read_text(content)
    mask_uri(uri)
    with contextlib.suppress(HeadroomError):
        normalise_url(transfer.resolve_redirect("https://mirror.example/streams/", uri))
    with contextlib.suppress(HeadroomError):
        normalise_url(transfer.check_url("url", uri))
    if is_harmless_uri(uri):
        target = remote.parse_target(uri)
        assert target is None or target.command[0] == "ssh"
    hosts.check_uri("uri", uri)
    remote.parse_target(uri)
    variables.find_jump_host(uri)
    leads_here(uri)


_TARGETS: t.Final = (
    Target(
        "image",
        check_image,
        lambda seeds: mutations.spoil_fields(seeds, _QCOW2_FIELDS),
        bombs.build_images,
    ),
    Target("archive", _parse_archive, mutations.spoil_bytes, bombs.build_archives),
    Target("manifest", _parse_manifest, mutations.spoil_json, bombs.build_json),
    Target(
        "nvram",
        lambda content: packed_nvram.unpack_variables(_read_text(content)),
        mutations.spoil_bytes,
        bombs.build_nvram,
    ),
    Target("index", _parse_index, mutations.spoil_json, bombs.build_json),
    Target("products", _parse_products, mutations.spoil_json, bombs.build_json),
    Target("virt_builder", _parse_virt_builder, mutations.spoil_lines, bombs.build_lines),
    Target(
        "checksums",
        lambda content: checksums.find_checksum(content, "disk.img", "SHA256SUMS"),
        mutations.spoil_lines,
        bombs.build_lines,
    ),
    Target(
        "gpgv",
        lambda content: signature.judge(_read_text(content), ["A" * 40], "the index"),
        mutations.spoil_lines,
        bombs.build_lines,
    ),
    Target("domain", _parse_domain, mutations.spoil_xml, bombs.build_xml, _DOMAINS),
    Target(
        "template",
        _parse_template,
        mutations.spoil_xml,
        bombs.build_xml,
        ("_clone/golden/*.template.xml",),
    ),
    Target("metadata", _parse_metadata, mutations.spoil_xml, bombs.build_xml),
    Target("network", _parse_network, mutations.spoil_xml, bombs.build_xml),
    Target("pool", _parse_pool, mutations.spoil_xml, bombs.build_xml),
    Target("volume", _parse_volume, mutations.spoil_xml, bombs.build_xml),
    Target("capabilities", _parse_capabilities, mutations.spoil_xml, bombs.build_xml),
    Target("agent", _parse_agent, mutations.spoil_json, bombs.build_json),
    Target("prometheus", _parse_prometheus, mutations.spoil_json, bombs.build_json),
    Target("csv", _parse_csv, mutations.spoil_lines, bombs.build_csv),
    Target("cloud_init", _parse_cloud_init, mutations.spoil_json, bombs.build_json),
    Target("inventory", _parse_inventory, mutations.spoil_json, bombs.build_answers),
    Target("neighbours", _parse_neighbours, mutations.spoil_lines, bombs.build_lines),
    Target("uri", _parse_uri, mutations.spoil_lines, bombs.build_uris),
)
TARGETS: t.Final = {target.name: target for target in _TARGETS}
