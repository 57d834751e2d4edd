# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""``fetch`` asks Prometheus for a fleet's demand: a range query, so that its history is there from the first run on.

``check_server`` comes before it.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import math
import re
import socket
import ssl
import typing as t
import zlib
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import ConnectionError as NoConnection
from ansible.module_utils.urls import SSLValidationError, open_url
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    InvalidInput,
    InvalidSecret,
    TimedOut,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._uris import mask_uri

from .amount import require_amount
from .series import Sample

_OPTION: t.Final = "prometheus"
# The server refuses a range of more than 11 000 points.
_MOST_POINTS: t.Final = 10_000
# Nine years of five minutes, as for any other history (_demand/series.py).
_MOST_SLOTS: t.Final = 1_000_000
# 10 000 points are about 300 kB; anything larger is not one series of numbers.
_MOST_BYTES: t.Final = 32 * 1024 * 1024
_SUM: t.Final = "Wrap it in sum(...), so that one number stands for the whole fleet."
_NUMBERS: t.Final = "Make numbers of them, with histogram_count(...) or histogram_sum(...)."
_NO_VALUE: t.Final = "Prometheus has no value of then"
_NO_NUMBER: t.Final = "Prometheus has no number of then, but NaN or infinity"
# https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview: infos, which are no warnings since 3.0.
_REMARK: t.Final = "PromQL info:"
_LONGEST_WARNING: t.Final = 200
_TRY: t.Final = "Try the query in Prometheus' own page."
# https://www.rfc-editor.org/rfc/rfc9110#name-field-names and -values: tokens, and no control characters but tabs.
# What comes of an answer that is JSON, and is shaped or sized as no answer of Prometheus is.
_STRANGE: t.Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
)
_HEADER_NAME: t.Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE: t.Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "url": {"type": "str", "required": True},
    "query": {"type": "str", "required": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "ca": {"type": "path"},
    "timeout": {"type": "float", "default": 10.0},
}


@dataclasses.dataclass(frozen=True)
class Prometheus:
    """Where to ask and what; ``ca`` is a file of certificates, ``timeout`` in seconds."""

    url: str
    query: str
    headers: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    ca: str | None = None
    timeout: float = 10.0


def check_server(server: Prometheus) -> Prometheus:
    """Return ``server``; raises InvalidInput and InvalidSecret for options that cannot be used."""
    _check_url(server.url)
    if not server.query.strip():
        raise InvalidInput(f"{_OPTION}.query", server.query, "is empty", "Write a query in PromQL.")
    check_positive(f"{_OPTION}.timeout", server.timeout, "seconds")
    for name, value in server.headers.items():
        _check_header(str(name), value)
    return server


def _check_url(url: str) -> None:
    try:
        address = urlsplit(url)
        usable = address.scheme in ("http", "https") and address.hostname and address.port != 0
        usable = usable and not (address.query or address.fragment)
    except ValueError:
        usable = False
    if not usable or any(character <= " " or character == "\x7f" for character in url):
        remedy = "Write the address of the server, for example https://prometheus.example:9090."
        raise InvalidInput(
            f"{_OPTION}.url", mask_uri(url), "is not the address of a server", remedy
        )


def _check_header(name: str, value: t.Any) -> None:
    option = f"{_OPTION}.headers"
    if not _HEADER_NAME.fullmatch(name):
        raise InvalidSecret(
            option,
            "has a name that is not one of a header",
            "Names consist of letters, digits and hyphens, such as Authorization.",
        )
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidSecret(f"{option}.{name}", "is not a text", "Write the header as a text.")
    text = str(value)
    if not _HEADER_VALUE.fullmatch(text):
        raise InvalidSecret(
            f"{option}.{name}",
            "has a line break, or another character that cannot be sent",
            "A token that is read from a file has a newline at its end: take it off with the filter `trim`.",
        )
    if text != text.strip():
        raise InvalidSecret(
            f"{option}.{name}",
            "begins or ends with white space",
            "Take it off with the filter `trim`.",
        )


