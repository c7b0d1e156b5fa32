"""The weekly pack read back: what the PDF and the workbook say is what a second count of the rows says, and nobody is named."""

import io
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from openpyxl import load_workbook

from cloud_sync.core.figures import SPECS, Shape
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.core.weeks import monday_of, week_before, week_of
from cloud_sync.store import tables
from cloud_sync.store.figures import StoredFigures
from cloud_sync.web.app import create_app
from cloud_sync.web.figure_words import FIGURES, part
from cloud_sync.web.language import Lang
from cloud_sync.web.texts import texts
from tests.fakes.community_house import ZONE
from tests.fakes.counted_figures import Counted
from tests.fakes.figure_history import FigureHistory
from tests.fakes.web_house import PASSWORD, WebHouse, log_in, visiting

SHOWN = re.compile(rb"\((.*?)(?<!\\)\) Tj", re.DOTALL)
ESCAPED = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)


@pytest.fixture
def house(tmp_path):
    made = WebHouse(tmp_path)
    FigureHistory(made, made.clock.now).write()
    made.accounts.add("zhao", "officer", PASSWORD, actor="test")
    yield made
    made.close()


def words_of(pdf):
    """What a PDF of two-byte letters shows, word by word."""

    def plain(found):
        sign = found[1]
        if len(sign) == 3:
            return bytes([int(sign, 8)])
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(sign, sign)

    return [ESCAPED.sub(plain, text).decode("utf-16-be", "replace") for text in SHOWN.findall(pdf)]


def numbers_of(book, say):
    """(figure, line) → numerator, denominator of the first sheet; spans in milliseconds."""
    names = {say(FIGURES[name][0]): name for name in SPECS}
    found = {}
    for _section, title, line, numerator, denominator, share, unit, *_ in book.worksheets[0].iter_rows(
        min_row=2, max_col=9, values_only=True
    ):
        if title not in names or (numerator is None and denominator is None):
            continue
        assert share is None or abs(share - numerator / denominator) < 1e-9
        timed = unit == say("seconds")
        assert timed is (SPECS[names[title]].shape is Shape.SPAN)
        value = round((numerator or 0) * 1000) if timed else numerator
        found[names[title], line or ""] = (value, denominator)
    return found


@pytest.mark.parametrize("lang", list(Lang))
def test_both_forms_say_what_a_second_count_of_the_rows_says(house, lang):
    now = datetime.fromtimestamp(house.clock.now / 1000, ZONE)
    week, say = week_of(now.date()), texts(lang)
    monday = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=now.weekday())
    counted = Counted(house, round(monday.timestamp() * 1000))
    app = create_app(
        replace(house.services, figures=StoredFigures(house.house), name_zh="东方社区", name_en="East")
    )
    with visiting(app, **{"accept-language": lang.tag}) as client:
        log_in(client, name="zhao")
        assert f"/figures/week/{week}.pdf" in client.get("/figures").text
        assert f"/figures/week/{week_before(week)}.xlsx" in client.get("/figures").text
        pdf = client.get(f"/figures/week/{week}.pdf")
        sheet = client.get(f"/figures/week/{week}.xlsx")
    assert f'filename="figures-{week}.xlsx"' in sheet.headers["content-disposition"]
    book = load_workbook(io.BytesIO(sheet.content))
    expected = {
        (name, part(SPECS[name].parts, line[0], say) if line else ""): value
        for (name, line), value in counted.found.items()
    }
    assert numbers_of(book, say) == expected
    said = "".join(words_of(pdf.content)).replace(" ", "")
    assert week in said
    for name, line in expected:
        assert (line or say(FIGURES[name][0])).replace(" ", "") in said, (name, line)
    for name in ("cases_open", "stay_reconciliation_rate", "registration_rate"):
        numerator, denominator = expected[name, ""]
        assert f"{100 * numerator / denominator:.2f}%" in said
    matrix = book.worksheets[1]
    assert matrix.cell(matrix.max_row, 7).value == sum(counted.lines.values())
    grave = {key: many for key, many in counted.lines.items() if key[1] == "S1"}
    rows = [row for row in matrix.iter_rows(min_row=2, values_only=True) if str(row[0]).endswith("S1")]
    assert sum(row[6] for row in rows) == sum(grave.values())
    assert {row[0] for row in book.worksheets[3].iter_rows(min_row=2, values_only=True)} == set(SPECS)
    _nobody(house, said, book)


def _nobody(house, said, book):
    """No subject, stay, person, pass or colleague of the history is in either form."""
    cells = " ".join(
        str(cell) for one in book.worksheets for row in one.iter_rows(values_only=True) for cell in row
    )
    with house.engine.begin() as db:
        people = {row.subject_ref for row in db.execute(tables.stay_member.select())}
        stays = {row.stay for row in db.execute(tables.stay.select())}
        users = {row.actor for row in db.execute(tables.case_note.select()) if row.actor}
    for name in people | stays | users:
        word = re.compile(rf"\b{re.escape(name)}\b")
        assert not word.search(said)
        assert not word.search(cells)


def test_who_took_a_pack_is_written_down_and_below_the_officer_few_people_are_not_in_it(house):
    week = week_of(datetime.fromtimestamp(house.clock.now / 1000, ZONE).date())
    app = create_app(replace(house.services, figures=StoredFigures(house.house)))
    for role in Role:
        house.accounts.add(f"the-{role}", role, PASSWORD, actor="test")
        with visiting(app, **{"accept-language": "en"}) as client:
            log_in(client, name=f"the-{role}")
            answer = client.get(f"/figures/week/{week}.xlsx")
            assert answer.status_code == (200 if may(role, Right.SEE_FIGURES) else 403)
            if role is Role.STREET:
                cells = [
                    cell
                    for row in load_workbook(io.BytesIO(answer.content))
                    .worksheets[0]
                    .iter_rows(values_only=True)
                    for cell in row
                ]
                assert "fewer than ten people: not shown" in cells
    with house.engine.begin() as db:
        rows = [row for row in db.execute(tables.audit.select()) if row.action == "figures.week"]
    assert {row.actor for row in rows} == {f"the-{role}" for role in Role if may(role, Right.SEE_FIGURES)}
    assert {(row.object, row.after) for row in rows} == {(week, "xlsx")}


def test_a_week_that_is_none_or_to_come_is_answered_in_a_sentence(house):
    app = create_app(replace(house.services, figures=StoredFigures(house.house)))
    with visiting(app, **{"accept-language": "en"}) as client:
        log_in(client, name="zhao")
        for week in ("2026-W00", "2026-W54", "2099-W01", "soon"):
            page = client.get(f"/figures/week/{week}.pdf")
            assert 400 <= page.status_code < 500, week
            assert "<h1" in page.text
    assert monday_of("2026-W53").isoformat() == "2026-12-28"
    assert monday_of("2025-W53") is None
    assert week_before("2026-W01") == "2025-W52"
