# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inputs, small or as large as a transport lets through, that would take a careless reader's memory or hours."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import typing as t
import zlib

_MIB: t.Final = 1024**2
_ZEROS: t.Final = bytes(16 * _MIB)


def build_json() -> t.Iterator[bytes]:
    """Nesting without an end, numbers without an end, and names that are all alike."""
    for opening in (b"[", b'{"a":', b'{"format":"products:1.0","products":{"a":', b'{"data":['):
        yield opening * 200_000
    for frame in (b"%s", b'{"format":%s}', b'{"format":1,"min_ram_bytes":%s}', b'{"return":%s}'):
        yield frame % (b"9" * 500_000)
        yield frame % (b"[" * 900 + b"]" * 900)
        yield frame % (b'"' + b"\\ud800" * 100_000 + b'"')
    yield b"{" + b",".join(b'"%d":{}' % number for number in range(50_000)) + b"}"
    yield b'{"format":"products:1.0","products":{%s}}' % b",".join(
        b'"p%d":{"versions":{"%s":{"items":{}}}}' % (number, b"1" * 50) for number in range(5_000)
    )


def build_xml() -> t.Iterator[bytes]:
    """Entities in entities, entities that name files, nesting, and values without an end."""
    entities = "".join(
        f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12)
    )
    yield f'<!DOCTYPE d [<!ENTITY e0 "x">{entities}]><domain><name>&e11;</name></domain>'.encode()
    yield b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/shadow">]><domain><name>&e;</name></domain>'
    yield b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd"><domain/>'
    for tag in (b"domain", b"backingStore", b"metadata"):
        yield b"<domain>" + b"<%s>" % tag * 100_000
        yield b"<%s>" % tag * 200 + b"</%s>" % tag * 200
    yield b"<domain>" + b"<vcpu/>" * 50_000 + b"</domain>"
    for tag in (b"vcpu", b"memory", b"capacity", b"available"):
        yield b"<domain><%s>%s</%s></domain>" % (tag, b"9" * 500_000, tag)
    yield b'<domain><vcpu current="%s"/></domain>' % (b"1," * 200_000)
    yield b'<domain><vcpu cpuset="0-99999999999"/><cpu><numa><cell cpus="0-99999999999"/></numa></cpu></domain>'
    for cpus in (b"0-99999999999", b"0-" + b"9" * 5000, b"1," * 100_000):
        yield (
            b'<domain type="kvm"><vcpu>2</vcpu><cputune><cachetune vcpus="%s"/></cputune></domain>'
            % cpus
        )


def build_lines() -> t.Iterator[bytes]:
    """One line without an end, lines without an end, and lines that go on with the one before."""
    yield b"[a]\nfile=x\n" + b" more\n" * 300_000
    yield b"[a]\nfile=x\n" * 30_000
    for word in (b"a", b" ", b"=", b"[", b"a[", b"\t ", b"\x0b", b"0" * 64 + b" "):
        yield b"[a]\nfile=x\n" + word * (400_000 // len(word)) + b"\n"
    yield b"-----BEGIN PGP SIGNED MESSAGE-----\n" * 20_000
    yield b"[GNUPG:] NEWSIG\n" * 50_000
    yield b"[GNUPG:] GOODSIG " + b"x " * 200_000


def build_csv() -> t.Iterator[bytes]:
    """Cells without an end, of digits and of what is nearly a number."""
    for cell in (
        b"1" * 100_000 + b"x",
        b"1." * 50_000,
        b"1,111" * 20_000,
        b'"' * 100_000,
        b" " * 100_000,
    ):
        yield b"timestamp,demand\n1790000000," + cell + b"\n"
        yield b"timestamp,demand\n" + cell + b",1\n"
        yield cell
    yield b"timestamp,demand\n" + b"1790000000,1\n" * 30_000
    yield b"timestamp,demand" + b"," * 300_000
    yield b"sep=;\n" * 50_000


def build_images() -> t.Iterator[bytes]:
    """Headers that claim tables or disks that no host can hold, and lines that nobody ends."""
    for size, bits, entries in ((2**63 - 512, 21, 2**22), (2**40, 9, 2**22), (512, 9, 2**32 - 1)):
        head = b"QFI\xfb" + struct.pack(">IQIIQI", 3, 0, 0, bits, size, 0)
        head += struct.pack(">IQQIIQQQQII", entries, 65536, 32768, 1, 0, 0, 0, 0, 0, 4, 104)
        yield head.ljust(2 * _MIB, b"\0")
        yield head.ljust(65536, b"\0") + struct.pack(">Q", 1 << 63 | 65536) * (4 * _MIB)
    for line in (b"# x\n", b"\n", b" ", b"#", b"<", b"\xef\xbb\xbf"):
        yield line * (65536 // len(line))


def build_archives() -> t.Iterator[bytes]:
    """What unpacks to a thousand times its size, and a dictionary that takes more than there is."""
    yield gzip.compress(_ZEROS)
    yield gzip.compress(b"") * 5_000
    yield bz2.compress(_ZEROS)
    yield bz2.compress(b"") * 5_000
    yield lzma.compress(_ZEROS)
    yield lzma.compress(b"") * 2_000
    yield lzma.compress(
        b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 3 * 2**29, "preset": 0}]
    )
    if shutil.which("zstd"):
        yield subprocess.run(
            ["zstd", "-qc"], input=_ZEROS, stdout=subprocess.PIPE, check=True
        ).stdout


def build_nvram() -> t.Iterator[bytes]:
    """Variables that unpack to more than any firmware has."""
    yield base64.b64encode(zlib.compress(bytes(80 * _MIB), 1))
    yield b"A" * (4 * _MIB)


def build_answers() -> t.Iterator[bytes]:
    """A host's answer that unpacks to more than its controller has, and those of any JSON."""
    yield zlib.compress(b"[" + b" " * (80 * _MIB) + b"]", 1)
    yield from build_json()


def build_uris() -> t.Iterator[bytes]:
    """What takes an expression that goes back and forth a long time."""
    for word in (b"?", b"&", b"//", b"@", b":", b"//a:", b"http://", b"?a", b"%41", b"../", b"1."):
        yield b"http://u:p@h/" + word * (60_000 // len(word))
        yield b"//" + word * (60_000 // len(word))
