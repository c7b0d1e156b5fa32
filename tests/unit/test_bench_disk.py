"""A slower disk for one program: only its flushes are held back, and it stays its caller's own child."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.bench_sync_disk import flush_ms, slowed

FLUSHES = (
    "import os, sys; f = open(sys.argv[1], 'w'); [os.fsync(f.fileno()) for _ in range(3)]; print(os.getpid())"
)


def test_without_a_wish_a_program_is_left_as_it_is() -> None:
    assert slowed(["sqlite-utils"], None) == ["sqlite-utils"]


@pytest.mark.parametrize("longer_ms", [0.0, 0.5])
def test_the_program_under_the_slower_disk_is_the_one_that_was_started(
    tmp_path: Path, longer_ms: float
) -> None:
    words = slowed([sys.executable, "-c", FLUSHES, str(tmp_path / "file")], longer_ms)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, int(out)) == (0, process.pid)
    assert any("delay_exit=500" in word for word in words) is bool(longer_ms)


def test_a_flush_of_this_disk_is_measured(tmp_path: Path) -> None:
    found = flush_ms(tmp_path)
    assert 0 < found["p50"] <= found["p99"] <= found["max"]
