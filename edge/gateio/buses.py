"""One lock behind a bus, seen from the timing thread: what it was asked, what it said, and when to ask again.

Nothing here waits, and nothing a driver does stops gate-io: a lock that fails is a silent lock, other doors go on.
"""

from collections import deque
from dataclasses import dataclass

from edge.errors import HardwareError
from edge.gateio.outputs import MS, Wish
from edge.ports import Outcome
from edge.ports_io import Ask, BusLink, BusLock, BusTold

# The way out, a latch and the resting level are asked for again at this pace until the device says that it did.
RETRY_NS = 1_000 * MS

# A device that times a release by itself is never given more than this at once: when gate-io is killed in the middle of
# an open hour, the door locks within a minute.  Renewed at half time.
DEVICE_LEASE_NS = 60_000 * MS

# The deadline of what is right however late it comes: the resting level, and a release for fire or evacuation.
NEVER_NS = 2**63 - 1

# A driver that has not told of this many asks tells of none.
UNTOLD_MAX = 64

Said = BusTold | BusLink


@dataclass(frozen=True, slots=True)
class Heard:
    """What one word of a lock changed."""

    link: bool | None = None  # it is back (True) or fell silent (False)
    moved: bool | None = None  # it stands at another level than before
    stands: bool = False  # the newest ask is done
    failed: bool = False  # the newest ask is not, or was undone by a silence


class Bus:
    """``online`` is False until the lock's first word; ``energised`` is the level it last stood at, as far as told."""

    def __init__(self, lock: BusLock, *, energised: bool) -> None:
        self.lock = lock
        self.online = False
        self.energised = energised
        self.seq = 0  # of the newest ask
        self._asked: Wish | None = None
        self._at = 0  # when that was
        self._done = False  # the device has said so
        self._no_word_since: int | None = None  # the first ask since the lock last said anything
        self._levels: dict[int, bool] = {}  # of the asks not told of yet
        self._own: deque[BusTold] = deque(maxlen=8)  # said by us for a driver that failed

    def follow(self, wish: Wish, now: int, deadline_ns: int | None = None) -> None:
        """Ask for it where that is due; ``deadline_ns`` is a command's, and a command is always asked for."""
        if deadline_ns is None and not self._due(wish, now):
            return
        self.seq += 1
        self._asked, self._at, self._done = wish, now, False
        self._no_word_since = now if self._no_word_since is None else self._no_word_since
        self._levels[self.seq] = wish.energised
        if len(self._levels) > UNTOLD_MAX:
            del self._levels[next(iter(self._levels))]
        by = self._deadline(wish, now, deadline_ns)
        try:
            self.lock.ask(Ask(self.seq, wish.energised, self._pulse_ms(wish, now), by, wish.rest))
        except (HardwareError, OSError) as error:
            self._own.append(BusTold(self.seq, Outcome.OFFLINE, now, str(error)))

    def next_ask(self, wish: Wish) -> int | None:
        """When to ``follow`` at the latest, if nothing changes."""
        if not self._done:
            return self._at + RETRY_NS if _retried(wish) else None
        return self._at + DEVICE_LEASE_NS // 2 if self._renews(wish) else None

    def stands(self, wish: Wish) -> bool:
        """The device has said that it is where it shall be."""
        return self._done and self.energised == wish.energised

    def overdue(self, now: int) -> bool:
        """It counts as there, and its driver has said nothing for longer than any answer may take."""
        longest = (self.lock.ack_ms + self.lock.supervise_ms) * MS
        return self.online and self._no_word_since is not None and now >= self._no_word_since + longest

    def level_of(self, seq: int) -> bool | None:
        """The level that ask was for, until it is told of."""
        return self._levels.get(seq)

    def said(self) -> list[Said]:
        """What the lock said since the last call, oldest first; ``note`` each.

        Raises:
            HardwareError, OSError: the driver failed.
        """
        told = self.lock.told()
        own = [*self._own]
        self._own.clear()
        return [*own, *told]

    def note(self, said: Said) -> Heard:
        before = (self.online, self.energised)
        self._no_word_since = None
        if isinstance(said, BusTold):
            stands, failed = self._note_told(said)
        else:
            stands, failed = False, self._note_link(said)
        return Heard(
            link=self.online if self.online != before[0] else None,
            moved=self.energised if self.energised != before[1] else None,
            stands=stands,
            failed=failed,
        )

    def _note_told(self, told: BusTold) -> tuple[bool, bool]:
        self._levels = {seq: level for seq, level in self._levels.items() if seq > told.seq}
        done = told.outcome is Outcome.DONE
        if done or told.outcome is Outcome.OFFLINE:
            self.online = done
        if told.seq != self.seq or self._asked is None:
            return False, False
        self._done = done
        if done:
            self.energised = self._asked.energised
        return done, not done

    def _note_link(self, link: BusLink) -> bool:
        self.online = link.online
        if not link.online:
            return False
        # At rest, whatever it was asked: all that is wanted is asked for again.
        rest = self.energised if self._asked is None else self._asked.rest
        self.energised = rest if link.energised is None else link.energised
        self._asked, self._done = None, False
        return True

    def _due(self, wish: Wish, now: int) -> bool:
        before = self._asked
        if before is None or before.energised != wish.energised or (wish.reflex and not before.reflex):
            return True
        if self._done:
            renewal = self._renews(wish) and now >= self._at + DEVICE_LEASE_NS // 2
            return renewal or wish.until_ns != before.until_ns
        return _retried(wish) and now >= self._at + RETRY_NS

    def _renews(self, wish: Wish) -> bool:
        end = wish.until_ns
        return self.lock.self_timed_pulse and end is not None and end > self._at + DEVICE_LEASE_NS

    def _pulse_ms(self, wish: Wish, now: int) -> int | None:
        if wish.energised == wish.rest or wish.until_ns is None:
            return None
        left = wish.until_ns - now
        return max(1, -(-(min(left, DEVICE_LEASE_NS) if self.lock.self_timed_pulse else left) // MS))

    def _deadline(self, wish: Wish, now: int, deadline_ns: int | None) -> int:
        if wish.energised == wish.rest:
            return NEVER_NS
        if wish.reflex:
            return NEVER_NS if wish.until_ns is None else wish.until_ns
        return now + self.lock.ack_ms * MS if deadline_ns is None else deadline_ns


def _retried(wish: Wish) -> bool:
    """What only the node asked for is never asked twice: its deadline may be over, and the node can ask itself."""
    return wish.reflex or wish.energised == wish.rest
