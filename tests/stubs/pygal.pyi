# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What of pygal is used here; the library has no types of its own.

import datetime as dt
import typing as t

class DateTimeLine:
    x_labels: t.Sequence[dt.datetime]
    x_value_formatter: t.Callable[[dt.datetime], str]
    def __init__(self, **config: t.Any) -> None: ...
    def add(
        self, title: str | None, values: t.Sequence[tuple[dt.datetime, float]], *, fill: bool
    ) -> None: ...
    def add_xml_filter(self, callback: t.Callable[[t.Any], t.Any]) -> None: ...
    def render(self, *, is_unicode: bool) -> str: ...
