# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module, with a secret in every option that can hold one: nobody is told it, neither in results nor in logs.

The modules run in this process over libvirt's test driver, as many times as they have such options.
"""

from __future__ import annotations

import importlib
import json
import types
import typing as t
from pathlib import Path

import pytest

from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from tools.checkout import ROOT

COLLECTION = "ansible_collections.headroom.libvirt.plugins"
# Of options, not of files on the controller: its actions are tried by playbooks.
ON_CONTROLLER = {"provisioning_plan_info", "provisioning_report"}
NAMES = sorted({path.stem for path in (ROOT / "plugins/modules").glob("[a-z]*.py")} - ON_CONTROLLER)
MARK = "-dont-tell"
PATTERN = f"Hush-{{number:04d}}{MARK}"
# What a password may hold, and each of these in a URI.
NOTATIONS = {
    "plain": "{secret}",
    "at": "p@{secret}",
    "escaped": "p%40{secret}",
    "colon": "a:{secret}",
}
URIS = {
    **{
        name: f"qemu+tcp://admin:{notation}@127.0.0.1:1/system"
        for name, notation in NOTATIONS.items()
    },
    **{
        f"web {name}": f"https://admin:{notation}@127.0.0.1:1/x"
        for name, notation in NOTATIONS.items()
    },
    "presigned": "https://127.0.0.1:1/x?X-Amz-Signature={secret}&other=1",
}
SERVER = {"url": "http://127.0.0.1:1", "query": "up"}

Options = t.Mapping[str, t.Mapping[str, t.Any]]


def build_base(name: str, folder: Path) -> dict[str, t.Any]:
    """Return options with which a module gets as far as it can without any of what it needs; most need a host."""
    journal, history = str(folder / "journal.sqlite"), str(folder / "history.sqlite")
    host = {"uri": "test:///default"}
    bases: dict[str, dict[str, t.Any]] = {
        "appliance": {
            **host,
            "name": "web",
            "version": "1",
            "pool": "default-pool",
            "journal": journal,
            "download_dir": str(folder / "downloads"),
        },
        "appliance_clone": {
            **host,
            "appliance": "web:1",
            "names": ["web-1"],
            "pool": "default-pool",
            "journal": journal,
        },
        "appliance_feed": {
            **host,
            "path": str(folder / "feed"),
            "appliances": ["web"],
            "pool": "default-pool",
            "key": "nobody",
            "gnupg_home": str(folder / "gnupg"),
        },
        "appliance_info": {**host, "pool": "default-pool"},
        "demand_history": {
            "fleet": "web",
            "csv": "timestamp,demand\n",
            "interval": 60,
            "history": history,
        },
        "demand_history_info": {"fleet": "web", "interval": 60, "history": history},
        "demand_sample": {
            **host,
            "fleet": "web",
            "interval": 60,
            "prometheus": SERVER,
            "history": history,
        },
        "domain": {**host, "name": ["test"], "state": "running", "journal": journal},
        "domain_info": {**host, "journal": journal},
        "domain_migrate": {
            **host,
            "name": ["test"],
            "destination_uri": "test:///default",
            "journal": journal,
        },
        "domain_stats_info": {**host, "samples": str(folder / "samples.json")},
        "fleet_lease": {"fleet": "web", "holder": "me", "history": history},
        "fleet_observe": {
            **host,
            "history": history,
            "fleets": [{"name": "web", "demand": {"prometheus": SERVER}, "rule": {"capacity": 1}}],
        },
        "fleet_readiness": {"fleet": "web", "seconds": 5.0, "history": history},
        "host_info": {**host, "history": history},
        "host_maintenance": {"history": history},
        "cluster_selftest_info": {"hosts": [{"name": "kvm1"}]},
        "host_selftest_info": {**host, "history": history, "journal": journal},
        "network_reservation": {
            **host,
            "network": "default",
            "mac": "52:54:00:00:00:01",
            "address": "192.168.122.9",
        },
        "placement_plan_info": {"hosts": [{"name": "kvm1"}]},
        "provisioning_decision": {"decision": {"fleet": "web"}, "history": history},
        "transaction": {"journal": journal},
        "transaction_info": {"journal": journal},
    }
    return bases.get(name, host)


def find_specification(name: str) -> Options:
    options: Options = importlib.import_module(f"{COLLECTION}.modules.{name}").ARGUMENTS.options
    return options


def walk(
    options: Options, path: tuple[str, ...] = ()
) -> t.Iterator[tuple[tuple[str, ...], t.Mapping[str, t.Any]]]:
    for name, option in options.items():
        yield (*path, name), option
        yield from walk(option.get("options", {}), (*path, name))


def list_values(option: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Any]]:
    """Yield what to call a way to hold a secret, and a value with `{secret}` in it."""
    kind = option.get("type", "str")
    if option.get("choices") or "options" in option:
        return
    if option.get("no_log"):
        text = "#cloud-config\npassword: {secret}\n"
        yield from [("secret", {"a": {"password": "{secret}"}} if kind == "dict" else "{secret}")]
        yield from [("text", text)] if kind == "raw" else []
        yield from [("header", {"Authorization": "Bearer {secret}\n"})] if kind == "dict" else []
    elif kind in {"str", "path", "raw"}:
        yield from URIS.items()
    elif kind == "list" and option.get("elements", "str") in {"str", "raw"}:
        yield from ((name, [uri]) for name, uri in URIS.items())
    elif kind == "dict":
        yield from ((name, {"uri": uri, "name": "web", "web-1": uri}) for name, uri in URIS.items())


def put(base: dict[str, t.Any], path: tuple[str, ...], value: t.Any) -> dict[str, t.Any]:
    """Return the options with the value at a path, of which lists have their first item's."""
    name, *below = path
    if not below:
        return {**base, name: value}
    inner = base.get(name)
    if isinstance(inner, list):
        return {**base, name: [put(inner[0], tuple(below), value), *inner[1:]]}
    return {**base, name: put(inner or {}, tuple(below), value)}


