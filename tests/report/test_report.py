# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report is written by Ansible and looked at in a browser: drawn, quiet, and within the screen, large or small.

HEADROOM_SCREENSHOTS=docs/docsite/images ./dev test report -k drawn   makes the pictures of the guide again.
"""

from __future__ import annotations

import csv
import importlib.resources
import io
import json
import os
import re
import subprocess
import textwrap
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from report.browser import browser
from report.site import HOSTILE, site

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from report.browser import Browser

SCREENS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
HEIGHTS = {1280: 1000, 390: 1300}
CHARTS = 4  # of two fleets


def write(folder: Path, **change: t.Any) -> dict[str, t.Any]:
    """Run the module with the site's options, in check mode and twice; what the first run returned."""
    options = {
        **site(),
        "dest": str(folder / "report.html"),
        "tenant_dest": str(folder / "tenants"),
        **change,
    }
    (folder / "options.json").write_text(json.dumps(options))
    # What is read from a file is no template, just as what a host returns is none.
    given = {
        name: f"{{{{ (lookup('ansible.builtin.file', 'options.json') | from_json).{name} }}}}"
        for name in options
    }
    results = {
        "content": "{{ [predicted, first, second] | to_json }}",
        "dest": str(folder / "results.json"),
        "mode": "0600",
    }
    tasks = [
        {
            "headroom.libvirt.provisioning_report": given,
            "register": "predicted",
            "check_mode": True,
        },
        {"headroom.libvirt.provisioning_report": given, "register": "first"},
        {"headroom.libvirt.provisioning_report": given, "register": "second"},
        {"ansible.builtin.copy": results},
    ]
    (folder / "play.json").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])
    )
    done = subprocess.run(
        ["ansible-playbook", "play.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    predicted, first, second = json.loads((folder / "results.json").read_text())
    assert (predicted["changed"], first["changed"], second["changed"]) == (True, True, False)
    assert predicted["pages"] == first["pages"]
    return t.cast("dict[str, t.Any]", first)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report")
    write(made)
    return made


@pytest.fixture(scope="module")
def screen() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


def test_the_pages_are_small_and_ask_for_nothing(folder: Path) -> None:
    pages = {path.name: path.read_text() for path in folder.rglob("*.html")}
    assert set(pages) == {"report.html", "acme.html", "globex.html"}
    for text in pages.values():
        assert len(text.encode()) < 300_000
        assert not [
            word
            for word in ("<script", "http://", "https://", "url(", "@import")
            if word in text.replace("http://www.w3.org/", "")
        ]


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_a_page_is_drawn_quiet_and_within_the_screen(
    folder: Path, screen: Browser, width: int, scheme: str
) -> None:
    screen.show(folder / "report.html", width, scheme)
    assert screen.complaints() == []
    assert [url for url in screen.requests() if not url.startswith(("file:", "data:"))] == []
    assert screen.ask("return document.documentElement.scrollWidth") == width
    assert overflowing(screen) == []
    drawn = screen.ask(
        "return [...document.querySelectorAll('svg.chart')].filter(c => c.getBoundingClientRect().width > 250)"
        ".map(c => [...c.querySelectorAll('.series path')].filter(p => p.getTotalLength() > 100).length)"
    )
    assert len(drawn) == CHARTS
    assert min(drawn) >= 2
    background = screen.ask("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) > 3 * 128) is (scheme == "light")
    picture = screen.screenshot(width, HEIGHTS[width])
    assert picture.startswith(b"\x89PNG")
    if wanted := os.environ.get("HEADROOM_SCREENSHOTS"):
        (Path(wanted) / f"report-{width}-{scheme}.png").write_bytes(picture)


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_what_is_foreseen_is_drawn_and_every_text_can_be_read(
    folder: Path, screen: Browser, width: int, scheme: str
) -> None:
    screen.show(folder / "report.html", width, scheme)
    assert screen.ask((Path(__file__).parent / "contrast.js").read_text()) == []
    # closed sections are opened: what is in them must not reach beyond the screen either
    screen.ask("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert overflowing(screen) == []
    tables = (
        "return [...document.querySelectorAll('table')].filter(t => !t.caption?.innerText).length"
    )
    assert screen.ask(tables) == 0
    sections = screen.ask(
        "return [...document.querySelectorAll('.outlook h3')].map(h => h.innerText)"
    )
    assert sections == ["When limits are reached", "If a host is lost"]
    screen.show(folder / "report.html", width, scheme)
    top, height = screen.ask(
        "const [first, last] = [...document.querySelectorAll('section.outlook')].map(s => s.getBoundingClientRect());"
        "return [Math.round(first.top) - 56, Math.round(last.bottom - first.top) + 72]"
    )
    picture = screen.screenshot(width, min(height, 2 * HEIGHTS[width]), top)
    assert picture.startswith(b"\x89PNG")
    if wanted := os.environ.get("HEADROOM_SCREENSHOTS"):
        (Path(wanted) / f"report-outlook-{width}-{scheme}.png").write_bytes(picture)


def overflowing(screen: Browser) -> list[str]:
    """The elements that reach beyond the screen."""
    return t.cast(
        "list[str]",
        screen.ask(
            "return [...document.querySelectorAll('body *')].filter(e => !e.closest('svg') && e.getBoundingClientRect()"
            ".right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
        ),
    )


# The standard that public bodies of the EU are held to, and what axe counts as good practice besides.
AXE = """
const [done, tags] = [arguments[arguments.length - 1], ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']];
document.querySelectorAll('details').forEach(e => { e.open = true; });
axe.run(document, {runOnly: {type: 'tag', values: tags}}).then(found => done({
  rules: found.passes.length,
  broken: found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 120)}`))}));
"""


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
@pytest.mark.parametrize("name", ["report.html", "tenants/acme.html"])
def test_axe_finds_nobody_left_out(
    folder: Path, screen: Browser, name: str, width: int, scheme: str
) -> None:
    screen.show(folder / name, width, scheme)
    screen.ask(importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text())
    found = screen.wait(AXE)
    assert found["broken"] == []
    assert found["rules"] > 20


def test_a_pointer_is_told_values_and_the_last_ones_stand_above(
    folder: Path, screen: Browser
) -> None:
    screen.show(folder / "report.html", 1280, "light")
    columns = screen.ask(
        "return [...document.querySelectorAll('.wide svg.chart')].map(c => [...c.querySelectorAll('.reading')]"
        ".map(r => [r.getBoundingClientRect().left, r.getBoundingClientRect().width, r.textContent]))"
    )
    assert len(columns) == CHARTS
    for column in columns:
        assert 48 <= len(column) <= 96
        assert [left for left, _width, _text in column] == sorted(left for left, *_rest in column)
        assert min(width for _left, width, _text in column) > 3
    plots = screen.ask(
        "return [...document.querySelectorAll('.wide svg.chart .plot > .background')]"
        ".map(p => { const { left, right } = p.getBoundingClientRect(); return [left, right]; })"
    )
    assert plots[0::2] == plots[1::2]  # demand and machines of a fleet have one axis
    assert any("demand" in text and "expected at most" in text for *_place, text in columns[0])
    assert all("running" in text and "needed" in text for *_place, text in columns[1])
    under_pointer = screen.ask(
        "const one = document.querySelector('.wide svg.chart .reading:nth-last-child(9)');"
        "one.scrollIntoView({block: 'center'}); const { left, top, width, height } = one.getBoundingClientRect();"
        "return document.elementFromPoint(left + width / 2, top + height / 2).textContent"
    )
    assert under_pointer == columns[0][-9][2]
    legend = screen.ask("return document.querySelector('.legend').innerText")
    assert "at last" in legend
    assert "at most" in legend


def test_how_many_more_fit_goes_by_the_fleets_own_machines(folder: Path, screen: Browser) -> None:
    screen.show(folder / "report.html", 1280, "light")
    numbers = screen.ask(
        "return [...document.querySelectorAll('.fleet')].map(f => f.querySelector('.numbers').innerText)"
    )
    lists = screen.ask(
        "return [...document.querySelectorAll('.card .fits ~ ul')].map(l => l.innerText)"
    )
    assert len(lists) == 3
    counts = [int(text.split()[0]) for text in lists]
    assert all(re.fullmatch(r"\d+ more of web, for (vCPUs|memory|disk)", text) for text in lists)
    assert f"{sum(counts)}\nmore fit on the hosts" in numbers[0]
    assert "more fit" not in numbers[1]
    screen.show(folder / "tenants" / "acme.html", 1280, "light")
    assert "more fit" not in screen.ask("return document.body.innerText")


def test_alerts_come_first_and_lead_to_their_fleets(folder: Path, screen: Browser) -> None:
    screen.show(folder / "report.html", 390, "light")
    links = screen.ask(
        "return [...document.querySelectorAll('header .alert a')].map(a => [a.innerText,"
        "document.querySelector(a.getAttribute('href')).querySelector('h3').innerText])"
    )
    assert links == [["api", "api"]]


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_data_lies_beside_each_page_and_is_the_same(folder: Path, screen: Browser) -> None:
    screen.show(folder / "report.html", 1280, "light")
    hrefs = screen.ask("return [...document.querySelectorAll('footer a')].map(a => a.href)")
    paths = [Path(urllib.parse.unquote(urllib.parse.urlsplit(href).path)) for href in hrefs]
    names = ["json", "demand.csv", "decisions.csv", "guests.csv", "hosts.csv"]
    assert paths == [folder / f"report.{name}" for name in names]
    content = json.loads(paths[0].read_text())
    assert content["format"] == 1
    demand = read_rows(paths[1])
    slots = [slot["value"] for fleet in content["fleets"] for slot in fleet["demand"]]
    assert [row["demand"] and float(row["demand"]) for row in demand] == [
        "" if value is None else value for value in slots
    ]
    assert len(read_rows(paths[2])) == sum(len(one["decisions"]) for one in content["fleets"])
    guests = read_rows(paths[3])
    assert [row["name"] for row in guests] == [row["name"] for row in content["guests"]]
    shown = screen.ask("return document.querySelectorAll('tbody td.title').length")
    assert shown > len(guests) > 18
    assert {row["host"] for row in read_rows(paths[4])} == {
        host["name"] for host in content["hosts"]
    }


def test_data_of_a_tenant_is_its_own_and_nothing_else(folder: Path) -> None:
    files = sorted(path.name for path in (folder / "tenants").glob("acme.*"))
    suffixes = ("decisions.csv", "demand.csv", "guests.csv", "html", "json")
    assert files == [f"acme.{suffix}" for suffix in suffixes]
    for name in files:
        text = (folder / "tenants" / name).read_text()
        assert "web" in text
        assert not [word for word in ("globex", "api", "db-", "kvm", "migrate") if word in text]


def test_times_are_those_of_the_zone_through_the_night_that_has_an_hour_twice(
    tmp_path: Path, screen: Browser
) -> None:
    """Clocks in Berlin went back from 3:00 to 2:00 on 2026-10-25, at 1:00 UTC."""
    night = 1792886400  # 2026-10-25 00:00 UTC
    slots = [
        {"timestamp": night + 600 * slot, "value": 34.0 + slot, "whole": True, "reason": None}
        for slot in range(-24, 24)
    ]
    fleets = [{"name": "web", "interval": 600, "past": [{"history": slots, "decisions": []}]}]
    change = {"fleets": fleets, "hosts": [], "outlook": None, "now": night + 14400.0}
    write(tmp_path, **change, timezone="Europe/Berlin", tenant_dest=None)
    screen.show(tmp_path / "report.html", 1280, "light")
    assert "2026-10-25 05:00 CET" in screen.ask("return document.querySelector('header').innerText")
    assert "Europe/Berlin" in screen.ask("return document.querySelector('footer').innerText")
    titles = screen.ask(
        "return [...document.querySelectorAll('.reading title')].map(e => e.textContent)"
    )
    assert len(titles) == len(set(titles)) == 48
    assert "Sun 25 Oct 02:00 CEST: demand 34" in titles
    assert "Sun 25 Oct 02:00 CET: demand 40" in titles
    assert "Sun 25 Oct 03:00: demand 46" in titles
    labels = screen.ask(
        "return [...document.querySelectorAll('.wide .axis.x text')].map(e => e.textContent)"
    )
    assert labels == ["22:00", "00:00", "02:00", "02:00", "04:00"]


def test_text_of_a_guest_is_text(folder: Path, screen: Browser) -> None:
    screen.show(folder / "report.html", 1280, "light")
    text = screen.ask("return document.body.innerText")
    assert text.count(HOSTILE) == 3  # a guest, its fleet, and what is unfinished
    assert "1337" not in text
    assert screen.ask("return document.scripts.length") == 0


def test_a_tenant_sees_its_own_and_nothing_else(folder: Path, screen: Browser) -> None:
    screen.show(folder / "tenants" / "acme.html", 390, "dark")
    text = screen.ask("return document.body.textContent")
    assert "web-3" in text
    assert "acme" in text
    assert not [
        word for word in ("globex", "api-", "db-", "kvm", "clone", "migrate") if word in text
    ]
    assert screen.complaints() == []
    assert overflowing(screen) == []


def test_templates_of_ones_own_come_first(tmp_path: Path, screen: Browser) -> None:
    own = tmp_path / "templates"
    own.mkdir()
    (own / "report.html.j2").write_text(
        '{% extends "collection/report.html.j2" %}{% block guests %}{% endblock %}{% block footer %}ours{% endblock %}'
    )
    write(tmp_path, templates=str(own), tenant_dest=None, data=[])
    screen.show(tmp_path / "report.html", 1280, "light")
    assert screen.ask("return document.querySelector('footer').innerText.trim()") == "ours"
    headings = screen.ask("return [...document.querySelectorAll('h2')].map(h => h.innerText)")
    assert headings == ["Fleets", "What runs short", "Hosts", "Tenants", "Unfinished transactions"]


def read_example(name: str) -> str:
    """A file that the guide shows, as it stands there."""
    guide = (Path(__file__).parents[2] / "docs/docsite/rst/guide_provisioning.rst").read_text()
    block = guide.split(f"``{name}`` ", 1)[1].split(".. code-block::", 1)[1].partition("\n\n")[2]
    lines = block.split("\n")
    ends = (at for at, line in enumerate(lines) if line and not line.startswith("  "))
    return textwrap.dedent("\n".join(lines[: next(ends)]))


def test_a_tenant_reads_its_own_title_logo_and_words(tmp_path: Path, screen: Browser) -> None:
    """The example of the guide, as it stands there."""
    templates = tmp_path / "acme-report"
    templates.mkdir()
    for name in ("report.html.j2", "style.css.j2"):
        (templates / name).write_text(read_example(f"acme-report/{name}"))
    logo = tmp_path / "acme.svg"
    logo.write_text(read_example("acme.svg"))
    look = {"name": "acme", "title": "Machines of ACME", "logo": str(logo)}
    write(tmp_path, tenants=[{**look, "templates": str(templates)}])
    pages = {}
    for name in ("acme", "globex"):
        screen.show(tmp_path / "tenants" / f"{name}.html", 1280, "light")
        assert screen.complaints() == []
        pages[name] = screen.ask(
            "return [document.title, document.querySelector('footer').innerText,"
            "[...document.querySelectorAll('img')].map(i => i.complete && i.naturalWidth),"
            "getComputedStyle(document.querySelector('h1')).color]"
        )
    title, footer, logos, colour = pages["acme"]
    assert title == "Machines of ACME · acme"
    assert "+1 555 0100" in footer
    assert logos == [120]
    assert colour == "rgb(122, 31, 162)"
    assert pages["globex"][0] == "Headroom · globex"
    assert "555" not in pages["globex"][1]
    assert pages["globex"][2] == []


def test_a_site_without_anything_has_a_page(tmp_path: Path, screen: Browser) -> None:
    write(
        tmp_path,
        fleets=[{"name": "new", "past": []}],
        hosts=[],
        quotas={},
        transactions=[],
        outlook={**site()["outlook"], "runways": [], "losses": []},
        tenant_dest=None,
    )
    screen.show(tmp_path / "report.html", 390, "light")
    text = screen.ask("return document.body.innerText")
    for empty in (
        "Nothing has been decided yet. Run the playbook headroom.libvirt.provision",
        "Nothing is recorded yet.",
        "No host was handed over. Put your hypervisors",
        "No guest was seen.",
        "Nothing that was begun on these hosts is left unfinished.",
    ):
        assert empty in text
    assert screen.complaints() == []
    write(tmp_path, fleets=[], hosts=[], quotas={}, transactions=[], outlook=None, tenant_dest=None)
    screen.show(tmp_path / "report.html", 390, "light")
    assert "No fleet was handed over." in screen.ask("return document.body.innerText")
