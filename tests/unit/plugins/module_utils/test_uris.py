# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.headroom.libvirt.plugins.module_utils._uris import (
    add_host_to_uri,
    find_passwords,
    is_harmless_uri,
    is_masked,
    leads_here,
    mask_uri,
    normalise_host,
    normalise_url,
    strip_own_host,
)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("qemu+ssh://root:pa:ss@k1/system", "qemu+ssh://root:***@k1/system"),
        ("qemu+ssh://root@k1/system", "qemu+ssh://root@k1/system"),
        ("qemu+tcp://k1:16509/system", "qemu+tcp://k1:16509/system"),
        ("esx://:pw@host/", "esx://:***@host/"),
        ("qemu+tcp://u:p@ss@h/system", "qemu+tcp://u:***@h/system"),
        ("http://us@er:pw@h/", "http://us@er:***@h/"),
        ("http://u:p w@h", "http://u:***@h"),
        ("qemu+ssh://root@k1:22/system", "qemu+ssh://root@k1:22/system"),
        ("qemu+ssh://k1/system?keyfile=/k&no_tty=1", "qemu+ssh://k1/system?keyfile=/k&no_tty=1"),
        ("https://h/f?token=SECRET&v=1#x", "https://h/f?token=***&v=***#x"),
        ("https://ghp_token@h/x", "https://***@h/x"),
        ("HTTPS://to@ken@h", "HTTPS://***@h"),
        ("https://h/a@b/c", "https://h/a@b/c"),
        ("https://h/x;jsessionid=abc/y?z=1", "https://h/x;jsessionid=***/y?z=***"),
        ("https://h/x#access_token=abc&v=1", "https://h/x#access_token=***&v=***"),
        ("https://h/x#chapter", "https://h/x#chapter"),
        ("https://h/f?Zm9vYmFyYmF6cXV4MTIz#x", "https://h/f?***#x"),
        ("https://h/f?download", "https://h/f?download"),
        ("see HTTPS://h/?a=b or http://c/d", "see HTTPS://h/?a=*** or http://c/d"),
    ],
)
def test_masks_only_passwords(uri: str, shown: str) -> None:
    assert mask_uri(uri) == shown


def test_finds_passwords_wherever_they_lie() -> None:
    options = {
        "uri": "qemu+tcp://me:one@k1/system",
        "machine": {"uris": ["qemu://me:two@k2/", "qemu:///system"]},
        "n": 3,
    }
    assert find_passwords(options) == {"one", "two"}


def test_a_token_in_a_query_is_a_password_and_a_word_is_not() -> None:
    url = "https://bucket/disk.img?X-Amz-Signature=fe5f80f77d5fa3beca038a24&release=bookworm"
    assert find_passwords({"source": {"url": url}}) == {"fe5f80f77d5fa3beca038a24"}


def test_a_token_is_a_password_wherever_an_address_has_it() -> None:
    tokens = {f"{name}-0123456789abcdef" for name in ("user", "path", "query", "fragment")}
    urls = [
        "https://user-0123456789abcdef@h/x",
        "https://h/x;s=path-0123456789abcdef?query-0123456789abcdef",
        "https://h/x#t=fragment-0123456789abcdef",
    ]
    assert find_passwords(urls) == tokens
    assert not any(token in mask_uri(url) for token in tokens for url in urls)


@pytest.mark.parametrize(
    ("uri", "here"),
    [
        ("qemu:///system", True),
        ("test:///default", True),
        ("qemu+unix:///system?socket=/run/tunnel", False),
        ("qemu+ssh://root@k1/system", False),
    ],
)
def test_knows_whether_a_uri_leads_to_this_machine(uri: str, here: bool) -> None:
    assert leads_here(uri) is here


@pytest.mark.parametrize(
    ("uri", "elsewhere"),
    [
        ("qemu:///system", "qemu+ssh://kvm1/system"),
        ("qemu:///session", "qemu+ssh://kvm1/session"),
        ("lxc:///", "lxc+ssh://kvm1/"),
        ("qemu+unix:///system", "qemu+ssh://kvm1/system"),
        ("qemu+ssh://root@a/system?no_tty=1", "qemu+ssh://root@a/system?no_tty=1"),
        ("qemu+unix:///system?socket=/run/a", "qemu+unix:///system?socket=/run/a"),
        ("test:///default", "test:///default"),
    ],
)
def test_a_uri_for_others_names_its_host(uri: str, elsewhere: str) -> None:
    assert add_host_to_uri(uri, lambda: "kvm1") == elsewhere
    if elsewhere != uri and "unix" not in uri:
        assert strip_own_host(elsewhere, lambda: {"kvm1"}) == uri
    assert strip_own_host(elsewhere, lambda: {"kvm2"}) == elsewhere


def test_a_host_may_be_known_by_its_address_only() -> None:
    assert add_host_to_uri("qemu:///system", lambda: "fe80::1") == "qemu+ssh://[fe80::1]/system"


@pytest.mark.parametrize("name", ["", "localhost", "localhost.localdomain"])
def test_a_host_without_a_name_has_no_uri_for_others(name: str) -> None:
    assert add_host_to_uri("qemu:///system", lambda: name) == "qemu:///system"


def test_a_masked_uri_is_known() -> None:
    uri = "qemu+tcp://me:secret@kvm1/system"
    assert not is_masked(uri)
    assert is_masked(mask_uri(uri))
    assert not is_masked("qemu+ssh://root@kvm1/system")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("HTTPS://A.Example:443//x/./y/../z/#part", "https://a.example/x/z"),
        ("http://a:80/", "http://a/"),
        ("http://a:443", "http://a:443/"),
        ("http://me:pw@a./%7ex/%2e%2E/%2fy", "http://a/%2Fy"),
        ("https://[::1]:443/x/", "https://[::1]/x"),
        ("https://[0:0:0:0:0:0:0:1]/", "https://[::1]/"),
        ("http://127.1/x", "http://127.0.0.1/x"),
        ("https://a/x?b=%7e&c", "https://a/x?b=~&c"),
        ("https://a/../../x", "https://a/x"),
    ],
)
def test_one_spelling_for_all(url: str, expected: str) -> None:
    assert normalise_url(url) == expected
    assert normalise_url(expected) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("10.1.258", "10.1.1.2"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("256.1", "256.1"),
        ("09.1", "09.1"),
        ("a.1", "a.1"),
        ("Kvm1.Example.", "kvm1.example"),
        ("017700000001", "127.0.0.1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("kvm1\u3002example", "kvm1.example"),
        ("ü..example", "ü..example"),
    ],
)
def test_one_spelling_for_a_host(host: str, expected: str) -> None:
    assert normalise_host(host) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+ssh://root@kvm1:99999/system",
        "qemu+ssh://root@kvm1:0/system",
        "qemu+ssh://root@kvm1:2\u06632/system",
        "qemu+ssh://root@kvm\u0661/system",
        "qemu+ssh://root@kvm1/system?command=touch",
        "qemu+ext://kvm1/system",
    ],
)
def test_what_does_more_than_to_name_a_host_is_not_harmless(uri: str) -> None:
    assert is_harmless_uri("qemu+ssh://root@kvm1:22/system?no_verify=1")
    assert not is_harmless_uri(uri)
