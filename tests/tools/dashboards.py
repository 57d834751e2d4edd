# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the Grafana dashboards in ``extensions/grafana``: `python3 -m tools.dashboards`.

What every panel shows stands in the tables below; the files are made of them, so that all panels are alike.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from .checkout import ROOT

FOLDER: t.Final = ROOT / "extensions" / "grafana"
# The last Grafana whose format was read: https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
_SCHEMA_VERSION: t.Final = 39
_DATASOURCE: t.Final = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: t.Final = 24
_HEIGHT: t.Final = 8
# As `headroom:fleet_is_current` in extensions/prometheus: the dashboards need no recording rule.
_CURRENT: t.Final = (
    "((time() - headroom_fleet_decided_timestamp_seconds <= 2 * headroom_fleet_interval_seconds)"
    " or (headroom_fleet_decided_timestamp_seconds == on (fleet) group_left ()"
    " max by (fleet) (headroom_fleet_decided_timestamp_seconds)))"
)
_HOST: t.Final = '{instance=~"$instance"}'
_GUEST: t.Final = '{instance=~"$instance",fleet=~"$fleet",tenant=~"$tenant",domain=~"$domain"}'
# Two hosts may have a guest of the same name, and one host a guest of the same name again.
_EACH_GUEST: t.Final = "sum by (instance, domain, uuid)"
_GUEST_LEGEND: t.Final = "{{domain}} on {{instance}}"


@dataclasses.dataclass(frozen=True)
class Query:
    """One expression, and how its lines are called. ``below`` fills the room down to the line of that name."""

    expr: str
    legend: str
    below: str | None = None


@dataclasses.dataclass(frozen=True)
class Panel:
    """One chart: its title, the unit of its values by Grafana's name, and what it says to somebody who asks."""

    title: str
    unit: str
    about: str
    queries: tuple[Query, ...]
    stacked: bool = False
    width: int = 12
    kind: t.Literal["timeseries", "table"] = "timeseries"


@dataclasses.dataclass(frozen=True)
class Dashboard:
    """A dashboard: its name, ``variables`` (name, query) that narrow it, and the one that it is repeated for."""

    name: str
    title: str
    variables: tuple[tuple[str, str], ...]
    panels: tuple[Panel, ...]
    repeated: tuple[Panel, ...] = ()
    repeat: str = ""


def _fleet(metric: str, *, by: str = "fleet, instance") -> str:
    """Return an expression for a metric of the fleet that a row is about."""
    return f'max by ({by}) (headroom_fleet_{metric}{{fleet="$fleet"}} and on (fleet, instance) {_CURRENT})'


def _all_fleets(metric: str) -> str:
    selected = f'headroom_fleet_{metric}{{fleet=~"$fleet"}}'
    return f"max by (fleet, instance) ({selected} and on (fleet, instance) {_CURRENT})"


def _host(metric: str) -> str:
    return f"headroom_host_{metric}{_HOST}"


def _rate(metric: str) -> str:
    return f"{_EACH_GUEST} (rate(libvirt_domain_{metric}_total{_GUEST}[$__rate_interval]))"


def _guest(metric: str) -> str:
    return f"{_EACH_GUEST} (libvirt_domain_{metric}{_GUEST})"


def _pair(stem: str, inwards: str, outwards: str, words: tuple[str, str]) -> tuple[Query, ...]:
    return tuple(
        Query(_rate(stem.format(way)), f"{_GUEST_LEGEND} {word}")
        for way, word in zip((inwards, outwards), words, strict=True)
    )


