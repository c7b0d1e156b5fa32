"""A gate at rush hour: it records all the time, so that every fault finds events on their way.

``python -m demo.faults.busy COMMUNITY NODE PORT SEED``, in the node's folder.  It has the real ledger and the real link,
and no cameras and doors, for which one machine has no time.  SIGUSR1 ends the rush, SIGTERM the program.
"""

import random
import secrets
import signal
import sys
import threading
from itertools import count
from pathlib import Path

from demo.peers.quiet_node import open_ledger, open_link, stamp_now
from edge.core.events import AccessPointId, Fact, GrantId

LEDGER = Path("data/events.db")
PER_SECOND = 25.0  # events; the design's reference for one community
TOGETHER_MAX = 4  # facts of one transaction


def passage(number: int) -> Fact:
    """Somebody is let in, takes the door, and it falls shut."""
    door, grant = AccessPointId("AP-dongfang-901"), GrantId(f"g-{number // 3:06d}")
    match number % 3:
        case 0:
            return Fact(
                "access.granted", access_point=door, grant_id=grant, decision="allow", reason="Granted"
            )
        case 1:
            return Fact("access.taken", access_point=door, grant_id=grant)
        case _:
            return Fact("door.closed", access_point=door, mode="LOCKED", contact="closed")


def main(community: str, node: str, port: int, seed: int) -> None:
    calm, end = threading.Event(), threading.Event()

    def ended(*_: object) -> None:
        calm.set()
        end.set()

    signal.signal(signal.SIGUSR1, lambda *_: calm.set())
    signal.signal(signal.SIGTERM, ended)
    LEDGER.parent.mkdir(exist_ok=True)
    boot_id = secrets.token_hex(4)
    ledger = open_ledger(LEDGER, node)
    dice = random.Random(seed + ledger.head)
    link = open_link(community, node, ledger, port, boot_id)
    link.start()
    numbers = count(ledger.head)
    while not calm.is_set():
        few = dice.randint(1, TOGETHER_MAX)
        ledger.append([passage(next(numbers)) for _ in range(few)], stamp_now(boot_id))
        link.wake()
        calm.wait(dice.expovariate(PER_SECOND / few))
    end.wait()
    link.stop()
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
