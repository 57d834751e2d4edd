# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report is written by Ansible and looked at in a browser: drawn, quiet, and within the screen, large or small.

HEADROOM_SCREENSHOTS=docs/docsite/images ./dev test report -k drawn   makes the pictures of the guide again.
"""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
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


def test_text_of_a_guest_is_text(folder: Path, screen: Browser) -> None:
    screen.show(folder / "report.html", 1280, "light")
    text = screen.ask("return document.body.innerText")
    assert text.count(HOSTILE) == 2
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
    write(tmp_path, templates=str(own), tenant_dest=None)
    screen.show(tmp_path / "report.html", 1280, "light")
    assert screen.ask("return document.querySelector('footer').innerText") == "ours"
    headings = screen.ask("return [...document.querySelectorAll('h2')].map(h => h.innerText)")
    assert headings == ["Fleets", "What runs short", "Hosts", "Tenants", "Unfinished transactions"]


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
    assert "Nothing has been decided yet." in text
    assert "Nothing is recorded yet." in text
    assert screen.complaints() == []
