# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import http.server
import io
import json
import math
import ssl
import threading
import typing as t
import zlib
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._demand import prometheus
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.prometheus import (
    Prometheus,
    check_server,
    fetch,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ConnectionFailed,
    HeadroomError,
    InvalidInput,
    InvalidSecret,
    TimedOut,
)

SERVER = Prometheus("http://prometheus.example:9090/", "sum(up)", {"X-Scope": 7})


def matrix(*series: list[tuple[float, str]]) -> bytes:
    result = [{"metric": {}, "values": values} for values in series]
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": result}}
    ).encode()


class Answers:
    """Stands for the way to a server: each call takes the next answer, or raises it."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self._answers = iter(answers)
        self.calls: list[tuple[str, dict[str, t.Any]]] = []

    def __call__(self, url: str, **options: t.Any) -> io.BytesIO:
        self.calls.append((url, options))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Answers]:
    def prepare(*given: bytes | Exception) -> Answers:
        way = Answers(*given)
        monkeypatch.setattr(prometheus, "open_url", way)
        return way

    return prepare


def test_gaps_and_what_is_no_number_are_missing_and_never_zero(
    answers: t.Callable[..., Answers],
) -> None:
    way = answers(matrix([(1000, "5"), (1300, "NaN"), (1600, "+Inf"), (2200, "0")]))
    samples = fetch(SERVER, 2500.0, 300, 1500)
    assert [(one.timestamp, one.value) for one in samples] == [
        (1000, 5),
        (1300, None),
        (1600, None),
        (1900, None),
        (2200, 0),
        (2500, None),
    ]
    assert all(one.fleet_wide for one in samples)
    assert [one.reason and one.reason.rpartition(" of then")[2] for one in samples] == [
        None,
        ", but NaN or infinity",
        ", but NaN or infinity",
        "",
        None,
        "",
    ]
    ((url, options),) = way.calls
    assert url == "http://prometheus.example:9090/api/v1/query_range"
    assert parse_qs(options["data"])["start"] == ["1000.000"]
    assert options["headers"]["X-Scope"] == "7"


def test_no_series_is_missing_data(answers: t.Callable[..., Answers]) -> None:
    answers(matrix())
    assert [one.value for one in fetch(SERVER, 600.0, 300, 600)] == [None, None, None]


def test_a_long_window_is_asked_for_in_parts(answers: t.Callable[..., Answers]) -> None:
    way = answers(*[matrix()] * 3)
    samples = fetch(SERVER, 90 * 86_400.0, 300, 90 * 86_400)
    assert len(samples) == 90 * 288 + 1
    assert len({one.timestamp for one in samples}) == len(samples)
    assert len(way.calls) == 3


def refused(code: int, body: bytes) -> HTTPError:
    return HTTPError("http://prometheus.example", code, "No", Message(), io.BytesIO(body))


class Cut(io.BytesIO):
    """The body of an answer whose connection is reset before it has arrived."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise ConnectionResetError(104, "reset")


