"""What stands in a weekly pack, in one language: one value that the PDF and the workbook are both made from.

Nobody is in it: figures, and lines of doors, recipients, kinds and versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloud_sync.core.figures import SPECS, AsOf, Figure, Figures, Row, Shape, shown
from cloud_sync.core.weeks import monday_of
from cloud_sync.web import figure_words
from cloud_sync.web.board import Speaker
from cloud_sync.web.discrepancies import Line as MatrixLine
from cloud_sync.web.discrepancies import heads, matrix
from cloud_sync.web.figure_words import FIGURES, ROWS, WHY
from cloud_sync.web.spans import span
from cloud_sync.web.texts import mark

PACK_NAME = "figures-{week}.{form}"
FORMS = ("pdf", "xlsx")


@dataclass(frozen=True, slots=True)
class PackLine:
    """One number; without a number, ``note`` says why.  ``seconds``: the numerator is a time, not a count."""

    section: str
    name: str
    title: str
    part: str
    meaning: str
    of_meaning: str
    numerator: float | None
    denominator: int | None
    share: float | None
    seconds: bool
    text: str  # the numerator as people read it
    as_of: str
    note: str


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    title: str
    numerator: str
    denominator: str
    source: str
    as_of: str


@dataclass(frozen=True, slots=True)
class Pack:
    """``columns``: what the columns of figures are called; ``names``: the four parts of the pack."""

    week: str
    title: str
    place: str
    period: str
    made: str
    told: str
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    names: tuple[str, str, str, str]
    lines: tuple[PackLine, ...]
    classes: tuple[PackLine, ...]
    matrix_heads: tuple[str, ...]
    matrix: tuple[MatrixLine, ...]
    definition_columns: tuple[str, ...]
    definitions: tuple[Definition, ...]


AS_OF = {
    AsOf.TOLD: mark("how far the slowest node has told"),
    AsOf.BOOKS: mark("when the pack was made"),
    AsOf.CENSUS: mark("the day of the census"),
    AsOf.FILE: mark("when the file was brought"),
}
CLASSES = ("cases_by_family", "matters_by_class", "priority_mix")


def pack_of(week: str, found: Figures, by: Speaker, place: str, *, few: bool) -> Pack:
    """Everything of one week as this role may see it."""
    say = by.say
    monday = monday_of(week)
    assert monday is not None
    figures = shown(found.figures, few=few)
    lines = tuple(_line(one, by) for row in Row for one in figures if one.spec.row is row)
    kind = say(mark("Kind"))
    return Pack(
        week=week,
        title=say(mark("Figures of the week %(week)s"), week=week),
        place=place,
        period=_period(monday, say(mark("%(first)s to %(last)s"), first="%s", last="%s")),
        made=say(mark("made %(when)s"), when=by.day_and_clock(found.now_ms)),
        told=say(mark("events complete to %(when)s"), when=by.day_and_clock(found.told_ms) if found.told_ms else "–"),
        notes=(
            say(mark("Figures in the period are of this week; all others are as they stood when the pack was made.")),
            say(mark("Nobody is named or numbered in this pack.")),
        ),
        columns=tuple(
            say(text)
            for text in (
                mark("Part"), mark("Figure"), mark("Line"), mark("Numerator"), mark("Denominator"), mark("Share"),
                mark("Unit"), mark("as of"), mark("Note"),
            )
        ),
        names=(
            say(mark("The figures")), say(mark("Open discrepancies")), say(mark("Cases by class")), say(mark("Definitions")),
        ),
        lines=lines,
        classes=tuple(one for name in CLASSES for one in lines if one.name == name),
        matrix_heads=(kind, *heads(by)),
        matrix=matrix(found.open, by, links=False),
        definition_columns=tuple(
            say(text)
            for text in (
                mark("Name for programs"), mark("Figure"), mark("Numerator"), mark("Denominator"), mark("Counted from"),
                mark("as of"),
            )
        ),
        definitions=_definitions(by),
    )  # fmt: skip


def _period(monday: date, text: str) -> str:
    return text % (monday.isoformat(), (monday + timedelta(days=6)).isoformat())


def _line(figure: Figure, by: Speaker) -> PackLine:
    spec, say = figure.spec, by.say
    title, numerator, denominator = (say(text) if text else "" for text in FIGURES[figure.name])
    note = say(WHY[figure.why]) if figure.why is not None else ""
    if figure.hidden:
        note = say(mark("fewer than ten people: not shown"))
    timed = spec.shape is Shape.SPAN
    none = bool(note) or (timed and not figure.denominator)
    counted = figure.numerator / 1000 if timed else figure.numerator
    return PackLine(
        section=say(ROWS[spec.row]),
        name=figure.name,
        title=title,
        part=figure_words.part(spec.parts, figure.part[0], say) if figure.part else "",
        meaning=numerator,
        of_meaning=denominator,
        numerator=None if none else counted,
        denominator=None if note else figure.denominator,
        share=figure.share if spec.shape in (Shape.SHARE, Shape.RATE) and not note else None,
        seconds=timed,
        text="–" if none else span(figure.numerator, say) if timed else f"{figure.numerator:,}",
        as_of=by.day_and_clock(figure.as_of_ms) if figure.as_of_ms > 0 else "–",
        note=note,
    )


def _definitions(by: Speaker) -> tuple[Definition, ...]:
    found: Sequence[Definition] = [
        Definition(
            name=spec.name,
            title=by.say(FIGURES[spec.name][0]),
            numerator=by.say(FIGURES[spec.name][1]),
            denominator=by.say(FIGURES[spec.name][2]) if FIGURES[spec.name][2] else "–",
            source=spec.source or (by.say(WHY[spec.why]) if spec.why is not None else ""),
            as_of=by.say(AS_OF[spec.as_of]),
        )
        for row in Row
        for spec in SPECS.values()
        if spec.row is row
    ]
    return tuple(found)
