"""The weekly pack as a PDF; the letters are a font that every reader brings, as on the plate of a listing."""

import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

from cloud_sync.web.pack.lines import Pack, PackLine

FONT = "STSong-Light"
MM = 72 / 25.4
MARGIN = 15 * MM
COLUMNS = (88 * MM, 26 * MM, 22 * MM, 18 * MM, 26 * MM)
GREY, SOFT = "#999999", "#eeeeee"


def pack_pdf(pack: Pack) -> bytes:
    """A4, as many pages as it takes, each with the week and its number."""
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.platypus import SimpleDocTemplate, Spacer

    registerFont(UnicodeCIDFont(FONT))
    out = io.BytesIO()
    paper = SimpleDocTemplate(
        out, pagesize=(210 * MM, 297 * MM), leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN,
        bottomMargin=MARGIN, title=f"{pack.title}", author="", invariant=1, pageCompression=0,
    )  # fmt: skip
    story = [_text(pack.title, 18), _text(pack.place, 12)]
    story += [_text(text, 9) for text in (pack.period, f"{pack.made}; {pack.told}", *pack.notes)]
    for section in dict.fromkeys(line.section for line in pack.lines):
        mine = [line for line in pack.lines if line.section == section]
        story += [Spacer(1, 4 * MM), _text(section, 12), _figures(mine, pack.columns)]
    story += [Spacer(1, 6 * MM), _text(pack.names[1], 12), _matrix(pack)]
    story += [Spacer(1, 6 * MM), _text(pack.names[2], 12), _figures(pack.classes, pack.columns)]

    def foot(canvas: object, document: object) -> None:
        canvas.setFont(FONT, 8)  # type: ignore[attr-defined]
        canvas.drawString(MARGIN, 8 * MM, f"{pack.week} · {document.page}")  # type: ignore[attr-defined]

    paper.build(story, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _text(text: str, size: int) -> object:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle("said", fontName=FONT, fontSize=size, leading=1.35 * size, wordWrap="CJK")
    return Paragraph(escape(text), style)


def _figures(lines: Sequence[PackLine], columns: Sequence[str]) -> object:
    rows: list[list[object]] = [[_text(columns[at], 8) for at in (1, 3, 4, 5, 7)]]
    before = ""
    for line in lines:
        what = f"{line.title}: {line.meaning}" + (f" / {line.of_meaning}" if line.of_meaning else "")
        named = (
            line.part
            if line.part and line.name == before
            else what + (f" · {line.part}" if line.part else "")
        )
        before = line.name
        of = f"{line.denominator:,}" if line.denominator is not None else ""
        told = [line.note, "", "", ""] if line.note else [line.text, of, _share(line), line.as_of]
        rows.append([_text(named, 8), *(_text(text, 8) for text in told)])
    return _table(rows, COLUMNS, [at for at, line in enumerate(lines, 1) if line.note])


def _share(line: PackLine) -> str:
    return f"{100 * line.share:.2f}%" if line.share is not None else ""


def _matrix(pack: Pack) -> object:
    rows = [[_text(head, 8) for head in pack.matrix_heads]]
    for line in pack.matrix:
        named = f"{line.name} {line.kind} · {line.severity}" if line.kind else pack.matrix_heads[-1]
        rows.append([_text(named, 8), *(_text(str(field.count), 8) for field in line.fields)])
    return _table(rows, (66 * MM, *(19 * MM for _ in pack.matrix_heads[1:])), [])


def _table(rows: list[list[object]], widths: Sequence[float], wide: Sequence[int]) -> object:
    from reportlab.platypus import Table, TableStyle

    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, GREY),
        ("BACKGROUND", (0, 0), (-1, 0), SOFT),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        *(("SPAN", (1, at), (-1, at)) for at in wide),
    ]
    return Table(rows, colWidths=widths, style=TableStyle(style), repeatRows=1, hAlign="LEFT")
