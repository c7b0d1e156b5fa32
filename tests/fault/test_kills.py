"""A short storm with a fixed seed; ``make fault KILLS=100`` is the long one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.clips
@pytest.mark.timeout(400)
def test_programs_killed_at_random_lose_nothing_and_double_nothing():
    environment = os.environ | {"KILLS": "8", "SEED": "20260", "RUN": "run/test-fault"}
    played = subprocess.run(
        [sys.executable, "-m", "demo.fault"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout[-2000:] + played.stderr[-3000:]
    result = json.loads(played.stdout.splitlines()[-1])
    assert set(result["by_kind"]) == {"node", "gate-io", "broker", "sync"}
    assert result["events_recorded"] == result["events_stored"] > 30
    assert (result["lost"], result["double"], result["broken_chains"], result["doors_wrong"]) == (0, 0, 0, 0)
