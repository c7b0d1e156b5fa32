"""Cards and keypad entries of an OSDP reader, over its secure channel.  What was shown is never logged."""

from dataclasses import dataclass
from typing import Any

from edge.core.events import AccessPointId
from edge.drivers.osdp_bus import attach, detach
from edge.drivers.osdp_link import Mailbox, OsdpPlace
from edge.drivers.osdp_peer import MS, Event, Job, Peer
from edge.ports_io import Read

READS_KEPT = 16  # ports_io.ReaderLines

# The longest raw card data libosdp carries is 64 bytes; a card of less than 8 bits is noise on a Wiegand pair.
BITS_MIN, BITS_MAX = 8, 512

# The norm's codes for # (return) and * (delete), and the plain signs some keypads send.
ENTER, CLEAR = frozenset(b"\r#"), frozenset(b"\x7f*")
DIGITS = frozenset(b"0123456789")

KEYS_MAX = 16

# Digits somebody left behind are not the beginning of the next person's entry.
KEY_PAUSE_NS = 10_000 * MS


@dataclass(frozen=True, slots=True)
class OsdpReaderSettings(OsdpPlace):
    reader: int = 0  # a device may carry several

    def __post_init__(self) -> None:
        OsdpPlace.__post_init__(self)
        if not 0 <= self.reader <= 7:
            raise ValueError(f"reader {self.reader} is not within 0 to 7")


class Keypad:
    """Single keys to whole entries; told the time."""

    def __init__(self) -> None:
        self._typed = bytearray()
        self._last_ns = 0

    def press(self, key: int, now: int) -> str | None:
        """The digits of an entry that this key ended."""
        if now - self._last_ns > KEY_PAUSE_NS:
            self._typed.clear()
        self._last_ns = now
        if key in ENTER:
            entry = self._typed.decode("ascii")
            self._typed.clear()
            return entry if 0 < len(entry) <= KEYS_MAX else None
        if key in CLEAR:
            self._typed.clear()
        elif (
            key in DIGITS and len(self._typed) <= KEYS_MAX
        ):  # one more than may be: it spoils the entry, not the memory
            self._typed.append(key)
        return None


def card_text(bits: int, data: bytes) -> str | None:
    """``<bits>:<hex>``, left-aligned, what is beyond the bits zero; None when the two do not fit together."""
    if not BITS_MIN <= bits <= BITS_MAX or len(data) != (bits + 7) // 8:
        return None
    spare = -bits % 8
    number = int.from_bytes(data) >> spare << spare
    return f"{bits}:{number.to_bytes(len(data)).hex()}"


class OsdpReader:
    """A ``ReaderLines``; the methods of ``Part`` run in the bus thread."""

    rank = 3
    peer: Peer

    def __init__(self, settings: OsdpReaderSettings, door: AccessPointId) -> None:
        self._settings, self._door = settings, door
        self._mail: Mailbox[Read] = Mailbox(READS_KEPT)
        self._keypad = Keypad()
        self._open = True
        self.bus = attach(settings, self)

    # --- from gate-io's timing thread ------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._mail.fileno()

    def reads(self) -> list[Read]:
        return self._mail.take()

    @property
    def online(self) -> bool:
        return self.peer.online

    def selftest(self) -> str:
        place = self._settings
        return f"{self._door}: OSDP reader {place.address} at {place.port} {self.peer.story}."

    def close(self) -> None:
        if self._open:
            self._open = False
            detach(self.bus, self)
            self._mail.close()

    # --- Part ------------------------------------------------------------------------------------------------

    def up(self, _: int) -> None:
        """What was typed before belongs to nobody."""
        self._keypad = Keypad()

    def down(self, _: int, __: str) -> None:
        self._keypad = Keypad()

    def offline(self, _: int) -> None: ...

    def next_job(self, _: int) -> Job | None:
        return None

    def hear(self, event: dict[str, Any], now: int) -> None:
        if event.get("reader_no") != self._settings.reader:
            return
        if event["event"] == Event.CARD and "length" in event:
            card = card_text(event["length"], event["data"])
            if card is not None:
                self._mail.put(Read("card", card, now))
        elif event["event"] == Event.KEYS:
            for key in event["data"]:
                entry = self._keypad.press(key, now)
                if entry is not None:
                    self._mail.put(Read("keys", entry, now))


def open_reader(settings: OsdpReaderSettings, door: AccessPointId) -> OsdpReader:
    """Returns at once; ``online`` says when the reader has answered.

    Raises:
        HardwareError: the library or the key file is not right, or the port is used twice with different settings.
    """
    return OsdpReader(settings, door)
