"""Rules between doors in the running programs: a real gate-io, a real node, PINs at its screen; no network, no camera."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig is not a test and not a package

from node_rig import pass_row

from cloud_sync.protocol import merkle
from cloud_sync.protocol.messages import Cred, PassRow
from cloud_sync.protocol.pin import pin_credential
from demo import count
from edge.core.tailgating import LONG_LEAST
from edge.drivers.inputs.simulated import set_point
from edge.errors import GateError
from edge.link.translate import decode_passes
from edge.ports import Point
from edge.runtime.control import ask
from edge.store.ballast import Ballast
from edge.store.pass_book import PassBook
from tests.fakes.gateio_rig import Program, door, house, lock_moves, until

KEY = bytes(range(32))
OUTER, INNER, LOBBY, RISK = "AP-outer", "AP-inner", "AP-lobby", "AP-risk"
GUEST, STAFF = "482913", "719355"
ROOT = Path(__file__).parents[2]

NODE = """
node = "n1"
simulation = true
data_dir = "{folder}/data"
join_file = "{folder}/join.json"
io_profile = "{folder}/profile.json.toml"
[clock]
rtc = "present"
[broker]
port = 1
[face]
enabled = false
[kiosk]
port = {port}
[[schedules]]
name = "day"
hours = ["00:00-24:00"]
[[doors]]
access_point = "AP-outer"
kind = "gate"
t_release_ms = 1000
interlock_group = "lane"
zone_from = "street"
zone_to = "lane"
anti_passback = "timed"
[[doors]]
access_point = "AP-inner"
kind = "gate"
t_release_ms = 1000
interlock_group = "lane"
zone_from = "lane"
zone_to = "yard"
anti_passback = "soft"
[[doors]]
access_point = "AP-lobby"
kind = "gate"
t_release_ms = 1000
schedule = "day"
first_person = ["operator"]
[[doors]]
access_point = "AP-risk"
kind = "gate"
t_release_ms = 1000
tailgate = "case"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rig:
    """The two programs in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        beam = {
            "driver": "simulated",
            "rig": str(folder / f"{RISK}-rig"),
            "wired": ["contact", "rex", "beam"],
        }
        plain = [door(name, folder) for name in (OUTER, INNER, LOBBY)]
        self.io = Program(folder, house(folder, *plain, door(RISK, folder, inputs=beam)))
        self.node: subprocess.Popen[bytes] | None = None
        join = {
            "community": "test", "node": "n1", "kid": "k1", "tz": "Asia/Shanghai",
            "community_key": base64.b64encode(b"k" * 32).decode(), "pin_key": base64.b64encode(KEY).decode(),
            "access_points": [],
        }  # fmt: skip
        (folder / "join.json").write_text(json.dumps(join))
        (folder / "node.toml").write_text(NODE.format(folder=folder, port=self.port))
        self._put_passes()

    def _put_passes(self) -> None:
        rows = [_person("PS-guest", "guest", GUEST), _person("PS-staff", "operator", STAFF)]
        (self.folder / "data").mkdir()
        book = PassBook(
            self.folder / "data" / "passes.db",
            decode=decode_passes,
            ballast=Ballast(self.folder / "data" / "reserve"),
        )
        assert book.apply(1, merkle.root(1, rows), merkle.pack(rows), now_ms=0)
        now_ms = time.time_ns() // 1_000_000
        book.note_head(now_ms, now_ms + 86_400_000)  # or an operator's pass would ask for a second factor
        book.close()

    def start_node(self) -> None:
        with (self.folder / "node.log").open("ab") as out:
            self.node = subprocess.Popen(
                [sys.executable, "-c", "from edge.cli import main; main()", "run", "-c", "node.toml"],
                cwd=self.folder, stdout=out, stderr=out, env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        until(lambda: self.modes() != {} and "UNKNOWN" not in self.modes().values(), "the node to serve")

    def kill_node(self) -> None:
        assert self.node is not None
        self.node.send_signal(signal.SIGKILL)
        self.node.wait(60)

    def close(self) -> None:
        if self.node is not None and self.node.poll() is None:
            self.node.terminate()
            self.node.wait(60)
        self.io.close()

    def ask(self, question: dict[str, object]) -> dict[str, object]:
        return ask(self.folder / "data" / "control.sock", question)

    def modes(self) -> dict[str, str]:
        try:
            return {line["access_point"]: line["mode"] for line in self.ask({"do": "status"})["doors"]}
        except GateError:
            return {}

    def type(self, name: str, digits: str) -> None:
        sent = httpx.post(f"http://127.0.0.1:{self.port}/{name}/pin", json={"pin": digits}, timeout=60)
        assert sent.status_code == 202

    def set(self, name: str, point: Point, level: bool) -> None:
        set_point(self.folder / f"{name}-rig", name, point, level)

    def told(self, name: str = "", kind: str = "") -> list[dict[str, object]]:
        bodies = [event.body for event in count.ledger(self.folder / "data" / "events.db", "n1")]
        return [
            body for body in bodies if name in ("", body.get("access_point")) and kind in ("", body["type"])
        ]

    def wait(self, name: str, kind: str, n: int = 1) -> dict[str, object]:
        until(lambda: len(self.told(name, kind)) >= n, f"{n} × {kind} at {name}; {self.log()}")
        return self.told(name, kind)[n - 1]

    def log(self) -> str:
        return (self.folder / "node.log").read_text()[-2_000:]

    def walk(self, name: str, digits: str, n: int = 1) -> None:
        """Type, open, walk, shut; ``n`` is how many have walked there then."""
        self.type(name, digits)
        self.wait(name, "access.granted", n)
        self.set(name, Point.CONTACT, True)
        self.wait(name, "access.taken", n)
        self.set(name, Point.CONTACT, False)
        self.wait(name, "door.closed", n)


def _person(pass_id: str, cls: str, pin: str) -> PassRow:
    row = pass_row(pass_id, scope=(OUTER, INNER, LOBBY, RISK))
    return msgspec.structs.replace(row, cls=cls, creds=[Cred("pin", *pin_credential(KEY, pin))])


@pytest.fixture
def rig(tmp_path_factory):
    made = Rig(tmp_path_factory.mktemp("r"))  # a socket's path may have 107 bytes
    try:
        made.io.start()
        made.start_node()
        yield made
    finally:
        made.close()


def test_of_a_lane_one_door_opens_at_a_time_and_out_one_comes_always(rig):
    rig.type(OUTER, GUEST)
    rig.wait(OUTER, "access.granted")
    rig.set(OUTER, Point.CONTACT, True)
    rig.wait(OUTER, "access.taken")
    rig.type(INNER, GUEST)
    assert rig.wait(INNER, "access.denied")["reason"] == "x:Interlock"
    assert lock_moves(rig.folder, INNER) == []
    rig.set(INNER, Point.REX, True)
    rig.set(INNER, Point.REX, False)
    until(lambda: lock_moves(rig.folder, INNER)[:1] == ["energise"], "the way out opens all the same")
    assert rig.wait(INNER, "access.granted")["credential_kind"] == "rex"
    rig.wait(INNER, "access.not_taken")
    rig.set(OUTER, Point.CONTACT, False)
    until(lambda: rig.modes() == dict.fromkeys(rig.modes(), "LOCKED"), "the outer door to be shut and locked")
    rig.type(INNER, GUEST)
    assert rig.wait(INNER, "access.granted", 2)["pass_id"] == "PS-guest"


def test_a_pass_that_went_in_is_refused_after_a_kill_and_opens_after_a_reset(rig):
    """Both rules are on at these doors: the interlock did not take anti-passback away."""
    rig.walk(OUTER, GUEST)
    rig.kill_node()
    rig.start_node()
    rig.type(OUTER, GUEST)
    assert rig.wait(OUTER, "access.denied")["reason"] == "x:AntiPassback"
    ran = subprocess.run(
        [sys.executable, "-c", "from edge.cli import main; main()", "apb-reset", "-c", "node.toml", "PS-guest",
         "--by", "S-7", "--why", "left_unseen"],
        cwd=rig.folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert (ran.returncode, "not recorded in lane any more" in ran.stdout) == (0, True), ran.stderr
    (reset,) = rig.told(kind="apb.reset")
    assert (reset["actor"], reset["reason"], reset["pass_id"]) == ("S-7", "left_unseen", "PS-guest")
    rig.type(OUTER, GUEST)
    rig.wait(OUTER, "access.granted", 2)


def test_the_lobby_stands_open_from_its_first_person_on_and_again_after_a_kill(rig):
    rig.walk(LOBBY, GUEST)
    rig.walk(LOBBY, STAFF, n=2)
    until(lambda: rig.modes().get(LOBBY) == "UNLOCKED", "the lobby to stand open")
    kinds = [(body["type"], body.get("class")) for body in rig.told(LOBBY)]
    assert kinds.index(("door.mode", None)) > kinds.index(("access.taken", "operator"))
    assert [body["type"] for body in rig.told(LOBBY)].count("door.mode") == 1
    rig.kill_node()
    rig.start_node()
    until(lambda: rig.modes().get(LOBBY) == "UNLOCKED", "the lobby to stand open again")
    assert rig.modes()[OUTER] == "LOCKED"


def took_ms(rig: Rig) -> list[int]:
    """How long each passage at the risky door held it open, as the ledger has it."""
    ends = [int(body["mono_ms"]) for body in rig.told(RISK, "door.closed")]
    starts = [int(body["mono_ms"]) for body in rig.told(RISK, "access.taken")]
    return [end - start for start, end in zip(starts, ends, strict=True)]


def test_a_second_body_behind_a_guest_is_seen_by_the_beam_and_the_contact_together(rig):
    for walked in range(LONG_LEAST):
        rig.walk(RISK, GUEST, n=walked + 1)
    usual_ms = max(took_ms(rig))
    rig.type(RISK, GUEST)
    rig.wait(RISK, "access.granted", LONG_LEAST + 1)
    rig.set(RISK, Point.CONTACT, True)
    rig.wait(RISK, "access.taken", LONG_LEAST + 1)
    opened_s = time.monotonic()
    for level in (True, False, True, False):
        rig.set(RISK, Point.BEAM, level)
    until(lambda: 1000 * (time.monotonic() - opened_s) > usual_ms + 200, "longer than any before")
    rig.set(RISK, Point.CONTACT, False)
    flag = rig.wait(RISK, "access.tailgate")
    granted = rig.told(RISK, "access.granted")[-1]
    assert (flag["grant_id"], flag.get("pass_id")) == (granted["grant_id"], None)
    assert (flag["x"]["people"], flag["x"]["grants"], flag["x"]["cues"]) == (2, 1, "long,body")
    assert len(rig.told(RISK, "door.tailgating")) == 1
    assert rig.told(RISK, "access.denied") == []
