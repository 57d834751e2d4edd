# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import base64
import json
import subprocess
import sys
import typing as t

import pytest

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
