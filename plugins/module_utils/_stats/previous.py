# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``SampleFile``: the samples that the next run's rates are measured against; read before a reading, written after it.

They go with ``BootClock``, whose time goes on from run to run.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import InvalidInput
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    read_own,
    write_atomically,
)

from .rates import read_sample

if t.TYPE_CHECKING:
    from .sample import DomainSample

DEFAULT_PATH: t.Final = "/var/lib/headroom/samples.json"

_BOOT: t.Final = pathlib.Path("/proc/sys/kernel/random/boot_id")
_MODE: t.Final = 0o640  # names and paths of guests are nobody else's business


class BootClock:
    """Seconds since this machine has booted: they go on over runs, and nobody sets them."""

    def now(self) -> float:
        """Return seconds that only ever go forward, suspension included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        time.sleep(seconds)


@dataclasses.dataclass(frozen=True)
class SampleFile:
    """The file at ``path``: one sample of each domain of the host ``uri``, by a clock that began with ``boot``."""

    path: str
    uri: str
    boot: str

    def read(self) -> list[DomainSample]:
        """Return the samples; none if the file is missing, of another host, boot or format, or broken."""
        try:
            document = json.loads(read_own(self.path))
            if (document["uri"], document["boot"]) != (self.uri, self.boot):
                return []
            return list(filter(None, map(read_sample, document["samples"])))
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, KeyError, RecursionError):
            return []  # not a sample of this release: the next run has one
        except OSError as error:
            remedy = "Give the path of a file that this task wrote before, or of none."
            raise InvalidInput(
                "samples", self.path, f"cannot be read: {error.strerror}", remedy
            ) from error

    def write(self, samples: t.Iterable[DomainSample]) -> None:
        """Put ``samples`` in the place of those in the file; raises what write_atomically raises."""
        rows = [dataclasses.asdict(sample) for sample in samples]
        document = {"uri": self.uri, "boot": self.boot, "samples": rows}
        text = json.dumps(document, separators=(",", ":"))
        write_atomically("samples", self.path, text, _MODE)


def read_boot_id() -> str:
    """Return what tells this boot of the machine from every other."""
    return _BOOT.read_text(encoding="ascii").strip()
