# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""./dev demo: a flash crowd comes to a fleet of one machine, and the fleet is there before it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
import types
import typing as t
from pathlib import Path

from crowd import stage as staging
from crowd import visitors
from crowd.balancer import PLAYS, Balancer
from demo import story
from lab.cli import CHECKOUT
from lab.naming import default_name

# Requests a second in each interval: calm, a crowd that doubles and doubles, and calm again.
CROWD: t.Final = (1.5, 1.5, 3.0, 6.0, 12.0, 12.0, 4.0, 1.5, 1.5, 1.5)
INTERVAL_SECONDS: t.Final = 24
CAPACITY: t.Final = 4.0  # requests a second of one machine
FLEET: t.Final = "web"
UNITS: t.Final = 1  # of the guest's /work, a request
MEASURE: t.Final = Path(__file__).parent / "plays" / "measure.yml"


def main() -> int:
    """Play the demo; return 0 when everything that it promises was seen."""
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__)
    parser.add_argument(
        "--verbose", action="store_true", help="print what the playbooks print, too"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    say(
        "Two libvirt hosts are started on this machine, in containers, with a network of their own."
    )
    try:
        with staging.set_up(default_name(CHECKOUT), hosts=2) as stage:
            return play(stage, verbose=options.verbose)
    except staging.StageError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; everything that it made is gone again", file=sys.stderr)
        return 130


def play(stage: staging.Stage, *, verbose: bool) -> int:
    """Prepare the appliance and the fleet, let the crowd come, and tell what happens."""
    say(
        "On k1 a guest is installed, started, checked and shut down; it becomes the appliance web:1.0 on both hosts."
    )
    stage.play(str(PLAYS / "prepare.yml"))
    balancer = Balancer(stage, "k1")
    balancer.set_up()
    request_bytes = _first_machine(stage, balancer)
    say(
        f"The fleet {FLEET} has one machine, behind HAProxy on k1. One request makes {request_bytes / 1000:.1f} kB of "
        f"traffic; one machine carries {CAPACITY:g} requests/s. Provisioning runs every {INTERVAL_SECONDS} s."
    )
    chapters: list[story.Chapter] = []
    # Slots of the history begin at multiples of the interval.
    start = (time.time() // INTERVAL_SECONDS + 1) * INTERVAL_SECONDS
    crowd = visitors.come(
        stage, f"{balancer.url}/work?units={UNITS}", start, INTERVAL_SECONDS, CROWD
    )
    try:
        for number in range(len(CROWD)):
            _sleep_until(start + (number + 1) * INTERVAL_SECONDS)
            began = time.monotonic()
            chapters.append(_provision(stage, balancer, number, request_bytes, verbose=verbose))
            took = time.monotonic() - began
            print(
                "\n".join(story.tell(chapters[-1])),
                f"             (the run took {took:.0f} s)",
                sep="\n",
                flush=True,
            )
        crowd.process.wait(timeout=60)
    finally:
        crowd.stop()
    print("\n" + "\n".join(story.table(chapters, crowd.tallies())))
    missing = story.verdict(chapters)
    for line in missing or [
        "The fleet grew over both hosts before the load peaked, and shrank after it."
    ]:
        say(line)
    return 1 if missing else 0


def _first_machine(stage: staging.Stage, balancer: Balancer) -> float:
    """Let provisioning make the fleet's first machine; return the traffic of one request in bytes, measured."""
    _run_provisioning(stage, request_bytes=1.0)
    output = stage.play(str(MEASURE), fleet=FLEET, url=f"{balancer.url}/work?units={UNITS}")
    measured = json.loads((stage.folder / "request_bytes.json").read_text())
    if measured <= 0:
        raise staging.StageError(f"the first machine served nothing:\n{output}")
    return float(measured)


def _provision(
    stage: staging.Stage, balancer: Balancer, number: int, request_bytes: float, *, verbose: bool
) -> story.Chapter:
    """Run the provisioning playbook once; return what was decided, in requests a second."""
    output = _run_provisioning(stage, request_bytes)
    if verbose:
        print(output)
    plan = json.loads((stage.folder / "decisions.jsonl").read_text().splitlines()[-1])
    after: dict[str, list[str]] = {"k1": [], "k2": []}
    for name, address in balancer.machines.items():
        after[_host_of(address)].append(name)
    return story.Chapter(
        number=number,
        offered=CROWD[number],
        measured=plan["demand"],
        forecast=plan["forecast"]["upper"],
        alert=plan["alert"]["raised"],
        before=plan["machines"]["current"],
        after=after,
        decision=story.decision(plan["actions"]),
        reasons=plan["reasons"],
    )


def _host_of(address: str) -> str:
    """The host of a guest: those of kN are in 10.77.(10+N).0/24."""
    return f"k{int(address.split('.')[2]) - 10}"


def _run_provisioning(stage: staging.Stage, request_bytes: float) -> str:
    fleet = {
        "name": FLEET,
        "appliance": "web:1.0",
        "demand": {
            "query": "sum(domains[].rates.interface.total.tx_bytes_per_second)",
            "scale": 1 / request_bytes,
        },
        "rule": {
            "capacity": CAPACITY,
            "unit": "requests/s",
            "min": 1,
            "max": 4,
            "interval": INTERVAL_SECONDS,
            "cooldown": INTERVAL_SECONDS,
            "scale_in_limit": 2,
        },
        "wait_for": "address",
        "after_create": str(PLAYS / "after_create.yml"),
        "before_remove": str(PLAYS / "before_remove.yml"),
        "shutdown_timeout": 10,
    }
    return stage.play(
        "headroom.libvirt.provision",
        balancer="k1",
        optimistic_provisioning_fleets=[fleet],
        optimistic_provisioning_decisions=str(stage.folder / "decisions.jsonl"),
        optimistic_provisioning_forecast_state=str(stage.folder / "forecasts.sqlite"),
        optimistic_provisioning_memory_reserve="256MiB",
    )


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _interrupt(_signal: int, _frame: types.FrameType | None) -> t.NoReturn:
    raise KeyboardInterrupt


def say(text: str) -> None:
    """Print a paragraph of the story."""
    print(f"\n{text}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
