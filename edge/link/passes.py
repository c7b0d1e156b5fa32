"""The link's part in passes: heads, what is taken away, deltas, sets and repairs down; receipts and askings up.

Nothing is believed that the community's key has not signed for this node, and nothing is put in force that does not
give a signed root.  Used by the link's thread only (ADR 0041).
"""

import base64
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from cloud_sync.protocol import delta
from cloud_sync.protocol.delta import Delta, Deny, Repair
from cloud_sync.protocol.messages import AuthAck, BadMessage, Head, Part, decode, encode, signing_bytes
from cloud_sync.protocol.pull import Pull
from cloud_sync.protocol.topics import NodeTopics
from cloud_sync.protocol.versions import DELTAS_SINCE
from edge.core.events import PassId
from edge.core.passes import DENYING, BadPassSet, Denial, PassState
from edge.link.mqtt import Heard, Session
from edge.link.pull import Pulled

PARTS_MAX = 4_000  # a set of 48 MB; more is refused before memory is spent on it
WAITING_MAX = 64  # deltas that wait for the one before them, 16 KB each
ROOTS_MAX = 64  # versions whose signed root is remembered: a set may be overtaken while it is on its way
# A node that is behind and hears nothing more about passes says what it has; twice as patient each time.
ASK_AFTER_S = 2.0
ASK_MAX_S = 60.0
TIDY_AFTER_S = 5.0  # of silence: a whole set is not written while deltas come in
TIDY_EVERY_S = 3_600.0  # also where nothing is told: whoever has left is to go from the disk too

log = structlog.get_logger()

Verify = Callable[[str, bytes, bytes], bool]  # (key id, message, signature)


class PassSide(Protocol):
    """What the link asks of the node about passes; every answer is immediate or on disk."""

    def version(self) -> tuple[int, str]:
        """In force: auth_ver and root."""
        ...

    def wall_ms(self) -> int: ...

    def leaves(self) -> list[bytes]: ...

    def note_head(self, issued_ms: int, lease_until_ms: int) -> None: ...

    def deny(self, auth_ver: int, items: Sequence[tuple[PassId, Denial]]) -> bool:
        """False where version ``auth_ver`` is in force already."""
        ...

    def apply_delta(self, change: Delta, packed: bytes) -> bool:
        """False for an older version; raises BadPassSet when it does not give its root."""
        ...

    def apply_set(self, auth_ver: int, root: str, packed: bytes, buckets: frozenset[int] | None) -> bool:
        """False for an older version; raises BadPassSet when it does not give this root."""
        ...

    def tidy(self) -> None: ...


class Fetch(Protocol):
    """Gets a whole set from elsewhere; both at once."""

    @property
    def busy(self) -> bool: ...

    def start(self) -> None: ...

    def take(self) -> Pulled | None:
        """What came of it, once; None before."""
        ...


@dataclass(slots=True)
class _Parts:
    """The pieces of one set as they come in."""

    auth_ver: int
    n: int
    mask: str
    got: dict[int, bytes] = field(default_factory=dict)


def is_signed(message: Head | Deny | Delta, verify: Verify) -> bool:
    try:
        signature = base64.b64decode(message.sig, validate=True)
    except ValueError:  # not base64, or not even ASCII
        return False
    signed = signing_bytes(message) if isinstance(message, Head) else delta.signing_bytes(message)
    return verify(message.kid, signed, signature)


def denials(deny: Deny) -> list[tuple[PassId, Denial]]:
    """What a verified word takes away.

    Raises:
        BadMessage: a state in it gives, or is not known here.
    """
    found = []
    for pass_id, version, state in deny.items:
        if state != delta.LEFT and state not in DENYING:
            raise BadMessage(f"state {state!r} takes nothing away")
        found.append((PassId(pass_id), Denial(version, None if state == delta.LEFT else PassState(state))))
    return found


