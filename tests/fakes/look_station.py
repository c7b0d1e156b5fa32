"""One node's way from a camera to a held button, in one process: real clip, worker's loop, desk, ledger and page server."""

import asyncio
import json
import multiprocessing
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import chain
from cloud_sync.protocol.preview import TTL_MS, Ticket, encode_ticket, signing_bytes, text_of
from edge.compose_preview import asked_of, pages_of
from edge.config_side import PreviewConfig
from edge.core.events import AccessPointId, Fact, NodeId, Stamp
from edge.drivers.cameras import replay
from edge.drivers.clock import RehearsalClock, SystemClock
from edge.drivers.preview_jpeg import small_jpeg
from edge.errors import StoreError
from edge.kiosk.serve import KioskServer
from edge.kiosk.state import Door, KioskState
from edge.link.translate import encode_fact
from edge.runtime.preview_desk import PreviewDesk, PreviewRule
from edge.runtime.preview_eye import PreviewEye
from edge.runtime.sightings import EngineState, PictureSeen, PreviewPicture, unpack
from edge.runtime.watch import Watch
from edge.runtime.watch import run as run_watch
from edge.store.ballast import Ballast
from edge.store.device_key import verify_ed25519
from edge.store.ledger import SqliteLedger

DOOR, OTHER = AccessPointId("AP-t-001"), AccessPointId("AP-t-002")
NS = 1_000_000_000


class Recorder:
    """Writes as the node does, on the loop's own thread; ``full`` is a disk that is."""

    def __init__(self, folder: Path, clock: SystemClock) -> None:
        self._clock = clock
        self.full = False
        self.ledger = SqliteLedger(
            folder / "events.db",
            NodeId("n1"),
            encode=encode_fact,
            chain=chain,
            new_epoch=lambda: "e" * 24,
            ballast=Ballast(folder / "reserve"),
        )

    async def record(self, facts: list[Fact]) -> None:
        if self.full:
            raise StoreError("the disk is full.")
        now = self._clock.read()
        self.ledger.append(facts, Stamp("b1", now.mono_ns // 1_000_000, now.wall_ms, now.state, now.bound_ms))

    async def write(self, work):  # not asked of it here
        raise NotImplementedError


class Station:
    """Use as a context; ``ticket`` signs one, ``hold`` holds the button for a number of pictures."""

    def __init__(self, folder: Path, clip: Path, **preview: object) -> None:
        self.folder = folder
        self.config = PreviewConfig.model_validate({"networks": ["127.0.0.0/8"], **preview})
        said = folder / "clock.json"  # this machine's kernel may not know that it knows the time
        said.write_text(json.dumps({"offset_ms": 0, "synchronised": True}))
        self.clock = RehearsalClock(said, "present")
        self.recorder = Recorder(folder, self.clock)
        self._key, self._clip = Ed25519PrivateKey.generate(), clip
        self._loop = asyncio.new_event_loop()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._loop.run_forever, daemon=True)]
        self.told: list[PreviewPicture] = []
        self.beats = 0  # what the worker says of its picture once a second, looked at or not

    def __enter__(self) -> "Station":
        rule = PreviewRule(
            "test",
            "n1",
            self.config.networks,
            self.config.seconds,
            NS // self.config.fps,
            {DOOR: "lane", OTHER: "lane"},
        )
        public = self._key.public_key().public_bytes_raw()
        self.desk = PreviewDesk(
            rule,
            self.clock,
            self.recorder,
            lambda kid, message, signature: kid == "k1" and verify_ed25519(public, message, signature),
            asked_of,
        )
        ours, theirs = multiprocessing.Pipe()
        self._pipe, self.desk.ask = ours, ours.send_bytes
        clock = self.clock
        watch = Watch(
            {"lane": replay.open_camera(path=self._clip, speed=0.1)},
            None,
            lambda _image: [],
            theirs.send_bytes,
            clock.read,
            detect_every_ns=NS,
            preview=PreviewEye(small_jpeg, lambda: clock.read().mono_ns),
        )
        self._threads += [
            threading.Thread(
                target=run_watch,
                args=(watch, theirs),
                kwargs={"engine_state": EngineState(ok=False)},
                daemon=True,
            ),
            threading.Thread(target=self._hear, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        pages = self.call(self._pages())
        doors = (Door(DOOR, "门", "Door"), Door(OTHER, "门二", "Door two"))
        self._server = KioskServer(KioskState(doors), "127.0.0.1", 0, preview=pages)
        self._server.start()
        self.url = self._server.url
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._over.set()
        self._threads[2].join(30)
        self._pipe.close()
        self._threads[1].join(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._threads[0].join(30)
        self._loop.close()
        self.recorder.ledger.close()

    async def _pages(self):
        return pages_of(self.desk)

    def call(self, work):
        done: Future[object] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(60)

    def _hear(self) -> None:
        while not self._over.is_set():
            if self._pipe.poll(0.2):
                self._take(unpack(self._pipe.recv_bytes()))

    def _take(self, said: object) -> None:
        if isinstance(said, PreviewPicture):
            self.told.append(said)
            self._loop.call_soon_threadsafe(self.desk.show, said)
        else:
            self.beats += isinstance(said, PictureSeen)

    def ticket(self, **other: object) -> str:
        now = time.time_ns() // 1_000_000
        words: dict[str, object] = {
            "v": 1,
            "t": "test",
            "node": "n1",
            "door": DOOR,
            "id": os.urandom(8).hex(),
        }
        words |= {"iat": now, "exp": now + TTL_MS, "iss": "li", "kid": "k1", **other}
        body = encode_ticket(Ticket(**words))
        return text_of(body, self._key.sign(signing_bytes(body)))

    def page(self, door: str = DOOR) -> str:
        return f"{self.url}/preview/{door}"

    def press(self, ticket: str, door: str = DOOR) -> tuple[int, str]:
        """The button pressed and let go at once: what the node said."""
        with self._asks(ticket, door) as answer:
            return answer.status_code, "" if answer.status_code == 200 else answer.read().decode()

    def hold(self, ticket: str, pictures: int) -> list[bytes]:
        """Hold until so many pictures have come, or the node ends it."""
        seen: list[bytes] = []
        with self._asks(ticket, DOOR) as answer:
            assert answer.status_code == 200, answer.read()
            rest = b""
            for part in answer.iter_raw():
                rest += part
                while len(rest) >= 4 and len(rest) >= 4 + int.from_bytes(rest[:4], "big"):
                    end = 4 + int.from_bytes(rest[:4], "big")
                    seen.append(rest[4:end])
                    rest = rest[end:]
                if len(seen) >= pictures:
                    break
        return seen

    def _asks(self, ticket: str, door: str):
        body = json.dumps({"ticket": ticket})
        headers = {"content-type": "application/json"}
        return httpx.stream("POST", self.page(door), content=body, headers=headers, timeout=60)
