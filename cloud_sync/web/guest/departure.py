"""What a guest is shown about another day of departure: what was asked, what became of it, and the sure-question."""

from dataclasses import dataclass

from cloud_sync.ports_guest import GuestView
from cloud_sync.web.board import Speaker
from cloud_sync.web.texts import mark

SAID = {
    "ASKED": mark("You asked to stay until %(when)s. Whoever lets this place has not answered yet; until then the day of departure stays as it is."),
    "DECLINED": mark("You asked to stay until %(when)s. The answer is no: the day of departure stays as it is."),
    "AGREED": mark("Your stay now lasts until %(when)s, and your code and PIN with it."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Departure:
    """``said`` is empty where nothing was asked, or what was asked has been overtaken since."""

    said: str
    open: bool  # asked, and nobody has answered
    can_change: bool
    day: str  # as a date field takes it: that of the plan, or the one that was just chosen
    least: str
    sure: str = ""  # when an earlier day was chosen: until when the codes would open


def departure_of(view: GuestView, by: Speaker, now_ms: int, *, day: str = "") -> Departure:
    wish = view.wish
    said, is_open = "", False
    if wish is not None and _stands(view):
        said = by.say(SAID[wish.state], when=by.day_and_clock(wish.departure_ms))
        is_open = wish.state == "ASKED"
    planned = by.moment(view.planned_out_ms)
    least = min(planned.date(), by.moment(max(now_ms, view.planned_in_ms)).date())
    sure = f"{day} {planned:%H:%M}" if day else ""
    return Departure(said, is_open, view.is_open, day or f"{planned:%Y-%m-%d}", least.isoformat(), sure)


def _stands(view: GuestView) -> bool:
    """A plan that was changed elsewhere meanwhile answers a question, and makes an old answer no news."""
    wish = view.wish
    if wish is None or wish.state not in SAID:
        return False
    return (wish.departure_ms == view.planned_out_ms) == (wish.state == "AGREED")
