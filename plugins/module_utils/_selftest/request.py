# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``describe_cluster``: the result of cluster_selftest_info out of its options."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._checks import Value

from .judge import count_statuses, sort_findings
from .judge_cluster import Clock, judge_cluster
from .model import Finding, Status
from .render import render_html, render_junit

_REMEDY: t.Final = "Hand in what headroom.libvirt.host_selftest_info returned under `findings`."
_STATUSES: t.Final = t.get_args(Status)


def describe_cluster(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what the module returns; raises InvalidInput for reports that are none."""
    rows = {row["name"]: row for row in params["hosts"]}
    reports = {name: row["report"] for name, row in rows.items() if _has_answered(row["report"])}
    shared = {name: dict(report["shared"]) for name, report in reports.items()}
    clocks = {
        name: clock
        for name, report in reports.items()
        if (clock := _read_clock(report, rows[name]))
    }
    silent = [name for name in rows if name not in reports]
    findings = {"": sort_findings(judge_cluster(shared, clocks, silent))}
    for name, row in rows.items():
        own = reports[name]["findings"] if name in reports else []
        findings[name] = sort_findings(map(_read_finding, [*own, *row["findings"]]))
    moment = dt.datetime.fromtimestamp(
        time.time() if params["now"] is None else params["now"], dt.timezone.utc
    ).strftime("%Y-%m-%dT%H:%M:%SZ")
    every: list[tuple[str, Finding]] = []
    for host, group in findings.items():
        every += [(host, finding) for finding in group]
    return {
        "changed": False,
        "findings": [{"host": host, **dataclasses.asdict(finding)} for host, finding in every],
        "summary": count_statuses(finding for _host, finding in every),
        "lines": [_describe(host, finding) for host, finding in every if finding.status != "pass"],
        "junit": render_junit(findings, params["title"], moment),
        "html": render_html(findings, params["title"], moment),
    }


def _has_answered(report: t.Mapping[str, t.Any] | None) -> bool:
    return report is not None and "shared" in report and "findings" in report


def _read_clock(report: t.Mapping[str, t.Any], row: t.Mapping[str, t.Any]) -> Clock | None:
    clock = report.get("clock") or {}
    moments = (clock.get("before"), clock.get("reading"), row["after"])
    if any(moment is None for moment in moments):
        return None
    return Clock(*map(float, moments))


def _read_finding(row: t.Mapping[str, t.Any]) -> Finding:
    value = Value("findings", dict(row), _REMEDY)
    status = value["status"].require_text()
    if status not in _STATUSES:
        raise value["status"].error("pass, warn or fail")
    texts = {key: str(row.get(key) or "") for key in ("detail", "subject", "remedy")}
    return Finding(value["check"].require_text(), t.cast("Status", status), **texts)


def _describe(host: str, finding: Finding) -> str:
    place = ", ".join(filter(None, (host or "between hosts", finding.check, finding.subject)))
    return f"{finding.status}, {place}: {finding.detail}. {finding.remedy}"
