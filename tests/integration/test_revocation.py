"""The whole way of a revocation: the interface's call, the service, a real broker, nodes that decide."""

import argparse
from pathlib import Path

import pytest
from rich.console import Console

from bench.bench_revocation import measure


@pytest.mark.mosquitto
@pytest.mark.invariant(15)
def test_a_booking_that_is_cancelled_is_refused_at_every_node(tmp_path: Path) -> None:
    words = argparse.Namespace(nodes=3, passes=40, revocations=2)
    told = measure(words, tmp_path, Console())
    (each,) = [goal for what, goal in told["goals"].items() if what == "call → one node refuses"]
    assert each["ms"]["n"] == words.nodes * words.revocations  # every node refused every cancelled pass
