# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""ISO images in memory; the only file that needs pycdlib.

A library, not a program such as xorriso: the module may run anywhere that reaches the host, and what a seed says may be
secret and needs to lie in no temporary file.
"""

from __future__ import annotations

import io
import traceback
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency

PYCDLIB_IMPORT_ERROR: str | None = None
try:
    import pycdlib
except ImportError:
    PYCDLIB_IMPORT_ERROR = traceback.format_exc()
    pycdlib = t.cast(t.Any, None)


def require_pycdlib() -> None:
    """Raise MissingDependency unless images can be made."""
    if PYCDLIB_IMPORT_ERROR is not None:
        raise MissingDependency(
            f"{missing_required_lib('pycdlib', reason='to make the seed of cloud-init')}. It is packaged as: Debian, "
            "Ubuntu and Fedora: python3-pycdlib; PyPI: pycdlib.",
            import_traceback=PYCDLIB_IMPORT_ERROR,
            library="pycdlib",
        )


def make_image(label: str, files: t.Mapping[str, bytes]) -> bytes:
    """Return an ISO 9660 image, with Joliet and Rock Ridge names, whose top folder holds ``files``."""
    require_pycdlib()
    disc = pycdlib.PyCdlib()
    disc.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=label)
    for number, (name, content) in enumerate(sorted(files.items())):
        disc.add_fp(
            io.BytesIO(content),
            len(content),
            f"/FILE{number}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
        )
    written = io.BytesIO()
    disc.write_fp(written)
    disc.close()
    return written.getvalue()
