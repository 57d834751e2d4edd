# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Publish into a feed's folder: open_folder(), then publish() or withdraw what publication.py made of it.

The files are written first, then the products, the index last; only then what is offered no longer goes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import email.utils
import errno
import fcntl
import functools
import hashlib
import json
import os
import typing as t
import uuid
from pathlib import Path

from ansible_collections.headroom.libvirt.plugins.module_utils._changes import Changes
from ansible_collections.headroom.libvirt.plugins.module_utils._errors import (
    ChecksumMismatch,
    Conflict,
    HeadroomError,
    InvalidInput,
    NoSpace,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import (
    check_folder,
    open_own,
    replace_atomically,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import content, storage

from . import publication, signature, simplestreams
from .errors import FeedRefused

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )

    from .publication import Data, DiskFile, Offer
    from .sign import Signer

_READABLE: t.Final = 0o644


@dataclasses.dataclass(frozen=True)
class Folder:
    """A feed's folder, which a web server serves. ``signer`` None leaves it unsigned."""

    path: Path
    signer: Signer | None

    def read_products(self) -> Data:
        """Return what the feed offers now; raises HeadroomError for another feed, or a damaged one."""
        file = self.path / f"{publication.PRODUCTS}.json"
        try:
            data = simplestreams.parse(file.read_bytes(), "products:1.0")
            publication.summarise(dict(data))
            publication.list_files(dict(data))
        except FileNotFoundError:
            return publication.build_empty()
        except (OSError, FeedRefused, LookupError, TypeError, ValueError, AttributeError) as error:
            raise HeadroomError(
                f"path: {file} is not what this module wrote: {error}. Give another folder, or remove the feed to "
                "make it anew.",
                path=str(file),
            ) from error
        return {name: value for name, value in data.items() if name != "updated"}

    def is_published(self, products: Data) -> bool:
        """Return whether exactly this lies there, signed as it is to be."""
        return all(
            self.has_file(path, size) for path, size in publication.list_files(products).items()
        ) and self._leads_to(products)

    def find_expiry(self) -> float:
        """Return until when the feed holds, in epoch seconds; 0 where it does not say so."""
        try:
            return simplestreams.read_expiry(self._read_index()) or 0.0
        except (OSError, ValueError, AttributeError, FeedRefused):
            return 0.0

    def write(self, products: Data, run: PublishRun) -> None:
        """Write the products, then the index that leads to them."""
        # a clock that went back must not make the feed look old to its readers
        updated = max(run.now, self._read_updated())
        facts = publication.IndexFacts(
            self._read_feed_id(), updated, updated + run.valid_for_seconds
        )
        name, index = publication.PRODUCTS, simplestreams.INDEX
        dated = {**products, "updated": email.utils.formatdate(updated)}
        text = publication.serialise(dated)
        self._put(f"{name}.json", text)
        data = publication.build_index(products, facts, f"{name}.json", text)
        if self.signer is None:
            self._put(f"{index}.json", publication.serialise(data))
            for path in (name, index):
                (self.path / f"{path}.sjson").unlink(missing_ok=True)
            return
        signed = self.signer.sign(text)
        signed_data = publication.build_index(products, facts, f"{name}.sjson", signed)
        signed_index = self.signer.sign(publication.serialise(signed_data))
        self._put(f"{name}.sjson", signed)
        self._put(f"{index}.json", publication.serialise(data))
        self._put(f"{index}.sjson", signed_index)

    def remove_unnamed(self, products: Data) -> None:
        """Remove the files below ``appliances`` that the products do not name: withdrawn ones, and leftovers."""
        top, named = (
            self.path / "appliances",
            {self.path / path for path in publication.list_files(products)},
        )
        for folder, _folders, files in os.walk(top, topdown=False):
            for file in files:
                if Path(folder, file) not in named:
                    Path(folder, file).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it still holds something
                Path(folder).rmdir()

    def _put(self, name: str, text: bytes) -> None:
        replace_atomically("path", str(self.path / name), text, _READABLE)

    def has_file(self, path: str, size: int) -> bool:
        """Return whether a file of that size lies at ``path`` of the feed."""
        try:
            return (self.path / path).stat().st_size == size
        except OSError:
            return False

    def _read_index(self) -> Data:
        return dict(json.loads((self.path / f"{simplestreams.INDEX}.json").read_bytes()))

    def _read_updated(self) -> float:
        try:
            return simplestreams.read_updated(self._read_index()) or 0.0
        except (OSError, ValueError, AttributeError, TypeError):
            return 0.0

    def _read_feed_id(self) -> str:
        """Return the id that the feed has, or a new one: readers take no other feed in its place."""
        try:
            feed_id = self._read_index().get("feed_id")
        except (OSError, ValueError, AttributeError, TypeError):
            feed_id = None
        return feed_id if isinstance(feed_id, str) and feed_id else str(uuid.uuid4())

    def _leads_to(self, products: Data) -> bool:
        """Return whether indexes are there, and lead to these products, signed where they are to be."""
        name, index = publication.PRODUCTS, simplestreams.INDEX
        try:
            text = (self.path / f"{name}.json").read_bytes()
            data = json.loads(text)
            if {**products, "updated": data["updated"]} != data:
                return False
            if not _is_bound(self._read_index(), f"{name}.json", text):
                return False
            if self.signer is None:
                return not any((self.path / f"{path}.sjson").exists() for path in (name, index))
            signed = (self.path / f"{name}.sjson").read_bytes()
            return bool(
                self._verify(f"{name}.sjson") == data
                and _is_bound(self._verify(f"{index}.sjson"), f"{name}.sjson", signed)
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError, FeedRefused):
            return False

    def _verify(self, name: str) -> t.Any:
        text = (self.path / name).read_bytes()
        return json.loads(signature.verify(text, self._trust, str(self.path / name)).text)

    @functools.cached_property
    def _trust(self) -> signature.Trust:
        signer = t.cast("Signer", self.signer)
        return signature.Trust(signer.export_public_key(), (signer.find_fingerprint(),))


@contextlib.contextmanager
def open_folder(path: str, signer: Signer | None, *, check_mode: bool) -> t.Iterator[Folder]:
    """Yield the feed's folder, locked against other runs; raises InvalidInput, or Conflict while one works."""
    folder = Path(path)
    if not folder.is_absolute():
        raise InvalidInput(
            "path", path, "is not an absolute path", "Write the path of the folder that is served."
        )
    if check_mode:
        yield Folder(folder, signer)
        return
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        check_folder(folder)
        descriptor = open_own(folder / ".lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise InvalidInput(
            "path", path, f"cannot be written: {error.strerror}", "Name another folder."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Folder(folder, signer)
    except BlockingIOError as error:
        raise Conflict(
            f"path: another run publishes into {path}. Run the task again when it is done."
        ) from error
    finally:
        os.close(descriptor)


def publish(
    folder: Folder, catalogue: Catalogue, after: Data, offers: t.Sequence[Offer], run: PublishRun
) -> Changes:
    """Make the feed say ``after``, whose new appliances are ``offers``; return what that changes."""
    before = folder.read_products()
    changes = Changes()
    old, new = publication.summarise(before), publication.summarise(after)
    for name in sorted({*old, *new}):
        changes.add(name, old.get(name), new.get(name))
    if not changes.changed and not folder.is_published(after):
        changes.add(
            "index", "not as it is to be signed, or files are missing", "written and signed"
        )
    if not changes.changed and folder.find_expiry() - run.now < run.valid_for_seconds / 2:
        changes.add("expires", "soon", f"in {run.valid_for_seconds:.0f} seconds")
    if changes.changed and not run.check_mode:
        _write_files(folder, catalogue, after, offers)
        folder.write(after, run)
        folder.remove_unnamed(after)
    return changes


@dataclasses.dataclass(frozen=True)
class PublishRun:
    """Whether a run may act, the time in epoch seconds, and how long what it publishes holds."""

    check_mode: bool
    now: float
    valid_for_seconds: float = 30 * 86400.0


def _write_files(
    folder: Folder, catalogue: Catalogue, after: Data, offers: t.Sequence[Offer]
) -> None:
    """Copy the files that the feed is to have and does not."""
    absent = {
        path
        for path, size in publication.list_files(after).items()
        if not folder.has_file(path, size)
    }
    for offer in offers:
        for file in offer.disks:
            if file.path in absent:
                _copy(catalogue, file, folder.path / file.path)
        if offer.manifest_path in absent:
            replace_atomically(
                "path", str(folder.path / offer.manifest_path), offer.manifest_text, _READABLE
            )
    missing = sorted(path for path in absent if not (folder.path / path).exists())
    if missing:
        raise HeadroomError(
            f"path: the feed offers {', '.join(missing)}, but these files are gone, and their appliances are not "
            "among those to publish. Publish them again, or withdraw them by state: absent.",
            missing=missing,
        )


def _copy(catalogue: Catalogue, file: DiskFile, target: Path) -> None:
    """Copy a disk out of the pool; raises ChecksumMismatch when it is not what its manifest says."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    try:
        descriptor = open_own(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        try:
            volume = storage.look_up_volume(catalogue.pool, file.disk.volume)
            digest = content.receive_file(catalogue.connection, volume, descriptor)
            os.fchmod(descriptor, _READABLE)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if digest.sha256 != file.disk.sha256:
            raise ChecksumMismatch(
                f"the volume {file.disk.volume!r} has the SHA-256 {digest.sha256}, not {file.disk.sha256} as when it "
                "was made. It was changed or damaged; it is not published.",
                expected=file.disk.sha256,
                found=digest.sha256,
            )
        temporary.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(
                f"path: there is no room left for {target}. Free some.", path=str(target)
            ) from error
        raise HeadroomError(
            f"path: {target} cannot be written: {error.strerror}.", path=str(target)
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _is_bound(index: Data, path: str, text: bytes) -> bool:
    """Return whether an index leads to the file ``path`` with that content, and has an id and an end."""
    entry = index["index"][publication.CONTENT_ID]
    sha256 = hashlib.sha256(text).hexdigest()
    return {"feed_id", "expires"} <= index.keys() and (entry["path"], entry["sha256"]) == (
        path,
        sha256,
    )
