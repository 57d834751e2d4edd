# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.02.09", "antsibull-nox", "ansible-core>=2.19"]
# ///

"""The checks that other collections have too, by antsibull-nox: `pipx run noxfile.py` or `uv run noxfile.py`.

`antsibull-nox.toml` says which. Neither root nor Debian packages are needed; `./dev test` is the whole.
"""

from __future__ import annotations

import antsibull_nox
import nox

antsibull_nox.load_antsibull_nox_toml()


@nox.session
def ruff(session: nox.Session) -> None:
    """Run ruff where its configuration is: antsibull-nox runs it in a copy, of whose paths that knows nothing."""
    session.install("ruff")
    session.run("ruff", "check")


if __name__ == "__main__":
    nox.main()
