# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev demo: a crowd comes to a fleet, which is there before it, gets a new version under it, and shrinks after it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import time
import types
import typing as t
from pathlib import Path

from crowd import stage as staging
from crowd import visitors
from crowd.balancer import PLAYS, Balancer
from demo import script, story
from lab import cache
from lab.cli import CHECKOUT
from lab.naming import default_name

UNITS: t.Final = 1  # of the guest's /work, a request
MEASURE: t.Final = Path(__file__).parent / "plays" / "measure.yml"
# What the lab is, by where the machines' disks lie: in a folder of each host, or in a pool of Ceph that both have.
STORAGE: t.Final = {"dir": ("hypervisor", "default"), "rbd": ("storage", "ceph")}
HOOKS: t.Final = {hook: str(PLAYS / f"{hook}.yml") for hook in ("after_create", "before_remove")}


def main() -> int:
    """Play the demo; return 0 when everything that it promises was seen."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument(
        "--verbose", action="store_true", help="print what the playbooks print, too"
    )
    parser.add_argument(
        "--storage",
        choices=STORAGE,
        default="dir",
        help="where disks lie: in a folder of each host, or in Ceph (default: %(default)s)",
    )
    options = parser.parse_args()
    kind, pool = STORAGE[options.storage]
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    say(
        "Two libvirt hosts are started on this machine, in containers, with a network of their own"
        + (", and a Ceph cluster on one of them." if kind == "storage" else ".")
    )
    try:
        with staging.set_up(default_name(CHECKOUT), hosts=2, kind=kind) as stage:
            return play(stage, pool, began, verbose=options.verbose)
    except staging.StageError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; everything that it made is gone again", file=sys.stderr)
        return 130


def play(stage: staging.Stage, pool: str, began: float, *, verbose: bool) -> int:
    """Set the scene, let the crowd come, and tell what happens; `began` is when the demo did (monotonic)."""
    scene = _set_scene(stage, pool)
    took = time.monotonic() - began
    say(
        f"The fleet {script.FLEET} has one machine, behind HAProxy on k1. One request makes "
        f"{scene.request_bytes / 1000:.1f} kB of traffic; one machine carries {script.CAPACITY:g} requests/s. "
        f"Provisioning runs every {scene.interval} s. Once the crowd is there, the fleet is to be of "
        f"web:{script.NEW}."
    )
    chapters, crowd = _let_crowd_come(scene, verbose=verbose)
    report = _write_report(scene)
    tallies = crowd.tallies()
    print("\n" + "\n".join(story.table(chapters, tallies, script.OLD)))
    print("\n".join(story.sum_up(chapters, tallies, script.OLD)))
    print(f"seconds   {time.monotonic() - began:.0f}, {took:.0f} of them before the first visitor")
    print(f"report    {report.as_uri()}")
    missing = story.verdict(chapters, tallies)
    for line in missing or [
        "The fleet grew over both hosts before the load peaked, came to the new version under it, and shrank after it."
    ]:
        say(line)
    return 1 if missing else 0


@dataclasses.dataclass(frozen=True)
class Scene:
    """Where it happens, in intervals of so many seconds; one request makes `request_bytes` of traffic.

    The machines' disks are in the `pool`.
    """

    stage: staging.Stage
    balancer: Balancer
    pool: str
    interval: int
    request_bytes: float

    @property
    def decisions(self) -> Path:
        """The file of the role's decisions, a line each."""
        return self.stage.folder / "decisions.jsonl"

    def provision(self, version: str) -> str:
        """Run the provisioning playbook once, with a fleet of that version; return what it printed."""
        return self.stage.play(
            "headroom.libvirt.provision",
            balancer=self.balancer.host,
            optimistic_provisioning_fleets=[self.describe_fleet(version)],
            optimistic_provisioning_decisions=str(self.decisions),
            optimistic_provisioning_forecast_state=str(self.stage.folder / "forecasts.sqlite"),
            optimistic_provisioning_memory_reserve="256MiB",
        )

    def describe_fleet(self, version: str) -> dict[str, t.Any]:
        """The fleet for the role and for the report."""
        return script.describe_fleet(version, self.interval, self.request_bytes, HOOKS, self.pool)


def build_url(balancer: Balancer) -> str:
    """The address that visitors ask for."""
    return f"{balancer.url}/work?units={UNITS}"


