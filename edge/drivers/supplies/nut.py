"""A supply that Network UPS Tools watch: ``upsd`` is asked over TCP, in its plain text protocol, for what it knows.

``LIST VAR`` needs no login and changes nothing.  One short conversation per reading, bounded in time, bytes and lines.
"""

import re
import socket
import time
from dataclasses import dataclass
from typing import ClassVar

from edge.errors import HardwareError
from edge.ports import SupplyReading, SupplyState

PORT = 3493
BYTES_MAX = 65_536  # a talkative UPS has some hundred variables of a line each
LEFT_MAX_S = 30 * 86_400  # more is no battery but a mistake
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_VAR = re.compile(r'VAR \S+ (\S+) "((?:[^"\\]|\\.)*)"')
_WITHIN_S = (0.1, 10.0)


@dataclass(frozen=True, slots=True)
class NutSettings:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    ups: str
    host: str = "127.0.0.1"
    port: int = PORT
    within_s: float = 3.0  # the whole conversation

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.ups):
            raise ValueError("ups is a name as in ups.conf: letters, digits, dot, dash and underscore")
        if not 1 <= self.port <= 65_535:
            raise ValueError("port is between 1 and 65535")
        if not _WITHIN_S[0] <= self.within_s <= _WITHIN_S[1]:
            raise ValueError(f"within_s is between {_WITHIN_S[0]} and {_WITHIN_S[1]}")


class NutSupply:
    def __init__(self, settings: NutSettings) -> None:
        self._settings = settings

    def read(self) -> SupplyReading:
        held = self._settings
        end = time.monotonic() + held.within_s
        try:
            with socket.create_connection((held.host, held.port), held.within_s) as line:
                line.settimeout(_left(end))
                line.sendall(f"LIST VAR {held.ups}\n".encode())
                told = _heard(line, held.ups, end)
                line.sendall(b"LOGOUT\n")
        except (OSError, UnicodeError) as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
            raise HardwareError(f"the supply {self._place} cannot be asked ({why}). Look at upsd.") from error
        return self._reading(told)

    def close(self) -> None:
        """Nothing is held between two readings."""

    @property
    def _place(self) -> str:
        return f"{self._settings.ups}@{self._settings.host}:{self._settings.port}"

    def _reading(self, lines: list[str]) -> SupplyReading:
        if lines and lines[-1].startswith("ERR "):
            raise HardwareError(f"upsd says of {self._place}: {lines[-1][4:64]}. Look at its driver.")
        held = {found[1]: _plain(found[2]) for line in lines if (found := _VAR.fullmatch(line))}
        state = state_of(held.get("ups.status", ""))
        charge, left = _number(held, "battery.charge", 100), _number(held, "battery.runtime", LEFT_MAX_S)
        return SupplyReading(state, charge, left)


def state_of(status: str) -> SupplyState:
    """Of the words of ``ups.status``; an order to shut down counts as an empty battery."""
    words = set(status.split())
    if "FSD" in words or {"OB", "LB"} <= words:
        return SupplyState.LOW
    if "OB" in words:
        return SupplyState.BATTERY
    return SupplyState.MAINS if "OL" in words else SupplyState.UNKNOWN


def _heard(line: socket.socket, ups: str, end: float) -> list[str]:
    """The lines of the answer, up to its end or a refusal.

    Raises:
        OSError: too slow, too much, or cut off before the end.
    """
    data, last = b"", f"END LIST VAR {ups}"
    while True:
        line.settimeout(_left(end))
        more = line.recv(4096)
        if not more:
            raise OSError("it hung up in the middle of its answer")
        data += more
        lines = data.decode("utf-8", "replace").split("\n")[:-1]  # the last one is not whole yet
        if lines and (lines[-1] == last or lines[-1].startswith("ERR ")):
            return lines
        if len(data) > BYTES_MAX:
            raise OSError("its answer has no end")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _number(held: dict[str, str], name: str, most: int) -> int | None:
    """None for what is not said, is no number or cannot be."""
    text = held.get(name, "")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return None
    value = int(float(text))
    return value if value <= most else None


def open_supply(settings: NutSettings) -> NutSupply:
    return NutSupply(settings)
