# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that say how the members of a fleet are looked after."""

from __future__ import annotations


class ModuleDocFragment:
    """The ``headroom.libvirt.upkeep`` fragment: ``health``; with ``.ROLLOUT``, the version and the way to another."""

    DOCUMENTATION = r"""
options:
  health:
    description:
      - How a member of the fleet shows that it serves. It is asked from its host, all members side by side, at the
        address that the inventory would find for it.
      - What libvirt itself knows counts whatever is asked, so that V({}) is a check too. A member that is paused by an
        I/O error, whose kernel has panicked or that has crashed is unhealthy at once; one whose QEMU does not answer
        hangs.
      - Without it, a member counts as long as it runs.
    type: dict
    suboptions:
      port:
        description:
          - The TCP port that has to be open.
        type: int
      path:
        description:
          - The path for which a service on O(health.port) has to answer with a status below 400.
        type: str
      scheme:
        description:
          - How it is asked. Certificates are not checked, as none names the address of a clone.
        type: str
        choices: [http, https]
        default: http
      agent:
        description:
          - Whether the guest agent has to answer.
        type: bool
        default: false
      timeout:
        description:
          - How many seconds an answer may take.
        type: float
        default: 5.0
      failures:
        description:
          - So many checks in a row have to fail, one a run, before a member is unhealthy.
        type: int
        default: 2
      grace:
        description:
          - For so many seconds after it was made, woken or put into service, a member that has not passed yet is waited
            for. It does not count meanwhile.
        type: int
        default: 120
      max_unhealthy:
        description:
          - So many members, or such a share of them, may be unhealthy at once. With more none is replaced, since a
            broken check, a cut network or a storage that fails looks like this, and the alert says so.
          - The same goes for a check that no member has ever passed.
        type: str
        default: 50%
"""

    ROLLOUT = r"""
options:
  rollout:
    description:
      - How members come to another version of the appliance. A new one has to serve before an old one goes for it, and
        the fleet never gets smaller than the forecast asks for.
      - A version of which more than O(rollout.max_failures) members fail their health check, or do not come into
        service within two intervals, is returned from by itself. It is not tried again before the fleet has asked for
        another version.
    type: dict
    suboptions:
      surge:
        description:
          - So many machines, or such a share of the fleet, may there be beyond what is needed. V(100%) makes all new
            ones before an old one goes.
        type: str
        default: '1'
      canary:
        description:
          - So many members, or such a share of them, come first, and nothing more is rolled before they have served for
            O(rollout.bake) seconds. V(0) does without.
        type: str
        default: '1'
      bake:
        description:
          - For so many seconds a new member has to serve before an old one goes for it.
        type: int
        default: 300
      at:
        description:
          - V(trough) rolls only while demand is among the lowest of the day, and is not expected to rise soon.
        type: str
        choices: [now, trough]
        default: now
      max_failures:
        description:
          - So many members of the new version may fail.
        type: int
        default: 0
      state:
        description:
          - With V(paused) nothing is rolled, and the fleet grows by members of the version that it had. One that fails
            is returned from all the same.
        type: str
        choices: [active, paused]
        default: active
"""
