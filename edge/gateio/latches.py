"""Latches outlive the process: a restart does not end a fire release (access.md §4.7, invariant 9)."""

import logging
import os
from collections.abc import Set
from pathlib import Path

import msgspec

from edge.core.events import AccessPointId
from edge.errors import StoreError
from edge.gateio.outputs import Why
from edge.gateio.wire import LatchKind

log = logging.getLogger(__name__)

Latches = frozenset[tuple[AccessPointId, Why]]


class _File(msgspec.Struct, frozen=True):
    latches: list[tuple[str, LatchKind]]


class LatchFile:
    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir
        self._path = state_dir / "latches.json"

    def read(self, doors: Set[AccessPointId]) -> Latches:
        """What was latched.  A file that cannot be understood latches every door: the way out is never the guess.

        Raises:
            StoreError: the directory cannot be used at all.
        """
        try:
            self._dir.mkdir(parents=True, exist_ok=True)
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read ({error.strerror}). Mend state_dir.") from error
        return self._decode(raw, doors)

    def _decode(self, raw: bytes, doors: Set[AccessPointId]) -> Latches:
        try:
            kept = msgspec.json.decode(raw, type=_File).latches
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.error("%s is damaged: every door is latched open until somebody resets it", self._path)
            return frozenset((door, Why.EVACUATE) for door in doors)
        found = frozenset((AccessPointId(door), Why(kind)) for door, kind in kept)
        return frozenset((door, kind) for door, kind in found if door in doors)

    def write(self, latches: Latches) -> None:
        """On the disk when this returns, whole or not at all.

        Raises:
            StoreError: it is not; try again.
        """
        body = msgspec.json.encode({"latches": sorted(latches)})
        try:
            self._replace(body)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written ({error.strerror}). Free the disk.") from error

    def _replace(self, body: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
