"""An operator's day on pages without scripts: told, listings, bookings, the daily return, letters, points and staff."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.errors import Refused
from cloud_sync.ports_model import Person
from cloud_sync.ports_operator import OperatorDesk
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.listings import words
from cloud_sync.web.listings.pages import Asked, Code, Text, Word
from cloud_sync.web.operator import shown
from cloud_sync.web.render import answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions, check_form
from cloud_sync.web.texts import mark, texts

CONFLICT = 409
MOMENT_MAX = 2**53
HOME = "/operator"
GUESTS = mark("Say how many guests there were, from 0 to 9999.")
FILED = mark("%(day)s is filed: %(n)s guests.")
NIL = mark("%(day)s is filed: no guests.")
StayId = Annotated[str, Path(pattern=r"^ST-[0-9A-Z]{26}$")]
Id = Annotated[str, Path(pattern=r"^(PT|SN)-[0-9A-Z]{26}$")]
Day = Annotated[str, Query(max_length=10)]


class OperatorPages:
    """Whoever logs in sees the one operator they speak for; what is another's is not there."""

    def __init__(self, services: Services, desk: OperatorDesk) -> None:
        self._services = services
        self._desk = desk
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(prefix=HOME, include_in_schema=False, default_response_class=HTMLResponse)
        for path, page in (
            ("", self.home),
            ("/listings/{code}", self.listing),
            ("/bookings", self.bookings),
            ("/bookings/{stay}", self.booking),
            ("/returns", self.returns),
            ("/letters", self.letters),
            ("/staff", self.staff),
        ):
            self.router.add_api_route(path, page, methods=["GET"])
        for path, form in (
            ("/returns", self.file_return),
            ("/letters", self.acknowledge),
            ("/bookings/{stay}/departure", self.answer_departure),
            ("/listings/{code}/documents", self.declare),
            ("/listings/{code}/submit", self.submit),
            ("/listings/{code}/appeal/{id_}", self.appeal),
        ):
            self.router.add_api_route(path, form, methods=["POST"])

    # --- looking ------------------------------------------------------------------------------------------------

    def home(self, request: Request) -> Response:
        asked = self._asked(request)
        page = shown.home_shown(asked.chrome, self._desk.home(asked.person), asked.by, asked.now_ms)
        return answer(request, "operator/home.html", page)

    def listing(self, request: Request, code: Code) -> Response:
        return self._listing(request, self._asked(request), code)

    def bookings(self, request: Request) -> Response:
        asked = self._asked(request)
        stays = tuple(shown.stay_shown(one, asked.by) for one in self._desk.stays(asked.person))
        return answer(request, "operator/bookings.html", shown.BookingsPage(asked.chrome, asked.now, stays))

    def booking(self, request: Request, stay: StayId) -> Response:
        return self._booking(request, self._asked(request), stay)

    def returns(self, request: Request, filed: Day = "") -> Response:
        return self._returns(request, self._asked(request), filed)

    def letters(self, request: Request) -> Response:
        return self._letters(request, self._asked(request))

    def staff(self, request: Request) -> Response:
        asked = self._asked(request)
        lines = tuple(shown.staff_shown(one, asked.by) for one in self._desk.staff(asked.person))
        return answer(request, "operator/staff.html", shown.StaffPage(asked.chrome, asked.now, lines))

    # --- acting -------------------------------------------------------------------------------------------------

    def file_return(
        self, request: Request, csrf: Word = "", day: Word = "", guests: Word = "", nil: Word = ""
    ) -> Response:
        """``nil`` is the button that says no guests, whatever stands in the field."""
        asked = self._acting(request, csrf)
        number = "0" if nil else guests.strip()
        if not (number.isascii() and number.isdecimal() and len(number) <= len("9999")):
            return self._returns(request, asked, problem=asked.by.say(GUESTS))
        try:
            filed = self._desk.file_return(day, int(number), asked.person)
        except Refused as refused:
            return self._returns(request, asked, problem=_why(refused, asked))
        return go(f"{HOME}/returns?filed={filed.day}")

    def acknowledge(
        self,
        request: Request,
        csrf: Word = "",
        kind: Word = "",
        version: Annotated[int, Form(ge=0, le=10_000)] = 0,
    ) -> Response:
        """In the language of the page that was read."""
        asked = self._acting(request, csrf)
        try:
            self._desk.acknowledge(kind, version, asked.chrome.lang.value, asked.person)
        except Refused as refused:
            return self._letters(request, asked, _why(refused, asked))
        return go(f"{HOME}/letters")

    def answer_departure(
        self,
        request: Request,
        stay: StayId,
        csrf: Word = "",
        until: Annotated[int, Form(ge=0, le=MOMENT_MAX)] = 0,
        agrees: Word = "",
    ) -> Response:
        """To the day that stood on the page, and to no other."""
        asked = self._acting(request, csrf)
        try:
            self._desk.answer_departure(stay, until, asked.person, agrees=agrees == "yes")
        except Refused as refused:
            return self._booking(request, asked, stay, _why(refused, asked))
        return go(f"{HOME}/bookings/{stay}")

    def declare(
        self, request: Request, code: Code, csrf: Word = "", document: Word = "", state: Word = ""
    ) -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.declare(code, document, state, by))

    def submit(self, request: Request, code: Code, csrf: Word = "") -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.submit(code, by))

    def appeal(self, request: Request, code: Code, id_: Id, csrf: Word = "", reason: Text = "") -> Response:
        return self._do(request, code, csrf, lambda by: self._desk.appeal(id_, reason, by), reason)

    # --- within -------------------------------------------------------------------------------------------------

    def _asked(self, request: Request) -> Asked:
        session = self._sessions.need_right(request, Right.OWN_PAGES)
        by = Speaker(texts(language_of(request)), self._services.zone)
        place = by.name(self._services.name_zh, self._services.name_en)
        chrome = chrome_of(request, user=session.user.name, csrf=session.csrf, place=place)
        return Asked(session, chrome, by, self._services.clock.now_ms())

    def _acting(self, request: Request, csrf: str) -> Asked:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        return asked

    def _do(
        self, request: Request, code: str, csrf: str, deed: Callable[[Person], object], typed: str = ""
    ) -> Response:
        """Do it and show the listing; a refusal is said over the page as it stands."""
        asked = self._acting(request, csrf)
        try:
            deed(asked.person)
        except Refused as refused:
            return self._listing(request, asked, code, _why(refused, asked), typed)
        return go(f"{HOME}/listings/{code}")

    def _listing(
        self, request: Request, asked: Asked, code: str, problem: str = "", typed: str = ""
    ) -> Response:
        view = self._desk.listing(code, asked.person)
        rules = {rule.id: rule for rule in self._desk.rules()}
        page = shown.listing_shown(asked.chrome, view, asked.by, asked.now_ms, rules, problem, typed)
        return answer(request, "operator/listing.html", page, CONFLICT if problem else 200)

    def _booking(self, request: Request, asked: Asked, stay: str, problem: str = "") -> Response:
        one = shown.stay_shown(self._desk.stay(stay, asked.person), asked.by)
        page = shown.BookingPage(asked.chrome, asked.now, one, problem)
        return answer(request, "operator/booking.html", page, CONFLICT if problem else 200)

    def _returns(self, request: Request, asked: Asked, filed: str = "", problem: str = "") -> Response:
        days = tuple(shown.day_shown(one, asked.by) for one in self._desk.home(asked.person).returns)
        done = next((one for one in days if one.day == filed and one.guests), None)
        said = ""
        if done is not None:
            words_ = NIL if done.guests == "0" else FILED
            said = asked.by.say(words_, day=done.day, n=done.guests)
        page = shown.ReturnsPage(asked.chrome, asked.now, days, said, problem)
        return answer(request, "operator/returns.html", page, CONFLICT if problem else 200)

    def _letters(self, request: Request, asked: Asked, problem: str = "") -> Response:
        letters = self._desk.home(asked.person).letters
        page = shown.LettersPage(
            asked.chrome, asked.now, tuple(shown.letter_shown(one, asked.by) for one in letters), problem
        )
        return answer(request, "operator/letters.html", page, CONFLICT if problem else 200)


def _why(refused: Refused, asked: Asked) -> str:
    return asked.by.say(words.REFUSALS.get(refused.rule, words.REFUSED))
