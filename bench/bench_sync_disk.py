"""The disk under ``bench_sync``: what a flush takes here, and storing programs on a disk whose flushes take longer.

How many events a program stores in a second is mostly a question of how many flushes it needs for them and how long one
takes.  ``slowed`` makes every fsync and fdatasync of a program longer from outside: strace stops only at these two calls
(seccomp), so that nothing else costs more; a run with 0 ms beside the others shows that.
"""

import os
import tempfile
import time
from pathlib import Path

from bench.spread import spread

FLUSHES = 300
PAGE = b"\0" * 4096


def flush_ms(folder: Path) -> dict[str, float]:
    """Milliseconds that appending a page and fdatasync take on this folder's disk: p50, p95, p99, worst."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(FLUSHES):
            file.write(PAGE)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return spread(took, digits=3)


def slowed(words: list[str], longer_ms: float | None) -> list[str]:
    """The program with every flush that much longer; None: as it is.  Its process stays the caller's own child (-D)."""
    if longer_ms is None:
        return words
    strace = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]
    if longer_ms:
        strace += ["-e", f"inject=fsync,fdatasync:delay_exit={round(longer_ms * 1000)}"]
    return [*strace, *words]
