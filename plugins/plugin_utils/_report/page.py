# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""The report as one HTML page, or one for each tenant: no script, no network, and nothing of a guest's is trusted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
import typing as t

import jinja2
from markupsafe import Markup

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._placement.spread import Size
from ansible_collections.headroom.libvirt.plugins.module_utils._text import (
    format_count,
    format_duration,
    format_number,
)
from ansible_collections.headroom.libvirt.plugins.plugin_utils._report import charts, estate, fleets

Dict = t.Mapping[str, t.Any]

TEMPLATES: t.Final = pathlib.Path(__file__).parent / "templates"
_UNKNOWN: t.Final = "—"
_PREFIXES: t.Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi")


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that pages are made of. ``tenant`` is the one that a page is for; None is the operator's page."""

    title: str
    now: float
    fleets: t.Sequence[fleets.Fleet]
    hosts: t.Sequence[estate.Host]
    guests: t.Sequence[estate.Guest]
    tenants: t.Sequence[estate.Tenant]
    transactions: t.Sequence[Dict] = ()
    backtest: Dict | None = None
    size: Size = dataclasses.field(default_factory=Size)
    tenant: str | None = None

    def of_tenant(self, name: str) -> Report:
        """Return what this tenant may see: its own, nothing of hosts, of others, or of what the operator does."""
        own = [one for one in self.fleets if one.tenant == name]
        return dataclasses.replace(
            self,
            fleets=[_fleet_of_tenant(one) for one in own],
            hosts=(),
            guests=[dataclasses.replace(one, host="") for one in self.guests if one.tenant == name],
            tenants=[_summed(one) for one in self.tenants if one.name == name],
            transactions=(),
            backtest=None,
            tenant=name,
        )


def _fleet_of_tenant(fleet: fleets.Fleet) -> fleets.Fleet:
    latest = None if fleet.latest is None else _without_hosts(fleet.latest)
    return dataclasses.replace(
        fleet, latest=latest, decided=[_without_hosts(made) for made in fleet.decided]
    )


def _without_hosts(made: Dict) -> Dict:
    """Reasons and names of actions tell of hosts, which are not the tenant's business."""
    return {**made, "reasons": [], "names": [], "actions": []}


def _summed(tenant: estate.Tenant) -> estate.Tenant:
    """Bars name hosts; a tenant sees what it has and how near it is to a limit, not where."""
    bars = tuple(
        dataclasses.replace(gauge, label=gauge.label.partition(" on ")[0]) for gauge in tenant.bars
    )
    return dataclasses.replace(tenant, bars=bars)


def report(params: Dict, now: float) -> Report:
    """Return the report of the task's options; raises MissingDependency without the library that draws."""
    charts.require_pygal()
    size = estate.clone_size(params["machine"] or {})
    found = estate.guests(params["hosts"])
    return Report(
        title=params["title"],
        now=now,
        fleets=[fleets.fleet(one, now) for one in params["fleets"]],
        hosts=[estate.host(one, size) for one in params["hosts"]],
        guests=found,
        tenants=estate.tenants(found, params["quotas"]),
        transactions=params["transactions"],
        backtest=params["backtest"],
        size=size,
    )


def render(what: Report, templates: str | None) -> str:
    """Return the page; templates of the same name in the folder ``templates`` come before ours."""
    guests, left_out = estate.shown(what.guests)
    environment = _environment(templates)
    try:
        return environment.get_template("report.html.j2").render(
            report=what, guests=guests, left_out=left_out, style=_style(environment)
        )
    except jinja2.TemplateError as error:
        where = (
            f" ({error.name}, line {error.lineno})"
            if isinstance(error, jinja2.TemplateSyntaxError)
            else ""
        )
        remedy = "Compare it with the collection's plugins/plugin_utils/_report/templates."
        raise InvalidInput(
            "templates", templates, f"cannot be rendered: {error}{where}", remedy
        ) from error


def _environment(templates: str | None) -> jinja2.Environment:
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
        percent=_percent,
        bytes=_bytes,
        when=_when,
        clock=_clock,
        counted=format_count,
        duration=format_duration,
        drawn=_drawn,
        amount=_amount,
    )
    return environment


def _style(environment: jinja2.Environment) -> Markup:
    return Markup(environment.get_template("style.css.j2").render())  # noqa: S704  # ours or the user's, never a guest's


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704  # drawn by pygal, which escapes


def _percent(share: float | None) -> str:
    return _UNKNOWN if share is None else f"{100 * share:.3g} %"


def _bytes(count: float | None) -> str:
    if count is None:
        return _UNKNOWN
    power = 0
    while count >= 1024 and power < len(_PREFIXES) - 1:
        count, power = count / 1024, power + 1
    return (
        f"{count:.3g} {_PREFIXES[power]}B" if count < 1000 else f"{count:.0f} {_PREFIXES[power]}B"
    )


def _amount(value: float, unit: str) -> str:
    return _bytes(value) if unit == "bytes" else format_number(value)


def _when(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
    return f"{moment:%a} {moment.day} {moment:%b %H:%M}"


def _clock(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%d %H:%M} UTC"
