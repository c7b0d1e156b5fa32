"""Spreadsheets laid beside the registry: what each file came to, and the rows a person has to decide about.

A row stays sealed on these pages until somebody says why they look; what they decide stands beside their name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, get_args

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from cloud_sync.core.roles import Right
from cloud_sync.core.roll import Bucket
from cloud_sync.errors import Refused
from cloud_sync.ports import Session
from cloud_sync.ports_imports import Decision, ImportDesk, Matter, OpenedMatter, RunView
from cloud_sync.web.accounts import go
from cloud_sync.web.board import Speaker
from cloud_sync.web.language import language_of
from cloud_sync.web.registry_words import BUCKETS, DECISIONS, DECISIONS_SAID, KINDS, REASONS, REFUSED
from cloud_sync.web.render import Chrome, answer, chrome_of
from cloud_sync.web.services import Services
from cloud_sync.web.sessions import Sessions, check_form
from cloud_sync.web.texts import mark, texts

RUNS, MATTERS = 10, 100
CONFLICT = 409
NO_PURPOSE = mark("Say in a few words why you look; it is written down beside your name.")

Word = Annotated[str, Form(max_length=64)]
Sentence = Annotated[str, Form(max_length=500)]
MatterId = Annotated[str, Path(pattern=r"^IR-[0-9a-f]{24}$")]
BucketAsked = Annotated[str, Query(max_length=16)]
_WORDS: Mapping[str, Decision] = MappingProxyType({one: one for one in get_args(Decision)})


@dataclass(frozen=True, slots=True)
class RunLine:
    file: str
    kind: str
    rows: int
    counts: tuple[tuple[str, int], ...]
    matched: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class MatterLine:
    id: str
    bucket: str
    reason: str
    unit: str
    where: str


@dataclass(frozen=True, slots=True)
class RegistryPage:
    chrome: Chrome
    now: str
    runs: tuple[RunLine, ...]
    heads: tuple[str, ...]
    waiting: tuple[tuple[str, str, int], ...]  # bucket, its name, how many
    bucket: str
    matters: tuple[MatterLine, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class MatterPage:
    chrome: Chrome
    line: MatterLine
    kind: str
    cells: tuple[tuple[str, str], ...] = ()
    recorded: str = ""
    opened: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    decided: str = ""
    by: str = ""
    why: str = ""
    at: str = ""
    problem: str = ""
    chosen: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Asked:
    session: Session
    chrome: Chrome
    by: Speaker


@dataclass(slots=True)
class RegistryPages:
    services: Services
    desk: ImportDesk
    router: APIRouter = field(init=False)

    def __post_init__(self) -> None:
        self.router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
        self.router.add_api_route("/registry", self.registry, methods=["GET"])
        self.router.add_api_route("/registry/rows/{matter}", self.row, methods=["GET"])
        self.router.add_api_route("/registry/rows/{matter}", self.decide, methods=["POST"])
        self.router.add_api_route("/registry/rows/{matter}/open", self.open, methods=["POST"])

    def registry(self, request: Request, bucket: BucketAsked = "") -> Response:
        asked = self._asked(request)
        wanted = next((one for one in Bucket if one == bucket and one is not Bucket.EXACT), Bucket.CONFLICT)
        return answer(request, "registry.html", self._page(asked, wanted))

    def row(self, request: Request, matter: MatterId) -> Response:
        asked = self._asked(request)
        return answer(request, "registry_row.html", _sealed(asked, self.desk.matter(matter)))

    def open(self, request: Request, matter: MatterId, csrf: Word = "", purpose: Sentence = "") -> Response:
        """The cells as they came, for one named person who said why."""
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        if not purpose.strip():
            page = _sealed(asked, self.desk.matter(matter), problem=asked.by.say(NO_PURPOSE))
            return answer(request, "registry_row.html", page, CONFLICT)
        opened = self.desk.open_matter(matter, actor=asked.session.user.name, purpose=purpose.strip())
        return answer(request, "registry_row.html", _opened(asked, opened, purpose.strip()))

    def decide(
        self, request: Request, matter: MatterId, csrf: Word = "", decision: Word = "", reason: Sentence = ""
    ) -> Response:
        asked = self._asked(request)
        check_form(asked.session.csrf, csrf)
        try:
            self.desk.decide(matter, _WORDS.get(decision, ""), actor=asked.session.user.name, reason=reason)
        except Refused as refused:
            said = asked.by.say(REFUSED.get(refused.rule, REFUSED["import.decide"]))
            page = _sealed(asked, self.desk.matter(matter), problem=said, chosen=decision, reason=reason)
            return answer(request, "registry_row.html", page, CONFLICT)
        return go(f"/registry/rows/{matter}")

    def _page(self, asked: _Asked, bucket: Bucket) -> RegistryPage:
        say, waiting = asked.by.say, self.desk.waiting()
        shown = self.desk.open_matters(bucket, MATTERS)
        return RegistryPage(
            chrome=asked.chrome,
            now=asked.by.clock(self.services.clock.now_ms()),
            runs=tuple(_run(run, asked.by) for run in self.desk.runs(RUNS)),
            heads=tuple(say(BUCKETS[one]) for one in Bucket),
            waiting=tuple((one.value, say(BUCKETS[one]), n) for one, n in waiting.items()),
            bucket=bucket.value,
            matters=tuple(_line(one, asked.by) for one in shown),
            left_out=max(waiting.get(bucket, 0) - len(shown), 0),
        )

    def _asked(self, request: Request) -> _Asked:
        session = Sessions(self.services.accounts).need_right(request, Right.IMPORT)
        by = Speaker(texts(language_of(request)), self.services.zone)
        place = by.name(self.services.name_zh, self.services.name_en)
        return _Asked(session, chrome_of(request, user=session.user.name, csrf=session.csrf, place=place), by)


def _run(run: RunView, by: Speaker) -> RunLine:
    matched = run.counts[Bucket.EXACT] + run.counts[Bucket.FUZZY]
    return RunLine(
        file=run.file,
        kind=by.say(KINDS[run.kind]) if run.kind in KINDS else run.kind,
        rows=run.rows,
        counts=tuple((by.say(BUCKETS[one]), run.counts[one]) for one in Bucket),
        matched=f"{matched} / {run.rows}",
        by=run.by,
        at=by.day_and_clock(run.at_ms),
    )


def _line(matter: Matter, by: Speaker) -> MatterLine:
    return MatterLine(
        id=matter.id,
        bucket=by.say(BUCKETS[matter.bucket]),
        reason=by.say(REASONS[matter.reason]),
        unit=matter.unit,
        where=" ".join(f"{matter.file} {matter.sheet} {matter.line}".split()),
    )


def _sealed(
    asked: _Asked, matter: Matter, *, problem: str = "", chosen: str = "", reason: str = ""
) -> MatterPage:
    say = asked.by.say
    return MatterPage(
        chrome=asked.chrome,
        line=_line(matter, asked.by),
        kind=say(KINDS[matter.kind]) if matter.kind in KINDS else matter.kind,
        choices=tuple((one, say(DECISIONS[one])) for one in matter.may),
        decided=say(DECISIONS_SAID[matter.decided]) if matter.decided else "",
        by=matter.by,
        why=matter.why,
        at=asked.by.day_and_clock(matter.at_ms) if matter.at_ms else "",
        problem=problem,
        chosen=chosen,
        reason=reason,
    )


def _opened(asked: _Asked, opened: OpenedMatter, purpose: str) -> MatterPage:
    sealed = _sealed(asked, opened.matter, reason=purpose)
    return replace(sealed, cells=tuple(opened.row.items()), recorded=opened.recorded, opened=True)
