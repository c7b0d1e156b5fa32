"""A short storm with a fixed seed; ``make fault KILLS=1000`` is the long one."""

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from demo.faults.kinds import KINDS, PROGRAMS
from demo.faults.storm import drawn, percentiles

ROOT = Path(__file__).parents[2]
KILLS, SEED = 10, 1_583_506  # kills of every program, and some of everything else: see the first test
DRAWN = [kind.name for kind in drawn(KILLS, random.Random(SEED), disk=True)]  # none of them needs a disk
COUNTED = ("recorded", "stored", "lost", "double", "gaps_open", "chains_verified", "let_go")


def test_this_seed_strikes_programs_cables_and_the_database():
    assert set(PROGRAMS) < set(DRAWN)
    assert {"black_hole", "broker_wiped", "database_stale", "kill_all", "old_passes"} < set(DRAWN)
    assert len(DRAWN) == KILLS


def test_every_kind_is_drawn_sooner_or_later_and_a_seed_repeats_it():
    names = [kind.name for kind in drawn(2_000, random.Random(1), disk=True)]
    assert set(names) == {kind.name for kind in KINDS if kind.weight}
    assert names == [kind.name for kind in drawn(2_000, random.Random(1), disk=True)]
    assert "disk_full" not in [kind.name for kind in drawn(2_000, random.Random(1), disk=False)]


def test_percentiles_are_values_that_were_measured():
    assert percentiles([40.0, 10.0, 30.0, 20.0]) == {"n": 4, "p50_ms": 20, "p99_ms": 40}
    assert percentiles(range(1, 201)) == {"n": 200, "p50_ms": 100, "p99_ms": 198}


def played(environment: dict[str, str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of the storm, and not one of its programs left behind, however this ends."""
    storm = subprocess.Popen(
        [sys.executable, "-m", "demo.fault"],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        said, complained = storm.communicate()
        return storm.returncode, said, complained
    finally:
        with suppress(ProcessLookupError):
            os.killpg(storm.pid, signal.SIGKILL)
        storm.wait()


@pytest.mark.clips
@pytest.mark.mosquitto
@pytest.mark.timeout(1800)  # setting up alone takes minutes on a crowded machine
def test_whatever_breaks_nothing_is_lost_and_nothing_is_counted_twice():
    status, said, complained = played(
        os.environ | {"KILLS": str(KILLS), "SEED": str(SEED), "RUN": "run/test-fault"}
    )
    assert status == 0, said[-2000:] + complained[-3000:]
    result = json.loads(said.splitlines()[-1])
    assert tuple(result) == (*COUNTED, "recovery", "faults")
    assert result["recorded"] == result["stored"] > 100
    assert (result["lost"], result["double"], result["gaps_open"], result["chains_verified"]) == (0, 0, 0, 3)
    assert {name: one["n"] for name, one in result["recovery"].items()} == result["faults"]
    assert result["faults"] == Counter(DRAWN)
