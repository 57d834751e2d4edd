# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``draw``: charts of values over time as SVG, drawn here by pygal, so that a page needs no script. Pure.

``split_at_gaps``, ``draw_steps`` and ``outline_band`` make its lines.

Colours are the page's: what a line is for becomes its class, and the style sheet does the rest, light or dark.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
import sys
import traceback
import typing as t

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import MissingDependency
from ansible_collections.headroom.libvirt.plugins.module_utils._text import format_number

PYGAL_IMPORT_ERROR: str | None = None
try:
    import pygal
except ImportError:
    PYGAL_IMPORT_ERROR = traceback.format_exc()
    pygal = t.cast(t.Any, None)
else:
    # pygal's finder of map plugins is of a kind that importlib gave up, and whoever asks all finders stumbles over it.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

Point = tuple[float, float]
# A wide one and one for phones: text does not shrink with the picture.
SIZES: t.Final = {"wide": (1040, 220), "narrow": (340, 190)}
_MOST_POINTS: t.Final = {"wide": 360, "narrow": 120}
_LABELS: t.Final = {"wide": 8, "narrow": 4}
_STEPS: t.Final = (
    300,
    900,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
    86_400,
    172_800,
    604_800,
    1_209_600,
    2_592_000,
)
_LONG_DECIMAL: t.Final = re.compile(r"(\d+\.\d)\d+")


@dataclasses.dataclass(frozen=True)
class Line:
    """A line for ``role``, its class in the style sheet: stretches of (time, value) with gaps between them.

    An ``angular`` one is drawn with all its points.
    """

    role: str
    stretches: t.Sequence[t.Sequence[Point]]
    filled: bool = False
    angular: bool = False


def require_pygal() -> None:
    """Raise MissingDependency unless charts can be drawn."""
    if PYGAL_IMPORT_ERROR is not None:
        raise MissingDependency(
            f"{missing_required_lib('pygal', url='https://www.pygal.org')} It is needed on the controller, where the "
            "report is made (Debian and Fedora: python3-pygal).",
            import_traceback=PYGAL_IMPORT_ERROR,
            library="pygal",
        )


def draw(title: str, lines: t.Sequence[Line], span: tuple[float, float]) -> dict[str, str]:
    """Return the chart of the time ``span`` as SVG for each of SIZES; an empty text where there is nothing to draw."""
    return {
        size: _draw(title, size, [_thin(line, _MOST_POINTS[size]) for line in lines], span)
        for size in SIZES
    }


def split_at_gaps(points: t.Iterable[tuple[float, float | None]]) -> list[list[Point]]:
    """Return the points in parts, cut where a value is not known."""
    parts: list[list[Point]] = [[]]
    for moment, value in points:
        if value is not None:
            parts[-1].append((moment, value))
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if part]


def draw_steps(points: t.Sequence[Point]) -> list[Point]:
    """Return the corners of a line that stays at each value until the next."""
    corners = list(points[:1])
    for (_unused, before), (moment, value) in zip(points, points[1:]):
        if value != before:
            corners += [(moment, before), (moment, value)]
    return corners + list(points[-1:])


def outline_band(points: t.Sequence[tuple[float, float, float]]) -> list[Point]:
    """Return the outline of what lies between the second and the third value of each point."""
    lower = [(moment, low) for moment, low, _unused in points]
    return [(moment, high) for moment, _unused, high in points] + lower[::-1]


def _thin(line: Line, most: int) -> Line:
    """Return at most about ``most`` points of a curve; of neighbours the highest stays, for peaks are what counts."""
    count = sum(map(len, line.stretches))
    if line.angular or count <= most:
        return line
    size = -(-count // most)
    return dataclasses.replace(
        line, stretches=[_keep_highest(part, size) for part in line.stretches]
    )


def _keep_highest(part: t.Sequence[Point], size: int) -> list[Point]:
    return [
        max(part[first : first + size], key=lambda point: point[1])
        for first in range(0, len(part), size)
    ]


def _draw(title: str, size: str, lines: t.Sequence[Line], span: tuple[float, float]) -> str:
    parts = itertools.chain.from_iterable(line.stretches for line in lines)
    moments = {moment for moment, _unused in itertools.chain.from_iterable(parts)}
    if len(moments) < 2:
        return ""
    width, height = SIZES[size]
    chart = pygal.DateTimeLine(
        width=width,
        height=height,
        css=[],
        js=[],
        show_dots=False,
        show_legend=False,
        disable_xml_declaration=True,
        margin=6,
        margin_right=30,
        truncate_label=-1,
        min_scale=3,
        max_scale=5,
        range=(0, _find_highest(lines)),
        xrange=tuple(map(_read_moment, span)),
        y_value_formatter=format_number,
        value_formatter=format_number,
    )
    chart.x_labels = [_read_moment(moment) for moment in _choose_ticks(*span, _LABELS[size])]
    chart.x_value_formatter = _choose_label(span[1] - span[0])
    roles: list[str] = []
    for line in lines:
        for part in line.stretches:
            chart.add(
                None, [(_read_moment(moment), value) for moment, value in part], fill=line.filled
            )
            roles.append(line.role)
    chart.add_xml_filter(lambda root: _adapt(root, title, roles))
    return _LONG_DECIMAL.sub(r"\1", chart.render(is_unicode=True))


def _find_highest(lines: t.Sequence[Line]) -> float:
    parts = itertools.chain.from_iterable(line.stretches for line in lines)
    highest = max(value for _unused, value in itertools.chain.from_iterable(parts))
    return max(highest, 0.0) * 1.05 or 1.0


def _choose_ticks(first: float, last: float, most: int) -> list[float]:
    step = next((step for step in _STEPS if (last - first) / step <= most), _STEPS[-1])
    start = -(-first // step) * step
    return [start + index * step for index in range(int((last - start) // step) + 1)] or [first]


def _read_moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def _choose_label(length: float) -> t.Callable[[dt.datetime], str]:
    if length > 3 * 86_400:
        return lambda moment: f"{moment.day} {moment:%b}"
    if length > 86_400:
        return lambda moment: f"{moment.day} {moment:%b}" if moment.hour == 0 else f"{moment:%H:%M}"
    return lambda moment: f"{moment:%H:%M}"


def _adapt(root: t.Any, title: str, roles: t.Sequence[str]) -> t.Any:
    """Take out what belongs to pygal's own page, its styles and script, and give each line the class of its role."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in (
                "script",
                "style",
                "defs",
                "title",
            ):
                parent.remove(child)
    root.attrib.pop("id", None)
    root.attrib.update({"class": "chart", "role": "img", "aria-label": title})
    for group in root.iter():
        names = str(group.get("class", "")).split()
        if names[:1] == ["series"] and len(names) > 1:
            group.set("class", f"series {roles[int(names[1].rpartition('-')[2])]}")
    return root
