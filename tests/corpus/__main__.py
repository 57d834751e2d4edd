# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`PYTHONPATH=tests python3 -m corpus` prints two clones of each machine as JSON, for a host without KVM to define."""

from __future__ import annotations

import importlib
import json
import sys

from tools.checkout import collections_path


def main() -> None:
    """Print `{situation: [XML, XML]}` of what can be cloned and run on the lab's hosts."""
    sys.path.append(str(collections_path()))
    clones, situations = (
        importlib.import_module(f"corpus.{name}") for name in ("clones", "domains")
    )
    platform = clones.Platform("qemu", emulated_cpu=True)
    texts = {
        situation.name: [clones.make_clone(situation.text, number, platform) for number in (1, 2)]
        for situation in situations.SITUATIONS
        if not situation.refused and not situation.only_on_paper
    }
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main()
