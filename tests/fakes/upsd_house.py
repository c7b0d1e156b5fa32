"""A real upsd with its dummy driver, as Debian's nut-server brings them; and a far side that speaks as it is told."""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.waiting import eventually

PROGRAMS = Path("/lib/nut")
UPS = "gate"


def is_installed() -> bool:
    return all((PROGRAMS / name).exists() for name in ("upsd", "dummy-ups"))


@dataclass(frozen=True)
class Upsd:
    """``says`` is what the UPS says from now on, by NUT's own names; ``unplug`` ends its driver."""

    port: int
    says: Callable[..., None]
    unplug: Callable[[], None]


@contextmanager
def real_upsd(folder: Path) -> Iterator[Upsd]:
    """Ends with its programs; they keep to ``folder``."""
    port = _free_port()
    device = folder / "gate.dev"

    def says(**variables: object) -> None:
        lines = [f"{name.replace('_', '.')}: {value}\n" for name, value in variables.items()]
        beside = folder / "next.dev"
        beside.write_text("".join(lines), encoding="utf-8")
        beside.replace(device)

    says(ups_status="OL CHRG", battery_charge=97, battery_runtime=3480)
    (folder / "ups.conf").write_text(
        f"[{UPS}]\n    driver = dummy-ups\n    port = {device}\n    mode = dummy-once\n    pollinterval = 1\n"
    )
    (folder / "upsd.conf").write_text(f"LISTEN 127.0.0.1 {port}\nMAXAGE 5\n")
    (folder / "upsd.users").touch()
    for name in ("upsd.conf", "upsd.users"):
        (folder / name).chmod(0o640)
    places = {name: str(folder) for name in ("NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH")}
    env = {**os.environ, **places}
    me = shutil.which("id") and subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *words: str) -> subprocess.Popen[bytes]:
        log = (folder / f"{program}.log").open("wb")
        with log:
            command = [str(PROGRAMS / program), *words, "-u", str(me), "-F"]
            one = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        started.append(one)
        return one

    try:
        driver = start("dummy-ups", "-a", UPS)
        eventually((folder / f"dummy-ups-{UPS}").exists, what="the driver")
        start("upsd")
        eventually(lambda: _answers(port), what="upsd")
        yield Upsd(port, says, lambda: _end(driver))
    finally:
        for one in reversed(started):
            _end(one)


def _end(one: "subprocess.Popen[bytes]") -> None:
    one.terminate()
    try:
        one.wait(5)
    except subprocess.TimeoutExpired:
        one.kill()
        one.wait(5)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            line.settimeout(1)
            line.sendall(f"LIST VAR {UPS}\n".encode())
            return line.recv(9).startswith(b"BEGIN")
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def scripted(answer: bytes, *, hang: bool = False) -> Iterator[int]:
    """A listener that answers the first line of every caller with these bytes; then hangs up, or says nothing more."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not over.is_set():
                try:
                    line, _ = server.accept()
                except TimeoutError:
                    continue
                with line:
                    line.settimeout(1)
                    try:
                        line.recv(256)
                        line.sendall(answer)
                        if hang:
                            over.wait(10)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(5)
