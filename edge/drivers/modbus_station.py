"""One Modbus board: its locks and inputs, what to ask it next, and when it is worth asking at all."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field

from edge.drivers.bus_plan import MS, Contact, LockPlan, Step
from edge.drivers.modbus_wire import READ_COILS, READ_INPUTS, BusSettings, Question
from edge.drivers.outbox import Outbox
from edge.ports_io import Ask, BusLink, BusTold

SUPERVISE_MS = 1000

# Doubling.  The longest one is also how long an unlock that a thawed board carries out late may stand.
RETRY_FIRST_NS, RETRY_MOST_NS = 50 * MS, 500 * MS

# Bits in one read: far below the protocol's 2000, and enough for the largest board.
SPAN_MAX = 64


def spans(addresses: Iterable[int]) -> list[tuple[int, int]]:
    """(first address, how many) of the fewest reads that cover these, none longer than SPAN_MAX."""
    found: list[tuple[int, int]] = []
    for address in sorted(set(addresses)):
        if found and address < found[-1][0] + SPAN_MAX:
            found[-1] = (found[-1][0], address - found[-1][0] + 1)
        else:
            found.append((address, 1))
    return found


@dataclass(eq=False)
class LockSlot:
    """One lock.  ``asks`` comes from gate-io's thread, the plan belongs to the bus thread."""

    coil: int
    flash: Callable[[bool, int], tuple[int, int]] | None  # (energised, pulse_ms) -> (address, word)
    plan: LockPlan
    outbox: Outbox[BusTold | BusLink]
    asks: deque[tuple[Ask, int]] = field(default_factory=deque)  # and how long it may wait for contact
    leaving: threading.Event | None = None  # set once the last ask was answered


@dataclass(eq=False)
class InputSlot:
    """Inputs of one door: told what was read, or that the board is silent."""

    addresses: frozenset[int]
    sample: Callable[[dict[int, bool], int], None]
    forget: Callable[[int], None]


class Station:
    """One board (unit) on the line."""

    def __init__(self, settings: BusSettings, now: int) -> None:
        self.settings = settings
        self.locks: list[LockSlot] = []
        self.inputs: list[InputSlot] = []
        self.in_contact = False
        self.heard_ns = now
        self.retry_at = now
        self._retry_ns = 0
        self.poll_at = now
        self._reads: list[Question] = []
        self._apart = False  # a read for several doors was refused: from then on each door has its own
        self._bits: dict[int, bool] = {}  # the inputs as far as this poll has come

    def heard(self, now: int) -> None:
        self.heard_ns = now
        self.in_contact, self._retry_ns = True, 0

    def fell_silent(self, now: int, *, mute: bool) -> None:
        """``mute``: it was asked and said nothing; otherwise there was no way to it."""
        self.in_contact = False
        self.retry_at = self.poll_at = now + self._retry_ns
        self._retry_ns = min(RETRY_MOST_NS, max(RETRY_FIRST_NS, 2 * self._retry_ns))
        self._reads, self._bits = [], {}
        for slot in self.locks:
            if mute:
                slot.plan.silent(now)
            else:
                slot.plan.lost(now)

    def tick(self, now: int) -> None:
        for slot in [*self.locks]:
            while slot.asks:
                ask, patience_ns = slot.asks.popleft()
                slot.plan.ask(ask, now, patience_ns)
            slot.plan.tick(now)
            if told := slot.plan.told():
                slot.outbox.put(told)
        if not self.in_contact and now - self.heard_ns >= SUPERVISE_MS * MS:
            for inputs in self.inputs:
                inputs.forget(now)

    def step(self, now: int) -> tuple[LockSlot, Step] | None:
        """What a lock needs; those without contact first, for they may stand open."""
        for slot in sorted(self.locks, key=lambda slot: slot.plan.contact is Contact.UP):
            if step := slot.plan.next(now):
                return slot, step
        return None

    def read(self, now: int) -> Question | None:
        """The next read of the poll that is due."""
        if not self._reads and now >= self.poll_at:
            self.poll_at = now + self.settings.poll_ms * MS
            unit = self.settings.unit
            inputs = self._spans([slot.addresses for slot in self.inputs])
            coils = self._spans([{slot.coil} for slot in self.locks])
            self._reads = [Question(unit, READ_INPUTS, *span) for span in inputs]
            self._reads += [Question(unit, READ_COILS, *span) for span in coils]
        return self._reads.pop(0) if self._reads else None

    def _spans(self, doors: Sequence[Set[int]]) -> list[tuple[int, int]]:
        if self._apart:
            return [span for addresses in doors for span in spans(addresses)]
        return spans(address for addresses in doors for address in addresses)

    def take(self, question: Question, bits: list[bool], now: int) -> None:
        """Hand out what was read."""
        read = {question.address + number: bit for number, bit in enumerate(bits)}
        if question.function == READ_COILS:
            for slot in self.locks:
                if slot.coil in read and slot.plan.contact is Contact.UP:
                    slot.plan.read(read[slot.coil], now)
            return
        self._bits |= read
        self._end_poll(now)

    def _end_poll(self, now: int) -> None:
        """Inputs are sampled together, once all of them have been read."""
        if not any(left.function == READ_INPUTS for left in self._reads):
            for inputs in self.inputs:
                inputs.sample(self._bits, now)
            self._bits = {}

    def refuse(self, question: Question, now: int) -> None:
        """The board does not have these inputs: they are a fault, and never what they were before."""
        self._apart = True
        if question.function != READ_INPUTS:
            return
        asked = range(question.address, question.address + question.value)
        for inputs in self.inputs:
            if not inputs.addresses.isdisjoint(asked):
                inputs.forget(now)
        self._end_poll(now)

    def wake_at(self, now: int) -> int:
        times = [now if self._reads else self.poll_at] if self.in_contact else [self.retry_at]
        times += [due for slot in self.locks if (due := slot.plan.due()) is not None]
        return min(times)
