"""The clock of backups: whoever was erased stands in older copies until these end, and that is the latest day."""

import shutil
from pathlib import Path

import msgspec

from cloud_sync.core.policy import DAY_MS
from cloud_sync.errors import StoreError
from cloud_sync.store.backup import MANIFEST, Manifest

KEEP_DAYS_MOST = 90  # no copy outlives the entries it holds


def end_old_backups(newest: Path, community: str, now_ms: int, keep_days: int) -> tuple[str, ...]:
    """Delete the backups of this community beside ``newest`` that are older than so many days; their names.

    Only folders with a whole manifest of ours are looked at, and never the newest one itself.

    Raises:
        StoreError: one cannot be deleted.
    """
    ended = []
    for folder in sorted(newest.absolute().parent.iterdir()):
        made_ms = _made_ms(folder, community)
        if folder == newest.absolute() or made_ms is None or made_ms >= now_ms - keep_days * DAY_MS:
            continue
        try:
            (folder / MANIFEST).unlink()  # first: half a backup is none
            shutil.rmtree(folder)
        except OSError as error:
            raise StoreError(
                f"{folder}: cannot be deleted ({error.strerror}); it is past its days."
            ) from error
        ended.append(folder.name)
    return tuple(ended)


def _made_ms(folder: Path, community: str) -> int | None:
    """When a backup of this community was made; None for anything else."""
    if folder.is_symlink() or not (folder / MANIFEST).is_file():
        return None
    try:
        held = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    return held.made_ms if held.community == community else None
