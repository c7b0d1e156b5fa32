"""The addresses under a guest's link.  Every form works without a script, and every answer is a whole page."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from cloud_sync.core.mrz_form import fields_of_zone
from cloud_sync.core.self_registration import FORM_FIELDS, FormFault
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_guest import FormAnswer, GuestView
from cloud_sync.web.guest import words
from cloud_sync.web.guest.app_manifest import OVER_HEADER, manifest_of
from cloud_sync.web.guest.departure import departure_of
from cloud_sync.web.guest.export_file import NAME, zip_of
from cloud_sync.web.guest.faults import GuestFaults
from cloud_sync.web.guest.more import MORE
from cloud_sync.web.guest.shown import GuestPage, Printer, answered, readable, rules_version, say_faults
from cloud_sync.web.guest.steps import Step, after_people, is_registered, next_step
from cloud_sync.web.language import remember
from cloud_sync.web.services import Services
from cloud_sync.web.texts import mark, texts

WORKER = Path(__file__).parent.parent / "static" / "guest" / "worker.js"
WHO_MAX = 64
Short = Annotated[str, Form(max_length=WHO_MAX)]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form that are text; a file somebody sends along is not looked at."""
    form = await request.form(max_files=0, max_fields=len(FORM_FIELDS) + 4)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Typed = Annotated[dict[str, str], Depends(typed)]


