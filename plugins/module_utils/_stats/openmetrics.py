# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``render_exposition``: statistics as text for Prometheus, by the names that exporters for libvirt share. Pure.

https://prometheus.io/docs/specs/om/open_metrics_spec/ and, for the node exporter's textfile collector,
https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.states import STATES

Domain = t.Mapping[str, t.Any]
Labels = t.Mapping[str, str]
Samples = t.Iterator[tuple[Labels, float]]
Number = t.Union[int, float, None]


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric: its name without ``_total``, and where its value is in a device (or, without devices, in a group)."""

    name: str
    group: str
    value: str
    text: str
    counter: bool = True


def _define_pairs(
    group: str, prefix: str, pairs: t.Sequence[tuple[str, str, str, str]]
) -> tuple[Metric, ...]:
    """Return two metrics for each of ``pairs``: name and value with one word of each direction in them."""
    inwards = ("read", "rd") if group == "block" else ("receive", "rx")
    outwards = ("write", "wr") if group == "block" else ("transmit", "tx")
    metrics = []
    for name, value, first, second in pairs:
        for (word, short), text in ((inwards, first), (outwards, second)):
            metric = f"libvirt_domain_{prefix}_stats_{word}_{name}"
            metrics.append(Metric(metric, group, f"{short}_{value}", text))
    return tuple(metrics)


def _define_gauge(name: str, group: str, value: str, text: str) -> Metric:
    return Metric(f"libvirt_domain_{name}", group, value, text, counter=False)


METRICS: t.Final[tuple[Metric, ...]] = (
    Metric(
        "libvirt_domain_info_cpu_time_seconds",
        "cpu",
        "time_seconds",
        "Processor time of the domain.",
    ),
    Metric(
        "libvirt_domain_info_cpu_user_seconds",
        "cpu",
        "user_seconds",
        "Processor time in user space.",
    ),
    Metric(
        "libvirt_domain_info_cpu_system_seconds",
        "cpu",
        "system_seconds",
        "Processor time in the host's kernel.",
    ),
    _define_gauge("info_virtual_cpus", "vcpu", "current", "vCPUs that are on."),
    _define_gauge(
        "info_maximum_memory_bytes",
        "memory",
        "maximum_bytes",
        "The memory that the domain may have.",
    ),
    _define_gauge(
        "info_memory_usage_bytes", "memory", "current_bytes", "The memory that the domain has."
    ),
    _define_gauge(
        "memory_stats_rss_bytes", "memory", "rss_bytes", "The host's memory in use by the domain."
    ),
    _define_gauge(
        "memory_stats_available_bytes",
        "memory",
        "available_bytes",
        "The memory that the guest sees.",
    ),
    _define_gauge(
        "memory_stats_unused_bytes",
        "memory",
        "unused_bytes",
        "The memory that the guest leaves unused.",
    ),
    _define_gauge(
        "memory_stats_usable_bytes",
        "memory",
        "usable_bytes",
        "The memory that the guest could give up.",
    ),
    _define_gauge(
        "memory_stats_used_bytes",
        "memory",
        "used_bytes",
        "The memory that the guest cannot give up.",
    ),
    _define_gauge(
        "memory_stats_disk_cache_bytes", "memory", "disk_caches_bytes", "The guest's disk caches."
    ),
    Metric(
        "libvirt_domain_memory_stats_swap_in_bytes",
        "memory",
        "swap_in_bytes",
        "Swapped in by the guest.",
    ),
    Metric(
        "libvirt_domain_memory_stats_swap_out_bytes",
        "memory",
        "swap_out_bytes",
        "Swapped out by the guest.",
    ),
    Metric(
        "libvirt_domain_memory_stats_major_fault",
        "memory",
        "major_faults",
        "Page faults that needed a disk.",
    ),
    Metric(
        "libvirt_domain_memory_stats_minor_fault",
        "memory",
        "minor_faults",
        "Page faults that needed none.",
    ),
    Metric(
        "libvirt_domain_vcpu_time_seconds",
        "vcpu",
        "devices.time_seconds",
        "Processor time of the vCPU.",
    ),
    Metric(
        "libvirt_domain_vcpu_wait_seconds",
        "vcpu",
        "devices.wait_seconds",
        "Time the vCPU waited for the host.",
    ),
    Metric(
        "libvirt_domain_vcpu_delay_seconds",
        "vcpu",
        "devices.delay_seconds",
        "Time in the host's run queue.",
    ),
    *_define_pairs(
        "block",
        "block",
        (
            ("bytes", "bytes", "Bytes read.", "Bytes written."),
            ("requests", "reqs", "Reads.", "Writes."),
            ("time_seconds", "seconds", "Time spent on reads.", "Time spent on writes."),
        ),
    ),
    Metric("libvirt_domain_block_stats_flush_requests", "block", "fl_reqs", "Flushes."),
    Metric(
        "libvirt_domain_block_stats_flush_time_seconds",
        "block",
        "fl_seconds",
        "Time spent on flushes.",
    ),
    _define_gauge(
        "block_stats_allocation_bytes", "block", "allocation_bytes", "The highest byte in use."
    ),
    _define_gauge(
        "block_stats_capacity_bytes", "block", "capacity_bytes", "The size that the guest sees."
    ),
    _define_gauge(
        "block_stats_physicalsize_bytes",
        "block",
        "physical_bytes",
        "The space that the image takes.",
    ),
    *_define_pairs(
        "interface",
        "interface",
        (
            ("bytes", "bytes", "Bytes received by the guest.", "Bytes sent by the guest."),
            ("packets", "pkts", "Packets received.", "Packets sent."),
            ("errors", "errs", "Receive errors.", "Send errors."),
            (
                "drops",
                "drop",
                "Received packets that were dropped.",
                "Packets that were dropped on sending.",
            ),
        ),
    ),
)


def render_exposition(domains: t.Sequence[Domain], *, openmetrics: bool = True) -> str:
    """Return the text of what the module returns of each domain.

    ``openmetrics`` False gives the older text format, which the textfile collector reads. What is not known has no
    sample: there is no 0 that was not counted.
    """
    lines = [
        *render_gauge(
            "libvirt_domain_info_vstate", "The state, by libvirt's number.", _read_states(domains)
        )
    ]
    lines += render_gauge(
        "libvirt_domain_timed_out",
        "Whether the domain was busy when it was read.",
        _read_timed_out(domains),
    )
    for metric in METRICS:
        lines += _render_family(metric, domains, openmetrics=openmetrics)
    return "".join(f"{line}\n" for line in (*lines, *(["# EOF"] if openmetrics else [])))


def render_gauge(name: str, text: str, samples: Samples) -> t.Iterator[str]:
    """Yield the lines of one gauge of ours; without samples there are only its two lines of explanation."""
    yield from (f"# HELP {name} {text}", f"# TYPE {name} gauge")
    yield from (_render_line(name, labels, value) for labels, value in samples)


def _render_family(
    metric: Metric, domains: t.Sequence[Domain], *, openmetrics: bool
) -> t.Iterator[str]:
    sample = f"{metric.name}_total" if metric.counter else metric.name
    family = metric.name if openmetrics else sample
    samples = itertools.chain.from_iterable(_read_samples(metric, domain) for domain in domains)
    lines = [_render_line(sample, labels, value) for labels, value in samples]
    if lines:
        yield from (
            f"# HELP {family} {metric.text}",
            f"# TYPE {family} {'counter' if metric.counter else 'gauge'}",
        )
        yield from lines


def _read_samples(metric: Metric, domain: Domain) -> Samples:
    group = domain[metric.group]
    if group is None:
        return
    of_vcpu, _dot, name = metric.value.rpartition(".")
    has_devices = bool(of_vcpu) or metric.group in ("block", "interface")
    for device in group["devices"] if has_devices else [group]:
        if device[name] is not None and not device.get("layer"):
            labels = _label_device(metric.group, device) if has_devices else {}
            yield {**_label_domain(domain), **labels}, device[name]


def _label_device(group: str, device: t.Mapping[str, t.Any]) -> Labels:
    if group == "vcpu":
        return {"vcpu": str(device["index"])}
    # Names may be missing, and two samples with the same labels would void the whole text.
    labels = {"index": str(device["index"]), "target_device": device["name"] or ""}
    return {**labels, "source_file": device["path"] or ""} if group == "block" else labels


def _label_domain(domain: Domain) -> Labels:
    labels = {"domain": domain["name"], "uuid": domain["uuid"]}
    return {
        **labels,
        **{name: domain[name] for name in ("fleet", "tenant") if domain[name] is not None},
    }


def _read_states(domains: t.Sequence[Domain]) -> Samples:
    numbers = {name: number for number, name in enumerate(STATES)}
    for domain in domains:
        if domain["state"] in numbers:
            yield _label_domain(domain), numbers[domain["state"]]


def _read_timed_out(domains: t.Sequence[Domain]) -> Samples:
    yield from ((_label_domain(domain), int(domain["timed_out"])) for domain in domains)


def _render_line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value!r}"


def _escape(text: str) -> str:
    valid = text.encode("utf-8", "replace").decode("utf-8")
    return valid.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
