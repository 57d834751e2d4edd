# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import base64
import contextlib
import io
import json
import subprocess
import sys
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible.module_utils.testing import patch_module_args
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import NotFound
from ansible_collections.headroom.libvirt.plugins.module_utils._interrupt import Stopped
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._secrets import (
    MASK,
    find_maskable,
    find_secrets,
    mask_options,
    scrub,
)

from tools.checkout import collections_path

OPTIONS: t.Final[dict[str, dict[str, t.Any]]] = {
    "uri": {"type": "str"},
    "server": {
        "type": "dict",
        "options": {"headers": {"type": "dict", "no_log": True}, "query": {"type": "str"}},
    },
    "user_data": {"type": "raw", "no_log": True},
    "rows": {"type": "list", "options": {"passphrase": {"type": "str", "no_log": True}}},
}

# Reads its options from what stands in for Ansible, and is handed one error or result after the other.
SECRET: t.Final = "s3cr3t-t0ken"  # noqa: S105
SPEC = ArgumentSpec(options={"headers": {"type": "dict", "no_log": True}})


# Raises, or returns, what the task asks for, as a library would.
PROGRAM = """
from ansible_collections.headroom.libvirt.plugins.module_utils import _argspec, _errors, _runner
spec = _argspec.ArgumentSpec(options={"headers": {"type": "dict", "no_log": True}, "raises": {"type": "bool"}})
def call(module):
    if not module.params["raises"]:
        return {"changed": False, "history": [12.5, 1, "10"], "text": " ".join(module.params["headers"].values())}
    try:
        raise KeyError(module.params["headers"])
    except KeyError as error:
        raise ValueError("Invalid header value %r" % module.params["headers"]["Authorization"].encode()) from error
_runner.run_module(spec, "ask", call)
"""


def run(**params: t.Any) -> dict[str, t.Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": ":".join([str(collections_path()), *sys.path])},
        input=json.dumps({"ANSIBLE_MODULE_ARGS": params}),
        capture_output=True,
        check=False,
        text=True,
    )
    assert "s3cr3t" not in done.stderr + done.stdout
    result: dict[str, t.Any] = json.loads(done.stdout)
    return result


def test_an_error_of_another_library_is_typed_and_scrubbed() -> None:
    result = run(headers={"Authorization": "Bearer s3cr3t-t0ken\n"}, raises=True)
    assert result["failed"]
    assert result["error"] == {"kind": "unexpected", "exception": "ValueError"}
    assert result["msg"].startswith("Failed to ask: ValueError: Invalid header value b'")
    assert result["invocation"]["module_args"]["headers"] == MASK


class Speechless(Exception):
    """Of a library that cannot say what went wrong."""

    def __str__(self) -> str:
        raise ValueError(SECRET)


def recurse() -> None:
    recurse()


