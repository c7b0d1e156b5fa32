"""``make demo CAMERA=0``: the person before the camera registers a test stay, consents, enrols, enters and erases.

The stay and the document are invented; the face is real, becomes three vectors in memory and one sealed template on
this machine, and is gone when the last step is over, with a receipt.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import zxingcpp
from rich.console import Console

from cloud_sync.core.codes import listing_code
from demo import count, outside
from demo.acts import Evening
from demo.people import Guest
from demo.stage import wait_until
from demo.world import ADMIN, GATE, LISTING_BODY, NODES, Wish, World
from edge.errors import GateError
from edge.runtime import control

SOCKET = Path(NODES[0].node, "data/control.sock")
ENTER_S = 60.0
ERASE_S = 10.0  # the rule is five seconds online; twice that is a failure worth showing

console = Console(highlight=False)


def main_live(root: Path, wish: Wish) -> int:
    """0 when every step came to its end."""
    you = Guest("BK-LIVE", "you", "测试住客", "1990-01-01", "009909", "R-1201")
    world = World(root / (os.environ.get("RUN") or "run/demo"), root / ".cache/clips", wish, {"you": you})
    with world:
        console.print("Setting the stage: service, two nodes, your camera at the east gate …")
        world.open_service()
        try:
            world.open_nodes()
        except RuntimeError as error:
            console.print(
                str(error).strip().splitlines()[-1]
            )  # the node's own sentence: what, where, what to do
            return 2
        console.print(
            f"The community's page: http://127.0.0.1:{world.web_port}/  (name {ADMIN[0]}, password {ADMIN[1]})"
        )
        console.print(
            f"The screen at the door: http://127.0.0.1:{world.kiosk_ports[NODES[0].node]}/{GATE.access_point}\n"
        )
        steps = Live(world, you)
        done = steps.register() and steps.consent() and steps.enrol() and steps.enter() and steps.erase()
        if not done:
            done = steps.show_code()
        steps.leftovers()
    return 0 if done else 1


class Live:
    """The steps, each a question to the person and an answer from the programs."""

    def __init__(self, world: World, you: Guest) -> None:
        self._world = world
        self._you = you
        self._evening = Evening(world, console.print)
        self._token = ""

    def register(self) -> bool:
        """A test stay with an invented document."""
        _ask("Press Enter to book and register a test stay (an invented name and document are used).")
        self._world.import_records(listing_code(*LISTING_BODY))
        self._token = self._world.guest_link(self._you)
        self._evening.bind_phone(self._you, self._token)
        wait_until(self._world.receipted, within_s=60, what="the nodes' receipts")
        console.print("Registered. Your pass has arrived at the gate; your code works already.\n")
        return True

    def consent(self) -> bool:
        """Its own question, with no as good an answer as yes."""
        console.print(
            "Purpose: this gate may recognise your face while the test stay lasts, on this machine only."
        )
        console.print(
            "It is a convenience: the code opens the same door. You can take the consent back at any time."
        )
        if _ask("May the gate enrol your face? Type yes or no:").strip().lower() not in {"yes", "y", "是"}:
            console.print("Then not. Nothing was looked at; the code remains.\n")
            return False
        self._evening.consent(self._token)
        wait_until(
            lambda: (
                outside.held_with_consent(GATE.node, self._you.phone.pass_id)
                and control.ask(SOCKET, {"do": "status"})["auth_ver"] >= outside.version(GATE.node)
            ),
            within_s=30,
            what="the consent's arrival at the gate",
        )
        return True

    def enrol(self) -> bool:
        """Three pictures, at most twelve tries."""
        console.print("Look into the camera, then a little to the left and to the right …")
        try:
            answer = control.ask(
                SOCKET,
                {"do": "enrol_camera", "pass_id": self._you.phone.pass_id, "access_point": GATE.access_point},
            )
        except GateError as error:
            console.print(f"{error}\n")
            return False
        console.print(f"Enrolled from {answer['pictures']} pictures; none of them was kept.\n")
        return True

    def enter(self) -> bool:
        """Step away and come back."""
        _ask("Step out of the picture, press Enter, and come back.")
        before = len(self._evening.decisions(GATE))

        def granted() -> bool:
            return any(body["type"] == "access.granted" for body in self._evening.decisions(GATE)[before:])

        try:
            wait_until(granted, within_s=ENTER_S, what="your face")
        except TimeoutError:
            console.print("Nobody was recognised in a minute. The code is as good.\n")
            return False
        refused = len(self._evening.decisions(GATE)[before:]) - 1
        console.print(f"access.granted (face, Granted) after {refused} refusal(s)\n")
        return True

    def erase(self) -> bool:
        """Withdraw the consent and wait for the node's receipt."""
        _ask("Press Enter to take the consent back and erase your face.")
        began = time.monotonic()
        self._world.http.delete(f"/api/v1/guest/{self._token}/consents/face_access").raise_for_status()
        wait_until(lambda: self._gallery() == 0, within_s=ERASE_S, what="the erasure at the gate")
        console.print(
            f"Erased and receipted in {time.monotonic() - began:.1f} s. The code goes on working.\n"
        )
        return True

    def show_code(self) -> bool:
        """The other way, with equal rights: a code on this terminal, for a phone's camera."""
        console.print("Photograph this code with a phone within 30 s and hold it up to the camera:\n")
        console.print(_as_blocks(self._you.phone.code()))
        before = len(self._evening.decisions(GATE))
        try:
            decided = wait_until(
                lambda: self._evening.decisions(GATE)[before:], within_s=ENTER_S, what="a code"
            )[0]
        except TimeoutError:
            console.print("No code was shown in a minute.\n")
            return False
        console.print(f"{decided['type']} ({decided['credential_kind']}, {decided['reason']})\n")
        return True

    def leftovers(self) -> None:
        """What this machine still holds of the person, counted and not claimed."""
        photos = count.photos([Path()], but=[Path("stage")])
        left: dict[str, Any] = {"templates": self._gallery(), "photos_on_disk": len(photos)}
        console.print(json.dumps(left))

    def _gallery(self) -> int:
        with suppress(GateError, StopIteration):
            doors = control.ask(SOCKET, {"do": "status"})["doors"]
            return int(next(door["gallery_n"] for door in doors if door["access_point"] == GATE.access_point))
        return -1


def _ask(question: str) -> str:
    """The person's answer; an ended input is an empty one."""
    console.print(question)
    try:
        return input("> ")
    except EOFError:
        return ""


def _as_blocks(text: str) -> str:
    """A QR code in half blocks, quiet zone included."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="L")
    dark = np.array(code.to_image(scale=1)) < 128
    dark = np.pad(dark, ((0, dark.shape[0] % 2), (0, 0)))
    signs = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return "\n".join(
        "".join(signs[bool(top), bool(bottom)] for top, bottom in zip(dark[y], dark[y + 1], strict=True))
        for y in range(0, dark.shape[0], 2)
    )
