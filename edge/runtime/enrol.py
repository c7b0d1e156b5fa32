"""Enrolment at this node: a current consent first, then three good pictures of one person, then only numbers stay.

Consent, age and guardian are judged where the registration is (the service); aboard they are one bit of the
pass, and without it nothing is looked at.  A template is never made or changed from frames of the door.
"""

import asyncio
import re
from dataclasses import dataclass, field

import numpy as np

from edge.core.enrol_guide import POSES, Pose, is_taken
from edge.core.events import Fact, PassId
from edge.core.passes import Pass, PassSet, PassState, Prereq
from edge.errors import EnrolRefused
from edge.runtime.sightings import FaceSeen
from models.engine import EngineError, EngineInfo, Quality
from models.enrol import Accepted, make_template, odd_one
from models.template import Template

APART_NS = 1_200_000_000  # between two pictures that could not be used
TRIED_MAX = 12
PATIENCE_S = 30.0
YAW = 4  # its place in ``FaceSeen.quality``
KEEP_AFTER_PASS_MS = 86_400_000  # erased at the latest one day after the pass ends (domain.md §1)


def permitted(passes: PassSet, pass_id: PassId) -> Pass:
    """The pass whose holder may be enrolled here.

    Raises:
        EnrolRefused: no such pass, no registration, or no current consent.
    """
    holder = passes.get(pass_id)
    if holder is None:
        raise EnrolRefused(
            f"pass {pass_id} is not known on this node. Wait for it to arrive, or check the number."
        )
    if holder.state is not PassState.ARMED or holder.missing():
        raise EnrolRefused(f"pass {pass_id} is {holder.state.value.lower()}. Finish the registration first.")
    if Prereq.FACE_CONSENT not in holder.prereq:
        raise EnrolRefused(
            f"pass {pass_id} has no current consent for face access (or is for a child without a guardian's). "
            "The code works without it."
        )
    return holder


def template_end_ms(holder: Pass) -> int:
    """When the template erases itself, whatever else happens."""
    return holder.not_after_ms + KEEP_AFTER_PASS_MS


# Why somebody may be enrolled a second time.  Words and no free text: what is written down names nobody.
AGAIN = ("looks_changed", "never_recognised", "wrong_person", "other")
ACTOR = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Approval:
    """Who lets a face be taken in place of the one that is there, and why."""

    by: str = ""
    why: str = ""


NOBODYS = Approval()


def check_again(approval: Approval, *, enrolled: bool) -> None:
    """A first enrolment needs nobody; one that replaces another is a person's decision, with a name and a reason.

    Raises:
        EnrolRefused: already enrolled and not approved, or words that do not fit.
    """
    if enrolled and not (approval.by and approval.why):
        raise EnrolRefused(
            "this pass already has a face here. Enrolling again replaces it and is approved by a person: "
            f"--by ACCOUNT --why {'|'.join(AGAIN)}."
        )
    if approval.by and not ACTOR.fullmatch(approval.by):
        raise EnrolRefused("--by is an account: 1 to 64 letters, digits, dots, dashes; never a name.")
    if approval.why and approval.why not in AGAIN:
        raise EnrolRefused(f"--why is one of {', '.join(AGAIN)}.")


@dataclass(slots=True)
class CameraEnrolment:
    """Collects pictures' numbers from one camera until there are enough, or patience ends."""

    info: EngineInfo
    holder: Pass
    made_ms: int
    done: asyncio.Future[Template]
    _images: list[Accepted] = field(default_factory=list)
    _poses: list[Pose] = field(default_factory=list)  # of the images, in their order
    _asked: Pose = Pose.AHEAD
    _asked_ns: int | None = None
    _last_ns: int | None = None
    _bad_ns: int | None = None
    _tried: int = 0
    _why: str = "no face was seen"

    def take(self, seen: FaceSeen) -> str:
        """One frame; returns the word for the person's screen."""
        if self.done.done():
            failed = self.done.cancelled() or self.done.exception() is not None
            return "show_code" if failed else "enrolled"
        if self._asked_ns is None:
            self._asked_ns = seen.t_ns
        if _skipped(seen):
            return self._asked
        if seen.vector is None or seen.enrolment_gate is not None:
            return self._not_good(seen)
        yaw = seen.quality[YAW]
        if not is_taken(self._asked, yaw, asked_ns=self._asked_ns, last_ns=self._last_ns, now_ns=seen.t_ns):
            return self._asked
        self._tried += 1
        self._last_ns = self._asked_ns = seen.t_ns
        self._poses.append(self._asked)
        self._images.append(
            Accepted(np.frombuffer(seen.vector, np.float32), Quality(*seen.quality, faces_in_frame=1))
        )
        return self._next()

    def _next(self) -> str:
        """Ask for what is missing; with three, make the template, or ask anew for the picture that is odd."""
        missing = [pose for pose in POSES if pose not in self._poses]
        if missing:
            self._asked = missing[0]
            return self._asked
        try:
            template = make_template(
                self.info, self._images, made_ms=self.made_ms, not_after_ms=template_end_ms(self.holder)
            )
        except EngineError as error:
            self._why = str(error)
            self._asked = self._poses[odd_one(self.info, self._images)]
            return self._give_up_or(self._asked)
        self.done.set_result(template)
        return "enrolled"

    def _not_good(self, seen: FaceSeen) -> str:
        """The picture cannot be used; one of these is counted in ``APART_NS``, so that there is time to do better."""
        self._why = seen.enrolment_gate or seen.gate or self._why
        if self._bad_ns is not None and seen.t_ns - self._bad_ns < APART_NS:
            return self._why
        self._bad_ns = seen.t_ns
        self._tried += 1
        return self._give_up_or(self._why)

    def _give_up_or(self, word: str) -> str:
        if self._tried < TRIED_MAX:
            return word
        self.refuse()
        return "show_code"

    def refuse(self) -> None:
        """Patience is over; the code remains."""
        if not self.done.done():
            self.done.set_exception(
                EnrolRefused(
                    f"enrolment failed after {self._tried} pictures ({self._why}). Use the code, or try again."
                )
            )


def enrolled_fact(holder: Pass, pictures: int, approval: Approval, origin: str) -> Fact:
    """What the ledger keeps of an enrolment: whose, by whom, and of how many pictures."""
    return Fact(
        "sys.enrolled",
        pass_id=holder.pass_id,
        subject_ref=holder.subject_ref,
        actor=approval.by or None,
        reason=approval.why or None,
        x={"k": pictures} | ({"from": origin} if origin else {}),
    )


def _skipped(seen: FaceSeen) -> bool:
    """A good picture of which no vector was made; the next one will have one."""
    return seen.vector is None and seen.gate is None
