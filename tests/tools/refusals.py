# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors as libvirt raises them, for what a real libvirt can't be made to refuse."""

from __future__ import annotations

import libvirt


def refusal(code: int, text: str = "refused", number: int = -1) -> libvirt.libvirtError:
    """Return the error of that code; ``number`` is the first of the two that libvirt has to spare."""
    error = libvirt.libvirtError(text)
    vars(error)["err"] = (
        code,
        libvirt.VIR_FROM_QEMU,
        text,
        libvirt.VIR_ERR_ERROR,
        None,
        None,
        None,
        number,
        -1,
    )
    return error
