"""The table of docs/figures.md, printed from the figures themselves."""

from cloud_sync.core.figures import SPECS, AsOf, Row, Shape, Spec
from cloud_sync.web.figure_words import FIGURES, ROWS, WHY
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from docs.printed import table

AS_OF = {
    AsOf.TOLD: "the watermark",
    AsOf.BOOKS: "now",
    AsOf.CENSUS: "the day of the census",
    AsOf.FILE: "when the file was brought",
}


def figures() -> str:
    """Every figure, row by row of the page."""
    rows = [
        (_name(spec), *_of(spec), _source(spec), AS_OF[spec.as_of])
        for row in Row
        for spec in SPECS.values()
        if spec.row is row
    ]
    return table(("row", "figure", "numerator", "denominator", "counted from", "as of"), rows)


def _name(spec: Spec) -> str:
    first = next(one for one in SPECS.values() if one.row is spec.row)
    return ROWS[spec.row] if spec is first else ""


def _of(spec: Spec) -> tuple[str, str, str]:
    title, numerator, denominator = FIGURES[spec.name]
    lines = f", one line for each {spec.parts}" if spec.parts else ""
    span = " (a span)" if spec.shape is Shape.SPAN else ""
    people = " †" if spec.people else ""
    name = f"{title} {texts(Lang.ZH)(title)} `{spec.name}`{lines}{people}"
    return name, f"{numerator}{span}", denominator or "–"


def _source(spec: Spec) -> str:
    if spec.why is not None:
        return f"not counted here: {WHY[spec.why]}"
    return ", ".join(f"`{name}`" for name in spec.source.split(", "))