def fetch(server: Prometheus, timestamp: float, interval: int, window: int) -> list[Sample]:
    """Return a sample for each interval of the last ``window`` seconds up to ``timestamp``, oldest first.

    What Prometheus does not know, and what is no number, is missing data. Raises ConnectionFailed, TimedOut, and
    InvalidInput for a query that is wrong or yields more than one series, and for a window of too many intervals.
    """
    count = max(1, window // interval)
    if count > _MOST_SLOTS:
        problem = (
            f"is {count} intervals of {interval} s, and more than {_MOST_SLOTS} are not asked for"
        )
        raise InvalidInput("window", window, problem, "Shorten window, or lengthen interval.")
    moments = [timestamp - back * interval for back in range(count, -1, -1)]
    samples: list[Sample] = []
    for first in range(0, len(moments), _MOST_POINTS):
        samples += _fetch_part(server, moments[first : first + _MOST_POINTS], interval)
    return samples


def _fetch_part(server: Prometheus, moments: list[float], interval: int) -> list[Sample]:
    parameters = {
        "query": server.query,
        "start": f"{moments[0]:.3f}",
        "end": f"{moments[-1]:.3f}",
        "step": str(interval),
        # Seconds without a unit: of a duration with one, Prometheus takes whole numbers only.
        "timeout": f"{server.timeout:f}".rstrip("0").rstrip("."),
    }
    answer = _ask(server, urlencode(parameters))
    points = parse(answer, server.query)
    steps = {round((moment - moments[0]) / interval): value for moment, value in points}
    warning = explain_partial(_load(answer)) if points else None
    samples: list[Sample] = []
    for index, moment in enumerate(moments):
        value = steps.get(index)
        reason = warning or (_NO_NUMBER if index in steps else _NO_VALUE)
        samples.append(
            Sample(moment, value, fleet_wide=True, reason=reason if value is None else None)
        )
    return samples


def parse(answer: bytes, query: str) -> list[tuple[float, float | None]]:
    """Return (time, value) of the answer's only series, None for what is no number; nothing if there is none.

    Where the server warns that it had no answer of all that it asks (explain_partial), no value is known: a part of a
    demand looks like one that fell, and which of the points are whole is not told.
    """
    content = _load(answer)
    try:
        points = _parse_content(content, query)
        return [(moment, None) for moment, _value in points] if explain_partial(content) else points
    except _STRANGE as error:
        raise _explain_stranger(answer) from error


def explain_partial(content: t.Mapping[str, t.Any]) -> str | None:
    """Return what a server says of the part that did not answer; None where its answer is whole.

    Thanos, Mimir, promxy and a Prometheus that reads from others put it into ``warnings``, VictoriaMetrics into
    ``isPartial``. The remarks of PromQL on how a query is written are among the warnings before Prometheus 3.0.
    """
    warnings = [
        warning for warning in content.get("warnings") or () if not str(warning).startswith(_REMARK)
    ]
    if warnings:
        return (
            f"Prometheus warned that its answer is not whole: {str(warnings[0])[:_LONGEST_WARNING]}"
        )
    return "Prometheus said that its answer is partial" if content.get("isPartial") else None


def _load(answer: bytes) -> t.Mapping[str, t.Any]:
    try:
        content = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise _explain_stranger(answer) from error
    if not isinstance(content, dict):
        raise _explain_stranger(answer)
    return content


def _parse_content(content: t.Any, query: str) -> list[tuple[float, float | None]]:
    if content.get("status", "success") != "success":
        raise ConnectionFailed(f"{_OPTION}.url: Prometheus failed: {content.get('error')}")
    data = content["data"]
    if data["resultType"] != "matrix":
        raise _explain_query(query, f"yields a {data['resultType']}", _SUM)
    series = data["result"]
    if len(series) > 1:
        raise _explain_query(query, f"yields {len(series)} series", _SUM)
    if series and "values" not in series[0] and "histograms" in series[0]:
        raise _explain_query(query, "yields native histograms, and no numbers", _NUMBERS)
    points = series[0]["values"] if series else []
    numbers = [float(text) for _moment, text in points]
    peak = max(filter(math.isfinite, numbers), default=0.0)
    return [
        (_read_moment(moment), _read_value(query, moment, number, peak))
        for (moment, _text), number in zip(points, numbers)
    ]


def _read_moment(moment: t.Any) -> float:
    """Return a time; raises ValueError for what is none."""
    seconds = float(moment)
    if not math.isfinite(seconds):
        raise ValueError(moment)
    return seconds


def _read_value(query: str, moment: float, number: float, peak: float) -> float | None:
    """Return a demand, None for what is no number: by NaN and infinity, PromQL says that there is nothing to divide."""
    if not math.isfinite(number):
        return None
    try:
        return require_amount(number, peak)
    except ValueError as error:
        problem = (
            f"yields {number:g} at {float(moment):.0f}, which is not a demand: it must be {error}"
        )
        raise _explain_query(query, problem, "Write a query that yields 0 or more.") from None


def _ask(server: Prometheus, form: str) -> bytes:
    try:
        with open_url(
            f"{server.url.rstrip('/')}/api/v1/query_range",
            method="POST",
            data=form,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                **_convert_headers(server.headers),
            },
            timeout=server.timeout,
            ca_path=server.ca,
            http_agent="headroom.libvirt",
            follow_redirects="none",
            use_netrc=False,
        ) as answer:
            return _check_size(answer.read(_MOST_BYTES + 1))
    except HTTPError as error:
        raise _explain_refusal(server, error) from error
    except (SSLValidationError, ssl.SSLError) as error:
        raise _explain_distrust(server, error) from error
    except (socket.timeout, TimeoutError) as error:
        raise _explain_timeout(server) from error
    except URLError as error:
        raise _explain_unreachable(server, error.reason) from error
    except (NoConnection, http.client.HTTPException, OSError, EOFError, zlib.error) as error:
        raise _explain_unreachable(server, error) from error


