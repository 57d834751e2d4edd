# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``draw``: charts of values over time as SVG, drawn here by pygal, so that a page needs no script. Pure.

``split_at_gaps``, ``draw_steps`` and ``outline_band`` make its lines. A ``Reading`` is what a pointer over the chart
is told.

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
_DAY: t.Final = 86_400
_EPOCH: t.Final = dt.date(1970, 1, 1)
# A space as wide as a figure. Four significant digits, a sign and a point take six letters.
_FIGURE_SPACE: t.Final = "\u2007"
_LABEL_LETTERS: t.Final = 6
# As many columns as a pointer can tell apart on the wide chart, each some 10 pixels.
_MOST_READINGS: t.Final = 96
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


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a browser shows of a moment under the pointer; where there are too many, that of the highest value stays."""

    moment: float
    value: float
    text: str


@dataclasses.dataclass(frozen=True)
class Axis:
    """The time that a chart covers, which the clocks of ``zone`` tell."""

    first: float
    last: float
    zone: dt.tzinfo = dt.timezone.utc


def require_pygal() -> None:
    """Raise MissingDependency unless charts can be drawn."""
    if PYGAL_IMPORT_ERROR is not None:
        raise MissingDependency(
            f"{missing_required_lib('pygal', url='https://www.pygal.org')} It is needed on the controller, where the "
            "report is made (Debian and Fedora: python3-pygal).",
            import_traceback=PYGAL_IMPORT_ERROR,
            library="pygal",
        )


def draw(
    title: str, lines: t.Sequence[Line], axis: Axis, readings: t.Sequence[Reading] = ()
) -> dict[str, str]:
    """Return the chart as SVG for each of SIZES; an empty text where there is nothing to draw.

    ``readings`` are in the wide one only: a finger hovers over nothing.
    """
    return {
        size: _draw(
            _Chart(
                title,
                size,
                [_thin(line, _MOST_POINTS[size]) for line in lines],
                axis,
                _thin_readings(readings) if size == "wide" else (),
            )
        )
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


@dataclasses.dataclass(frozen=True)
class _Chart:
    title: str
    size: str
    lines: t.Sequence[Line]
    axis: Axis
    readings: t.Sequence[Reading]


def _thin_readings(readings: t.Sequence[Reading]) -> list[Reading]:
    size = -(-len(readings) // _MOST_READINGS) or 1
    return [
        max(readings[first : first + size], key=lambda reading: reading.value)
        for first in range(0, len(readings), size)
    ]


def _draw(spec: _Chart) -> str:
    parts = itertools.chain.from_iterable(line.stretches for line in spec.lines)
    moments = {moment for moment, _unused in itertools.chain.from_iterable(parts)}
    if len(moments) < 2:
        return ""
    axis = spec.axis
    chart = _prepare(spec.size, (0, _find_highest(spec.lines)), axis)
    roles: list[str] = []
    for line in spec.lines:
        for part in line.stretches:
            chart.add(
                None, [(_read_moment(moment), value) for moment, value in part], fill=line.filled
            )
            roles.append(line.role)
    chart.add_xml_filter(lambda root: _adapt(root, spec.title, roles))
    chart.add_xml_filter(lambda root: _add_readings(root, chart.view, spec.readings))
    return _LONG_DECIMAL.sub(r"\1", chart.render(is_unicode=True))


def _prepare(size: str, values: tuple[float, float], axis: Axis) -> t.Any:
    """Return an empty chart of pygal's with its axes."""
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
        range=values,
        xrange=(_read_moment(axis.first), _read_moment(axis.last)),
        value_formatter=_format_label,
    )
    chart.x_labels = [_read_moment(moment) for moment in choose_ticks(axis, _LABELS[size])]
    label = _choose_label(axis.last - axis.first)
    # pygal hands in a moment in UTC that does not say so
    chart.x_value_formatter = lambda moment: label(
        moment.replace(tzinfo=dt.timezone.utc).astimezone(axis.zone)
    )
    return chart


def _format_label(value: float) -> str:
    """Return a label as wide as those of other charts, so that one below another has the same axis of time."""
    return format_number(value).rjust(_LABEL_LETTERS, _FIGURE_SPACE)


def _find_highest(lines: t.Sequence[Line]) -> float:
    parts = itertools.chain.from_iterable(line.stretches for line in lines)
    highest = max(value for _unused, value in itertools.chain.from_iterable(parts))
    return max(highest, 0.0) * 1.05 or 1.0


def choose_ticks(axis: Axis, most: int) -> list[float]:
    """Return at most about ``most`` moments within the axis at which clocks there show something round."""
    length = axis.last - axis.first
    step = next((step for step in _STEPS if length / step <= most), _STEPS[-1])
    days = range(-1, int(length // _DAY) + 2)
    start = dt.datetime.fromtimestamp(axis.first, axis.zone).date()
    moments: set[float] = set()
    for day in (start + dt.timedelta(days=count) for count in days):
        if step <= _DAY or (day - _EPOCH).days % (step // _DAY) == 0:
            moments.update(_list_moments(day, min(step, _DAY), axis.zone))
    return sorted(moment for moment in moments if axis.first <= moment <= axis.last) or [axis.first]


def _list_moments(day: dt.date, step: int, zone: dt.tzinfo) -> t.Iterator[float]:
    """Yield the moments of a day every ``step`` seconds of its clocks, both where they show the same twice."""
    midnight = dt.datetime.combine(day, dt.time(), zone)
    for seconds, fold in itertools.product(range(0, _DAY, step), (0, 1)):
        moment = (midnight + dt.timedelta(seconds=seconds)).replace(fold=fold)
        yield moment.timestamp()


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


def _add_readings(root: t.Any, view: t.Any, readings: t.Sequence[Reading]) -> t.Any:
    """Lay a column over the plot for each reading, whose title the browser shows under the pointer."""
    plot = next((node for node in root.iter() if node.get("class") == "plot"), None)
    if plot is None or not readings:
        return root
    edges = [view.x(reading.moment) for reading in readings]
    bounds = [(before + after) / 2 for before, after in zip(edges, edges[1:])]
    # half a column more at both ends, as far as the plot goes
    first = max(0.0, 2 * edges[0] - bounds[0]) if bounds else 0.0
    last = min(view.width, 2 * edges[-1] - bounds[-1]) if bounds else view.width
    for reading, begin, end in zip(readings, [first, *bounds], [*bounds, last]):
        place = {"x": begin, "y": 0, "width": max(end - begin, 1.0), "height": view.height}
        attributes = {name: f"{value:.1f}" for name, value in place.items()}
        column = plot.makeelement("rect", {**attributes, "class": "reading"})
        title = column.makeelement("title", {})
        title.text = reading.text
        column.append(title)
        plot.append(column)
    return root
