"""The rights a node holds: passes as they stand here, and who may be looked for at which door.

A pass is the unit of authority; a face or a code is only a way to use it.  ``PassSet`` is immutable: an update
builds a new one, and whoever works with the old one keeps a consistent picture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag, StrEnum
from types import MappingProxyType
from typing import TypeVar

from edge.core.clock import TimeSpan
from edge.core.events import AccessPointId, CredentialKind, PassId, SubjectRef

HOUR_MS = 3_600_000

K = TypeVar("K")
V = TypeVar("V")


class BadPassSet(ValueError):
    """Rows that contradict each other; the sentence says which."""


class SubjectClass(StrEnum):
    """Who a pass is for (domain.md §4); sets scope, retention and how long it works without contact."""

    RESIDENT = "resident"
    LONG_TENANT = "long_tenant"
    GUEST = "guest"
    DAY_VISITOR = "day_visitor"
    COURIER = "courier"
    OPERATOR = "operator"
    MAINTENANCE = "maintenance"
    GRID = "grid"
    EMERGENCY = "emergency"


class PassState(StrEnum):
    """A pass as it stands on a node; ACTIVE is no state here but ARMED inside its window, by the node's clock."""

    PENDING = "PENDING"
    ARMED = "ARMED"
    EXIT_ONLY = "EXIT_ONLY"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


