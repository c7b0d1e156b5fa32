"""A whole gate node without a network: real gate-io, real vision worker, real ledger; passes put aboard by hand."""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code, merkle
from cloud_sync.protocol.messages import Cred, PassRow
from demo import count
from demo.stage import Cue, Stage, wait_until
from edge.link.translate import decode_passes
from edge.runtime.control import ask
from edge.store.ballast import Ballast
from edge.store.pass_book import PassBook

HOUR_MS = 3_600_000
ALL = 15  # every prerequisite, face consent included
ROOT = Path(__file__).parents[2]


@dataclass
class Phone:
    """A guest's phone: its key never leaves it."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def code(self, *, at_s: float | None = None) -> str:
        step = code.step_at(time.time() if at_s is None else at_s)
        return code.compose(self.credential, step, self.key.sign(code.unsigned(self.credential, step)))


def pass_row(
    pass_id: str,
    phone: Phone | None = None,
    *,
    scope=("AP-t-001",),
    state="ARMED",
    prereq=ALL,
    ends_in_h=20.0,
):
    now_ms = time.time_ns() // 1_000_000
    creds = [] if phone is None else [Cred("qr", phone.credential.hex(), phone.public)]
    return PassRow(
        pass_id, 1, f"r-{pass_id}", "guest", state, list(scope), "always",
        now_ms - HOUR_MS, now_ms + int(ends_in_h * HOUR_MS), prereq, 1, creds,
    )  # fmt: skip


class NodeRig:
    """One node with one gate; call it inside ``with``."""

    def __init__(
        self,
        folder: Path,
        clips: Path,
        *,
        face: bool = True,
        engine: str = "yunet-sface",
        broker_port: int = 1,
        mode: str = "one_to_n",
        node: str = "n1",
        door: str = "AP-t-001",
    ) -> None:
        self.folder = folder
        self.node = node
        self.config = folder / "node.toml"
        self._programs: list[subprocess.Popen[bytes]] = []
        self.stage = Stage(folder / "stage", Cue(clips / "no_face.mp4", 0, 4))
        (folder / "io.toml").write_text(IO.format(folder=folder, door=door))
        self.config.write_text(
            NODE.format(
                folder=folder,
                face=str(face).lower(),
                engine=engine,
                broker_port=broker_port,
                node=node,
                door=door,
                mode=mode,
            )
        )
        (folder / "join.json").write_text(
            json.dumps(
                {
                    "community": "test",
                    "node": node,
                    "kid": "k1",
                    "tz": "Asia/Shanghai",
                    "community_key": base64.b64encode(b"k" * 32).decode(),
                    "access_points": [{"access_point": door, "face_enabled": True}],
                }
            )
        )

    def put_passes(self, *rows: PassRow, version: int = 1) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        book = PassBook(
            self.folder / "data" / "passes.db",
            decode=decode_passes,
            ballast=Ballast(self.folder / "data" / "reserve"),
        )
        packed = merkle.pack(rows)
        assert book.apply(version, merkle.root(version, rows), packed, now_ms=0)
        book.close()

    def __enter__(self) -> "NodeRig":
        try:
            self._serve()
        except BaseException:  # else its programs would run beside every test after this one
            self.__exit__()
            raise
        return self

    def _serve(self) -> None:
        self.start("-m", "edge.gateio", "io.toml", log="gateio.log")
        wait_until((self.folder / "io.sock").exists, within_s=60, what="gate-io's socket")
        self.start(
            "-c", "from edge.cli import main; main()", "run", "--config", str(self.config), log="node.log"
        )
        wait_until(
            lambda: self.door().get("mode") == "LOCKED" and self.door()["camera"] == "OK",
            within_s=120,
            what=f"the node serves; {self.log()}",
        )

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as out:
            program = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                stdout=out,
                stderr=out,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        self._programs.append(program)
        return program

    def __exit__(self, *_: object) -> None:
        for program in reversed(self._programs):
            program.send_signal(signal.SIGTERM)
        for program in reversed(self._programs):
            program.wait(60)

    def log(self) -> str:
        path = self.folder / "node.log"
        return path.read_text()[-3000:] if path.exists() else ""

    def ask(self, question):
        return ask(self.folder / "data" / "control.sock", question)

    def door(self):
        try:
            return self.ask({"do": "status"})["doors"][0]
        except Exception:  # noqa: BLE001  # not up yet: the caller waits
            return {}

    def events(self, type_: str | None = None):
        path = self.folder / "data" / "events.db"
        return [event for event in count.ledger(path, self.node) if type_ in (None, event.body["type"])]

    def wait_event(self, type_: str, *, n: int = 1, within_s: float = 90):
        wait_until(
            lambda: len(self.events(type_)) >= n, within_s=within_s, what=f"{n} × {type_}; {self.log()}"
        )
        return self.events(type_)[n - 1].body

    def lane_is_empty(self):
        """Everybody has stepped out of the picture, and the worker (every 90 ms) has seen that."""
        shown = self.folder / "shown.jsonl"

        def empty():
            lines = list(count.lines(shown))
            return lines[-1]["clip"].startswith("idle") and time.monotonic_ns() - lines[-1]["first_ns"] > 5e8

        wait_until(empty, within_s=60, what="an empty lane")

    def lock_moves(self):
        return [line["event"] for line in count.lines(self.folder / "lock.jsonl")]


IO = """
socket = "{folder}/io.sock"
state_dir = "{folder}/io-state"
journal = "{folder}/io-journal.jsonl"

[[door]]
access_point = "{door}"
lock_profile = "strike_fail_secure"
rex_unlocks = true
t_rex_ms = 1000
lock = {{ driver = "simulated", record = "{folder}/lock.jsonl" }}
inputs = {{ driver = "simulated", rig = "{folder}/rig.sock", wired = ["contact", "rex"] }}
"""

NODE = """
node = "{node}"
simulation = true
data_dir = "{folder}/data"
join_file = "{folder}/join.json"
io_profile = "{folder}/io.toml"

[clock]
rtc = "present"

[broker]
port = {broker_port}

[face]
enabled = {face}
engine = "{engine}"

[[cameras]]
name = "lane"
driver = "replay"
settings = {{ path = "{folder}/stage", journal = "{folder}/shown.jsonl" }}

[[doors]]
access_point = "{door}"
kind = "gate"
camera = "lane"
t_release_ms = 2000

[doors.face]
mode = "{mode}"
pia_record = "PIA-synthetic"
signage_attested_by = "test bench (synthetic)"
"""