FLEETS: t.Final = Dashboard(
    "fleets",
    "headroom.libvirt: fleets",
    (("fleet", "label_values(headroom_fleet_machines_target, fleet)"),),
    (
        Panel(
            "What is wrong",
            "none",
            "Alerts of extensions/prometheus that fire. Empty is good.",
            (Query('ALERTS{alertname=~"Headroom.*",alertstate="firing"}', ""),),
            width=24,
            kind="table",
        ),
        Panel(
            "Machines that are missing",
            "none",
            "Machines that the forecast asks for and the plan could not have, and those that the demand lacked.",
            (
                Query(
                    f"clamp_min({_all_fleets('machines_needed')} - {_all_fleets('machines_target')}, 0)",
                    "{{fleet}} cannot have",
                ),
                Query(_all_fleets("short_machines"), "{{fleet}} lacked"),
            ),
        ),
        Panel(
            "Demand that was not met",
            "none",
            "The demand beyond what the machines that ran carry.",
            (Query(_all_fleets("unmet_demand"), "{{fleet}}"),),
        ),
        Panel(
            "Alerts, rollouts that failed, unknown demand",
            "none",
            "1 where it is so.",
            (
                Query(_all_fleets("alert"), "{{fleet}} alert"),
                Query(_all_fleets("rollout_failed"), "{{fleet}} rollout failed"),
                Query(_all_fleets("demand_missing"), "{{fleet}} demand unknown"),
            ),
        ),
        Panel(
            "Age of the decisions, in intervals",
            "none",
            "A fleet that is decided about in time stays below 2.",
            (
                Query(
                    'min by (fleet) ((time() - headroom_fleet_decided_timestamp_seconds{fleet=~"$fleet"})'
                    " / headroom_fleet_interval_seconds)",
                    "{{fleet}}",
                ),
            ),
        ),
    ),
    (
        Panel(
            "$fleet: demand and forecast",
            "none",
            "The band reaches from what is expected within the horizon up to what it should stay under.",
            (
                Query(_fleet("demand"), "demand"),
                Query(_fleet("forecast_demand"), "expected"),
                Query(_fleet("forecast_upper_demand"), "expected at most", below="expected"),
                Query(
                    f"{_fleet('capacity_demand')} * {_fleet('machines')}", "what its machines carry"
                ),
            ),
        ),
        Panel(
            "$fleet: machines",
            "none",
            "In service are those that run, have come up and pass their health check.",
            (
                Query(_fleet("machines_needed"), "needed"),
                Query(_fleet("machines_target"), "target"),
                Query(
                    f"{_fleet('machines')} - {_fleet('coming_machines')} - {_fleet('unhealthy_machines')}",
                    "in service",
                ),
                Query(_fleet("parked_machines"), "parked"),
                Query(_fleet("unhealthy_machines"), "unhealthy"),
            ),
        ),
        Panel(
            "$fleet: what is done",
            "none",
            "Machines that the decision acts on.",
            (Query(_fleet("actions", by="fleet, instance, action"), "{{action}}"),),
            stacked=True,
        ),
        Panel(
            "$fleet: too many, too few",
            "none",
            "How far the machines that ran were from what the demand needed.",
            (
                Query(_fleet("surplus_machines"), "too many"),
                Query(f"-1 * {_fleet('short_machines')}", "too few"),
            ),
        ),
    ),
    "fleet",
)