def tell(call: t.Callable[[], t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return the result of a task that does ``call``; whatever happens in it, there is one, and no secret in it."""
    written = io.StringIO()
    with (
        patch_module_args({"headers": {"Authorization": f"Bearer {SECRET}"}}),
        contextlib.redirect_stdout(written),
        pytest.raises(SystemExit) as end,
    ):
        run_module(SPEC, "ask", lambda _module: call())
    text = written.getvalue()
    text.encode()
    assert SECRET not in text
    result: dict[str, t.Any] = json.loads(text)
    json.dumps(result, ensure_ascii=False).encode()
    assert end.value.code == (1 if result.get("failed") else 0)
    assert result["invocation"]["module_args"]["headers"] == MASK
    return result


def fail_by(error: BaseException) -> dict[str, t.Any]:
    def call() -> t.Mapping[str, t.Any]:
        error.__context__ = KeyError(SECRET)
        raise error

    return tell(call)


# Control characters, what no encoding has, and what ends a line, a text or a template.
ANYTHING = st.text(
    st.characters() | st.sampled_from("\udcff\ud800\x00\x1b\"'{%\n\u2028"), max_size=40
)
LIBRARY = [
    ValueError,
    KeyError,
    OSError,
    RuntimeError,
    AssertionError,
    RecursionError,
    StopIteration,
]


@given(st.sampled_from(LIBRARY), ANYTHING, ANYTHING, st.integers(0, 9000), st.booleans())
def test_whatever_a_library_raises_is_an_error_of_one_kind(
    kind: type[Exception], before: str, after: str, count: int, as_bytes: bool
) -> None:
    text = f"{before}{'x' * count}{SECRET}{after}"
    error = kind(text.encode("utf-8", "surrogatepass") if as_bytes else text)
    result = fail_by(error)
    assert result["error"] == {"kind": "unexpected", "exception": kind.__name__}
    assert result["msg"].startswith(f"Failed to ask: {kind.__name__}")
    assert len(result["msg"]) < 5000
    assert len(result.get("exception", "")) < 70_000


@given(
    ANYTHING,
    st.recursive(ANYTHING, lambda inner: st.lists(inner) | st.dictionaries(ANYTHING, inner)),
)
def test_an_error_of_our_own_says_what_it_holds_but_no_secret(text: str, detail: t.Any) -> None:
    result = fail_by(NotFound(f"{text} {SECRET}", detail=detail, token=[SECRET, text]))
    assert result["error"]["kind"] == "not_found"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (KeyboardInterrupt(SECRET), "interrupted", "it was interrupted. Run the task again."),
        (Stopped(15), "interrupted", "a signal stopped it (SIGTERM)."),
        (MemoryError(SECRET), "not_enough_memory", "no memory left"),
        (SystemExit(SECRET), "unexpected", "SystemExit: "),
        (SystemExit(0), "unexpected", "SystemExit: 0."),
        (GeneratorExit(SECRET), "unexpected", "GeneratorExit"),
        (BaseException(SECRET), "unexpected", "BaseException"),
        (ExceptionGroup(SECRET, [ValueError(SECRET)]), "unexpected", "ExceptionGroup"),
        (Speechless(SECRET), "unexpected", "Speechless: it cannot say what it is."),
        (ValueError("x" * 30_000_000 + SECRET), "unexpected", " characters … x"),
        (NotFound("gone", thing=object()), "not_found", "Failed to ask: gone"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_what_ends_a_task_is_told(error: BaseException, kind: str, words: str) -> None:
    result = fail_by(error)
    assert result["error"]["kind"] == kind
    assert words in result["msg"]


def test_a_recursion_and_a_result_that_cannot_be_sent_are_told() -> None:
    deep: dict[str, t.Any] = {}
    for _level in range(100_000):
        deep = {"deeper": deep}
    results: list[t.Callable[[], t.Any]] = [
        recurse,
        lambda: deep,
        lambda: None,
        lambda: {"a": object()},
    ]
    for call in results:
        assert tell(call)["error"]["kind"] == "unexpected"
    assert tell(lambda: {"changed": False, "text": f"as {SECRET} says"})["text"] != ""


def test_what_ansible_tells_itself_is_left_as_it_is() -> None:
    written = io.StringIO()
    with (
        patch_module_args({"headers": {}}),
        contextlib.redirect_stdout(written),
        pytest.raises(SystemExit),
    ):
        run_module(SPEC, "ask", lambda module: module.fail_json(msg="no such program"))
    assert json.loads(written.getvalue())["msg"] == "no such program"


def test_a_tenant_of_one_digit_masks_no_number_and_a_token_is_masked() -> None:
    result = run(headers={"X-Scope-OrgID": "1", "Authorization": "Bearer s3cr3t-t0ken"})
    assert result["history"] == [12.5, 1, "10"]
    assert result["invocation"]["module_args"]["headers"] == MASK
    assert result["text"].startswith("1 ")


@pytest.mark.parametrize(
    "user_data",
    [
        {"chpasswd": {"users": [{"name": "root", "password": "Hunter2"}]}},
        "#cloud-config\npassword: Hunter2\n",
        "#cloud-config\nchpasswd:\n  users:\n  - {name: root, type: text, password: 'Hunter2'}\n",
        {"write_files": [{"path": "/k", "content": "the Hunter2 of all of them"}]},
    ],
)
def test_what_a_secret_option_says_is_found(user_data: t.Any) -> None:
    params = {"user_data": user_data, "uri": "qemu:///system"}
    text = user_data if isinstance(user_data, str) else json.dumps(user_data)
    assert mask_options(OPTIONS, params) == {"user_data": MASK, "uri": "qemu:///system"}
    assert "root" not in find_secrets(OPTIONS, params)
    for line in text.splitlines():
        assert "Hunter2" not in scrub(line, find_secrets(OPTIONS, params))


def test_options_of_options_are_masked_where_they_stand() -> None:
    params = {
        "server": {"headers": {"X": "1"}, "query": "up"},
        "rows": [{"passphrase": "abc", "name": "n"}, {"passphrase": None}],
        "user_data": None,
    }
    assert mask_options(OPTIONS, params) == {
        "server": {"headers": MASK, "query": "up"},
        "rows": [{"passphrase": MASK, "name": "n"}, {"passphrase": None}],
        "user_data": None,
    }
    assert {"abc"} <= find_secrets(OPTIONS, params)
    assert find_maskable({"abc", "1", "1234567", "12345678", "word"}) == {"12345678", "word"}


def test_a_secret_is_found_as_errors_write_it() -> None:
    secret = base64.b64encode(b"??>>/?>").decode() + '"\n'
    params = {"rows": [{"passphrase": secret}]}
    secrets = find_secrets(OPTIONS, params)
    for shown in (repr(secret), repr(secret.encode()), json.dumps(secret), secret.strip()):
        assert secret.strip()[:8] not in scrub(shown, secrets)
