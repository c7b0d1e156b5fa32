"""The service's database is deleted under a few nodes; ``python -m bench.bench_wiped`` is the large one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODES, EVENTS = 4, 1_200


@pytest.mark.timeout(600)
def test_a_deleted_database_is_filled_again_by_the_nodes_with_nothing_lost_or_double():
    played = subprocess.run(
        [sys.executable, "-m", "bench.bench_wiped", f"--nodes={NODES}", f"--events={EVENTS}", "--hosts=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout[-2000:] + played.stderr[-3000:]
    result = json.loads(played.stdout.splitlines()[-1])
    whole = {
        "recorded": EVENTS, "stored": EVENTS, "lost": 0, "double": 0, "gaps_open": 0, "chains_verified": NODES, "let_go": 0,
    }  # fmt: skip
    assert (result["before"], result["after"]) == (whole, whole)
