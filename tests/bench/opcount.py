# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hot paths cost, in instructions of Python's virtual machine: the same on every machine of one Python version.

Seconds need a quiet machine and say little of a tenth; instructions need none, and tell what grows faster than the
work. A path does the same for a few and for many, and what one of them costs has to stay within its budget at both.
What libraries do in C (lxml, JSON, sorting) is not counted: of that, the other benchmarks tell.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import importlib
import random
import sys
import threading
import types
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from bench.frame import Row

if t.TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Work = Callable[[], object]

HELP = "what statistics, inventory, plans, XML and forecasts cost, in instructions of Python's virtual machine"

_UTILS: t.Final = "ansible_collections.headroom.libvirt.plugins.module_utils"
_MODULES: t.Final = "ansible_collections.headroom.libvirt.plugins.modules"
_GIB: t.Final = 1024**3


@dataclasses.dataclass(frozen=True)
class HotPath:
    """Work that is prepared for so many units. One of them costs at most ``budget`` instructions, few or many.

    The budgets are what was measured (Python 3.11), and a quarter on top, for other versions and for small things.
    """

    name: str
    unit: str
    prepare: Callable[[int], Work]
    few: int
    many: int
    budget: int


def count_instructions(work: Work) -> int:
    """How many instructions the work takes, in this thread and in those that it starts."""
    counts: list[int] = []

    def enter(frame: types.FrameType, _event: str, _argument: object) -> t.Any:
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count = 0

        def follow(_frame: types.FrameType, event: str, _argument: object) -> t.Any:
            nonlocal count
            if event == "opcode":
                count += 1
            elif event == "return":
                counts.append(count)
            return follow

        return follow

    before = sys.gettrace(), threading.gettrace()
    # a collection runs whatever others have asked to be told of it: Hypothesis has, in Python
    collects = gc.isenabled()
    gc.disable()
    threading.settrace(enter)
    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])
        if collects:
            gc.enable()
    return sum(counts)


def find_excess(path: HotPath) -> str | None:
    """A sentence where a unit costs more than it may, be they few or many."""
    for units in (path.few, path.many):
        cost = measure(path, units)
        if cost > path.budget:
            return (
                f"{path.name}: each of {units} takes {cost:.0f} instructions a {path.unit}, "
                f"and may take {path.budget}"
            )
    return None


def measure(path: HotPath, units: int) -> float:
    """How many instructions each of so many units costs; what is done once is done before."""
    path.prepare(1)()
    return count_instructions(path.prepare(units)) / units


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--many", type=int, help="how many units are many (default: as each path says)"
    )


def run(options: argparse.Namespace) -> list[Row]:
    """Count the instructions of all paths."""
    rows: list[Row] = []
    for path in HOT_PATHS:
        for units in (path.few, options.many or path.many):
            cost = measure(path, units)
            case = f"{path.name}: instructions a {path.unit}"
            rows.append(
                Row(
                    "opcount",
                    case,
                    units,
                    "headroom",
                    cost,
                    "budget",
                    path.budget,
                    cost / path.budget,
                    "instructions",
                )
            )
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':<52} {'n':>6} {'measured':>9} {'budget':>8}"]
    lines += [
        f"{row.case:<52} {row.n:>6} {row.seconds:>9.0f} {row.peer_seconds:>8.0f}" for row in rows
    ]
    return "\n".join(lines)


def _prepare_statistics(guests: int) -> Work:
    simulated = importlib.import_module("bench.simulated_stats")
    module = importlib.import_module(f"{_MODULES}.domain_stats_info")
    connection = importlib.import_module(f"{_UTILS}._virt.connection").Connection(
        simulated.Handle(guests), "test:///"
    )
    task = types.SimpleNamespace(params=_validate(module, {"workers": 1}), check_mode=False)
    return functools.partial(
        module.read_statistics, connection, task, functools.partial(module.collect, connection)
    )


def _prepare_inventory(guests: int) -> Work:
    report = importlib.import_module("bench.simulated").report(1, guests)
    survey = importlib.import_module(f"{_UTILS}._inventory.survey")
    variables = importlib.import_module(f"{_UTILS}._inventory.variables")
    host = importlib.import_module(f"{_UTILS}._inventory.hosts").InventoryHost(
        "kvm1", "qemu+ssh://kvm1/system"
    )

    def list_guests() -> list[object]:
        snapshot = survey.build_snapshot(report, ("lease",))
        return [variables.build_variables(guest, host, "ssh") for guest in snapshot.guests]

    return list_guests