def fill(value: t.Any, secret: str) -> t.Any:
    return json.loads(json.dumps(value).replace("{secret}", secret))


class Told(t.NamedTuple):
    """What is told where."""

    result: str
    errors: str
    log: str


class Bench:
    """Runs modules one after another, and reads along."""

    def __init__(self, log: list[str], capture: pytest.CaptureFixture[str]) -> None:
        self._log = log
        self._capture = capture

    def run(self, name: str, options: dict[str, t.Any], *, check: bool = False) -> Told:
        self._log.clear()
        module = importlib.import_module(f"{COLLECTION}.modules.{name}")
        internal = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_verbosity": 3}
        with patch_module_args({**options, **internal}), pytest.raises(SystemExit):
            module.main()
        captured = self._capture.readouterr()
        assert '"invocation"' in captured.out
        return Told(captured.out, captured.err, "\n".join(self._log))


@pytest.fixture
def bench(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Bench:
    """Modules of a user whose home is empty; what goes to the system's log comes here."""
    log: list[str] = []
    # systemd's journal is told the message, and each option by itself besides.
    journal = types.SimpleNamespace(send=lambda **fields: log.append(str(fields)))
    monkeypatch.setattr(basic, "journal", journal, raising=False)
    monkeypatch.setattr(basic, "has_journal", True)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Bench(log, capfd)


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_of_an_option_is_told(name: str, bench: Bench, tmp_path: Path) -> None:
    leaks, number = [], 0
    for path, option in walk(find_specification(name)):
        for notation, value in list_values(option):
            number += 1
            secret = PATTERN.format(number=number)
            options = put(build_base(name, tmp_path), path, fill(value, secret))
            told = bench.run(name, options)
            leaks += [
                f"{'.'.join(path)} ({notation}): {place}: {find_context(text, secret)}"
                for place, text in told._asdict().items()
                if secret in text
            ]
    assert leaks == []
    assert list_public_files(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", [True, False])
def test_no_secret_is_told_in_a_refusal(
    name: str, check: bool, bench: Bench, tmp_path: Path
) -> None:
    """What Ansible refuses before the module begins: an option that there is not, and a value that is of no use."""
    uri, text = URIS["at"], "#cloud-config\npassword: {secret}\n"
    refused: list[dict[str, t.Any]] = [
        {"user_dta": text},
        {"urii": uri},
        {"timeout": uri},
        {"headers": {"Authorization": text}},
    ]
    for number, options in enumerate(refused):
        secret = PATTERN.format(number=number)
        said = {**build_base(name, tmp_path), "uri": uri, **options}
        told = bench.run(name, fill(said, secret), check=check)
        assert '"failed": true' in told.result
        assert [place for place, text in told._asdict().items() if secret in text] == []


def test_what_is_no_secret_is_told(bench: Bench, tmp_path: Path) -> None:
    """A module that told nothing would pass as well."""
    told = bench.run("domain", {**build_base("domain", tmp_path), "name": ["nobody"]})
    assert "nobody" in told.log
    assert "nobody" in told.result
    assert json.loads(told.result)["invocation"]["module_args"]["name"] == ["nobody"]


def find_context(text: str, secret: str) -> str:
    start = text.index(secret)
    return text[max(0, start - 60) : start + 40]


def list_public_files(folder: Path) -> list[str]:
    """Return the files below a folder that others may read, or group write, and that hold a secret."""
    return [
        f"{path}: {path.stat().st_mode & 0o777:o}"
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o027 and MARK.encode() in path.read_bytes()
    ]
