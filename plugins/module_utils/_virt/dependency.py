# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What a machine still reads from another host, and whom a helper serves: elements of our metadata. Pure.

Any tool that may write to the host can write metadata, so nothing in it is believed beyond narrow bounds: what is read
names no program to run, and whoever is to delete or serve a file by it proves first that the file is one of ours.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import is_harmless_uri

Kind = t.Literal["move", "clone"]

_TOKEN: t.Final = re.compile(r"[0-9a-f]{16,64}")
_NUMBER: t.Final = re.compile(r"\d{1,18}", re.ASCII)
_OPERATION: t.Final = re.compile(r"[0-9a-f]{1,32}")
_SINCE: t.Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_HOST: t.Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.:%_-]{0,254}|::[0-9A-Fa-f.:]{0,40}")
_UUID: t.Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TARGET: t.Final = re.compile(r"[a-z][0-9a-z]{1,15}")
_FORMATS: t.Final = ("raw", "qcow2")
_POLICIES: t.Final[t.Mapping[str, tuple[str, ...]]] = {
    "error_policy": ("stop", "report", "ignore", "enospace"),
    "rerror_policy": ("stop", "report", "ignore"),
}
_EPOCH: t.Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MOST_DISKS: t.Final = 512
_LONGEST_PATH: t.Final = 4096


class RemoteDisk(t.NamedTuple):
    """A disk that is served. Of a move also the ``path`` of its file on the source, and what format that has.

    ``policies`` are (name, value) of the error policies that its definition had, and gets back.
    """

    target: str
    path: str | None = None
    format: str | None = None
    policies: tuple[tuple[str, str], ...] = ()


class Dependency(t.NamedTuple):
    """Where a machine reads what is not local yet, and since when (ISO 8601, UTC).

    ``token`` is chosen at random and part of every name that the operation made on the source, ``operation`` its id in
    the journal of whoever began it. ``removes_source`` says whether the source's files go once all is local,
    ``autostart`` whether the machine is to start with its host, as it did before.
    """

    kind: Kind
    source_uri: str
    address: str
    port: int
    token: str
    since: str
    operation: str = ""
    disks: tuple[RemoteDisk, ...] = ()
    tls: bool = False
    tls_name: str | None = None
    removes_source: bool = False
    autostart: bool = False
    bytes_per_second: int = 0


class Service(t.NamedTuple):
    """For whom a helper serves disks: a machine of the host that ``reader_uri`` leads to, of that UUID if it is known.

    ``since`` is as of a Dependency; empty where it is not known.
    """

    reader_uri: str
    reader_uuid: str | None = None
    since: str = ""


def add_service(root: etree._Element, service: Service, namespace: str) -> None:
    """Put the service into the element of our metadata; ``namespace`` is as a prefix of tags."""
    element = etree.SubElement(root, f"{namespace}service", reader_uri=service.reader_uri)
    if service.reader_uuid:
        element.set("reader_uuid", service.reader_uuid)
    if service.since:
        element.set("since", service.since)


def read_service(element: etree._Element) -> Service | None:
    """Return what the element says; None for one that is not whole, or not within bounds."""
    attributes = _read_attributes(element)
    try:
        service = Service(
            attributes["reader_uri"],
            _match(attributes, "reader_uuid", _UUID, "") or None,
            _match(attributes, "since", _SINCE, ""),
        )
    except (KeyError, ValueError):
        return None
    return service if is_harmless_uri(service.reader_uri) else None


def add_dependency(root: etree._Element, dependency: Dependency, namespace: str) -> None:
    """Put the dependency into the element of our metadata; ``namespace`` is as a prefix of tags."""
    element = etree.SubElement(
        root,
        f"{namespace}dependency",
        kind=dependency.kind,
        source_uri=dependency.source_uri,
        address=dependency.address,
        port=str(dependency.port),
        token=dependency.token,
        since=dependency.since,
    )
    optional = {
        "operation": dependency.operation,
        "tls": "yes" if dependency.tls else "",
        "tls_name": dependency.tls_name,
        "removes_source": "yes" if dependency.removes_source else "",
        "autostart": "yes" if dependency.autostart else "",
        "bandwidth": str(dependency.bytes_per_second) if dependency.bytes_per_second else "",
    }
    element.attrib.update({name: value for name, value in optional.items() if value})
    for disk in dependency.disks:
        child = etree.SubElement(element, f"{namespace}disk", target=disk.target)
        if disk.path is not None and disk.format is not None:
            child.attrib.update({"path": disk.path, "format": disk.format, **dict(disk.policies)})


def format_time(epoch_seconds: float) -> str:
    """Return a moment as ``since`` says it."""
    return (_EPOCH + dt.timedelta(seconds=int(epoch_seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> float | None:
    """Return the epoch seconds of what format_time() gave; None for what no clock can say."""
    try:
        moment = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.timezone.utc)
    except ValueError:
        return None
    return (moment - _EPOCH).total_seconds()


def read_dependency(element: etree._Element) -> Dependency | None:
    """Return what the element says; None for one that is not whole, or not within bounds."""
    attributes = _read_attributes(element)
    try:
        dependency = Dependency(
            kind=t.cast(Kind, _require(attributes, "kind", ("move", "clone"))),
            source_uri=attributes["source_uri"],
            address=_match(attributes, "address", _HOST),
            port=int(_match(attributes, "port", _NUMBER)),
            token=_match(attributes, "token", _TOKEN),
            since=_match(attributes, "since", _SINCE),
            operation=_match(attributes, "operation", _OPERATION, ""),
            disks=tuple(map(_read_disk, element[: _MOST_DISKS + 1])),
            tls=attributes.get("tls") == "yes",
            tls_name=_match(attributes, "tls_name", _HOST, "") or None,
            removes_source=attributes.get("removes_source") == "yes",
            autostart=attributes.get("autostart") == "yes",
            bytes_per_second=int(_match(attributes, "bandwidth", _NUMBER, "0")),
        )
    except (KeyError, ValueError):
        return None
    return dependency if _is_within_bounds(dependency) else None


def _is_within_bounds(dependency: Dependency) -> bool:
    targets = {disk.target for disk in dependency.disks}
    return (
        is_harmless_uri(dependency.source_uri)
        and 0 < dependency.port < 2**16
        and 0 < len(targets) == len(dependency.disks) <= _MOST_DISKS
    )


def _read_disk(element: etree._Element) -> RemoteDisk:
    attributes = _read_attributes(element)
    target = _match(attributes, "target", _TARGET)
    path = attributes.get("path")
    if path is None:
        return RemoteDisk(target)
    if posixpath.normpath(path) != path or not path.startswith("/") or len(path) > _LONGEST_PATH:
        raise ValueError(path)
    policies = tuple(
        (name, _require(attributes, name, values))
        for name, values in _POLICIES.items()
        if name in attributes
    )
    return RemoteDisk(target, path, _require(attributes, "format", _FORMATS), policies)


def _read_attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.attrib.items()}


def _match(
    attributes: t.Mapping[str, str],
    name: str,
    pattern: re.Pattern[str],
    default: str | None = None,
) -> str:
    """Return an attribute that is of the pattern; raises KeyError or ValueError."""
    if default is not None and name not in attributes:
        return default
    value = attributes[name]
    if pattern.fullmatch(value) is None:
        raise ValueError(name)
    return value


def _require(attributes: t.Mapping[str, str], name: str, values: t.Collection[str]) -> str:
    """Return an attribute that is one of the values; raises KeyError or ValueError."""
    value = attributes[name]
    if value not in values:
        raise ValueError(name)
    return value
