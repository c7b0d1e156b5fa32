"""Some of the nodes of ``bench.bench_wiped``: the real ledger and the real link of each, without cameras and doors.

``python -m bench.bench_wiped_nodes FOLDER PORT EVENTS NAME…`` fills what ledgers are missing with 90 quiet days, says
``ready``, and serves until its input ends.
"""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.peers.quiet_node import open_ledger, open_link
from edge.core.events import (
    AccessPointId,
    ClockState,
    CredentialKind,
    Fact,
    GrantId,
    PassId,
    Stamp,
    SubjectRef,
)
from edge.store.ledger import SqliteLedger

COMMUNITY = "wiped"
BOOT = "b1"
DAYS = 90
DAY_MS = 86_400_000
# The first day is so long ago: one day more, and the clocks of both ends begin to take events away.
FIRST_DAYS_AGO = DAYS - 1


def passages(node: str, events: int) -> Iterator[Fact]:
    """Quiet days: somebody enters, the door falls shut, now and then a code is refused."""
    door = AccessPointId(f"AP-{node}")
    for number in range(events):
        grant, who = GrantId(f"g-{number // 3:06d}"), SubjectRef(f"r-{number % 97:07d}")
        pass_id = PassId(f"01JD7M3K9QXD4T8V2N6P0R{number % 97:04d}")
        match number % 3:
            case 0:
                yield Fact(
                    "access.granted", access_point=door, direction="in", mode="LOCKED", contact="closed",
                    bolt="secured", subject_ref=who, cls="guest", pass_id=pass_id, pass_version=3, grant_id=grant,
                    credential_kind=CredentialKind.QR, registered=True, decision="allow", reason="Granted",
                    link_state="ONLINE", freshness="FRESH", policy_version=42, auth_ver=918_273,
                )  # fmt: skip
            case 1:
                yield Fact(
                    "access.taken", access_point=door, direction="in", mode="RELEASED", contact="open",
                    subject_ref=who, cls="guest", pass_id=pass_id, pass_version=3, grant_id=grant,
                    credential_kind=CredentialKind.QR,
                )  # fmt: skip
            case _:
                yield Fact("door.closed", access_point=door, mode="LOCKED", contact="closed", bolt="secured")


def filled(path: Path, node: str, events: int) -> SqliteLedger:
    """The node's ledger with so many events of 90 days; one that is there already is only opened."""
    ledger = open_ledger(path, node)
    if ledger.head == 0:
        first_ms = int(time.time() * 1000) - FIRST_DAYS_AGO * DAY_MS
        facts = list(passages(node, events))
        for day in range(DAYS):
            today = facts[len(facts) * day // DAYS : len(facts) * (day + 1) // DAYS]
            stamp = Stamp(f"b{day}", day, first_ms + day * DAY_MS, ClockState.TRUSTED, 12)
            if today:
                ledger.append(today, stamp)
    return ledger


def main(folder: Path, port: int, events: int, names: Sequence[str]) -> None:
    ledgers = {name: filled(folder / f"{name}.db", name, events) for name in names}
    links = [open_link(COMMUNITY, name, ledger, port, BOOT) for name, ledger in ledgers.items()]
    for link in links:
        link.start()
    print("ready", flush=True)
    sys.stdin.read()
    ending = [threading.Thread(target=link.stop) for link in links]
    for thread in ending:
        thread.start()
    for thread in ending:
        thread.join()
    for ledger in ledgers.values():
        ledger.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