def _prepare_drain(guests: int) -> Work:
    model = importlib.import_module(f"{_UTILS}._placement.model")
    drain = importlib.import_module(f"{_UTILS}._placement.drain")
    leaving = tuple(
        model.PlacementGuest(f"uuid-{number}", f"web-{number}", 1, _GIB, fleet=f"fleet{number}")
        for number in range(guests)
    )
    hosts = [
        model.HostView(name, 4 * guests, 2 * guests * _GIB, leaving if name == "kvm0" else ())
        for name in ("kvm0", "kvm1", "kvm2", "kvm3")
    ]
    policy = model.PlacementPolicy(
        rules=(model.AffinityRule("anti_affinity", "soft", fleets=("*",), each=True),)
    )
    return functools.partial(drain.plan_drain, hosts, ["kvm0"], policy)


def _prepare_plans(fleets: int) -> Work:
    module = importlib.import_module(f"{_MODULES}.provisioning_plan_info")
    read_fleets = importlib.import_module(f"{_UTILS}._provision.fleets").read_fleets
    plan_fleets = importlib.import_module(f"{_UTILS}._provision.run").plan_fleets
    options = importlib.import_module("bench.run").describe_site(fleets, 2)
    params = _validate(module, options)
    return lambda: plan_fleets(read_fleets(params), "act", None, print)


def _prepare_clones(clones: int) -> Work:
    rewrite = importlib.import_module(f"{_UTILS}._clone.rewrite")
    model = importlib.import_module(f"{_UTILS}._clone.model")
    identity = importlib.import_module(f"{_UTILS}._clone.identity").Identity(
        "0e6f0b0a-3f3b-4b7e-8a51-8f8f3c1d2e4f", ("52:54:00:aa:00:01",)
    )
    metadata = importlib.import_module(f"{_UTILS}._virt.metadata")
    platform = importlib.import_module(f"{_UTILS}._virt.capabilities").Platform("kvm")
    domain = importlib.import_module("bench.simulated").report(1, 1)["domains"][0]["xml"]
    template = importlib.import_module(f"{_UTILS}._appliance.template").make_template(domain)
    volume = metadata.VolumeRef("default", "web-1.vda.qcow2")
    overlay = model.Overlay("vda", volume, "/pool/web-1", "qcow2", 1, "/base", "qcow2", 1, 1)
    labels = metadata.Metadata(fleet="web", appliance="web:1", parent="web:1", volumes=(volume,))

    def make_clones() -> None:
        for number in range(clones):
            rewrite.make_clone_xml(
                template,
                f"web-{number}",
                identity,
                {"vda": overlay},
                labels,
                platform,
                model.Overrides(),
            )

    return make_clones


def _prepare_forecast(slots: int) -> Work:
    blend = importlib.import_module(f"{_UTILS}._forecast.blend").Blend()
    series = importlib.import_module(f"{_UTILS}._demand.series").Series
    source = random.Random(7)  # noqa: S311  # reproducible, not secret
    known = 300
    values = tuple(source.uniform(4, 9) for _slot in range(known + slots))
    _forecasts, state = blend.resume(series(300, 0, values[:known]), 12)

    def go_on() -> None:
        kept = state
        for slot in range(known + 1, known + slots + 1):
            _forecasts, kept = blend.resume(series(300, 0, values[:slot]), 12, state=kept)

    return go_on


def _validate(module: types.ModuleType, options: dict[str, t.Any]) -> dict[str, t.Any]:
    result = ArgumentSpecValidator(module.ARGUMENTS.options).validate(options)
    assert not result.error_messages, result.error_messages
    return dict(result.validated_parameters)


HOT_PATHS: t.Final = (
    HotPath("statistics", "guest", _prepare_statistics, 10, 500, 17_500),
    HotPath("inventory", "guest", _prepare_inventory, 10, 500, 3_500),
    HotPath("a drain's plan", "guest", _prepare_drain, 10, 100, 5_500),
    HotPath("plans for fleets", "fleet", _prepare_plans, 2, 10, 2_600_000),
    HotPath("XML of clones", "clone", _prepare_clones, 2, 50, 900),
    HotPath("a forecast that goes on", "slot", _prepare_forecast, 2, 8, 136_000),
)
