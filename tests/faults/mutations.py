# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each guarantee is broken on purpose, in a copy of the checkout, and the test that is there for it must fail.

A test that passes on a broken product proves nothing. Anchors are texts of plugins/: whoever changes such a line says
here how the guarantee is broken now. One that is no longer there counts as not caught.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from tools import checkout

HELP = "break each guarantee on purpose in a copy, and see the test fail that is there for it"

_UNIT = "tests/unit/plugins/module_utils/"
_TARGET = "tests/integration/test_targets.py::test_target"


@dataclasses.dataclass(frozen=True)
class Mutation:
    """How one guarantee is broken: ``before`` becomes ``after`` in a file below plugins/module_utils, once."""

    name: str
    guarantee: str
    file: str
    before: str
    after: str
    test: str

    @property
    def needs_lab(self) -> bool:
        """Whether its test needs hosts."""
        return self.test.startswith("tests/integration")

    def apply(self, root: Path) -> None:
        """Break the guarantee in the checkout at ``root``; raises ValueError when the text is not there just once."""
        path = root / "plugins/module_utils" / self.file
        text = path.read_text() if path.exists() else ""
        if text.count(self.before) != 1:
            raise ValueError(
                f"{self.name}: plugins/module_utils/{self.file} has this {text.count(self.before)} times, not once: "
                f"{self.before!r}. Say in tests/faults/mutations.py how that guarantee is broken now."
            )
        path.write_text(text.replace(self.before, self.after))


