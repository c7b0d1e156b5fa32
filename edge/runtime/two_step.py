"""The second step at a ``one_to_one`` door: a code or PIN has said who, now the face has to be that one (faces.md §7.3).

Whether code or face failed is never told: a code that is wrong is asked for a face just as a right one is, waits as
long, and both end in the same words.  Who has no face here, or stands where no face can be seen, has entered by the
code alone before anything is asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge.core.bundle import Bundle
from edge.core.challenge import TIMEOUT_NS
from edge.core.credentials import SignedCode
from edge.core.decision_types import Allow, Attempt, Decision, Deny, FaceEvidence, Liveness
from edge.core.door_types import Camera
from edge.core.events import CredentialKind, PassId
from edge.core.face_mode import FaceMode
from edge.core.passes import PassSet
from edge.core.reasons import Reason
from edge.runtime.engine_info import NOBODY, Enrolled
from edge.runtime.face_challenge import LiveRule
from edge.runtime.face_desk import Concluded, FaceDesk, Prompt, Side
from edge.runtime.shown_code import ShownCode
from edge.runtime.sightings import FaceSeen
from models.calibration import DoorThreshold, ThresholdRefused, one_to_one_threshold
from models.engine import EngineInfo, Vector
from models.gallery import Gallery
from models.vectors import SCORES

# From the code to the end of the look; long enough to lower a phone, short enough for the queue behind.
FACE_WITHIN_NS = 6_000_000_000
CHALLENGES = frozenset(
    {Liveness.CHALLENGE_ON_RISK, Liveness.CHALLENGE_ALWAYS}
)  # which take time of their own
AT_THE_END_NS = 2**63  # after everything that was seen
# The code itself failed; such an attempt is led on to the face like any other.
WRONG_CODE = frozenset({Reason.NOT_FOUND, Reason.CODE_REPLAYED, Reason.CODE_OUT_OF_TIME})
# What a person could tell code from face by; all of it is one sentence at such a door.
ALIKE = WRONG_CODE | {
    Reason.AMBIGUOUS,
    Reason.LOW_QUALITY,
    Reason.PRESENTATION_ATTACK,
    Reason.SIMULATED_ENGINE,
}


class OneToOneDesk(FaceDesk):
    """Compares with the one whom a code has named, and with nobody before."""

    def __init__(
        self,
        info: EngineInfo,
        *,
        fpir_wanted: float,
        live: LiveRule | None = None,
        before: EngineInfo | None = None,
    ) -> None:
        super().__init__(info, fpir_wanted=fpir_wanted, live=live, before=before)
        asks = live is not None and live.policy in CHALLENGES
        self.patience_ns = FACE_WITHIN_NS + (TIMEOUT_NS if asks else 0)
        self._named: PassId | None = None

    def compared(self, side: Side) -> Gallery:
        """The one whom the code named, by the model that knows them; nobody by the other one."""
        named = self._named
        rows = [(named, self._held[named])] if named is not None and named in side.gallery else []
        return Gallery.build(rows, version=side.gallery.version, similarity=SCORES[side.info.score])

    def threshold(self, m: int) -> DoorThreshold | ThresholdRefused:
        """As ``threshold_of`` the new model; whose code it is decides which of the two compares."""
        return self.threshold_of(self._now, m)

    def threshold_of(self, side: Side, m: int) -> DoorThreshold | ThresholdRefused:
        """T(1e-4) for one comparison, whatever N is."""
        return one_to_one_threshold(side.info.calibration, k=side.k, m=max(1, m))

    def put_gallery(
        self, rows: list[tuple[str, Vector]], *, version: int, k: int, before: Enrolled = NOBODY
    ) -> None:
        held = self._held
        super().put_gallery(rows, version=version, k=k, before=before)
        if self._named is not None and not _same(held, self._held, self._named):
            self._named = None  # erased, or taken anew, while being looked at

    def ask(self, named: PassId | None) -> None:
        """Begin to look for this one; for nobody when the code was wrong.  What was seen before counts for nothing."""
        self._prune(AT_THE_END_NS)
        self._blurred_ns = None
        if self._live is not None:
            self._live.give_up()
        self._named = named if named in self._held else None

    def lock_pairs(self, pass_ids: frozenset[PassId]) -> None:
        """The code has told look-alikes apart already: nobody is locked where it comes first."""

    def knows(self, pass_id: PassId) -> bool:
        return any(
            pass_id in side.gallery and not isinstance(self.threshold_of(side, 2), ThresholdRefused)
            for side in self._sides()
        )

    def _compares(self) -> bool:
        return True  # even with nobody: a wrong code waits as long as a right one


def _same(before: Mapping[str, Vector], now: Mapping[str, Vector], pass_id: str) -> bool:
    return pass_id in now and np.array_equal(before[pass_id], now[pass_id])


def open_desk(
    mode: FaceMode,
    info: EngineInfo,
    *,
    fpir_wanted: float,
    live: LiveRule | None = None,
    before: EngineInfo | None = None,
) -> FaceDesk:
    """The face half of a door of this mode.

    Raises:
        CalibrationMissing: the engine has no table.
    """
    kind = OneToOneDesk if mode is FaceMode.ONE_TO_ONE else FaceDesk
    return kind(info, fpir_wanted=fpir_wanted, live=live, before=before)


@dataclass(frozen=True, slots=True)
class Asked:
    """A code was shown and a face is waited for; ``face_due`` is False when the code alone had failed already."""

    attempt: Attempt
    tries: str
    shown: ShownCode | None
    until_ns: int
    face_due: bool
    since_ns: int  # pictures taken before show whoever stood there then


def earliest(deadline_ns: int | None, asked: Asked | None) -> int | None:
    """The door's next deadline or the end of this look's patience, whichever comes first; None when neither runs."""
    if asked is None:
        return deadline_ns
    return asked.until_ns if deadline_ns is None else min(deadline_ns, asked.until_ns)


def whom_to_ask(alone: Decision, attempt: Attempt, desk: OneToOneDesk) -> tuple[bool, PassId | None]:
    """Whether a face is asked for after this code, and whose; ``alone`` is the decision by the code alone.

    Not asked: a code that opens and has no face here, and a refusal that lies neither with code nor face.
    """
    if isinstance(desk.threshold(2), ThresholdRefused):
        return False, None
    if attempt.needs_pin and attempt.kind is not CredentialKind.PIN and not isinstance(alone, Deny):
        return False, None  # a day code is asked for its PIN first; the face comes after both
    opens = isinstance(alone, Allow) or alone.reason is Reason.SECOND_FACTOR
    if opens and attempt.holder is not None and desk.knows(attempt.holder.pass_id):
        return True, attempt.holder.pass_id
    if isinstance(alone, Allow):
        return False, None
    # Every PIN that does not open is answered alike, so every one of them is led on.
    hidden = attempt.kind is CredentialKind.PIN and alone.reason not in {
        Reason.RETRY_LATER,
        Reason.BLOCKED,
        Reason.LOCKED_DOWN,
    }
    return hidden or alone.reason in WRONG_CODE, None


def ask_or_none(
    desk: OneToOneDesk,
    alone: Decision,
    attempt: Attempt,
    tries: str,
    shown: ShownCode | None,
    now_ns: int,
) -> Asked | None:
    """Begin to look for whomever this code named, or None where it is judged by itself."""
    asks, named = whom_to_ask(alone, attempt, desk)
    if not asks:
        return None
    desk.ask(named)
    return Asked(
        attempt, tries, shown, now_ns + desk.patience_ns, face_due=named is not None, since_ns=now_ns
    )


def with_face(asked: Asked, seen: FaceEvidence, passes: PassSet) -> Attempt:
    """The attempt as it is to be judged: code and face, by the pass as it stands now."""
    holder = asked.attempt.holder
    if not asked.face_due or holder is None:
        return asked.attempt
    now = passes.get(holder.pass_id)
    if now is None:  # gone between code and face
        return Attempt(kind=asked.attempt.kind, holder=None, locked_until_ms=asked.attempt.locked_until_ms)
    return replace(asked.attempt, holder=now, face=seen, factors=2)


def plainly(decision: Decision, asked: Asked) -> Decision:
    """A face that could not be seen well is no to whoever was asked for one, as a wrong code is.

    A code that failed when it was shown stays a failed one, whatever has become of its pass meanwhile: with it
    nobody was compared.
    """
    kind, holder = asked.attempt.kind, asked.attempt.holder
    if isinstance(decision, Allow):
        return decision if asked.face_due else Deny(Reason.NOT_FOUND, kind, holder)
    later = decision.reason is Reason.RETRY_LATER
    return decision if isinstance(decision, Deny) or later else Deny(decision.reason, kind, holder)


def is_alike(decision: Decision) -> bool:
    """Whether this refusal is told in the one sentence that says neither code nor face."""
    pin = decision.kind is CredentialKind.PIN if isinstance(decision, Deny) else False
    return decision.reason in ALIKE or (pin and decision.reason is not Reason.RETRY_LATER)


def is_of(asked: Asked, text: str, parse: Callable[[str], SignedCode | Bundle | None]) -> bool:
    """Whether this QR text is a code of the phone that began the look."""
    try:
        code = parse(text)
    except ValueError:
        return False
    return code is not None and code.credential.hex() == asked.tries


def look_on(desk: FaceDesk, asked: Asked, seen: FaceSeen) -> Concluded | Prompt | None:
    """One frame; taken before the code it counts for nothing, after the end of patience it is a look at nobody."""
    if seen.t_ns <= asked.since_ns:
        return None
    if seen.t_ns > asked.until_ns:
        return desk.unseen()
    return desk.look(seen)


def rest_word(desk: FaceDesk | None, camera: Camera) -> str:
    """What the screen says while nobody stands before it; nobody is told to look into a camera that does not see."""
    if desk is None or camera is not Camera.OK:
        return "face_off"
    if isinstance(desk, OneToOneDesk):
        return "code_first"
    return "code_only" if isinstance(desk.threshold(2), ThresholdRefused) else "look_here"
