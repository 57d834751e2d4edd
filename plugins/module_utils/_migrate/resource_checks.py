# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What of the preflight is about memory. Pure: facts in, findings out."""

from __future__ import annotations

import typing as t

from .model import Finding

if t.TYPE_CHECKING:
    from .facts import Facts
    from .model import MigrationPlan


def check_memory(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge the destination's free memory."""
    needed, free = plan.guest.memory_bytes, facts.free_memory_bytes
    if not plan.guest.running or facts.hardware.hugepage_bytes:
        return
    if free is None:
        yield Finding("memory", "skipped", "the destination does not tell its free memory")
    elif free < needed:
        yield Finding(
            "memory",
            "failed",
            f"the guest has {needed} bytes of memory, and the destination {free} bytes free",
            "Move or stop guests there first.",
        )
    else:
        yield Finding("memory", "ok", f"{free} bytes of memory are free, {needed} are needed")


def check_hugepages(plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge its free huge pages."""
    size, free = facts.hardware.hugepage_bytes, facts.free_hugepages_bytes
    if size is None or not plan.guest.running:
        return
    if free is not None and free >= plan.guest.memory_bytes:
        yield Finding("hugepages", "ok", f"{free} bytes are free in huge pages")
    else:
        yield Finding(
            "hugepages",
            "failed",
            f"the guest needs {plan.guest.memory_bytes} bytes in huge pages, the destination has {free or 0} free",
            "Reserve them there: virsh allocpages, or hugepages= on the kernel's command line.",
        )


def check_numa(_plan: MigrationPlan, facts: Facts) -> t.Iterator[Finding]:
    """Judge whether it has the NUMA nodes that the guest is bound to."""
    nodes = facts.hardware.numa_nodes
    if nodes is None:
        return
    missing = sorted(node for node in parse_node_set(nodes) if node >= facts.numa_nodes)
    if missing:
        yield Finding(
            "numa",
            "failed",
            f"the guest is bound to the NUMA nodes {nodes}, and the destination has {facts.numa_nodes}",
            "Remove or change <numatune> in the definition.",
        )
    else:
        yield Finding("numa", "ok", f"the destination has the NUMA nodes {nodes}")


def parse_node_set(text: str) -> set[int]:
    """Return the numbers in a set as libvirt writes it: ``0-2,^1,4``."""
    nodes: set[int] = set()
    for part in text.split(","):
        low, dash, high = part.strip().lstrip("^").partition("-")
        numbers = set(range(int(low), int(high if dash else low) + 1))
        nodes = nodes - numbers if part.strip().startswith("^") else nodes | numbers
    return nodes
