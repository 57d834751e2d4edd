# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``render_data``: what a page shows as JSON and as CSV, for programs and spreadsheets. Pure.

It is made of the same report as the page, so a tenant's has nothing that its page has not.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.fleets import ReportFleet
    from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.page import Report

Row = t.Sequence[t.Any]
Rows = t.Iterator[Row]

_FORMAT: t.Final = 1
# A cell that begins so is a formula to a spreadsheet, and a guest may be called by one.
_FORMULA: t.Final = ("=", "+", "-", "@", "\t", "\r")
_DECISION: t.Final = ("timestamp", "mode", "demand", "unit", "capacity", "forecast", "machines")
_GUEST: t.Final = (
    "name",
    "host",
    "fleet",
    "tenant",
    "state",
    "vcpus",
    "memory_bytes",
    "disk_bytes",
)
# Of the report, and what they are in a result of domain_stats_info.
_RATES: t.Final = {
    "used_cores": "used_cores",
    "received": "received_bytes_per_second",
    "sent": "sent_bytes_per_second",
    "read": "read_bytes_per_second",
    "written": "written_bytes_per_second",
}
_VERBS: t.Final = ("create", "wake", "prepare", "park", "remove")


def render_data(report: Report, kinds: t.Collection[str]) -> dict[str, str]:
    """Return the files of ``kinds`` (``json``, ``csv``) by what their names end in: ``.json``, ``.guests.csv``."""
    files = {".json": _render_json(report)} if "json" in kinds else {}
    if "csv" in kinds:
        tables = {"demand": _list_demand, "decisions": _list_decisions, "guests": _list_guests}
        if report.tenant is None:
            tables["hosts"] = _list_hosts
        files.update({f".{name}.csv": _render_csv(rows(report)) for name, rows in tables.items()})
    return files


def _render_json(report: Report) -> str:
    content = {
        "format": _FORMAT,
        "title": report.title,
        "timestamp": report.now,
        "tenant": report.tenant,
        "fleets": [_describe_fleet(fleet) for fleet in report.fleets],
        "hosts": [
            {
                "name": host.name,
                "answered": host.facts is not None,
                "fits": host.fits,
                "limited_by": host.limited_by,
                "running": host.running,
                "fits_by_fleet": {fits.fleet: fits.number for fits in host.by_fleet},
                "bars": [dataclasses.asdict(gauge) for gauge in host.bars],
            }
            for host in report.hosts
        ],
        "guests": [
            dict(zip(_name_guest_columns(), _describe_guest(guest))) for guest in report.guests
        ],
        "tenants": [dataclasses.asdict(tenant) for tenant in report.tenants],
        "transactions": list(report.transactions),
        "outlook": None if report.outlook is None else dataclasses.asdict(report.outlook),
        "backtest": report.backtest,
    }
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _describe_fleet(fleet: ReportFleet) -> dict[str, t.Any]:
    return {
        "name": fleet.name,
        "tenant": fleet.tenant,
        "alert": fleet.alert,
        "rollout": None if fleet.rollout is None else dataclasses.asdict(fleet.rollout),
        "balance": fleet.balance,
        "forecasts_held": fleet.kept,
        "demand": [{"timestamp": moment, "value": value} for moment, value in fleet.slots.items()],
        "decisions": [
            {
                **{name: decision.get(name) for name in _DECISION},
                "alert": bool(decision["alert"]["raised"]),
                "actions": _count_actions(decision),
                "reasons": decision.get("reasons") or [],
            }
            for decision in fleet.decisions
        ],
    }


def _count_actions(decision: t.Mapping[str, t.Any]) -> dict[str, int]:
    verbs = [action["action"] for action in decision["actions"]]
    return {verb: verbs.count(verb) for verb in _VERBS}


def _list_demand(report: Report) -> Rows:
    yield "fleet", "time", "demand"
    for fleet in report.fleets:
        for moment, value in fleet.slots.items():
            yield fleet.name, _write_moment(report, moment), value


def _list_decisions(report: Report) -> Rows:
    machines = ("current", "needed", "target")
    yield (
        *("fleet", "time", "demand", "expected_at_most", "expected_at", "machines", "needed"),
        *("target", *_VERBS, "alert"),
    )
    for fleet in report.fleets:
        for decision in fleet.decisions:
            forecast = decision["forecast"]
            yield (
                fleet.name,
                _write_moment(report, decision["timestamp"]),
                decision["demand"],
                forecast.get("upper"),
                _write_moment(report, forecast.get("at")),
                *(decision["machines"][name] for name in machines),
                *_count_actions(decision).values(),
                int(decision["alert"]["raised"]),
            )


def _name_guest_columns() -> list[str]:
    return [*_GUEST, *_RATES.values()]


def _describe_guest(guest: t.Any) -> list[t.Any]:
    return [getattr(guest, name) for name in (*_GUEST, *_RATES)]


def _list_guests(report: Report) -> Rows:
    yield _name_guest_columns()
    for guest in report.guests:
        yield _describe_guest(guest)


def _list_hosts(report: Report) -> Rows:
    yield "host", "answered", "what", "used", "total", "unit", "more_clones_fit"
    for host in report.hosts:
        answered = int(host.facts is not None)
        for gauge in host.bars:
            row = (host.name, answered, gauge.label, gauge.used, gauge.total)
            yield *row, gauge.unit, host.fits
        if not host.bars:
            yield host.name, answered, None, None, None, None, None


def _write_moment(report: Report, seconds: float | None) -> str | None:
    """Return a moment as ISO 8601 with the offset of the page's time zone, which no hour has twice."""
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, report.zone).isoformat()


def _render_csv(rows: Rows) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_protect(cell) for cell in row])
    return text.getvalue()


def _protect(cell: t.Any) -> t.Any:
    """Return a text that no spreadsheet computes, by the apostrophe with which those begin what is a text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