MUTATIONS: t.Final = (
    Mutation(
        "journal-first",
        "an act is in the journal before it happens",
        "_journal/journal.py",
        "        self._save(version)\n        return step",
        "        return step",
        _UNIT + "_journal/test_journal.py",
    ),
    Mutation(
        "one-run",
        "two runs never work on the same machine",
        "_journal/locks.py",
        "        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)\n",
        "        pass\n",
        _UNIT + "_journal/test_journal.py",
    ),
    Mutation(
        "two-guests",
        "a guest that runs on both hosts is told, and nothing is done to it",
        "_migrate/endpoints.py",
        'handing_over else "both"',
        'handing_over else "destination"',
        _UNIT + "_migrate/test_endpoints.py",
    ),
    Mutation(
        "used-elsewhere",
        "a volume that another machine uses is not deleted",
        "_layers/users.py",
        "        if not users:\n",
        "        if not users or users:\n",
        _UNIT + "_layers/test_users.py",
    ),
    Mutation(
        "preflight",
        "a move whose preflight failed does not begin",
        "_migrate/apply.py",
        "        self._refuse_if_failed(result)\n",
        "",
        f"{_TARGET}[domain_migrate_preflight]",
    ),
    Mutation(
        "local-first",
        "the source's disks go only when the destination has all of them",
        "_migrate/finish.py",
        "        _await_local(sides, intent, port)\n",
        "",
        f"{_TARGET}[domain_migrate]",
    ),
    Mutation(
        "offline-copy",
        "the disks of a guest that is moved while it is off arrive byte for byte",
        "_migrate/offline.py",
        '    content.require_same(f"{disk.destination_path} on the destination", sent, received)\n',
        "    del sent, received\n",
        _UNIT + "_migrate/test_offline.py",
    ),
    Mutation(
        "capture-at-rest",
        "a disk that somebody wrote to while it was copied is no appliance",
        "_appliance/register.py",
        "        plan.rest.require_unchanged()\n",
        "        pass\n",
        _UNIT + "_appliance/test_register.py",
    ),
    Mutation(
        "thaw",
        "a move that broke off gives the guest its disks back as they were",
        "_migrate/recover.py",
        "        overlays.thaw(Endpoints(source, source, intent.uuid, ends.clock), intent)\n",
        "        pass\n",
        f"{_TARGET}[domain_migrate]",
    ),
    Mutation(
        "third-party",
        "a source that is paused for the hand-over never runs again once the destination has the guest",
        "_migrate/settlement.py",
        '("release source", "finish"),\n        "The guest has moved; nobody',
        '("resume source", "take back"),\n        "The guest has moved; nobody',
        _UNIT + "_migrate/test_settlement.py",
    ),
    Mutation(
        "serve-first",
        "what a guest still reads from elsewhere is served before it is started again",
        "_migrate/recover.py",
        "        serve.ensure(sides.source, intent.export_helper, read_port(ends.record))\n",
        "        pass\n",
        _UNIT + "_migrate/test_recover_hosts.py",
    ),
    Mutation(
        "own-identity",
        "a clone has an identity of its own",
        "_clone/rewrite.py",
        "    _put_system_uuid(root, identity.uuid)\n",
        "",
        _UNIT + "_clone/test_rewrite.py",
    ),
    Mutation(
        "checksum",
        "an image is what its publisher announced",
        "_feed/download.py",
        "digits != download.checksum.digits:",
        "not digits:",
        _UNIT + "_feed/test_download.py",
    ),
    Mutation(
        "pinned-key",
        "a feed that a stranger signed is refused",
        "_feed/signature.py",
        "        if {valid[0], valid[9]} & set(fingerprints):\n",
        "        if valid:\n",
        _UNIT + "_feed/test_signature.py",
    ),
    Mutation(
        "foreign-template",
        "a template from elsewhere names nothing of this host",
        "_appliance/foreign.py",
        "problems = [*allowlist.find_violations(root)]",
        "problems: list[str] = []",
        _UNIT + "_appliance/test_foreign.py",
    ),
    Mutation(
        "unknown-stays",
        "what is not known never shrinks a fleet",
        "_provision/scale_in.py",
        "requirement.keep is None or observed.unknown or",
        "requirement.keep is None or",
        _UNIT + "_provision",
    ),
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What the test said to a mutation."""

    mutation: Mutation
    outcome: t.Literal["caught", "NOT CAUGHT", "stale", "no test ran"]
    seconds: float = 0.0
    detail: str = ""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--name", help="only mutations with this word in their name")
    parser.add_argument(
        "--unit", action="store_true", help="only those whose test needs no host of a lab"
    )


def run(options: argparse.Namespace) -> int:
    """Break one after the other, print what came of it; 1 unless every one was caught."""
    findings = []
    for mutation in MUTATIONS:
        if (options.name or "") in mutation.name and not (options.unit and mutation.needs_lab):
            findings.append(_try(mutation))
            print(_line(findings[-1]), flush=True)
    caught = sum(finding.outcome == "caught" for finding in findings)
    print(f"{caught} of {len(findings)} caught")
    return int(not findings or caught < len(findings))


def _try(mutation: Mutation) -> Finding:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headroom-mutation-") as folder:
        root = checkout.stage(Path(folder))
        try:
            mutation.apply(root)
        except ValueError as error:
            return Finding(mutation, "stale", detail=str(error))
        # what a checkout holds is what git says
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        done = _test(root, mutation)
    seconds = time.monotonic() - began
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode == 1:  # tests were run, and some failed
        return Finding(mutation, "caught", seconds, _first_failure(done.stdout))
    outcome: t.Literal["NOT CAUGHT", "no test ran"] = (
        "NOT CAUGHT" if done.returncode == 0 else "no test ran"
    )
    return Finding(mutation, outcome, seconds, last)


def _test(root: Path, mutation: Mutation) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    for name in ("PYTHONPATH", "ANSIBLE_COLLECTIONS_PATH"):
        environment.pop(name, None)  # of this checkout
    links = Path(
        subprocess.run(
            [sys.executable, root / "tests/tools/checkout.py"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout.strip()
    )
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", mutation.test],
            cwd=root,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        shutil.rmtree(links, ignore_errors=True)


def _first_failure(text: str) -> str:
    """The test that failed; of a playbook also the task that did."""
    lines = text.splitlines()
    task = next((line for line in reversed(lines) if line.startswith("fatal: ")), "")
    index = lines.index(task) if task else 0
    task = next((line for line in reversed(lines[:index]) if line.startswith("TASK ")), "")
    test = next((line for line in lines if line.startswith("FAILED tests/")), "")
    return f"{test} {task.rstrip('* ')}".strip()


def _line(finding: Finding) -> str:
    mutation = finding.mutation
    return (
        f"{finding.outcome:10}  {finding.seconds:5.0f} s  {mutation.name:16}  {mutation.guarantee}\n"
        f"{'':22}{finding.detail}"
    )
