# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What an operator says a guest is for: ``relabel`` puts Labels over what is there, and replaces nothing. Pure."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.metadata import Metadata

_LONGEST_TAG: t.Final = 63
# What XML cannot hold, and what would make two lines of one.
_UNPRINTABLE: t.Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_LINE_BREAK: t.Final = re.compile(r"[\t\n]")

SPEC: t.Final[dict[str, t.Any]] = {
    "fleet": {"type": "str"},
    "tenant": {"type": "str"},
    "title": {"type": "str"},
    "description": {"type": "str"},
    "tags": {
        "type": "dict",
        "options": {
            "add": {"type": "list", "elements": "str", "default": []},
            "remove": {"type": "list", "elements": "str", "default": []},
        },
    },
}


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is to be said of a guest; None leaves a label as it is, and an empty text takes it away."""

    fleet: str | None = None
    tenant: str | None = None
    title: str | None = None
    description: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Description:
    """What is said of a guest now."""

    metadata: Metadata
    title: str | None = None
    description: str | None = None

    def as_dict(self) -> dict[str, t.Any]:
        """Return the labels that a task may set."""
        return {
            "fleet": self.metadata.fleet,
            "tenant": self.metadata.tenant,
            "tags": list(self.metadata.tags),
            "title": self.title or None,
            "description": self.description or None,
        }


def read_labels(options: t.Mapping[str, t.Any] | None) -> Labels | None:
    """Return the labels that an option says; raises InvalidInput for one that cannot be kept as it is."""
    if options is None:
        return None
    for name in ("fleet", "tenant"):
        if options[name]:
            check_name(f"labels.{name}", options[name])
    for name in ("title", "description"):
        _check_text(f"labels.{name}", options[name] or "", one_line=name == "title")
    tags = options["tags"] or {"add": (), "remove": ()}
    for tag in tags["add"]:
        _check_tag(tag)
    both = sorted(set(tags["add"]).intersection(tags["remove"]))
    if both:
        remedy = "Let it stand in one of them."
        raise InvalidInput("labels.tags", both, "is to be added and to be removed", remedy)
    texts = {name: options[name] for name in ("fleet", "tenant", "title", "description")}
    return Labels(**texts, add=tuple(tags["add"]), remove=tuple(tags["remove"]))


def relabel(metadata: Metadata, labels: Labels) -> Metadata:
    """Return ``metadata`` with the labels over it.

    A guest that comes into a fleet so is no member of it: what an operator puts there, only the operator takes away.
    """
    kept = [tag for tag in metadata.tags if tag not in labels.remove]
    tags = tuple(dict.fromkeys((*kept, *labels.add)))
    fleet = _choose(metadata.fleet, labels.fleet)
    labelled = metadata.labelled if fleet == metadata.fleet else fleet is not None
    tenant = _choose(metadata.tenant, labels.tenant)
    return metadata._replace(fleet=fleet, tenant=tenant, tags=tags, labelled=labelled)


def describe_change(
    current: Description, labels: Labels
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Return the labels that differ, before and after."""
    desired = Description(
        relabel(current.metadata, labels),
        _choose(current.title, labels.title),
        _choose(current.description, labels.description),
    )
    before, after = current.as_dict(), desired.as_dict()
    names = [name for name in before if before[name] != after[name]]
    return {name: before[name] for name in names}, {name: after[name] for name in names}


def _choose(current: str | None, desired: str | None) -> str | None:
    return current if desired is None else desired or None


def _check_tag(tag: str) -> None:
    if not tag or len(tag) > _LONGEST_TAG or tag != tag.strip():
        remedy = f"Write 1 to {_LONGEST_TAG} characters, without spaces around them."
        raise InvalidInput("labels.tags.add", tag, "cannot be a tag", remedy)
    _check_text("labels.tags.add", tag, one_line=True)


def _check_text(option: str, text: str, *, one_line: bool) -> None:
    if _UNPRINTABLE.search(text) or (one_line and _LINE_BREAK.search(text)):
        what = "must be one line of printable text" if one_line else "must be printable text"
        raise InvalidInput(option, text, what, "Leave out the characters that cannot be seen.")
