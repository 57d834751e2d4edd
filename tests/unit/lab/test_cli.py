# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from lab import cli, shell
from lab.naming import default_name


def test_a_command_to_run_is_kept_word_by_word() -> None:
    options = cli.parse(["run", "--name", "x", "--", "ansible", "-m", "ping", "--", "all"])
    assert options.name == "x"
    assert options.words == ["--", "ansible", "-m", "ping", "--", "all"]
    assert cli.parse(["ssh", "k1", "virsh", "list", "--all"]).words == ["virsh", "list", "--all"]


def test_the_default_lab_is_the_checkouts_or_the_one_that_a_command_runs_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HEADROOM_LAB", raising=False)
    own = cli.parse(["status"]).name
    assert own == default_name(cli.CHECKOUT)
    monkeypatch.setenv("HEADROOM_LAB", "other")
    assert cli.parse(["status"]).name == "other"


def test_the_full_size_guest_is_built_when_it_is_asked_for() -> None:
    assert not cli.parse(["up"]).full_size
    assert cli.parse(["up", "--full-size"]).full_size
    assert cli.parse(["build", "--full-size"]).full_size


@pytest.mark.parametrize("rate", ["100mbit", "1.5gbit", "none", "64kbps"])
def test_rates(rate: str) -> None:
    assert cli.parse(["link", "k1", "--rate", rate]).rate == rate


@pytest.mark.parametrize("words", [["--rate", "fast"], ["--rate", "-1mbit"], ["--up", "--down"]])
def test_a_wrong_link_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.parse(["link", "k1", *words])
    assert stop.value.code == 2
    assert "--" in capsys.readouterr().err


def test_without_root_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert cli.main(["up"]) == 1
    assert "sudo" in capsys.readouterr().err


def test_missing_commands_are_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(
        "shutil.which", lambda command: None if command == "mcopy" else f"/bin/{command}"
    )
    with pytest.raises(shell.LabError, match=r"apt-get install .* mtools"):
        shell.require_root_and_tools()


def test_every_tools_package_is_in_the_list_that_dev_installs() -> None:
    listed = re.findall(r"^[a-z][a-z0-9.+-]*", shell.PACKAGES_FILE.read_text(), re.MULTILINE)
    assert set(shell.TOOLS.values()) <= set(listed)


def test_a_failing_command_is_shown_with_its_error() -> None:
    with pytest.raises(shell.LabError, match=r"(?s)ls /no/such/place.*exit code 2.*No such file"):
        shell.run("ls", "/no/such/place")