def cut_off(code: int) -> HTTPError:
    return HTTPError("http://prometheus.example", code, "No", Message(), Cut())


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (matrix([(1, "1")], [(1, "2")]), InvalidInput, "yields 2 series. Wrap it in sum"),
        (matrix([(1, "-1")]), InvalidInput, "yields -1 at 1, which is not a demand"),
        (b'{"data": {"resultType": "string", "result": []}}', InvalidInput, "yields a string"),
        (b"<html>", ConnectionFailed, "is not Prometheus: '<html>'"),
        (b"[]", ConnectionFailed, "is not Prometheus"),
        (matrix([(1, "x")]), ConnectionFailed, "is not Prometheus"),
        (matrix([(math.nan, "1")]), ConnectionFailed, "is not Prometheus"),
        (matrix([(math.inf, "1")]), ConnectionFailed, "is not Prometheus"),
        (matrix([(10**400, "1")]), ConnectionFailed, "is not Prometheus"),
        (EOFError("Compressed file ended"), ConnectionFailed, "cannot be reached: Compressed file"),
        (zlib.error("invalid code lengths set"), ConnectionFailed, "cannot be reached: invalid"),
        (
            refused(400, b'{"error": "parse error: unclosed"}'),
            InvalidInput,
            "refused: parse error: unclosed",
        ),
        (refused(422, b"<html>"), ConnectionFailed, "answered 422"),
        (
            refused(503, b'{"errorType": "timeout", "error": "query timed out"}'),
            TimedOut,
            "within 10 s",
        ),
        (refused(503, b'{"error": "too many"}'), ConnectionFailed, "answered 503 No: too many."),
        (refused(400, b"[1]"), ConnectionFailed, "answered 400"),
        (b'{"status": "error", "error": "no org id"}', ConnectionFailed, "failed: no org id"),
        (cut_off(400), ConnectionFailed, "answered 400"),
        (refused(401, b""), ConnectionFailed, "Look at prometheus.headers"),
        (refused(302, b""), ConnectionFailed, "answered 302"),
        (TimeoutError("timed out"), TimedOut, "within 10 s .prometheus.timeout."),
        (URLError(TimeoutError("timed out")), TimedOut, "within 10 s"),
        (URLError(ssl.SSLError("self-signed")), ConnectionFailed, "prometheus.ca"),
        (ssl.SSLError("unknown authority"), ConnectionFailed, "prometheus.ca"),
        (URLError(ConnectionRefusedError(111, "refused")), ConnectionFailed, "cannot be reached"),
        (ConnectionResetError(104, "reset"), ConnectionFailed, "cannot be reached"),
        (http.client.IncompleteRead(b"{"), ConnectionFailed, "cannot be reached"),
    ],
)
def test_what_goes_wrong_is_explained(
    answers: t.Callable[..., Answers],
    answer: bytes | Exception,
    error: type[HeadroomError],
    words: str,
) -> None:
    answers(answer)
    with pytest.raises(error, match=words):
        fetch(SERVER, 600.0, 300, 600)