class PassLink:
    """``hear`` what comes, ``tick`` now and then, ``send`` what is to be said."""

    def __init__(self, topics: NodeTopics, side: PassSide, verify: Verify) -> None:
        self._topics = topics
        self._side = side
        self._verify = verify
        self.head: Head | None = None
        self.fetch: Fetch | None = None  # without it a set comes in parts only
        self._speaks = 1
        self._roots: dict[int, str] = {}
        self._parts: _Parts | None = None
        self._waiting: dict[int, Delta] = {}  # by the version they lead on from
        self._saying: deque[tuple[str, bytes]] = deque(maxlen=WAITING_MAX)
        self._news_at_s = 0.0
        self._ask_at_s = 0.0
        self._patience_s = ASK_AFTER_S
        self._untidy = True
        self._tidy_at_s = 0.0

    def connected(self, now_s: float) -> None:
        """A new session: what was under way is lost, and the service tells again."""
        self._parts, self._waiting = None, {}
        self._saying.clear()
        self._be_patient(now_s)

    def speaks(self, version: int) -> None:
        """The wire version both ends have in common, by the newest ack: an older service answers no repair."""
        self._speaks = version

    def _be_patient(self, now_s: float) -> None:
        self._news_at_s, self._patience_s = now_s, ASK_AFTER_S
        self._ask_at_s = now_s + ASK_AFTER_S

    def send(self, session: Session) -> None:
        """What waits, as far as the session takes it."""
        while self._saying and session.send(*self._saying[0]):
            self._saying.popleft()

    def tick(self, now_s: float) -> None:
        """Ask when nothing more comes and something lacks; write a whole set when it is quiet."""
        if self.fetch is not None and self.fetch.busy:
            self._take_fetched(self.fetch.take(), now_s)
        elif self.is_behind() and self._speaks >= DELTAS_SINCE:
            if now_s >= max(self._ask_at_s, self._news_at_s + ASK_AFTER_S):
                self._ask(now_s)
        elif now_s - self._news_at_s >= TIDY_AFTER_S and (self._untidy or now_s >= self._tidy_at_s):
            self._untidy, self._tidy_at_s = False, now_s + TIDY_EVERY_S
            self._side.tidy()

    def _take_fetched(self, pulled: Pulled | None, now_s: float) -> None:
        """As if it were one part; whatever is wrong with it, the rest is asked for on the bus at once."""
        if pulled is None:
            return
        self._be_patient(now_s)
        known = pulled.auth_ver in self._roots and pulled.auth_ver > self._side.version()[0]
        if pulled.packed is not None and known:  # nobody's word but a signed root says which version it is
            self._parts = _Parts(pulled.auth_ver, 1, "", {0: pulled.packed})
            self._try_set()
            self._go_on(now_s)
        if self.is_behind():
            self._ask(now_s)

    def _on_pull(self, pull: Pull, now_s: float) -> None:
        if pull.auth_ver <= self._side.version()[0]:
            self._receipt()
        elif self.fetch is not None:
            self.fetch.start()
        elif self.is_behind():
            self._ask(now_s)

    def is_behind(self) -> bool:
        """The newest head names another set than what is in force, and no older one."""
        if self.head is None:
            return False
        auth_ver, root = self._side.version()
        return self.head.auth_ver > auth_ver or (self.head.auth_ver == auth_ver and self.head.root != root)

    def _ask(self, now_s: float) -> None:
        assert self.head is not None
        auth_ver, _ = self._side.version()
        leaves = delta.hints(self._side.leaves())
        self._say("repair", encode(Repair(auth_ver=auth_ver, want=self.head.auth_ver, leaves=leaves)))
        log.info("passes_asked_for", auth_ver=auth_ver, want=self.head.auth_ver)
        self._patience_s = min(2 * self._patience_s, ASK_MAX_S)
        self._ask_at_s = now_s + self._patience_s

    def _say(self, kind: str, frame: bytes) -> None:
        topic = self._topics.up("repair") if kind == "repair" else self._topics.up("authack")
        self._saying.append((topic, frame))

    # --- down -------------------------------------------------------------------------------------------------

    def hear(self, heard: Heard, now_s: float) -> bool:
        """Take a frame that is about passes; False for any other.

        Raises:
            BadMessage: it cannot be read.
            StoreError: it could not be kept.
        """
        if heard.topic == self._topics.auth_head:
            self._on_head(decode(heard.payload, Head))
        elif heard.topic == self._topics.auth_deny and not heard.retain:
            self._on_deny(decode(heard.payload, Deny))
        elif heard.topic == self._topics.auth_delta and not heard.retain:
            self._on_delta(decode(heard.payload, Delta), now_s)
        elif heard.topic == self._topics.auth_pull and not heard.retain:
            self._on_pull(decode(heard.payload, Pull), now_s)
        elif heard.topic == self._topics.auth and not heard.retain:
            self._on_part(decode(heard.payload, Part), now_s)
        else:
            return False
        self._news_at_s = now_s
        return True

    def _is_ours(self, message: Head | Deny | Delta, what: str) -> bool:
        ours = message.node == self._topics.node and is_signed(message, self._verify)
        if not ours:
            log.error(f"{what}_refused", auth_ver=message.auth_ver, why="signature or node is wrong")
        return ours

    def _on_head(self, head: Head) -> None:
        if not self._is_ours(head, "head"):
            return
        if self.head is not None and head.issued < self.head.issued:
            return
        self.head = head
        self._side.note_head(head.issued, head.lease_until)
        self._know(head.auth_ver, head.root)
        if (head.auth_ver, head.root) == self._side.version():
            self._receipt()
        else:
            self._try_set()

    def _know(self, auth_ver: int, root: str) -> None:
        self._roots.pop(auth_ver, None)
        self._roots[auth_ver] = root
        while len(self._roots) > ROOTS_MAX:
            del self._roots[next(iter(self._roots))]

    def _on_deny(self, deny: Deny) -> None:
        if self._is_ours(deny, "denials") and self._side.deny(deny.auth_ver, denials(deny)):
            log.info("passes_denied", auth_ver=deny.auth_ver, count=len(deny.items))

    def _on_delta(self, change: Delta, now_s: float) -> None:
        if not self._is_ours(change, "delta"):
            return
        self._know(change.auth_ver, change.root)
        auth_ver, _ = self._side.version()
        if change.auth_ver == auth_ver:
            self._receipt()  # told again: our word got lost
        elif change.since > auth_ver and len(self._waiting) < WAITING_MAX:
            self._waiting[change.since] = change
        elif change.since == auth_ver:
            self._apply_delta(change, now_s)
            self._go_on(now_s)

    def _apply_delta(self, change: Delta, now_s: float) -> None:
        packed = delta.unbase64(change.rows, "rows") if change.rows else b""
        try:
            applied = self._side.apply_delta(change, packed)
        except BadPassSet as error:
            log.error("delta_refused", auth_ver=change.auth_ver, why=str(error))
            self._ask_at_s = min(self._ask_at_s, now_s + ASK_AFTER_S)
            return
        if applied:
            log.info("passes_changed", auth_ver=change.auth_ver, count=change.count)
            self._untidy = True
            self._side.note_head(change.issued, change.lease_until)
            self._be_patient(now_s)
            self._receipt()

    def _go_on(self, now_s: float) -> None:
        """The deltas that waited for what is in force now."""
        while (following := self._waiting.pop(self._side.version()[0], None)) is not None:
            self._apply_delta(following, now_s)
        auth_ver, _ = self._side.version()
        self._waiting = {since: one for since, one in self._waiting.items() if since > auth_ver}

    def _on_part(self, part: Part, now_s: float) -> None:
        if not 0 <= part.i < part.n <= PARTS_MAX:
            raise BadMessage(f"part {part.i} of {part.n} cannot be")
        delta.buckets_of(part.b)
        known = self._parts
        if known is None or (known.auth_ver, known.n, known.mask) != (part.auth_ver, part.n, part.b):
            if known is not None and part.auth_ver < known.auth_ver:
                return
            self._parts = known = _Parts(part.auth_ver, part.n, part.b)
        known.got[part.i] = delta.unbase64(part.data, f"part {part.i}")
        self._try_set()
        self._go_on(now_s)

    def _try_set(self) -> None:
        """Put in force when it is whole and gives the root that was signed for its version; else wait or refuse."""
        parts = self._parts
        if parts is None or len(parts.got) < parts.n or parts.auth_ver not in self._roots:
            return
        self._parts = None
        packed = b"".join(parts.got[i] for i in range(parts.n))
        root = self._roots[parts.auth_ver]
        buckets = delta.buckets_of(parts.mask) if parts.mask else None
        try:
            applied = self._side.apply_set(parts.auth_ver, root, packed, buckets)
        except BadPassSet as error:
            log.error("passes_refused", auth_ver=parts.auth_ver, why=str(error))
            return
        if applied:
            log.info("passes_applied", auth_ver=parts.auth_ver, parts=parts.n)
            self._receipt()
        else:
            log.error("passes_refused", auth_ver=parts.auth_ver, why="older than what was applied before")
            self._receipt_of(parts.auth_ver, root, refused="older")

    def _receipt(self) -> None:
        self._receipt_of(*self._side.version())

    def _receipt_of(self, auth_ver: int, root: str, *, refused: str | None = None) -> None:
        receipt = AuthAck(auth_ver=auth_ver, root=root, applied_at=self._side.wall_ms(), refused=refused)
        self._say("authack", encode(receipt))