class GuestPages:
    """Answers from the registry port; the token is checked by whatever it is handed to, on every call."""

    def __init__(self, services: Services) -> None:
        self._registry = services.registry
        self._services = services
        self._printer = Printer(services)
        self.router = APIRouter(
            include_in_schema=False,
            default_response_class=HTMLResponse,
            route_class=courteous(GuestFaults(self._printer)),
        )
        self._own("/g/worker.js", self.worker)
        self._own("/g/now", self.now)
        self._own("/g/offline", self.offline)
        for path, show, take in (
            ("notice", self.show_notice, self.take_notice),
            ("me", self.show_me, self.take_me),
            ("people", self.show_people, self.take_person),
            ("face", self.show_face, self.take_face),
            ("leave", self.show_leave, self.take_leave),
            ("departure", self.show_departure, self.take_departure),
            ("data", self.show_data, self.take_data),
        ):
            self._own(f"/g/{{token}}/{path}", show)
            self._own(f"/g/{{token}}/{path}", take, "POST")
        self._own("/g/{token}", self.home)
        self._own("/g/{token}/pass", self.show_pass)
        self._own("/g/{token}/app.webmanifest", self.manifest)
        self._own("/g/{token}/draft", self.take_draft, "POST")
        self._own("/g/{token}/pin", self.take_pin, "POST")
        self._own("/g/{token}/face/remove", self.remove_face, "POST")
        self._own("/g/{token}/face/alike/remove", self.stop_comparing, "POST")
        self._own("/g/{token}/more-time", self.take_more_time, "POST")
        self._own("/g/{token}/hours", self.take_hours, "POST")
        self._own("/g/{token}/data/erase", self.erase_data, "POST")
        self._own("/g/{token}/data/erase", self.show_data)
        self._own("/g/{token}/departure/take-back", self.take_departure_back, "POST")
        self._own("/g/{token}/departure/take-back", self.show_departure)
        self._own("/g/{token}/data/address", self.forget_address, "POST")
        self._own("/g/{token}/data/address", self.show_data)
        for path in ("draft", "pin", "face/remove", "face/alike/remove", "more-time", "hours"):
            self._own(f"/g/{{token}}/{path}", self.home)  # a page that is loaded again asks with GET

    def _own(self, path: str, call: Callable[..., Any], method: str = "GET") -> None:
        self.router.add_api_route(path, call, methods=[method])

    # --- around the steps ------------------------------------------------------------------------------------

    def worker(self) -> Response:
        """Served from /g/, so that it may speak for the pages below it and for nothing else."""
        return FileResponse(WORKER, media_type="text/javascript", headers={"cache-control": "no-cache"})

    def now(self) -> Response:
        """Our clock: a phone that is wrong by minutes corrects its codes by it."""
        return JSONResponse({"now_ms": self._services.clock.now_ms()})

    def offline(self, request: Request) -> Response:
        """Kept by the phone, and shown where a page cannot be fetched."""
        frame = self._printer.frame(request, "", None)
        say = texts(frame.lang)
        problem = words.PHONE["no_network"].sentence(say)
        return answered(
            request, "said", GuestPage(frame, title=say(mark("This did not work")), problem=problem)
        )

    def home(self, request: Request, token: str) -> Response:
        view = self._registry.guest_view(token)
        response = _go(token, next_step(view, rules_version(self._services.guest)))
        remember(request, response)
        return response

    def _page(self, request: Request, token: str, who: str | None = None) -> GuestPage:
        return self._printer.page(request, token, self._registry.guest_view(token), who)

    # --- notice, people --------------------------------------------------------------------------------------

    def show_notice(self, request: Request, token: str) -> Response:
        return answered(request, "notice", self._page(request, token))

    def take_notice(self, token: str, notice: Short = "", rules: Short = "") -> Response:
        self._registry.read_notice(token, notice, rules)
        return _go(token)

    def show_me(self, request: Request, token: str) -> Response:
        page = self._page(request, token)
        assert page.view is not None
        if not page.view.notice_read:
            return _go(token, Step.NOTICE)
        if is_registered(page.view.lead) or page.tries_left == 0:
            return _go(token, Step.WAY_IN)
        return answered(request, "me", replace(page, form=self._draft(token, page.view)))

    def take_me(self, request: Request, token: str, form: Typed) -> Response:
        if _reads_zone(form):
            return self._read_zone(request, token, "me", form)
        answer = self._registry.register_self(token, form)
        if answer.faults:
            return self._again(request, token, "me", form, answer)
        view = self._registry.guest_view(token)
        return _go(token, Step.PEOPLE if view.headcount > 1 else after_people(view))

    def show_people(self, request: Request, token: str) -> Response:
        page = self._page(request, token)
        assert page.view is not None
        if not is_registered(page.view.lead):
            return _go(token)
        return answered(request, "people", replace(page, form=self._draft(token, page.view)))

    def take_person(self, request: Request, token: str, form: Typed) -> Response:
        if _reads_zone(form):
            return self._read_zone(request, token, "people", form)
        answer = self._registry.add_companion(token, form)
        if answer.faults:
            return self._again(request, token, "people", form, answer)
        return _go(token, Step.PEOPLE)

    def take_draft(self, token: str, form: Typed) -> Response:
        self._registry.save_draft(token, form)
        return Response(status_code=204)

    def _draft(self, token: str, view: GuestView) -> dict[str, str]:
        return dict.fromkeys(FORM_FIELDS, "") | (dict(self._registry.draft(token)) if view.has_draft else {})

    def _again(
        self, request: Request, token: str, template: str, form: dict[str, str], answer: FormAnswer
    ) -> Response:
        """The same form with what was typed and one sentence per field; what was typed is kept for later too."""
        self._registry.save_draft(token, form)
        page = self._page(request, token)
        if page.tries_left == 0:
            return _go(token, Step.WAY_IN)
        faults = say_faults(answer, texts(page.frame.lang))
        filled = {name: form.get(name, "") for name in FORM_FIELDS}
        return answered(request, template, replace(page, form=filled, faults=faults), 422)

    def _read_zone(self, request: Request, token: str, template: str, form: dict[str, str]) -> Response:
        """The same form, filled from the lines of a document, or with the check digit that does not fit."""
        page = self._page(request, token)
        filled = {name: form.get(name, "") for name in FORM_FIELDS}
        read = fields_of_zone(form["mrz"], self._today())
        if isinstance(read, FormFault):
            fault = words.FIELDS[read].sentence(texts(page.frame.lang))
            again = replace(page, form=filled | {"mrz": form["mrz"]}, faults={"mrz": fault})
            return answered(request, template, again, 422)
        filled |= {name: value for name, value in read.items() if name not in MORE or _asks(page, name)}
        self._registry.save_draft(token, filled)
        return answered(request, template, replace(page, form=filled, zone_read=True))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._services.clock.now_ms() / 1000, self._services.zone).date()

    # --- face ------------------------------------------------------------------------------------------------

    def show_face(self, request: Request, token: str, who: str = "") -> Response:
        page = self._page(request, token, who)
        assert page.me is not None
        if page.me.face in ("not_offered", "yes"):
            return _go(token, Step.WAY_IN, who)
        return answered(request, "face", page)

    def take_face(
        self,
        request: Request,
        token: str,
        answer: Short = "",
        agree: Short = "",
        version: Short = "",
        alike: Short = "",
        alike_version: Short = "",
        who: Short = "",
    ) -> Response:
        page = self._page(request, token, who)
        agrees = answer == "yes"
        if agrees and not agree:
            problem = words.PHONE["tick"].sentence(texts(page.frame.lang))
            return answered(request, "face", replace(page, problem=problem), 422)
        language = page.frame.lang.value
        self._registry.answer_face(
            token,
            who or None,
            agrees=agrees,
            text_version=version,
            language=language,
            alike_version=alike_version if alike else "",
        )
        return _go(token, Step.WAY_IN, who)

    def stop_comparing(self, token: str, who: Short = "") -> Response:
        self._registry.stop_comparing(token, who or None)
        return _go(token, Step.WAY_IN, who)

    def remove_face(self, token: str, who: Short = "") -> Response:
        self._registry.remove_face(token, who or None)
        return _go(token, Step.WAY_IN, who)

    # --- the pass --------------------------------------------------------------------------------------------

    def show_pass(self, request: Request, token: str, who: str = "") -> Response:
        page = self._page(request, token, who)
        assert page.view is not None
        if page.view.is_open and not is_registered(page.view.lead) and page.tries_left:
            return _go(token)
        if not all(one.shown for one in page.view.bulletins):
            self._registry.saw_bulletins(token)
        response = answered(request, "pass", page)
        if page.over:
            response.headers[OVER_HEADER] = "over"  # told to the worker, which then forgets what it kept
        return response

    def manifest(self, request: Request, token: str) -> Response:
        """What the home screen of a phone shows; the language stands in the address, for no cookie comes along."""
        frame = self._page(request, token).frame
        return JSONResponse(manifest_of(frame), media_type="application/manifest+json")

    def take_pin(self, request: Request, token: str, who: Short = "") -> Response:
        pin = self._registry.issue_pin(token, who or None)
        return answered(request, "pass", replace(self._page(request, token, who), pin=pin))

    def take_more_time(self, token: str, who: Short = "", wanted: Short = "") -> Response:
        self._registry.ask_more_time(token, who or None, wanted=wanted == "yes")
        return _go(token, Step.WAY_IN, who)

    def take_hours(
        self, token: str, who: Short = "", begins: Short = "", ends: Short = "", tell: Short = ""
    ) -> Response:
        self._registry.set_child_hours(token, who or None, begins, ends, tell=bool(tell))
        return _go(token, Step.WAY_IN, who)

    def show_leave(self, request: Request, token: str) -> Response:
        return answered(request, "leave", self._page(request, token))

    def take_leave(self, token: str) -> Response:
        self._registry.leave(token)
        return _go(token, Step.WAY_IN)

    def show_departure(self, request: Request, token: str) -> Response:
        return answered(request, "departure", self._page(request, token))

    def take_departure(self, request: Request, token: str, day: Short = "", sure: Short = "") -> Response:
        if self._registry.ask_departure(token, day, sure=sure == "yes") != "sure":
            return RedirectResponse(f"/g/{token}/departure", 303)
        page = self._page(request, token)
        assert page.view is not None
        by, now_ms = self._printer.speaker(page.frame.lang), self._services.clock.now_ms()
        departure = departure_of(page.view, by, now_ms, day=day)
        return answered(request, "departure", replace(page, departure=departure))

    def take_departure_back(self, token: str) -> Response:
        self._registry.take_departure_back(token)
        return RedirectResponse(f"/g/{token}/departure", 303)

    def show_data(self, request: Request, token: str, who: str = "") -> Response:
        return answered(request, "data", self._page(request, token, who))

    def take_data(
        self, request: Request, token: str, last_four: Short = "", who: Short = "", form: Short = "page"
    ) -> Response:
        held = self._registry.own_data(token, who or None, last_four)
        if form == "file":
            name = {"content-disposition": f'attachment; filename="{NAME}"'}
            return Response(zip_of(held, self._services.zone), media_type="application/zip", headers=name)
        page = self._page(request, token, who)
        return answered(
            request, "data", replace(page, data=readable(held, self._printer.speaker(page.frame.lang)))
        )

    def forget_address(self, token: str) -> Response:
        self._registry.write_no_more(token)
        return RedirectResponse(f"/g/{token}/data", 303)

    def erase_data(self, token: str, who: Short = "") -> Response:
        self._registry.erase_own_data(token, who or None)
        return _go(token, Step.WAY_IN, who)


def _reads_zone(form: Mapping[str, str]) -> bool:
    """Whether the button beside the lines was pressed; where there are none, Enter in a field means to register."""
    return "read" in form and bool(form.get("mrz", "").strip())


def _asks(page: GuestPage, name: str) -> bool:
    return any(one.name == name for one in page.more)


def _go(token: str, step: Step | None = None, who: str = "") -> Response:
    """303: the browser asks anew, and going back never sends a form twice."""
    path = f"/g/{token}" if step is None else f"/g/{token}/{step.value}"
    return RedirectResponse(
        f"{path}?who={who}" if who.isascii() and who.replace("-", "").isalnum() else path, 303
    )


def courteous(faults: GuestFaults) -> type[APIRoute]:
    """Routes whose every no is a page of the guest's own, with what to do next."""

    class CourteousRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handle = super().get_route_handler()

            async def handle_or_explain(request: Request) -> Response:
                try:
                    return await handle(request)
                except Refused as refused:
                    return faults.rule(request, refused.rule, refused.status)
                except NotFound as missing:
                    return faults.rule(request, missing.rule or "link", missing.status)

            return handle_or_explain

    return CourteousRoute
