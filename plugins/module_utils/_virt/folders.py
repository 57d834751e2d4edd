# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""Files and folders of a host that lie in no storage pool, seen through libvirt: no shell on the host is needed.

``open_folder`` makes a pool over a folder that is there for as long as the block takes; ``does_file_exist`` and
``does_folder_exist`` ask by it. Nothing in the folder is changed.
"""

from __future__ import annotations

import contextlib
import errno
import posixpath
import re
import secrets
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._errors import HeadroomError
from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

from . import node, storage
from .connection import Connection, translate_errors
from .element_xml import serialise
from .libvirt_dep import libvirt

_PREFIX: t.Final = "headroom-folder-"
# A pool over these opens all that is there, and so starts watchdogs and winds tapes back. Those below /dev that have
# disks only, such as a volume group's, are none of them.
_OF_DEVICES: t.Final = re.compile(
    r"/dev|/dev/(bus|char|cpu|dri|input|net|pts|snd|usb|vfio)(/.*)?|/(proc|sys)(/.*)?"
)


@contextlib.contextmanager
def open_folder(connection: Connection, folder: str) -> t.Iterator[storage.Pool | None]:
    """Yield a pool over ``folder``; None where there is no such folder, or it is one of devices."""
    if _OF_DEVICES.fullmatch(folder):
        yield None
        return
    root = etree.Element("pool", type="dir")
    etree.SubElement(root, "name").text = _PREFIX + secrets.token_hex(6)
    etree.SubElement(etree.SubElement(root, "target"), "path").text = folder
    with translate_errors(f"read {folder}"):
        pool = _open_pool(connection, serialise(root))
    try:
        yield pool
    finally:
        if pool is not None:
            with translate_errors(f"let go of {folder}"):
                pool.destroy()


def _open_pool(connection: Connection, definition: str) -> storage.Pool | None:
    try:
        return connection.handle.storagePoolCreateXML(definition, 0)
    except libvirt.libvirtError as error:
        # of the system's errors libvirt tells the number, in the first of its two spare integers
        missing = error.get_int1() in (errno.ENOENT, errno.ENOTDIR)
        if error.get_error_code() == libvirt.VIR_ERR_SYSTEM_ERROR and missing:
            return None
        raise


def does_file_exist(connection: Connection, path: str) -> bool | None:
    """Return whether the host has a file at ``path``; None where that cannot be known."""
    if storage.find_volume_by_path(connection, path) is not None:
        return True
    folder, name = posixpath.split(path)
    try:
        pool = find_pool(connection, folder)
        if pool is not None:
            return storage.try_to_refresh(pool) and storage.find_volume(pool, name) is not None
        if _OF_DEVICES.fullmatch(folder):
            return node.has_device_node(connection, path)
        with open_folder(connection, folder) as opened:
            return opened is not None and storage.find_volume(opened, name) is not None
    except HeadroomError:
        return None


def does_folder_exist(connection: Connection, folder: str) -> bool | None:
    """Return whether the host has the folder; None where that cannot be known."""
    try:
        if find_pool(connection, folder) is not None:
            return True
        if _OF_DEVICES.fullmatch(folder):
            return None
        with open_folder(connection, folder) as opened:
            return opened is not None
    except HeadroomError:
        return None


@contextlib.contextmanager
def open_folders(connection: Connection, paths: t.Iterable[str]) -> t.Iterator[None]:
    """While this lasts, the files at ``paths`` are volumes, also those that no pool has, or has not seen yet."""
    paths = list(paths)
    with contextlib.ExitStack() as stack:
        for folder in sorted(set(map(posixpath.dirname, paths))):
            pool = find_pool(connection, folder)
            if pool is None:
                stack.enter_context(open_folder(connection, folder))
                continue
            inside = [path for path in paths if posixpath.dirname(path) == folder]
            if any(storage.find_volume_by_path(connection, path) is None for path in inside):
                storage.try_to_refresh(pool)
        yield


def is_open_folder(pool: storage.Pool) -> bool:
    """Return whether a pool is one that open_folder() has made."""
    return pool.name().startswith(_PREFIX)


def find_pool(connection: Connection, folder: str) -> storage.Pool | None:
    """Return the active pool over ``folder``: libvirt lets no second one lie over it."""
    for pool in storage.list_pools(connection):
        if storage.is_active(pool) and storage.read_pool(pool).path == folder:
            return pool
    return None
