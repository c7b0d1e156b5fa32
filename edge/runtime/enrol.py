"""Enrolment at this node: a current consent first, then three good pictures of one person, then only numbers stay.

Consent, age and guardian are judged where the registration is (the service); aboard they are one bit of the
pass, and without it nothing is looked at.  A template is never made or changed from frames of the door.
"""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from edge.core.events import PassId
from edge.core.passes import Pass, PassSet, PassState, Prereq
from edge.errors import EnrolRefused
from edge.runtime.sightings import FaceSeen
from models.engine import EngineError, EngineInfo, Quality
from models.enrol import Accepted, make_template
from models.template import Template

IMAGES = 3
APART_NS = 1_200_000_000  # half a second is the least; in more time a face shows more of itself
TRIED_MAX = 12
PATIENCE_S = 25.0
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


@dataclass(slots=True)
class CameraEnrolment:
    """Collects pictures' numbers from one camera until there are enough, or patience ends."""

    info: EngineInfo
    holder: Pass
    made_ms: int
    done: asyncio.Future[Template]
    _images: list[Accepted] = field(default_factory=list)
    _last_ns: int = 0
    _tried: int = 0
    _why: str = "no face was seen"

    def take(self, seen: FaceSeen) -> str:
        """One frame; returns the word for the person's screen."""
        if self.done.done() or seen.t_ns - self._last_ns < APART_NS or _skipped(seen):
            return "enrolling"
        self._last_ns = seen.t_ns
        self._tried += 1
        if seen.vector is None or seen.enrolment_gate is not None:
            self._why = seen.enrolment_gate or seen.gate or self._why
            return self._give_up_or(self._why)
        self._images.append(
            Accepted(np.frombuffer(seen.vector, np.float32), Quality(*seen.quality, faces_in_frame=1))
        )
        if len(self._images) < IMAGES:
            return "enrolling"
        try:
            template = make_template(
                self.info, self._images, made_ms=self.made_ms, not_after_ms=template_end_ms(self.holder)
            )
        except EngineError as error:
            self._why = str(error)
            return self._give_up_or("look_at_camera")
        self.done.set_result(template)
        return "enrolled"

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


def _skipped(seen: FaceSeen) -> bool:
    """A good picture of which no vector was made; the next one will have one."""
    return seen.vector is None and seen.gate is None
