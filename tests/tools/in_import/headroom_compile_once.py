# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have ansible-test's import test compile a file once for all who import it. See tools/ansible_test.py.

It imports each of our files in turn, and forgets all of ours and of Ansible's after each: what one of them imports was
compiled again for the next. It still runs anew for each.
"""
# No "from __future__ import": what others compile with the features of their own file would have ours.

import builtins
import typing as t

_compile = builtins.compile
_codes: t.Any = {}


def compile_once(
    source: t.Any,
    filename: t.Any,
    mode: str,
    flags: int = 0,
    dont_inherit: bool = False,
    *more: t.Any,
    **options: t.Any,
) -> t.Any:
    """Stand in for ``compile``; what imports a file asks for its code by a text or bytes, and for nothing else."""
    if not dont_inherit or not isinstance(source, (str, bytes)):
        return _compile(source, filename, mode, flags, dont_inherit, *more, **options)
    key = (source, str(filename), mode, flags, more, tuple(sorted(options.items())))
    if key not in _codes:
        _codes[key] = _compile(source, filename, mode, flags, dont_inherit, *more, **options)
    return _codes[key]


builtins.compile = compile_once
