"""What to say next to one lock behind a bus: pure, told the time, knows no wire.

The caller owns the wire: it asks ``next`` for a step, carries it out, and reports with ``done``, ``read``, ``silent``,
``lost``, ``unsent`` or ``refused`` what came of it.  Laws: the first word after every silence is the resting level; an
unlock is handed out once, before its deadline or never; what may have happened unseen is told as unknown.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.ports import Outcome
from edge.ports_io import Ask, BusLink, BusTold

MS = 1_000_000

# A connection that was closed is remade within milliseconds; somebody at the door does not notice this much.
PATIENCE_NS = 150 * MS

# A relay that does not follow is told again this often: it may be stuck, and the line is shared.
AGAIN_NS = 250 * MS

LATE = "an unlock that nobody acknowledged may have been carried out; it is ended"
CUT = "it was released when contact was lost; the release is ended"
MUTE = "the board does not answer; nothing was sent"


class Contact(StrEnum):
    LOST = "lost"  # nobody answers
    RESTING = "resting"  # there is a way to the board; the resting level is the next word
    CHECKING = "checking"  # the board took it; now it is read back
    UP = "up"


@dataclass(frozen=True, slots=True)
class Write:
    energised: bool
    seq: int | None = None  # the ask this carries out; None: the plan's own
    pulse_ms: int | None = None
    not_after_ns: int | None = None  # a release is not sent later than this
    sent_ns: int = 0  # when it was handed out


@dataclass(frozen=True, slots=True)
class ReadBack:
    pass


Step = Write | ReadBack


class LockPlan:
    """One lock.  ``rest`` is the level that locks, until an ask names another; every other level is a release."""

    def __init__(self, rest: bool, now: int, *, supervise_ns: int) -> None:
        self._rest = rest
        self._supervise_ns = supervise_ns
        self._heard_ns = now
        self._pending: tuple[Ask, int] | None = None  # and until when it may wait for contact
        self._flying: Step | None = None
        self._level: bool | None = None  # the last one the board took
        self._rest_due_ns: int | None = None
        self._again_ns = now  # a board that refuses to be put to rest is not asked before
        self._mute = False  # it was asked and said nothing; a closed connection is not that
        self._doubt = ""  # why the lock may be released though nobody knows
        self._astray = False
        self._offline = False
        self._told: list[BusTold | BusLink] = []
        self.contact = Contact.LOST

    @property
    def offline(self) -> bool:
        return self._offline

    @property
    def waiting(self) -> bool:
        """An ask is not answered yet."""
        return self._pending is not None or self._flying is not None

    # --- asked ---------------------------------------------------------------------------------------------------

    def ask(self, ask: Ask, now: int, patience_ns: int = PATIENCE_NS) -> None:
        """A newer ask takes the place of one that was not handed out yet, without a word about that one."""
        self._rest = ask.rest
        self._pending = (ask, now + patience_ns)
        self.tick(now)

    def tick(self, now: int) -> None:
        """Let time pass: what waited too long is dropped and told, and so is a silence that lasts."""
        if self._pending is not None and (why := self._hopeless(*self._pending, now)):
            ask, self._pending = self._pending[0], None
            self._tell(ask.seq, *why)
        if (
            not self._offline
            and self.contact is not Contact.UP
            and now >= self._heard_ns + self._supervise_ns
        ):
            self._go_offline(now, "no answer from the board")

    def _hopeless(self, ask: Ask, until_ns: int, now: int) -> tuple[Outcome, int, str] | None:
        if ask.energised != self._rest and now >= ask.deadline_ns:
            return Outcome.REFUSED, now, "its deadline passed before it was sent"
        if self.contact is not Contact.UP and (self._mute or self._offline or now >= until_ns):
            return Outcome.OFFLINE, now, MUTE
        return None

    # --- what next -----------------------------------------------------------------------------------------------

    def reach(self) -> None:
        """There is a way to the board again."""
        if self.contact is Contact.LOST:
            self.contact = Contact.RESTING

    def next(self, now: int) -> Step | None:
        """The step to carry out now; None when there is none.  It is handed out once."""
        self.tick(now)
        match self.contact:
            case Contact.LOST:
                self._flying = None
            case Contact.RESTING:
                ready = now >= self._again_ns
                self._flying = Write(self._rest, self._take_rest(), sent_ns=now) if ready else None
            case Contact.CHECKING:
                self._flying = ReadBack()
            case Contact.UP:
                self._flying = self._wanted(now)
        return self._flying

    def _take_rest(self) -> int | None:
        """The ask which the resting level carries out as well."""
        if self._pending is None or self._pending[0].energised != self._rest:
            return None
        ask, self._pending = self._pending[0], None
        return ask.seq

    def _wanted(self, now: int) -> Write | None:
        if self._rest_due_ns is not None and now >= self._rest_due_ns:
            return Write(self._rest, self._take_rest(), sent_ns=now)
        if self._pending is None:
            return None
        ask, self._pending = self._pending[0], None
        if ask.energised == self._rest:
            return Write(self._rest, ask.seq, sent_ns=now)
        return Write(ask.energised, ask.seq, ask.pulse_ms, ask.deadline_ns, now)

    def due(self) -> int | None:
        """When to ask ``next`` again at the latest; None: nothing ends by itself."""
        ends = [self._rest_due_ns] if self.contact is Contact.UP else []
        if self.contact is Contact.RESTING:
            ends.append(self._again_ns)
        if self._pending is not None:
            ask, until_ns = self._pending
            ends.append(until_ns if ask.energised == self._rest else min(until_ns, ask.deadline_ns))
        if not self._offline and self.contact is not Contact.UP:
            ends.append(self._heard_ns + self._supervise_ns)
        return min((end for end in ends if end is not None), default=None)

    # --- what came of it -----------------------------------------------------------------------------------------

    def done(self, now: int) -> None:
        """The board took the write that was handed out."""
        step = self._flying
        assert isinstance(step, Write)
        self._flying = None
        self._heard_ns = now
        self._level = step.energised
        self._rest_due_ns = None if step.pulse_ms is None else step.sent_ns + step.pulse_ms * MS
        if step.energised != self._rest:
            self._astray = False
        else:
            self._mute = False
            if self.contact is Contact.RESTING:
                self.contact = Contact.CHECKING
        if step.seq is not None:
            self._tell(step.seq, Outcome.DONE, now)

    def read(self, level: bool, now: int) -> None:
        """The relay reads this."""
        self._flying = None
        self._heard_ns = now
        if self.contact is Contact.CHECKING:
            self._come_up(level, now)
        elif self.contact is Contact.UP:
            self._compare(level, now)

    def _come_up(self, level: bool | None, now: int) -> None:
        said = ["put to rest before anything else"]
        if self._doubt:
            said.append(self._doubt)
        if level is None:
            said.append("the board does not say how its relays stand")
        elif level != self._rest:
            said.append("but the relay does not follow")
            self._astray, self._rest_due_ns = True, now
        self._doubt, self._offline = "", False
        self.contact = Contact.UP
        self._told.append(BusLink(True, now, level, "; ".join(said)))

    def _compare(self, level: bool, now: int) -> None:
        if level == self._level:
            if self._astray:
                self._told.append(BusLink(True, now, level, "the relay is at rest again"))
            self._astray = False
            return
        if level == self._rest:  # a pulse that the board ended, or a board that started anew
            ended_early = self._rest_due_ns is None
            self._level, self._rest_due_ns = level, None
            if ended_early:
                self._told.append(BusLink(True, now, level, "the relay fell back to rest by itself"))
            return
        if not self._astray:
            self._told.append(
                BusLink(True, now, level, "the relay was found released unasked; it is put to rest")
            )
        self._rest_due_ns = now if not self._astray else self._rest_due_ns or now + AGAIN_NS
        self._astray = True

    def silent(self, now: int) -> None:
        """The board did not answer in time; whatever waits is answered at once, for nobody may wait twice."""
        self._lose(now, "the board did not answer; it may still happen")
        self._mute = True
        self.tick(now)

    def lost(self, now: int) -> None:
        """There is no way to the board: refused, closed or unplugged."""
        self._lose(now, "the connection broke; it may still happen")
        self.tick(now)

    def _lose(self, now: int, detail: str) -> None:
        flying, self._flying = self._flying, None
        if isinstance(flying, Write):
            if flying.energised != self._rest:
                self._doubt = LATE
            if flying.seq is not None:
                self._tell(flying.seq, Outcome.TIMEOUT_UNKNOWN, now, detail)
        if self._level is not None and self._level != self._rest and not self._doubt:
            self._doubt = CUT
        self._level, self._rest_due_ns, self._astray = None, None, False
        self.contact = Contact.LOST

    def unsent(self, now: int) -> None:
        """The write that was handed out was not put on the wire: its time had passed."""
        step = self._flying
        assert isinstance(step, Write)
        self._flying = None
        if step.seq is not None:
            self._tell(step.seq, Outcome.REFUSED, now, "its deadline passed before it was sent")

    def refused(self, why: str, now: int) -> None:
        """The board answered, and said no."""
        step, self._flying = self._flying, None
        self._heard_ns = now
        if isinstance(step, Write) and step.seq is not None:
            self._tell(step.seq, Outcome.REFUSED, now, why)
        if self.contact is Contact.CHECKING:
            self._come_up(None, now)
        elif self.contact is Contact.RESTING:
            self._mute, self._again_ns = True, now + AGAIN_NS
            if not self._offline:
                self._go_offline(now, why)
        elif isinstance(step, Write) and step.energised == self._rest:
            self._rest_due_ns = now + AGAIN_NS

    # --- told ----------------------------------------------------------------------------------------------------

    def _go_offline(self, now: int, detail: str) -> None:
        self._offline = True
        self._told.append(BusLink(False, now, None, detail))

    def _tell(self, seq: int, outcome: Outcome, now: int, detail: str = "") -> None:
        self._told.append(BusTold(seq, outcome, now, detail))

    def told(self) -> list[BusTold | BusLink]:
        """What happened since the last call, oldest first."""
        told, self._told = self._told, []
        return told
