"""The node is killed (SIGKILL) at every step of a passage: the lock falls to rest, the way out works while it is dead,
and it comes back knowing where the door stands, with nothing lost from its ledger.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))  # the rig is not a test and not a package

from node_rig import NodeRig, Phone, pass_row

from cloud_sync.protocol import chain
from demo import count
from demo.stage import wait_until
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point

pytestmark = [pytest.mark.clips, pytest.mark.timeout(900)]
DOOR = "AP-t-001"
NODE = ("-c", "from edge.cli import main; main()", "run", "--config")


class Passage:
    """One guest, played up to a step."""

    def __init__(self, rig: NodeRig, phone: Phone) -> None:
        self.rig, self.phone = rig, phone
        self.taken = len(rig.events("access.taken"))
        self.granted = len(rig.events("access.granted"))
        self.closed = len(rig.events("door.closed"))

    def idle(self) -> None:
        """Nobody is there."""

    def granted_(self) -> None:
        self.rig.stage.show_code(self.phone.code(), "guest")
        self.rig.wait_event("access.granted", n=self.granted + 1)
        wait_until(self.rig.released, within_s=30, what="the lock moves")

    def opened(self) -> None:
        self.granted_()
        self.put(Point.CONTACT, True)
        self.rig.wait_event("access.taken", n=self.taken + 1)

    def relocked(self) -> None:
        self.opened()
        wait_until(lambda: not self.rig.released(), within_s=30, what="the lock is back")

    def closed_(self) -> None:
        self.relocked()
        self.put(Point.CONTACT, False)
        self.rig.wait_event("door.closed", n=self.closed + 1)

    def put(self, point: Point, level: bool) -> None:
        set_point(self.rig.folder / "rig.sock", DOOR, point, level)


STEPS = ("idle", "granted_", "opened", "relocked", "closed_")


class KilledRig(NodeRig):
    def released(self) -> bool:
        moves = self.lock_moves()
        return bool(moves) and moves[-1] == "energise"

    def kill_node(self) -> None:
        node = self._programs.pop()
        node.kill()
        node.wait()

    def revive(self) -> None:
        boots = len(self.events("door.boot"))
        self.start(*NODE, str(self.config), log="node.log")
        self.wait_event("door.boot", n=boots + 1)
        wait_until(
            lambda: self.door().get("camera") == "OK", within_s=120, what=f"the node serves; {self.log()}"
        )


def test_a_node_killed_at_every_step_leaves_a_shut_door_a_way_out_and_a_whole_ledger(tmp_path, clips):
    everybody = [Phone() for _ in range(2 * len(STEPS))]  # a code opens once in its half minute
    phones = iter(everybody)
    rig = KilledRig(tmp_path, clips, face=False)
    rig.put_passes(*(pass_row(f"p-{number}", phone) for number, phone in enumerate(everybody)))
    with rig:
        for step in STEPS:
            passage = Passage(rig, next(phones))
            getattr(passage, step)()
            before = rig.events()
            rig.kill_node()
            wait_until(lambda: not rig.released(), within_s=30, what=f"{step}: the lock falls to rest")
            presses = rig.lock_moves().count("energise")
            passage.put(Point.REX, True)
            passage.put(Point.REX, False)
            wait_until(
                lambda n=presses: rig.lock_moves().count("energise") > n,
                within_s=30,
                what=f"{step}: the way out",
            )
            wait_until(lambda: not rig.released(), within_s=30, what=f"{step}: T_rex ends")
            rig.revive()
            assert [event.key for event in rig.events()][: len(before)] == [event.key for event in before], (
                step
            )
            is_open = step in ("opened", "relocked")
            assert rig.door()["contact"] == ("open" if is_open else "closed"), step
            assert rig.door()["mode"] == "LOCKED", step
            passage.put(Point.CONTACT, False)
            wait_until(lambda: rig.door()["contact"] == "closed", within_s=40, what=f"{step}: the door shuts")
            assert rig.events("door.forced") == [], step
            Passage(rig, next(phones)).closed_()
            rig.lane_is_empty()
    with count.read(tmp_path / "data" / "events.db") as db:
        (epoch,) = db.execute("select epoch from meta").fetchone()
        rows = db.execute("select seq, d, h from event order by seq").fetchall()
    assert chain.first_break(rig.node, epoch, rows) is None
