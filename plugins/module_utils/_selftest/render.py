# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""``render_junit`` and ``render_html``: the findings as files that people and CI servers read. Pure."""

from __future__ import annotations

import html
import typing as t
from xml.sax.saxutils import escape, quoteattr

from .judge import count_statuses

if t.TYPE_CHECKING:
    from .model import Finding

# {host, nothing for what is between hosts: its findings}
Report = t.Mapping[str, t.Sequence["Finding"]]

_WORDS: t.Final = {"fail": "Failed", "warn": "Warning", "pass": "Passed"}
_BETWEEN: t.Final = "between hosts"
_PAGE: t.Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left; vertical-align: top; }}
td {{ overflow-wrap: anywhere; }}
.fail {{ color: #c62828; font-weight: 600; }}
.warn {{ color: #b26a00; font-weight: 600; }}
.pass {{ color: #2e7d32; }}
code {{ white-space: pre-wrap; }}
@media (prefers-color-scheme: dark) {{
.fail {{ color: #ff8a80; }} .warn {{ color: #ffd180; }} .pass {{ color: #a5d6a7; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{moment}. {summary}</p>
{sections}
</body>
</html>
"""


def render_junit(report: Report, title: str, moment: str) -> str:
    """Return the report as JUnit XML: a suite for each host, a case for each finding; warnings are passed cases.

    ``moment`` is when it was made, as ISO 8601 says it.
    """
    suites = [_render_suite(host or _BETWEEN, rows, moment) for host, rows in report.items()]
    counts = count_statuses(_join(report))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuites name={_quote(title)} tests="{sum(counts.values())}" failures="{counts["fail"]}">\n'
        f"{''.join(suites)}</testsuites>\n"
    )


def _render_suite(host: str, findings: t.Sequence[Finding], moment: str) -> str:
    counts = count_statuses(findings)
    cases = "".join(_render_case(host, finding) for finding in findings)
    return (
        f'<testsuite name={_quote(host)} timestamp="{moment}" tests="{len(findings)}" failures="{counts["fail"]}" '
        f'errors="0" skipped="0">\n{cases}</testsuite>\n'
    )


def _render_case(host: str, finding: Finding) -> str:
    name = f"{finding.check}: {finding.subject}" if finding.subject else finding.check
    text = _clean("\n".join(filter(None, (finding.detail, finding.remedy))))
    inner = ""
    if finding.status == "fail":
        inner = f"<failure message={_quote(finding.detail)}>{escape(text)}</failure>"
    elif finding.status == "warn":
        inner = f"<system-out>{escape(f'Warning: {text}')}</system-out>"
    return f"<testcase classname={_quote(host)} name={_quote(name)}>{inner}</testcase>\n"


def _quote(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    """Return the text without what XML cannot hold: guests choose their names."""
    return "".join(letter for letter in text if letter in "\\t\n" or letter.isprintable())


def render_html(report: Report, title: str, moment: str) -> str:
    """Return the report as a page of its own, without scripts; all text is escaped."""
    return _PAGE.format(
        title=html.escape(title),
        moment=html.escape(moment),
        summary=describe_counts(count_statuses(_join(report))),
        sections="".join(_render_section(host, rows) for host, rows in report.items()),
    )


def _render_section(host: str, findings: t.Sequence[Finding]) -> str:
    rows = "".join(map(_render_row, findings))
    return (
        f"<h2>{html.escape(host or _BETWEEN.capitalize())}</h2>\n"
        "<table><thead><tr><th>Result</th><th>Check</th><th>Of</th><th>What</th><th>What to do</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody></table>\n"
    )


def _render_row(finding: Finding) -> str:
    cells = [finding.check, finding.subject, finding.detail, finding.remedy]
    tail = "".join(f"<td>{html.escape(_clean(text))}</td>" for text in cells)
    return f'<tr><td class="{finding.status}">{_WORDS[finding.status]}</td>{tail}</tr>\n'


def describe_counts(counts: t.Mapping[str, int]) -> str:
    """Return the summary in a sentence."""
    return f"{counts['fail']} failed, {counts['warn']} warnings, {counts['pass']} passed."


def _join(report: Report) -> list[Finding]:
    rows: list[Finding] = []
    for findings in report.values():
        rows += findings
    return rows
