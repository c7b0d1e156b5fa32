"""What gate-io needs from things behind a bus: locks that answer later, readers, lights and beepers.

Everything here is called from gate-io's one timing thread and returns at once; a driver that has to wait does so in
a thread of its own and says what came of it through ``told`` or ``reads``.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from edge.ports import Feedback, Outcome


@dataclass(frozen=True, slots=True)
class Ask:
    """What a lock behind a bus shall do now; a newer ask takes the place of every older one."""

    seq: int  # rises; ``BusTold`` quotes it
    energised: bool
    pulse_ms: int | None  # at most this long, where the device can end it by itself; None = until asked again
    deadline_ns: int  # CLOCK_MONOTONIC: an ask that releases and was not *sent* by then is dropped, for ever
    rest: bool = (
        False  # the resting level: where the lock goes whenever the device is back (before any ask: ``dead``)
    )


@dataclass(frozen=True, slots=True)
class BusTold:
    """What became of an ask that was sent, or could not be; one whose place was taken unsent needs no word.

    After TIMEOUT_UNKNOWN the driver has dropped its connection and makes a new one, whose first word is the resting level.
    """

    seq: int
    outcome: Outcome
    t_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BusLink:
    """The device fell silent, or is back; ``energised`` is what it reads back then (None: it cannot say)."""

    online: bool
    t_ns: int
    energised: bool | None = None
    detail: str = ""


class BusLock(Protocol):
    """A lock behind a bus (a driver's ``open_lock(settings, door, *, energised, dead)``, like any lock's).

    OFFLINE after ``supervise_ms`` of silence; until its first word (a ``BusLink`` that is online, or a DONE) it counts as
    silent.  Whenever the device is back the driver first puts it to its resting
    level and reads it back, whatever it was asked before it fell silent.
    """

    @property
    def feedback(self) -> Feedback: ...

    @property
    def self_timed_pulse(self) -> bool:
        """The device ends a pulse by itself, although we are gone."""
        ...

    @property
    def ack_ms(self) -> int: ...

    @property
    def supervise_ms(self) -> int: ...

    def ask(self, ask: Ask) -> None: ...

    def fileno(self) -> int:
        """Readable while ``told`` has something to say."""
        ...

    def told(self) -> list[BusTold | BusLink]:
        """What happened since the last call, oldest first; bounded by dropping nothing but repeated links."""
        ...

    def selftest(self) -> str:
        """One sentence; never unlocks."""
        ...

    def close(self) -> None:
        """Ask for the dead level and wait at most one second; repeatable."""
        ...


ReadKind = Literal["card", "keys", "text"]


@dataclass(frozen=True, slots=True)
class Read:
    """Something was shown to a reader.

    ``card``: ``<bits>:<hex of the bits, left-aligned>``; ``keys``: the digits of one keypad entry, as typed, without
    its ending key; ``text``: what a scanner read.  None of it is ever logged or written down.
    """

    kind: ReadKind
    data: str = field(repr=False)
    t_ns: int  # CLOCK_MONOTONIC at arrival


class ReaderLines(Protocol):
    """One reader of one door (a driver's ``open_reader(settings, door)``).  No call waits."""

    def fileno(self) -> int:
        """Readable while ``reads`` has something to say."""
        ...

    def reads(self) -> list[Read]:
        """What was shown since the last call, oldest first; at most 16 are kept, the newest ones."""
        ...

    @property
    def online(self) -> bool:
        """False while the reader is silent; a driver keeps trying by itself."""
        ...

    def selftest(self) -> str:
        """One sentence; changes nothing."""
        ...

    def close(self) -> None: ...


class Show(StrEnum):
    """What a door says without a screen: a colour and a rhythm, never a reason."""

    IDLE = "idle"
    GRANTED = "granted"
    DENIED = "denied"
    WAIT = "wait"  # a second factor is asked for
    PREALARM = "prealarm"
    ALARM = "alarm"
    FREE = "free"  # released for fire or evacuation


class IndicatorLines(Protocol):
    """Lights and beepers of one door (a driver's ``open_indicator(settings, door)``).

    Fire and forget: ``show`` never raises and never waits, and no decision depends on it.
    """

    def show(self, what: Show) -> None: ...

    def close(self) -> None:
        """Everything dark and silent; repeatable."""
        ...


@dataclass(frozen=True, slots=True)
class ModuleSaw:
    """A face module recognised somebody: whom it holds under which id, and nothing else.

    ``credential`` is the id under which we had the person enrolled there, a credential of our pass set; the door judges
    it like any other credential, by the pass.  ``vendor_live`` is what the vendor's own liveness said (None: it says
    nothing), a claim nobody here has measured.
    """

    credential: str = field(repr=False)
    t_ns: int  # CLOCK_MONOTONIC at arrival
    vendor_live: bool | None = None


class FaceModule(Protocol):
    """A box that recognises faces by itself (a driver's ``open_module(settings, door)``).  No call waits.

    Its templates never leave it; its gallery holds exactly whom we had enrolled and have not had erased.
    """

    def fileno(self) -> int:
        """Readable while ``saw`` has something to say."""
        ...

    def saw(self) -> list[ModuleSaw]:
        """Who was recognised since the last call, oldest first; at most 16 are kept, the newest ones.

        An id that was not enrolled through us, or whose erasure was asked for, is never among them.
        """
        ...

    def enrol(self, credential: str) -> None:
        """Take whoever stands before the module now as this one; done when ``held`` has it."""
        ...

    def erase(self, credential: str) -> None:
        """Repeated by the driver until the module says that it is gone, also over its absence; done when ``held`` lacks it."""
        ...

    def held(self) -> frozenset[str] | None:
        """Every id in the module as it told last, also those that nobody here put there; None while it has not told."""
        ...

    @property
    def online(self) -> bool: ...

    def selftest(self) -> str:
        """One sentence: model, firmware, and the threshold it is set to; changes nothing."""
        ...

    def close(self) -> None: ...