def _set_scene(stage: staging.Stage, pool: str) -> Scene:
    """Prepare the appliances, the balancer and the fleet's first machine, and measure a request."""
    say(
        f"On both hosts a guest is installed, started, checked and shut down. That of k1 becomes the appliance "
        f"web:{script.OLD}, that of k2 web:{script.NEW}, and each host "
        + ("gets the other's." if pool == "default" else f"has the other's, in the pool {pool}.")
    )
    stage.play(str(PLAYS / "prepare.yml"), versions=[script.OLD, script.NEW], pool=pool)
    balancer = Balancer(stage, "k1")
    balancer.set_up()
    began = time.monotonic()
    Scene(stage, balancer, pool, script.choose_interval(0), 1.0).provision(script.OLD)
    interval = script.choose_interval(time.monotonic() - began)
    scene = Scene(stage, balancer, pool, interval, _measure_request(stage, balancer))
    # So that the traffic of the first interval is known from its beginning, or nearly.
    scene.provision(script.OLD)
    return scene


def _measure_request(stage: staging.Stage, balancer: Balancer) -> float:
    """Return the bytes of traffic that one request makes."""
    output = stage.play(str(MEASURE), fleet=script.FLEET, url=build_url(balancer))
    measured = float(json.loads((stage.folder / "request_bytes.json").read_text()))
    if measured <= 0:
        raise staging.StageError(f"the first machine served nothing:\n{output}")
    return measured


def _let_crowd_come(
    scene: Scene, *, verbose: bool
) -> tuple[list[story.Chapter], visitors.Visitors]:
    """Provision at the end of each interval, until the crowd has gone and the fleet has settled."""
    interval, rates = scene.interval, script.list_rates()
    # Slots of the history begin at multiples of the interval.
    start = (time.time() // interval + 1) * interval
    crowd = visitors.come(scene.stage, build_url(scene.balancer), start, interval, rates)
    chapters: list[story.Chapter] = []
    try:
        while len(chapters) < len(script.CROWD) or (
            len(chapters) < len(rates) and not story.is_over(chapters)
        ):
            number = len(chapters)
            time.sleep(max(0.0, start + (number + 1) * interval - time.time()))
            began = time.time()
            chapters.append(_provision(scene, number, began - start, verbose=verbose))
            lines = story.tell(chapters[-1], crowd.tallies().get(number))
            print(*lines, sep="\n")
            print(f"             (the run took {time.time() - began:.0f} s)", flush=True)
    finally:
        crowd.stop()
    return chapters, crowd


def _provision(scene: Scene, number: int, seconds: float, *, verbose: bool) -> story.Chapter:
    """Run the provisioning playbook once; return what was decided, in requests a second."""
    version = script.choose_version(number)
    output = scene.provision(version)
    if verbose:
        print(output)
    plan = json.loads(scene.decisions.read_text().splitlines()[-1])
    machines = scene.balancer.machines
    after: dict[str, list[str]] = {host: [] for host in scene.stage.hosts}
    for name, address in machines.items():
        after[_host_of(address)].append(name)
    return story.Chapter(
        number=number,
        seconds=seconds,
        offered=script.list_rates()[number],
        measured=plan["demand"],
        forecast=plan["forecast"]["upper"],
        alert=plan["alert"]["raised"],
        needed=plan["machines"]["needed"],
        goal=version,
        phase=plan["phase"],
        actions=plan["actions"],
        after=after,
        versions=scene.balancer.read_versions(machines),
        reasons=plan["reasons"],
    )


def _write_report(scene: Scene) -> Path:
    """Write the collection's report on the fleet to where it outlives the lab, and return that."""
    page = scene.stage.folder / "report.html"
    scene.stage.play(
        "headroom.libvirt.report",
        report_dest=str(page),
        report_title="./dev demo",
        report_outlook=False,
        optimistic_provisioning_fleets=[scene.describe_fleet(script.NEW)],
    )
    kept = cache.directory().parent / "demo" / page.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(page, kept)
    return kept


def _host_of(address: str) -> str:
    """The host of a guest: those of kN are in 10.77.(10+N).0/24."""
    return f"k{int(address.split('.')[2]) - 10}"


def _interrupt(_signal: int, _frame: types.FrameType | None) -> t.NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    """Print a paragraph of the story."""
    print(f"\n{text}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
