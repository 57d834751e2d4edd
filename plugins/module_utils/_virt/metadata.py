# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Our part of a domain's ``<metadata>``: what a machine is for and where it comes from.

libvirt is the database of machines, so this is all that the collection knows of one beyond its definition.
"""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

from .dependency import (
    Dependency,
    Service,
    add_dependency,
    add_service,
    read_dependency,
    read_service,
)

NAMESPACE: t.Final = "urn:headroom:libvirt:1"
PREFIX: t.Final = "headroom"
_ROOT: t.Final = f"{{{NAMESPACE}}}machine"
_TEXTS: t.Final = ("fleet", "tenant", "appliance", "parent", "created", "parked_for")
# What this release writes; whatever else stands there is a newer one's, or somebody's own, and stays.
_KNOWN: t.Final = frozenset(
    {
        *_TEXTS,
        "volume",
        "reservation",
        "tag",
        "protected",
        "labelled",
        "in_service",
        "dependency",
        "service",
    }
)


class VolumeRef(t.NamedTuple):
    """A storage volume by the names that libvirt has for it."""

    pool: str
    name: str


class ReservationRef(t.NamedTuple):
    """An address that DHCP of a libvirt network keeps for a card."""

    network: str
    mac: str
    address: str


class Standing(t.NamedTuple):
    """Whether a machine has been put into service, and since when (ISO 8601, in UTC) it has or has not."""

    in_service: bool
    since: str


class Metadata(t.NamedTuple):
    """What a machine is for.

    ``appliance`` is ``name:version``, ``parent`` the UUID of the domain or the ``name:version`` that it was cloned
    from, ``created`` an ISO 8601 time in UTC, ``volumes`` and ``reservations`` what belongs to this machine alone and
    goes with it, ``tags`` words that the operator chose. ``dependency`` is what it still reads from another host,
    ``service`` whom a helper serves. ``labelled`` says that an operator put a machine into its fleet, and no clone task
    did. ``standing`` says whether it has been put into service; None where nobody keeps account of that. ``parked_for``
    is the fleet that needed its room when it was parked.
    """

    fleet: str | None = None
    tenant: str | None = None
    appliance: str | None = None
    parent: str | None = None
    created: str | None = None
    protected: bool = False
    volumes: tuple[VolumeRef, ...] = ()
    reservations: tuple[ReservationRef, ...] = ()
    tags: tuple[str, ...] = ()
    dependency: Dependency | None = None
    service: Service | None = None
    labelled: bool = False
    standing: Standing | None = None
    parked_for: str | None = None

    @property
    def is_member(self) -> bool:
        """Whether a clone task made the machine for its fleet, so that provisioning may park and remove it."""
        return self.fleet is not None and self.appliance is not None and not self.labelled

    def as_dict(self) -> dict[str, t.Any]:
        """Return the values as JSON-able data."""
        return {
            **self._asdict(),
            "volumes": [volume._asdict() for volume in self.volumes],
            "reservations": [reservation._asdict() for reservation in self.reservations],
            # the token is all that keeps others from the disks that are served
            "dependency": self.dependency and {**self.dependency._asdict(), "token": "***"},
            "service": self.service and self.service._asdict(),
            "standing": self.standing and self.standing._asdict(),
        }


def build_element(metadata: Metadata) -> etree._Element:
    """Return the element that stands in ``<metadata>``; raises HeadroomError for text that XML cannot hold."""
    return _fill(etree.Element(_ROOT, nsmap={PREFIX: NAMESPACE}), metadata, f"{{{NAMESPACE}}}")


def build_bare_element(
    metadata: Metadata, unknown: t.Iterable[etree._Element] = ()
) -> etree._Element:
    """Return the element as virDomainSetMetadata wants it: in no namespace, as libvirt puts it into ours.

    ``unknown`` children that it had before stay in it.
    """
    root = _fill(etree.Element("machine"), metadata, "")
    root.extend(copy.deepcopy(list(unknown)))
    return root


def find_unknown(root: etree._Element | None) -> list[etree._Element]:
    """Return the children of the element that this release does not know."""
    children = [] if root is None else root.iterchildren("*")
    return [child for child in children if etree.QName(child).localname not in _KNOWN]


def read_element(root: etree._Element | None) -> Metadata:
    """Return what the element says; an absent element or an unknown child says nothing.

    Names count in any namespace: virDomainGetMetadata takes ours away, the definition holds it.
    """
    if root is None:
        return Metadata()
    children = [(etree.QName(child).localname, child) for child in root.iterchildren("*")]
    texts = {name: child.text or None for name, child in reversed(children) if name in _TEXTS}
    return Metadata(
        protected=any(name == "protected" for name, _child in children),
        labelled=any(name == "labelled" for name, _child in children),
        standing=next(
            (
                Standing(child.text == "true", child.get("since", ""))
                for name, child in children
                if name == "in_service"
            ),
            None,
        ),
        volumes=tuple(
            VolumeRef(pool=child.get("pool", ""), name=child.text or "")
            for name, child in children
            if name == "volume"
        ),
        reservations=tuple(
            ReservationRef(child.get("network", ""), child.get("mac", ""), child.text or "")
            for name, child in children
            if name == "reservation"
        ),
        tags=tuple(child.text for name, child in children if name == "tag" and child.text),
        dependency=next(
            (read_dependency(child) for name, child in children if name == "dependency"), None
        ),
        service=next((read_service(child) for name, child in children if name == "service"), None),
        **texts,
    )


def _fill(root: etree._Element, metadata: Metadata, namespace: str) -> etree._Element:
    try:
        _add_children(root, metadata, namespace)
    except ValueError as error:  # what lxml says of control characters and lone surrogates
        raise HeadroomError(
            f"the metadata of the machine hold a character that XML does not have: {metadata.as_dict()!r}. "
            "Use printable text."
        ) from error
    return root


def _add_children(root: etree._Element, metadata: Metadata, namespace: str) -> None:
    for name in _TEXTS:
        value = getattr(metadata, name)
        if value is not None:
            etree.SubElement(root, namespace + name).text = value
    _add_lists(root, metadata, namespace)
    for flag in ("protected", "labelled"):
        if getattr(metadata, flag):
            etree.SubElement(root, namespace + flag)
    if metadata.standing is not None:
        _add_standing(root, metadata.standing, namespace)
    if metadata.dependency is not None:
        add_dependency(root, metadata.dependency, namespace)
    if metadata.service is not None:
        add_service(root, metadata.service, namespace)


def _add_lists(root: etree._Element, metadata: Metadata, namespace: str) -> None:
    for volume in metadata.volumes:
        etree.SubElement(root, f"{namespace}volume", pool=volume.pool).text = volume.name
    for reservation in metadata.reservations:
        element = etree.SubElement(
            root, f"{namespace}reservation", network=reservation.network, mac=reservation.mac
        )
        element.text = reservation.address
    for tag in metadata.tags:
        etree.SubElement(root, f"{namespace}tag").text = tag


def _add_standing(root: etree._Element, standing: Standing, namespace: str) -> None:
    element = etree.SubElement(root, f"{namespace}in_service", since=standing.since)
    element.text = "true" if standing.in_service else "false"


def find_in(domain: etree._Element) -> Metadata:
    """Return the metadata of a parsed ``<domain>``."""
    return read_element(domain.find(f"metadata/{_ROOT}"))


def put_in(domain: etree._Element, metadata: Metadata) -> None:
    """Set the metadata of a parsed ``<domain>``, leaving other namespaces' alone, and what is not known in ours."""
    container = domain.find("metadata")
    if container is None:
        container = etree.SubElement(domain, "metadata")
    element, old = build_element(metadata), container.find(_ROOT)
    if old is not None:
        element.extend(find_unknown(old))
        container.remove(old)
    container.append(element)
