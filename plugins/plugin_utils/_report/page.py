# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``build_report`` and ``render``: the report as one HTML page, or one for each tenant.

No script, no network, and nothing of a guest's is trusted.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
import pathlib
import typing as t

import jinja2
from markupsafe import Markup

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_moment,
    format_number,
    replace_unprintable,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._timezones import find_zone
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import (
    charts,
    estate,
    fleets,
    outlook,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report.look import Look

Dict = t.Mapping[str, t.Any]

TEMPLATES: t.Final = pathlib.Path(__file__).parent / "templates"
_UNKNOWN: t.Final = "—"
_PREFIXES: t.Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
_PLAIN: t.Final = Look()


class Link(t.NamedTuple):
    """What a page links to beside it."""

    label: str
    href: str


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that pages are made of. ``tenant`` is the one that a page is for; None is the operator's page."""

    title: str
    now: float
    fleets: t.Sequence[fleets.ReportFleet]
    hosts: t.Sequence[estate.ReportHost]
    guests: t.Sequence[estate.ReportGuest]
    tenants: t.Sequence[estate.ReportTenant]
    transactions: t.Sequence[Dict] = ()
    backtest: Dict | None = None
    size: Size = dataclasses.field(default_factory=Size)
    tenant: str | None = None
    outlook: outlook.ReportOutlook | None = None
    zone: dt.tzinfo = dt.timezone.utc
    zone_name: str = "UTC"

    def count_fits(self, fleet: str) -> int | None:
        """Return how many more machines of a fleet fit on all hosts; None where their size is not known."""
        by_fleet = itertools.chain.from_iterable(host.by_fleet for host in self.hosts)
        counts = [fits.number for fits in by_fleet if fits.fleet == fleet]
        return sum(counts) if counts else None

    def select_tenant(self, name: str) -> Report:
        """Return what this tenant may see: its own, nothing of hosts, of others, or of what the operator does."""
        guests = [guest for guest in self.guests if guest.tenant == name]
        return dataclasses.replace(
            self,
            fleets=[_strip_fleet(fleet) for fleet in self.fleets if fleet.tenant == name],
            hosts=(),
            guests=[dataclasses.replace(guest, host="") for guest in guests],
            tenants=[_strip_tenant(tenant) for tenant in self.tenants if tenant.name == name],
            transactions=(),
            backtest=None,
            outlook=None,
            tenant=name,
        )


def _strip_fleet(fleet: fleets.ReportFleet) -> fleets.ReportFleet:
    rollout = fleet.rollout
    return dataclasses.replace(
        fleet,
        latest=None if fleet.latest is None else _strip_decision(fleet.latest),
        decided=[_strip_decision(decision) for decision in fleet.decided],
        decisions=[_strip_decision(decision) for decision in fleet.decisions],
        rollout=None if rollout is None else dataclasses.replace(rollout, reason=None),
    )


def _strip_decision(decision: Dict) -> Dict:
    """Return it without reasons and what is acted on: they name hosts, which are not the tenant's business."""
    actions = [{"action": action["action"]} for action in decision["actions"]]
    return {**decision, "reasons": [], "names": [], "actions": actions}


def _strip_tenant(tenant: estate.ReportTenant) -> estate.ReportTenant:
    """Return it without the hosts of its bars: a tenant sees how near it is to a limit, not where."""
    bars = tuple(
        dataclasses.replace(gauge, label=gauge.label.partition(" on ")[0]) for gauge in tenant.bars
    )
    return dataclasses.replace(tenant, bars=bars)


def build_report(params: Dict, now: float) -> Report:
    """Return the report of the task's options; raises MissingDependency without the library that draws.

    A name that cannot stand in a page, as a guest may have chosen, stands there without what cannot.
    """
    charts.require_pygal()
    params = replace_unprintable(params)
    size = estate.read_clone_size(params["machine"] or {})
    guests = estate.read_guests(params["hosts"])
    zone_name = params.get("timezone") or "UTC"
    zone = find_zone("timezone", zone_name)
    sizes = {
        row["name"]: estate.read_clone_size(row["machine"], f"fleets ({row['name']}).machine")
        for row in params["fleets"]
        if row.get("machine")
    }
    return Report(
        title=params["title"],
        now=now,
        fleets=[fleets.read_fleet(row, now, zone) for row in params["fleets"]],
        hosts=[estate.read_host(row, size, sizes) for row in params["hosts"]],
        guests=guests,
        tenants=estate.read_tenants(guests, params["quotas"]),
        transactions=[_read_transaction(row) for row in params["transactions"]],
        backtest=params["backtest"],
        size=size,
        outlook=outlook.read_outlook(params["outlook"]),
        zone=zone,
        zone_name=zone_name,
    )


def _read_transaction(row: Dict) -> dict[str, t.Any]:
    """Return what is shown of an unfinished transaction; ``started`` as epoch seconds where it says when that was."""
    names = ("kind", "subject", "host", "problem")
    started = row.get("started")
    if isinstance(started, str):
        started = _read_moment(started)
    return {
        **{name: row.get(name) or "" for name in names},
        "started": started,
        "alive": bool(row.get("alive")),
    }


def _read_moment(text: str) -> float | None:
    try:
        moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def render(report: Report, look: Look = _PLAIN, links: t.Sequence[Link] = ()) -> str:
    """Return the page; templates of the same name in the folder ``look.templates`` come before ours."""
    guests, left_out = estate.limit_guests(report.guests)
    environment = _build_environment(look.templates, report.zone)
    try:
        return environment.get_template("report.html.j2").render(
            report=report,
            look=look,
            links=links,
            guests=guests,
            groups=estate.group_guests(guests),
            left_out=left_out,
            style=_render_style(environment),
        )
    except jinja2.TemplateError as error:
        where = (
            f" ({error.name}, line {error.lineno})"
            if isinstance(error, jinja2.TemplateSyntaxError)
            else ""
        )
        remedy = "Compare it with the collection's plugins/plugin_utils/_report/templates."
        raise InvalidInput(
            "templates", look.templates, f"cannot be rendered: {error}{where}", remedy
        ) from error


def _build_environment(templates: str | None, zone: dt.tzinfo) -> jinja2.Environment:
    ours = jinja2.FileSystemLoader(str(TEMPLATES))
    theirs = [jinja2.FileSystemLoader(templates)] if templates else []
    environment = jinja2.Environment(
        # Under `collection/` a template can extend the one that it takes the place of.
        loader=jinja2.ChoiceLoader([*theirs, ours, jinja2.PrefixLoader({"collection": ours})]),
        autoescape=True,  # names, titles and reasons may hold what a guest chose
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=format_number,
        percent=_format_percent,
        bytes=_format_bytes,
        when=functools.partial(format_moment, zone=zone),
        clock=functools.partial(_format_clock, zone=zone),
        counted=format_count,
        duration=format_duration,
        drawn=_trust_svg,
        amount=_format_amount,
    )
    return environment


def _render_style(environment: jinja2.Environment) -> Markup:
    return Markup(environment.get_template("style.css.j2").render())  # noqa: S704  # ours or the user's, never a guest's


def _trust_svg(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704  # drawn by pygal, which escapes


def _format_percent(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{100 * share:.3g} %"


def _format_bytes(count: float | None) -> str:
    if count is None:
        return _UNKNOWN
    power = 0
    while count >= 1024 and power < len(_PREFIXES) - 1:
        count, power = count / 1024, power + 1
    return (
        f"{count:.3g} {_PREFIXES[power]}B" if count < 1000 else f"{count:.0f} {_PREFIXES[power]}B"
    )


def _format_amount(value: float, unit: str) -> str:
    return _format_bytes(value) if unit == "bytes" else format_number(value)


def _format_clock(seconds: float, zone: dt.tzinfo) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, zone):%Y-%m-%d %H:%M %Z}"