@pytest.mark.parametrize(
    ("server", "option"),
    [
        (Prometheus("prometheus:9090", "up"), "prometheus.url"),
        (Prometheus("file:///etc/passwd", "up"), "prometheus.url"),
        (Prometheus("http://a", " "), "prometheus.query"),
        (Prometheus("http://a", "up", timeout=0), "prometheus.timeout"),
    ],
)
def test_options_that_cannot_be_used_are_named(server: Prometheus, option: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_server(server)
    assert caught.value.details["option"] == option


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer s3cr3t-t0ken\n"),
        ("Authorization", "s3cr3t-t0ken\r\nX-Other: 1"),
        ("Authorization", " s3cr3t-t0ken"),
        ("Authorization", "s3cr3t-t0ken\x00"),
        ("X-Token", "s3cr3t-t0ken\N{EURO SIGN}"),
        ("X-Token", ["s3cr3t-t0ken"]),
        ("X-Token", None),
        ("X Token", "s3cr3t-t0ken"),
        ("", "s3cr3t-t0ken"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(name: str, value: t.Any) -> None:
    with pytest.raises(InvalidSecret) as refusal:
        check_server(Prometheus("http://p", "up", {name: value}))
    assert refusal.value.details["option"].startswith("prometheus.headers")
    assert "s3cr3t" not in f"{refusal.value.message} {refusal.value.as_result()}"
    assert refusal.value.as_result()["kind"] == "invalid_input"


@pytest.mark.parametrize(
    "url",
    [
        "http://p:port",
        "http://[::1",
        "http://p\n",
        "http://p:0",
        "http://me:s3cr3t@p:port",
        "http://p/?token=s3cr3t",
        "http://p/#top",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"prometheus\.url") as refusal:
        check_server(Prometheus(url, "up"))
    assert "s3cr3t" not in refusal.value.message


def test_no_error_tells_the_password_of_an_address(answers: t.Callable[..., Answers]) -> None:
    """S15: the address is no secret as a whole, so nobody hides it on the way out."""
    server = Prometheus("http://me:s3cr3t@p:9090", "up")
    for answer in (
        refused(401, b""),
        TimeoutError(),
        ssl.SSLError("unknown"),
        ConnectionResetError(104, "reset"),
    ):
        answers(answer)
        with pytest.raises(HeadroomError, match="p:9090") as refusal:
            fetch(server, 600.0, 300, 600)
        assert "s3cr3t" not in refusal.value.message


def test_a_partial_answer_is_missing_data_and_a_remark_is_not(
    answers: t.Callable[..., Answers],
) -> None:
    content = json.loads(matrix([(300, "400"), (600, "400")]))
    remark = "PromQL info: metric might not be a counter, name does not end in _total: x"
    partial: list[tuple[dict[str, t.Any], str]] = [
        ({"warnings": ["fetch series for store eu-2: Unavailable"]}, "eu-2: Unavailable"),
        ({"warnings": [remark, "store eu-3: EOF"], "infos": []}, "not whole: store eu-3: EOF"),
        ({"warnings": ["PromQL warning: a mix of histograms and floats"]}, "a mix of"),
        ({"isPartial": True}, "partial"),
    ]
    for more, words in partial:
        answers(json.dumps({**content, **more}).encode())
        rows = fetch(SERVER, 600.0, 300, 300)
        assert [row.value for row in rows] == [None, None]
        assert all(words in (row.reason or "") for row in rows)
    for more in (
        {"infos": [remark]},
        {"warnings": [remark]},
        {"isPartial": False, "warnings": None},
    ):
        answers(json.dumps({**content, **more}).encode())
        rows = fetch(SERVER, 600.0, 300, 300)
        assert [(row.value, row.reason) for row in rows] == [(400, None), (400, None)]


def test_what_is_left_of_floats_is_zero() -> None:
    assert prometheus.parse(matrix([(1, "-1.1102230246251565e-16"), (2, "3")]), "q") == [
        (1.0, 0.0),
        (2.0, 3.0),
    ]


def test_noise_is_measured_by_the_largest_number_and_the_impossible_is_refused() -> None:
    assert prometheus.parse(matrix([(1, "-0.0002"), (2, "4e9")]), "q")[0] == (1.0, 0.0)
    with pytest.raises(InvalidInput, match=r"yields -0\.0002 at 1, which is not a demand"):
        prometheus.parse(matrix([(1, "-0.0002"), (2, "40")]), "q")
    with pytest.raises(InvalidInput, match=r"yields 1\.7e\+308 at 2, .* no more than 1e\+22"):
        prometheus.parse(matrix([(1, "3"), (2, "1.7e308")]), "q")


def test_histograms_are_the_query_and_nesting_is_no_prometheus() -> None:
    content = {"data": {"resultType": "matrix", "result": [{"histograms": [[1, {"count": "12"}]]}]}}
    with pytest.raises(InvalidInput, match="yields native histograms"):
        prometheus.parse(json.dumps(content).encode(), "q")
    for nonsense in (
        b"[" * 100_000,
        b'{"data": {"resultType": "matrix", "result": [[]]}}',
        b"\xff",
    ):
        with pytest.raises(ConnectionFailed, match="is not Prometheus"):
            prometheus.parse(nonsense, "q")


@pytest.mark.parametrize(("timeout", "sent"), [(2.5, "2.5"), (10.0, "10"), (0.25, "0.25")])
def test_the_timeout_is_sent_in_seconds_without_a_unit(
    answers: t.Callable[..., Answers], timeout: float, sent: str
) -> None:
    way = answers(matrix())
    fetch(Prometheus("http://p", "up", timeout=timeout), 600.0, 300, 300)
    assert parse_qs(way.calls[0][1]["data"])["timeout"] == [sent]


def test_a_window_of_more_intervals_than_a_history_has_is_refused(
    answers: t.Callable[..., Answers],
) -> None:
    way = answers()
    with pytest.raises(InvalidInput, match=r"window: 1000000000000 is 1000000000000 intervals of"):
        fetch(SERVER, 1e9, 1, 10**12)
    assert way.calls == []


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Sends whoever asks to another path, and keeps who asked for what."""

    def do_POST(self) -> None:
        t.cast("t.Any", self.server).requests.append((self.path, self.headers["Authorization"]))
        self.send_response(302)
        self.send_header("Location", f"http://{self.headers['Host']}/internal")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


def test_no_redirection_is_followed_and_no_netrc_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S12: a server would be given passwords that are for others, and whatever is asked of inner ones."""
    netrc = tmp_path / ".netrc"
    netrc.touch(mode=0o600)
    netrc.write_text("machine 127.0.0.1 login root password s3cr3t\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    server: t.Any = http.server.HTTPServer(("127.0.0.1", 0), Elsewhere)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with pytest.raises(ConnectionFailed, match="answered 302"):
            fetch(Prometheus(f"http://127.0.0.1:{server.server_port}", "up"), 600.0, 300, 600)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert server.requests == [("/api/v1/query_range", None)]