# Taken away, or ended: nothing shown at a door gives any of it back.
DENYING = frozenset({PassState.REVOKED, PassState.SUSPENDED, PassState.EXIT_ONLY, PassState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Denial:
    """What a node remembers of a pass that was taken away here, longer than the row itself.

    ``state`` is one of DENYING, or None where the pass only left this node: then a newer word about it is believed.
    ``auth_ver`` is the version that says so where the word came ahead of it: an older set gives nothing back.
    """

    pass_version: int
    state: PassState | None
    auth_ver: int = 0


class Prereq(IntFlag):
    """What holds for a pass, with the bits of the wire."""

    LISTING = 1
    STAY = 2
    REGISTERED = 4
    FACE_CONSENT = 8  # not needed for entry: the face of this pass may be enrolled and matched
    MORE_TIME = 64  # not needed for entry: the holder asked for more time at the door
    LOOKALIKE = 32  # not needed for entry: the face may be compared with other guests' at enrolment
    CLASS_ONLY = 16  # not needed for entry: the holder chose that the ledger keeps their class alone


ENTRY_PREREQS = Prereq.LISTING | Prereq.STAY | Prereq.REGISTERED


class LocationClass(StrEnum):
    GATE = "gate"
    UNIT = "unit"
    ROOM = "room"
    GARAGE = "garage"


# Common doors open before the room, so that early guests do not stand outside (domain.md §5.12).
EARLY_MS: Mapping[LocationClass, int] = MappingProxyType(
    {
        LocationClass.GATE: 2 * HOUR_MS,
        LocationClass.UNIT: 2 * HOUR_MS,
        LocationClass.GARAGE: 2 * HOUR_MS,
        LocationClass.ROOM: 0,
    }
)


class Window(StrEnum):
    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to use a pass: ``verifier`` is a public key (qr) or a keyed hash (pin), never a face."""

    kind: CredentialKind
    cred_id: str  # hex
    verifier: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One row of the node's pass set (sync.md §7.2)."""

    pass_id: PassId
    pass_version: int
    subject_ref: SubjectRef
    cls: SubjectClass
    state: PassState
    scope: frozenset[AccessPointId]
    schedule: str
    not_before_ms: int
    not_after_ms: int
    prereq: Prereq
    policy: int
    creds: tuple[Credential, ...] = ()

    def missing(self) -> Prereq:
        """Prerequisites of entry that do not hold; only a guest's pass has any, others are their issuer's word."""
        return ENTRY_PREREQS & ~self.prereq if self.cls is SubjectClass.GUEST else Prereq(0)

    def opens_ms(self, early_ms: int) -> int:
        return self.not_before_ms - early_ms

    def window(self, when: TimeSpan, early_ms: int) -> Window:
        """Where ``when`` lies; a span that meets the window at all is within it.  The last millisecond counts."""
        if when.earliest_ms > self.not_after_ms:
            return Window.AFTER
        return Window.BEFORE if when.latest_ms < self.opens_ms(early_ms) else Window.WITHIN

    def opens(self, access_point: AccessPointId, when: TimeSpan, early_ms: int) -> bool:
        """ARMED, in scope, in its window and with every prerequisite: nothing of the pass itself says no."""
        armed = self.state is PassState.ARMED and not self.missing()
        return armed and access_point in self.scope and self.window(when, early_ms) is Window.WITHIN


NOTHING_DENIED: Mapping[PassId, Denial] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PassSet:
    """All passes of a node at one version (``auth_ver``)."""

    version: int
    passes: Mapping[PassId, Pass]
    by_credential: Mapping[str, PassId]
    denied: Mapping[PassId, Denial] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def build(
        cls, version: int, rows: Iterable[Pass], denied: Mapping[PassId, Denial] = NOTHING_DENIED
    ) -> "PassSet":
        """Index the rows; one that is older than its own denial (an older slot came back) stays denied.

        Raises:
            BadPassSet: the same pass twice, or one credential on two passes.
        """
        passes: dict[PassId, Pass] = {}
        owners: dict[str, PassId] = {}
        for told in rows:
            row = _as_denied(told, denied.get(told.pass_id))
            if row.pass_id in passes:
                raise BadPassSet(f"pass {row.pass_id} is there twice; ask for a new snapshot")
            passes[row.pass_id] = row
            _own(owners, row)
        return cls(
            version, MappingProxyType(passes), MappingProxyType(owners), MappingProxyType(dict(denied))
        )

    def changed(
        self,
        version: int,
        rows: Iterable[Pass],
        gone: Iterable[PassId],
        denied: Mapping[PassId, Denial],
    ) -> "PassSet":
        """The same set with some rows put in or in another's place, and some gone; the rest is shared.

        Raises:
            BadPassSet: one credential would be on two passes.
        """
        passes, owners = _copied(self.passes), _copied(self.by_credential)
        new = [_as_denied(row, denied.get(row.pass_id)) for row in rows]
        for pass_id in [*gone, *(row.pass_id for row in new)]:
            before = passes.pop(pass_id, None)
            for cred in () if before is None else before.creds:
                del owners[cred.cred_id]
        for row in new:
            passes[row.pass_id] = row
            _own(owners, row)
        return PassSet(
            version, MappingProxyType(passes), MappingProxyType(owners), MappingProxyType(dict(denied))
        )

    def get(self, pass_id: PassId) -> Pass | None:
        return self.passes.get(pass_id)

    def forbids_template(self, pass_id: PassId) -> bool:
        """Whether a face kept for this pass has to go: the pass was revoked or left this node, or its consent is gone.

        Of a pass that was never here nothing is known.
        """
        row, denial = self.passes.get(pass_id), self.denied.get(pass_id)
        if row is None:
            return denial is not None and denial.state in {None, PassState.REVOKED}
        return row.state is PassState.REVOKED or Prereq.FACE_CONSENT not in row.prereq

    def forbidden(self, pass_ids: Iterable[str]) -> set[str]:
        """Those of the passes that forbid a template."""
        return {one for one in pass_ids if self.forbids_template(PassId(one))}

    def find_credential(self, cred_id: str) -> tuple[Pass, Credential] | None:
        """The pass and its credential, in whatever state the pass is: a refusal has to know its true reason."""
        owner = self.by_credential.get(cred_id)
        if owner is None:
            return None
        row = self.passes[owner]
        return row, next(cred for cred in row.creds if cred.cred_id == cred_id)

    def active(self, access_point: AccessPointId, when: TimeSpan, early_ms: int) -> tuple[Pass, ...]:
        """Passes that open this door now."""
        return tuple(row for row in self.passes.values() if row.opens(access_point, when, early_ms))

    def gallery_passes(self, access_point: AccessPointId, when: TimeSpan, early_ms: int) -> tuple[Pass, ...]:
        """Passes whose face may be matched at this door now: active, with the face consent bit.  Nobody else."""
        active = self.active(access_point, when, early_ms)
        return tuple(row for row in active if Prereq.FACE_CONSENT in row.prereq)


def _copied(known: Mapping[K, V]) -> dict[K, V]:
    """At the price of a dict's own copy: 20,000 passes are copied at every change."""
    return known.copy() if isinstance(known, MappingProxyType) else dict(known)


def _own(owners: dict[str, PassId], row: Pass) -> None:
    for cred in row.creds:
        if owners.setdefault(cred.cred_id, row.pass_id) != row.pass_id:
            raise BadPassSet(f"credential {cred.cred_id} is on two passes; ask for a new snapshot")


def _as_denied(row: Pass, denial: Denial | None) -> Pass:
    if denial is None:
        return row
    if denial.state is None:
        return row if row.pass_version > denial.pass_version else replace(row, state=PassState.REVOKED)
    return row if row.pass_version >= denial.pass_version else replace(row, state=denial.state)


def denials_after(
    before: Mapping[PassId, Denial], held: Iterable[Pass], rows: Iterable[Pass], auth_ver: int = 0
) -> dict[PassId, Denial]:
    """What is to be remembered when ``rows`` take the place of ``held``: the verified set itself may give back.

    A word of a version later than ``auth_ver`` came ahead, and stands until that version is here.
    """
    after = dict(before)
    for row in held:
        known = after.get(row.pass_id)
        if row.state not in DENYING and (known is None or known.state is None):
            ahead = known or Denial(0, None)
            after[row.pass_id] = Denial(max(row.pass_version, ahead.pass_version), None, ahead.auth_ver)
    for row in rows:
        if _stands(before.get(row.pass_id), row, auth_ver):
            continue
        if row.state in DENYING:
            after[row.pass_id] = Denial(row.pass_version, row.state)
        else:
            after.pop(row.pass_id, None)
    return after


def _stands(known: Denial | None, row: Pass, auth_ver: int) -> bool:
    """What is known came ahead of this version, or speaks of a later version of the pass than the row."""
    if known is None:
        return False
    return known.auth_ver > auth_ver or (known.state is not None and known.pass_version > row.pass_version)


EMPTY = PassSet.build(0, ())