HOSTS: t.Final = Dashboard(
    "hosts",
    "headroom.libvirt: hosts",
    (("instance", "label_values(headroom_host_read_timestamp_seconds, instance)"),),
    (
        Panel(
            "Memory",
            "bytes",
            "Promised is what guests may grow to.",
            (
                Query(_host("allowed_memory_bytes"), "{{instance}} may be promised"),
                Query(_host("defined_memory_bytes"), "{{instance}} promised to all"),
                Query(_host("running_memory_bytes"), "{{instance}} promised to running guests"),
                Query(_host("memory_available_bytes"), "{{instance}} free now"),
            ),
        ),
        Panel(
            "vCPUs",
            "none",
            "Promised, and what may be promised under the overcommit.",
            (
                Query(_host("allowed_vcpus"), "{{instance}} may be promised"),
                Query(_host("defined_vcpus"), "{{instance}} promised to all"),
                Query(_host("running_vcpus"), "{{instance}} promised to running guests"),
            ),
        ),
        Panel(
            "Headroom",
            "percentunit",
            "The part of what may be promised that is free.",
            (
                Query(
                    f"{_host('free_memory_bytes')} / {_host('allowed_memory_bytes')}",
                    "{{instance}} memory",
                ),
                Query(f"{_host('free_vcpus')} / {_host('allowed_vcpus')}", "{{instance}} vCPUs"),
            ),
        ),
        Panel(
            "If this host is lost (N+1)",
            "bytes",
            "Memory that is free on all other hosts, those in maintenance left out, less what running guests of this"
            " one were promised. Below 0 they do not all fit.",
            (
                Query(
                    "scalar(sum(headroom_host_free_memory_bytes unless on (instance)"
                    " (headroom_host_maintenance == 1)))"
                    f" - ({_host('free_memory_bytes')} unless on (instance) (headroom_host_maintenance == 1)"
                    f" or 0 * {_host('free_memory_bytes')}) - {_host('running_memory_bytes')}",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Pools: part in use",
            "percentunit",
            "1 less what can still be written.",
            (
                Query(
                    f"1 - {_host('pool_available_bytes')} / {_host('pool_capacity_bytes')}",
                    "{{pool}} of {{instance}}",
                ),
            ),
        ),
        Panel(
            "Pools: free",
            "bytes",
            "What can still be written.",
            (Query(_host("pool_available_bytes"), "{{pool}} of {{instance}}"),),
        ),
        Panel(
            "Guests by state",
            "none",
            "Domains of all states that occur.",
            (Query(f"sum by (state) ({_host('domains')})", "{{state}}"),),
            stacked=True,
        ),
        Panel(
            "Maintenance and health",
            "none",
            "Maintenance is 1 for a host that is to stay empty; health 1 for a warning, 2 for an error.",
            (
                Query(_host("maintenance"), "{{instance}} in maintenance"),
                Query(
                    f"max by (instance, check) ({_host('health')}) > 0", "{{instance}} {{check}}"
                ),
            ),
        ),
        Panel(
            "What runs left unfinished",
            "none",
            "Transactions to resume or to roll back, see transaction_info.",
            (Query(f"sum by (instance) ({_host('unfinished_transactions')})", "{{instance}}"),),
        ),
        Panel(
            "Guests that still read from another host",
            "s",
            "For how long they have.",
            (
                Query(
                    f"time() - {_host('guest_incomplete_since_timestamp_seconds')}",
                    "{{domain}} on {{instance}}",
                ),
            ),
        ),
        Panel(
            "Certificates",
            "s",
            "How long those of libvirt and QEMU are valid.",
            (
                Query(
                    f"{_host('certificate_expiry_timestamp_seconds')} - time()",
                    "{{path}} of {{instance}}",
                ),
            ),
        ),
        Panel(
            "Age of what is shown here",
            "s",
            "How long ago each host was read.",
            (Query(f"time() - {_host('read_timestamp_seconds')}", "{{instance}}"),),
        ),
    ),
)

GUESTS: t.Final = Dashboard(
    "guests",
    "headroom.libvirt: guests",
    (
        ("instance", "label_values(libvirt_domain_info_vstate, instance)"),
        ("fleet", 'label_values(libvirt_domain_info_vstate{instance=~"$instance"}, fleet)'),
        ("tenant", 'label_values(libvirt_domain_info_vstate{instance=~"$instance"}, tenant)'),
        (
            "domain",
            "label_values(libvirt_domain_info_vstate"
            '{instance=~"$instance",fleet=~"$fleet",tenant=~"$tenant"}, domain)',
        ),
    ),
    (
        Panel(
            "Processors in use",
            "none",
            "1 is one processor of the host.",
            (Query(_rate("info_cpu_time_seconds"), _GUEST_LEGEND),),
        ),
        Panel(
            "Waiting for a processor of the host",
            "percentunit",
            "Over all vCPUs of the guest.",
            (Query(_rate("vcpu_delay_seconds"), _GUEST_LEGEND),),
        ),
        Panel(
            "Memory that the guest cannot give up",
            "bytes",
            "Only guests whose balloon driver tells it.",
            (Query(_guest("memory_stats_used_bytes"), _GUEST_LEGEND),),
        ),
        Panel(
            "Memory of the host that the guest takes",
            "bytes",
            "QEMU's own included.",
            (Query(_guest("memory_stats_rss_bytes"), _GUEST_LEGEND),),
        ),
        Panel(
            "Disk throughput",
            "Bps",
            "All disks of the guest together.",
            _pair("block_stats_{}_bytes", "read", "write", ("reads", "writes")),
        ),
        Panel(
            "Disk requests",
            "iops",
            "All disks of the guest together.",
            _pair("block_stats_{}_requests", "read", "write", ("reads", "writes")),
        ),
        Panel(
            "Traffic",
            "Bps",
            "All cards of the guest together.",
            _pair("interface_stats_{}_bytes", "receive", "transmit", ("received", "sent")),
        ),
        Panel(
            "Running guests, and those that did not answer",
            "none",
            "Of what the variables above choose.",
            (
                Query(f"count(libvirt_domain_info_vstate{_GUEST} == 1)", "running"),
                Query(f"sum(libvirt_domain_timed_out{_GUEST})", "did not answer"),
            ),
        ),
    ),
)
DASHBOARDS: t.Final = (FLEETS, GUESTS, HOSTS)


def render(dashboard: Dashboard) -> str:
    """Return the file of a dashboard."""
    content = {
        "title": dashboard.title,
        "uid": f"headroom-{dashboard.name}",
        "tags": ["headroom", "libvirt"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_describe_datasource(), *_describe_variables(dashboard)]},
        "panels": _place(dashboard),
    }
    return json.dumps(content, indent=2) + "\n"


def _describe_datasource() -> dict[str, t.Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus"}


def _describe_variables(dashboard: Dashboard) -> list[dict[str, t.Any]]:
    return [
        {
            "name": name,
            "type": "query",
            "datasource": _DATASOURCE,
            "query": {"query": query, "refId": name},
            "includeAll": True,
            "multi": True,
            # A guest without a fleet has no such label, which only this expression matches.
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
            "refresh": 2,
        }
        for name, query in dashboard.variables
    ]


def _place(dashboard: Dashboard) -> list[dict[str, t.Any]]:
    """Return the panels from left to right and from top to bottom, then the row that is repeated."""
    placed: list[dict[str, t.Any]] = []
    left = top = 0
    for panel in dashboard.panels:
        if left + panel.width > _COLUMNS:
            left, top = 0, top + _HEIGHT
        placed.append(_describe_panel(panel, len(placed) + 1, left, top))
        left += panel.width
    if not dashboard.repeated:
        return placed
    top += _HEIGHT
    row = {
        "id": len(placed) + 1,
        "type": "row",
        "title": f"${dashboard.repeat}",
        "repeat": dashboard.repeat,
        "collapsed": False,
        "gridPos": {"h": 1, "w": _COLUMNS, "x": 0, "y": top},
        "panels": [],
    }
    placed.append(row)
    for index, panel in enumerate(dashboard.repeated):
        x, y = index % 2 * panel.width, top + 1 + index // 2 * _HEIGHT
        placed.append(_describe_panel(panel, len(placed) + 1, x, y))
    return placed


def _describe_panel(panel: Panel, number: int, left: int, top: int) -> dict[str, t.Any]:
    is_table = panel.kind == "table"
    custom = {"fillOpacity": 15, "stacking": {"mode": "normal"}} if panel.stacked else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _DATASOURCE,
        "gridPos": {"h": _HEIGHT, "w": panel.width, "x": left, "y": top},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **({"custom": custom} if custom else {})},
            "overrides": [_fill(query) for query in panel.queries if query.below],
        },
        "options": {} if is_table else _show_last_values(),
        "targets": [
            {
                "refId": "ABCDEFGH"[index],
                "expr": query.expr,
                "legendFormat": query.legend,
                **({"instant": True, "format": "table"} if is_table else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def _show_last_values() -> dict[str, t.Any]:
    legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _fill(query: Query) -> dict[str, t.Any]:
    properties = [
        {"id": "custom.fillBelowTo", "value": query.below},
        {"id": "custom.fillOpacity", "value": 20},
    ]
    return {"matcher": {"id": "byName", "options": query.legend}, "properties": properties}


if __name__ == "__main__":
    for written in DASHBOARDS:
        (FOLDER / f"{written.name}.json").write_text(render(written), encoding="utf-8")
