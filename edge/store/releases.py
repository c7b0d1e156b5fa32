"""The folder of releases: each in a folder of its own, ``current`` points at one, and the one before is kept.

Whatever moment the power fails, ``current`` points at a whole release: a folder has its name only when all of it is on the
disk, and the pointer is replaced in one step.
"""

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.core.release import Installed
from edge.errors import StoreError

CURRENT = {"program": "current", "model": "current-model"}
BOOK = "releases.json"
CHUNK = 1 << 20
MEMBERS_MOST = 200_000  # files of one release; a whole environment has some ten thousand


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 in hex and size of a file."""
    seen, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                seen.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}).") from error
    return seen.hexdigest(), size


@dataclass(frozen=True, slots=True)
class ReleaseFolder:
    """``/opt/gate`` of a node: ``program-<n>`` and ``model-<n>``, two pointers, and the book of what was taken."""

    root: Path

    def installed(self, kind: str) -> Installed:
        held = self._book().get(kind)
        if held is None:
            return Installed()
        return Installed(held["n"] or 0, held["before"], held["ctr"] or 0)

    def unpack(self, kind: str, n: int, file: Path) -> None:
        """The release's folder, whole or not there; what stands there of an earlier try is thrown away.

        Raises:
            StoreError: the file is no tar, reaches outside, or the disk is full.
        """
        whole = self._folder(kind, n)
        part = whole.with_name(f"{whole.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            with tarfile.open(file) as tar:
                for count, member in enumerate(tar, start=1):
                    if count > MEMBERS_MOST:
                        raise StoreError(f"{file}: has more than {MEMBERS_MOST} files.")
                    tar.extract(member, part, filter="data")
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
            _settle(self.root)
        except (OSError, tarfile.TarError) as error:
            shutil.rmtree(part, ignore_errors=True)
            raise StoreError(f"{file}: cannot be laid out in {self.root} ({error}).") from error

    def point(self, kind: str, n: int) -> None:
        """``current`` is this one from now on, in one step."""
        pointer = self.root / CURRENT[kind]
        new = pointer.with_name(f"{pointer.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(self._folder(kind, n).name)
        new.replace(pointer)
        _settle(self.root)

    def note(self, kind: str, now: Installed) -> None:
        """Written before and after a swap, so that no order is taken twice whatever happens in between."""
        book = {**self._book(), kind: asdict(now)}
        path = self.root / BOOK
        new = path.with_name(f"{BOOK}.new")
        with new.open("w") as file:
            json.dump(book, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        _settle(self.root)

    def clear(self, kind: str, keep: frozenset[int]) -> None:
        """Releases that are neither the present one nor the one before."""
        for folder in self.root.glob(f"{kind}-*"):
            number = folder.name.rpartition("-")[2]
            if number.isdigit() and int(number) not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, kind: str, n: int) -> Path:
        return self.root / f"{kind}-{n}"

    def _book(self) -> Mapping[str, dict[str, int | None]]:
        path = self.root / BOOK
        try:
            book: dict[str, dict[str, int | None]] = json.loads(path.read_text()) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); which release runs is not known.") from error
        return book


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