def _convert_headers(headers: t.Mapping[str, t.Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers.items()}


def _check_size(answer: bytes) -> bytes:
    if len(answer) > _MOST_BYTES:
        raise ConnectionFailed(
            f"{_OPTION}.url: the answer has more than {_MOST_BYTES} bytes. {_SUM}"
        )
    return answer


def _explain_refusal(server: Prometheus, error: HTTPError) -> Exception:
    """Prometheus says in JSON what is wrong with a query, and proxies before it say in HTML whatever they like."""
    kind, reason = read_refusal(_read_reason(error))
    if kind == "timeout":
        return _explain_timeout(server)
    if reason and error.code in (400, 422):
        return _explain_query(server.query, f"was refused: {reason}", _TRY)
    hint = " Look at prometheus.headers." if error.code in (401, 403) else ""
    said = f": {reason.rstrip('.')}" if reason else ""
    return ConnectionFailed(
        f"{_OPTION}.url: {mask_uri(server.url)} answered {error.code} {error.reason}{said}.{hint}"
    )


def read_refusal(content: bytes) -> tuple[str | None, str]:
    """Return the kind and the text of a refusal, as far as it is one of Prometheus. Pure."""
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        answer = json.loads(content)
        return answer.get("errorType"), str(answer.get("error") or "")
    return None, ""


def _read_reason(error: HTTPError) -> bytes:
    """Whoever refuses may hang up before what it says has arrived; that it refused is known all the same."""
    with contextlib.suppress(http.client.HTTPException, OSError):
        return error.read(4096)
    return b""


def _explain_stranger(answer: bytes) -> ConnectionFailed:
    return ConnectionFailed(
        f"{_OPTION}.url: the server that answered is not Prometheus: {_trim(answer)}"
    )


def _explain_unreachable(server: Prometheus, reason: object) -> Exception:
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return _explain_timeout(server)
    if isinstance(reason, ssl.SSLError):
        return _explain_distrust(server, reason)
    return ConnectionFailed(f"{_OPTION}.url: {mask_uri(server.url)} cannot be reached: {reason}")


def _explain_timeout(server: Prometheus) -> Exception:
    return TimedOut(
        f"{_OPTION}: {mask_uri(server.url)} did not answer within {server.timeout:g} s (prometheus.timeout)."
    )


def _explain_distrust(server: Prometheus, error: Exception) -> Exception:
    way_out = "Name the file of the authority that signed its certificate in prometheus.ca."
    return ConnectionFailed(
        f"{_OPTION}.ca: {mask_uri(server.url)} is not to be trusted: {error}. {way_out}"
    )


def _explain_query(query: str, problem: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{_OPTION}.query", query, problem, remedy)


def _trim(answer: bytes) -> str:
    return repr(answer[:80].decode("utf-8", "replace"))
