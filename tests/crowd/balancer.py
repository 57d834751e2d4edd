# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy before the fleet, on one of the lab's hosts."""

from __future__ import annotations

import csv
import dataclasses
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from crowd.stage import Stage

PLAYS = Path(__file__).parent / "plays"
_PORT = 8080


@dataclasses.dataclass(frozen=True)
class Balancer:
    """The balancer on `host`, whose name is its address in the lab."""

    stage: Stage
    host: str

    def set_up(self) -> None:
        """Start it, or start it anew, with no machine behind it."""
        self.stage.play(str(PLAYS / "balancer.yml"), balancer=self.host)

    @property
    def url(self) -> str:
        """Where visitors come to, as the lab's network reaches it."""
        return f"http://{self.stage.address(self.host)}:{_PORT}"

    @property
    def requests(self) -> int:
        """How many requests have come since it was started, answered or not."""
        return requests(self._ask("show stat web 1 -1"))

    @property
    def machines(self) -> dict[str, str]:
        """The addresses of the machines in service, by name."""
        return machines(self._ask("show servers state web"))

    def read_versions(self, machines: t.Mapping[str, str]) -> dict[str, str]:
        """Which version each of the machines, whose addresses these are, says that it is of."""
        asked = [
            f"echo {name} $(curl -s -m 5 --retry 2 -o /dev/null -w '%header{{X-Version}}' http://{address}/health)"
            for name, address in machines.items()
        ]
        lines = self.stage.ssh(self.host, "; ".join(asked) or "true").splitlines()
        return {name: version for name, _space, version in (line.partition(" ") for line in lines)}

    def _ask(self, command: str) -> str:
        return self.stage.ssh(self.host, f"echo '{command}' | socat - /run/haproxy/admin.sock")


def requests(stat: str) -> int:
    """The requests of the frontend in the CSV that `show stat` answers with."""
    (row,) = csv.DictReader(stat.lstrip("# ").strip().splitlines())
    return int(row["req_tot"])


def machines(state: str) -> dict[str, str]:
    """The servers and their addresses in what `show servers state` answers: a version, names of columns, rows."""
    _version, names, *rows = [line for line in state.splitlines() if line.strip()]
    columns = names.lstrip("# ").split()
    servers = (dict(zip(columns, row.split(), strict=False)) for row in rows)
    return {server["srv_name"]: server["srv_addr"] for server in servers}
