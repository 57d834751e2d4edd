# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A little of what `./dev fuzz` does, always the same: each seed, each bomb, some hundred spoilt inputs a parser."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._image import header

from fuzz import runner
from fuzz.__main__ import main
from fuzz.oracle import Disagreement, check_image
from fuzz.targets import FOLDER, TARGETS, Target

EXECUTIONS = 150
# The neighbours of a host are lines of the kernel's: what is none of them is passed over.
NEVER_REFUSES = {"neighbours"}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    verdicts = [runner.try_input(target, content) for content in target.list_seeds()]
    assert [verdict.problem for verdict in verdicts if verdict.problem] == []
    assert not all(verdict.is_refused for verdict in verdicts), "no seed gets past the first check"


@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_input_is_read_or_refused(name: str) -> None:
    figures = runner.fuzz(TARGETS[name], seed=1, executions=EXECUTIONS)
    assert figures.findings == {}
    assert figures.executions == EXECUTIONS
    assert bool(figures.refusals) == (name not in NEVER_REFUSES)


@pytest.mark.parametrize("name", TARGETS)
def test_bombs_do_not_go_off(name: str) -> None:
    assert runner.list_bombs_that_go_off(TARGETS[name]) == {}


def test_every_seed_belongs_to_a_target() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(TARGETS)


def parse_badly(content: bytes) -> object:
    """A parser with all the faults that are looked for."""
    if content.startswith(b"slow"):
        while True:
            pass
    if content.startswith(b"large"):
        return bytes(2 * runner.MEMORY_BYTES)
    if content.startswith(b"number"):
        return int(content[6:])
    if content.startswith(b"refused"):
        raise InvalidInput("option", "x", "is refused", "Write another.")
    return content


@pytest.fixture
def bad() -> Target:
    return Target(
        "bad", parse_badly, lambda _seeds: lambda _chance: b"number x", lambda: iter([b"large"])
    )


def test_faults_of_a_parser_are_findings(bad: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CPU_SECONDS", 0.05)
    assert runner.try_input(bad, b"fine") == runner.Verdict()
    assert runner.try_input(bad, b"refused") == runner.Verdict(is_refused=True)
    assert (runner.try_input(bad, b"slow").problem or "").startswith("takes too long at ")
    assert (runner.try_input(bad, b"number x").problem or "").startswith("ValueError at ")
    assert [problem[:11] for problem in runner.list_bombs_that_go_off(bad)] == ["MemoryError"]


def test_a_run_ends_in_time_and_tells_its_findings(
    bad: Target,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: t.Any,
) -> None:
    monkeypatch.setitem(TARGETS, "bad", bad)
    monkeypatch.setattr("fuzz.targets.FOLDER", tmp_path)
    (tmp_path / "bad").mkdir()
    assert main(["bad", "--seconds", "0.05", "--seed", "1"]) == 1
    output = capsys.readouterr().out
    assert "ValueError at " in output
    assert "b'number x'" in output
    assert output.splitlines()[-1].endswith("executions, 2 findings")


@pytest.mark.parametrize("name", ["qcow2-v2", "vmdk", "vhd", "vhdx", "vdi", "qed", "luks"])
def test_the_oracle_notices_what_we_would_take_for_raw(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuzz.oracle.header._DISK_FORMATS", {})
    monkeypatch.setattr("fuzz.oracle.header._QCOW2_MAGIC", b"never")
    monkeypatch.setattr("fuzz.oracle.header._VDI_SIGNATURE", b"never")
    with pytest.raises(Disagreement, match="for raw"):
        check_image((FOLDER / f"image/{name}.img").read_bytes())


def test_the_oracle_notices_a_backing_file_that_we_would_miss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = bytearray((FOLDER / "image/qcow2-v3.img").read_bytes())
    check_image(bytes(image))
    image[8:20] = (512).to_bytes(8, "big") + (5).to_bytes(4, "big")
    with pytest.raises(InvalidInput, match="names a backing file"):
        check_image(bytes(image))
    monkeypatch.setattr("fuzz.oracle.header._list_extensions", lambda _head, _start: {})
    monkeypatch.setattr("fuzz.oracle.header.read_backing", lambda _head: None)
    believe_no_backing(monkeypatch)
    with pytest.raises(Disagreement, match="backing file"):
        check_image(bytes(image))


def believe_no_backing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the header read as if it named no backing file."""
    inspect = header._inspect_qcow2

    def believe(option: str, path: str, head: bytes, size: int) -> t.Any:
        return inspect(option, path, head[:8] + bytes(12) + head[20:], size)

    monkeypatch.setattr(header, "_inspect_qcow2", believe)
