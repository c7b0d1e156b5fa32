"""``python -m bench.bench_members``: bridged brokers beside one, events a second, and how long a death is felt.

Eight gates with certificates say twenty events a publish to brokers run from the shipped files, two named sinks store
into one PostgreSQL; gates, sinks and brokers are all on this machine.  A throughput ends when everything is committed and
acknowledged; sides take turns, the median is told.  A recovery is from the blow until
everything that was recorded just before and after it is acknowledged.  Nothing of it is asserted; every run is checked whole.
"""

import argparse
import json
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fakes.bridged_town import Town, two_addresses
from tests.fakes.postgres_house import Cluster
from tests.fakes.waiting import eventually

GATES = 8
WITHIN_S = 120.0
BLOWS = ("broker_of_gates_killed", "sinks_broker_killed", "sinks_broker_stands_still")


def town(folder: Path, cluster: Cluster, *, bridged: bool) -> Town:
    made = Town(folder, cluster.new_database(), bridged=bridged)
    for n in range(GATES):
        made.gate(f"n{n}", "east" if n % 2 or not bridged else "west")
    eventually(lambda: all(gate.client.is_connected() for gate in made.gates), within_s=WITHIN_S)
    return made


def throughput(made: Town, events: int) -> float:
    began = time.monotonic()
    for gate in made.gates:
        gate.record(events // GATES)
    eventually(lambda: all(gate.done for gate in made.gates), within_s=WITHIN_S)
    return events / (time.monotonic() - began)


def recovery(made: Town, blow: Callable[[], object]) -> float:
    """Events are recorded while the blow falls, so that something is under way."""
    for gate in made.gates:
        gate.record(200)
    blow()
    struck = time.monotonic()
    for gate in made.gates:
        gate.record(20)
    eventually(lambda: all(gate.done for gate in made.gates), within_s=WITHIN_S)
    return time.monotonic() - struck


def blows(made: Town) -> dict[str, Callable[[], object]]:
    gates, sinks = made.members.gates, made.members.sinks
    return {
        "broker_of_gates_killed": gates[0].kill,
        "sinks_broker_killed": sinks["sync"].kill,
        "sinks_broker_stands_still": sinks["sync"].freeze,
    }


def one(cluster: Cluster, *, bridged: bool, events: int = 0, blow: str = "") -> float:
    with tempfile.TemporaryDirectory(prefix="gh-members-") as folder:
        made = town(Path(folder), cluster, bridged=bridged)
        try:
            told = recovery(made, blows(made)[blow]) if blow else throughput(made, events)
            made.assert_whole()
        finally:
            made.close()
    return told


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=24_000)
    options.add_argument("--rounds", type=int, default=3)
    words = options.parse_args()
    socket.getaddrinfo = two_addresses
    cluster = Cluster(durable=True)
    try:
        speed: dict[str, list[float]] = {"one_broker": [], "bridged": []}
        for _ in range(words.rounds):
            for side, told in speed.items():
                told.append(one(cluster, bridged=side == "bridged", events=words.events))
        felt = {blow: [one(cluster, bridged=True, blow=blow) for _ in range(words.rounds)] for blow in BLOWS}
    finally:
        cluster.close()
    per_s = {side: round(statistics.median(told)) for side, told in speed.items()}
    seconds = {blow: [round(one, 1) for one in sorted(told)] for blow, told in felt.items()}
    print(json.dumps({"events_per_s": per_s, "recovery_s": seconds, "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
