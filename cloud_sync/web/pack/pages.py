"""``/figures/week/…``: the weekly pack to take away; who took which is written down."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from cloud_sync.core.roles import Right, may
from cloud_sync.ports_figures import FigureReader
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.pack.lines import PACK_NAME, Pack, pack_of
from cloud_sync.web.pack.paper import pack_pdf
from cloud_sync.web.pack.sheets import XLSX_TYPE, pack_xlsx
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions
from cloud_sync.web.texts import mark, texts

Week = Annotated[str, Path(pattern=r"^\d{4}-W\d{2}$")]
TYPES = {"pdf": "application/pdf", "xlsx": XLSX_TYPE}


def made(pack: Pack, form: str, by: Speaker) -> bytes:
    """The pack in one of its two forms."""
    if form == "pdf":
        return pack_pdf(pack)
    return pack_xlsx(pack, by.say(mark("count")), by.say(mark("seconds")))


class PackPages:
    def __init__(self, services: Services, reader: FigureReader) -> None:
        self._services = services
        self._reader = reader
        self._sessions = Sessions(services.accounts)
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/figures/week/{week}.pdf", self.pdf, methods=["GET"])
        self.router.add_api_route("/figures/week/{week}.xlsx", self.xlsx, methods=["GET"])

    def pdf(self, request: Request, week: Week) -> Response:
        return self._pack(request, week, "pdf")

    def xlsx(self, request: Request, week: Week) -> Response:
        return self._pack(request, week, "xlsx")

    def _pack(self, request: Request, week: str, form: str) -> Response:
        user = self._sessions.need_right(request, Right.SEE_FIGURES).user
        by = Speaker(texts(language_of(request)), self._services.zone)
        found = self._reader.week(week, form, actor=user.name, role=user.role)
        place = by.name(self._services.name_zh, self._services.name_en)
        pack = pack_of(week, found, by, place, few=may(user.role, Right.SEE_FEW))
        name = PACK_NAME.format(week=week, form=form)
        headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
        return Response(made(pack, form, by), media_type=TYPES[form], headers=headers)
