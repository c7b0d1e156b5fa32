"""A disk of a few megabytes below a node's data, which can be filled: a tmpfs, so only where root plays."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

DISK_MB = 64
FILL_BYTES = (1 << 20, 4096)  # in large steps first, then to the last page


class SmallDisk:
    """Mounted over a folder before the node's first start; ``close`` takes it away and leaves what it held."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._filler = self._folder / "filler"

    @classmethod
    def under(cls, folder: Path) -> "SmallDisk | None":
        """The folder on a small disk of its own, or None where this user may not mount one."""
        if os.geteuid() != 0:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        options = f"size={DISK_MB}m,mode=700"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(mount, capture_output=True, check=False)
        return cls(folder) if done.returncode == 0 else None

    def fill(self) -> None:
        """Not one page is left for anybody."""
        with self._filler.open("ab", buffering=0) as file:
            for size in FILL_BYTES:
                with suppress(OSError):  # full: this is what was wanted
                    while file.write(b"\0" * size) == size:
                        pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        self.free()
        kept = self._folder.with_name(f"{self._folder.name}-kept")
        shutil.copytree(self._folder, kept, ignore=shutil.ignore_patterns("*.sock"))
        unmount(self._folder)
        self._folder.rmdir()
        kept.rename(self._folder)


def unmount(folder: Path) -> None:
    """Also what a run that was cut off left mounted."""
    if folder.is_mount():
        subprocess.run(["umount", "-l", str(folder)], check=True)
