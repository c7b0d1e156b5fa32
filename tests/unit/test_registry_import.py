"""A spreadsheet beside the registry: one bucket for each row, the same file changes nothing, people decide, access stays."""

import csv
import json
import sqlite3
from collections import Counter

import pytest
import sqlalchemy as sa

from bench.bench_import import bring, labels_of, score, state_of
from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import Bucket, Reason
from cloud_sync.errors import NotFound, Refused
from cloud_sync.store import tables
from cloud_sync.store.tables_import import import_decision, import_row, roll_person, roll_unit
from cloud_sync.synth.household_words import ESTATE, resident_id
from cloud_sync.synth.households import DEEDS, ROWS, write_import164k
from tests.fakes.community_house import CODE, booking_row, listing_row, new_house, registration_row, take

CHEN = "chen"
KNOWN = (
    ("张三丰", "3栋2单元1801", resident_id(1)),
    ("李四光", "3栋2单元1802", ""),
    ("阿依古丽·买买提", "5栋1单元301", ""),
)
CANARY = "金丝雀"


@pytest.fixture
def books(tmp_path):
    made = new_house(tmp_path)
    yield made
    made.close()


@pytest.fixture
def sheet(tmp_path):
    """A CSV of households: name, address, document."""

    def write(*rows, name="households.csv", heads=("姓名", "地址", "身份证号"), encoding="gb18030"):
        path = tmp_path / name
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file).writerows([heads, *rows])
        return path

    return write


@pytest.fixture
def roll(books, sheet):
    """Three households on the registry's roll."""
    rows = [(name, f"{ESTATE}二期{door}", number) for name, door, number in KNOWN]
    bring(books, sheet(*rows, name="roll.csv"), Kind.HOUSEHOLDS, adopt=True)
    return books


def told(books, path, kind=Kind.HOUSEHOLDS, **more):
    """(line, bucket, reason) of every row, and the summary."""
    rows = []
    summary = bring(
        books,
        path,
        kind,
        tell=lambda row: rows.append((row.line, row.bucket.value, row.reason.value)),
        **more,
    )
    assert sum(summary.counts.values()) == summary.rows == len(rows)
    assert Counter(bucket for _, bucket, _ in rows) == +Counter(
        {b.value: n for b, n in summary.counts.items()}
    )
    return rows, summary


def count(books, table):
    with books.engine.connect() as db:
        return db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


MIXED = (
    ("張三豐", "３棟2單元1801", ""),
    ("LI SIGUANG", "三号楼二单元18楼2号", ""),
    ("王五一", "3幢2-1802", ""),
    ("赵小六", "9栋1单元101", ""),
    ("", "3栋2单元1801", ""),
    (f"{CANARY}测试", "门卫室旁", ""),
    ("钱七七", "3栋2单元1801", "00000119900131000"),
    ("张三丰", "3-2-1801", ""),
    ("=1+1", "3栋2单元1801", ""),
)
MIXED_TOLD = [
    (2, "exact", "agrees"),
    (3, "fuzzy", "sound"),
    (4, "conflict", "other_name"),
    (5, "unmatched", "no_dwelling"),
    (6, "rejected", "no_name"),
    (7, "rejected", "address_shape"),
    (8, "rejected", "bad_document"),
    (9, "rejected", "repeated"),
    (10, "rejected", "formula"),
]


def test_each_row_is_in_one_bucket_and_a_dry_run_keeps_nothing(roll, sheet):
    path, before = sheet(*MIXED), state_of(roll)
    assert told(roll, path, dry_run=True)[0] == MIXED_TOLD
    assert state_of(roll) == before
    rows, summary = told(roll, path)
    assert rows == MIXED_TOLD
    assert summary.changed == len(MIXED) + 1  # the rows, and the file itself


def test_the_same_file_again_changes_nothing(roll, sheet):
    path = sheet(*MIXED)
    told(roll, path)
    before = state_of(roll)
    rows, summary = told(roll, path)
    assert (rows, summary.changed) == (MIXED_TOLD, 0)
    assert state_of(roll) == before


def test_taking_in_the_registry_twice_is_taking_it_in_once(roll, sheet, tmp_path):
    before = state_of(roll)
    rows, summary = told(roll, tmp_path / "roll.csv", adopt=True)
    assert {bucket for _, bucket, _ in rows} == {"exact"}
    assert (summary.changed, summary.adopted) == (0, 0)
    assert state_of(roll) == before
    assert count(roll, roll_unit) == count(roll, roll_person) == len(KNOWN)


def test_no_name_and_no_number_stands_anywhere_but_in_the_vault(roll, sheet, tmp_path, caplog, capsys):
    told(roll, sheet(*MIXED, (f"{CANARY}", "3栋2单元1801", resident_id(77)), name="canary.csv"))
    roll.engine.dispose()
    words = [CANARY, "张三丰", "李四光", resident_id(1), resident_id(77)]
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(path.name == "vault.db" for path in files)
    for path in files:
        assert not [word for word in words if word.encode() in path.read_bytes()], path.name
    assert not [word for word in words if word in caplog.text + "".join(capsys.readouterr())]


def test_a_rejected_row_is_kept_as_it_came_for_whoever_says_why_they_look(roll, sheet):
    told(roll, sheet(*MIXED))
    bad = [one for one in roll.imports.open_matters(Bucket.REJECTED, 20) if one.line == 7]
    opened = roll.imports.open_matter(bad[0].id, actor=CHEN, purpose="call them")
    assert opened.row == {"姓名": f"{CANARY}测试", "地址": "门卫室旁"}
    with roll.engine.connect() as db:
        seen = db.execute(sa.select(tables.disclosure.c.actor, tables.disclosure.c.purpose)).all()
    assert [tuple(one) for one in seen] == [(CHEN, "call them")]
    assert bad[0].may == ()
    with pytest.raises(Refused, match="stated purpose"):
        roll.imports.open_matter(bad[0].id, actor=CHEN, purpose=" ")


def matter_of(books, bucket, line):
    return next(one for one in books.imports.open_matters(bucket, 50) if one.line == line)


def test_a_named_person_decides_once_and_the_next_import_agrees(roll, sheet):
    path = sheet(*MIXED)
    told(roll, path)
    assert dict(roll.imports.waiting()) == {Bucket.CONFLICT: 1, Bucket.FUZZY: 1, Bucket.UNMATCHED: 1}
    conflict, fuzzy = matter_of(roll, Bucket.CONFLICT, 4), matter_of(roll, Bucket.FUZZY, 3)
    with pytest.raises(Refused, match="says why"):
        roll.imports.decide(conflict.id, "replace", actor=CHEN, reason=" ")
    with pytest.raises(Refused, match="cannot be decided here"):
        roll.imports.decide(conflict.id, "delete", actor=CHEN, reason="moved out")
    roll.imports.decide(fuzzy.id, "same", actor=CHEN, reason="seen the passport")
    roll.imports.decide(conflict.id, "replace", actor=CHEN, reason="moved out in May")
    with pytest.raises(Refused, match="has decided already"):
        roll.imports.decide(conflict.id, "keep", actor="zhou", reason="no")
    roll.imports.decide(matter_of(roll, Bucket.UNMATCHED, 5).id, "add", actor=CHEN, reason="new building")
    assert sum(roll.imports.waiting().values()) == 0
    assert roll.imports.matter(conflict.id).by == CHEN
    rows, _ = told(roll, path)
    assert {line: bucket for line, bucket, _ in rows if line in (4, 5)} == {4: "exact", 5: "exact"}
    with roll.engine.connect() as db:
        deeds = db.execute(
            sa.select(tables.audit.c.actor, tables.audit.c.after).where(
                tables.audit.c.action == "registry.decide"
            )
        ).all()
    assert {tuple(one) for one in deeds} == {(CHEN, "same"), (CHEN, "replace"), (CHEN, "add")}


def test_the_same_row_in_next_month_s_file_is_not_asked_again(roll, sheet):
    told(roll, sheet(*MIXED))
    roll.imports.decide(matter_of(roll, Bucket.CONFLICT, 4).id, "keep", actor=CHEN, reason="a visitor")
    told(roll, sheet(MIXED[2], name="june.csv", encoding="utf-8"))
    assert roll.imports.waiting()[Bucket.CONFLICT] == 0
    assert count(roll, import_decision) == 1


def test_nobody_waits_under_an_id_that_is_nobody_s(roll, sheet):
    with pytest.raises(NotFound):
        roll.imports.matter("IR-" + "0" * 24)
    told(roll, sheet(MIXED[0]))
    with roll.engine.connect() as db:
        exact = (
            db.execute(
                sa.select(import_row.c.matter).where(import_row.c.bucket == "exact", import_row.c.line == 2)
            )
            .scalars()
            .first()
        )
    with pytest.raises(NotFound):
        roll.imports.matter(exact)


def test_an_import_and_its_decisions_never_touch_access(books, sheet):
    take(books, "listings", listing_row())
    take(books, "bookings", booking_row())
    take(books, "registrations", registration_row())
    with books.engine.connect() as db:
        before = [
            db.execute(sa.select(one)).all() for one in (tables.pass_, tables.credential, tables.touched)
        ]
    told(books, sheet(*((name, door, number) for name, door, number in KNOWN)), adopt=True)
    told(books, sheet(*MIXED, name="second.csv"))
    for matter in books.imports.open_matters(None, 50):
        decision = "replace" if matter.bucket is Bucket.CONFLICT else matter.may[0]
        books.imports.decide(matter.id, decision, actor=CHEN, reason="test")
    with books.engine.connect() as db:
        after = [
            db.execute(sa.select(one)).all() for one in (tables.pass_, tables.credential, tables.touched)
        ]
    assert before[0]
    assert after == before


def test_dwellings_and_listings_have_buckets_of_their_own(roll, sheet):
    units = sheet(["3栋2单元1801"], ["3栋1801"], ["7栋1单元101"], ["?"], name="units.csv", heads=("地址",))
    rows, _ = told(roll, units, Kind.UNITS)
    assert [one[1:] for one in rows] == [
        ("exact", "agrees"),
        ("fuzzy", "stair_missing"),
        ("unmatched", "no_dwelling"),
        ("rejected", "address_shape"),
    ]
    roll.imports.decide(matter_of(roll, Bucket.UNMATCHED, 4).id, "add", actor=CHEN, reason="built")
    assert told(roll, units, Kind.UNITS)[0][2][1] == "exact"
    take(roll, "listings", listing_row(unit="3-1-301"))
    listings = sheet(
        [CODE, "3栋1单元301"], [CODE, "3栋1单元302"], ["", "3栋1单元301"], ["", "4栋1单元1"], [CODE[:-1] + "?", "3-1-301"],
        ["", "4栋1单元101"], name="listings.csv", heads=("房源码", "房源地址"),
    )  # fmt: skip
    rows, _ = told(roll, listings, Kind.LISTINGS)
    assert [one[1:] for one in rows] == [
        ("exact", "agrees"),
        ("conflict", "listing_other_door"),
        ("fuzzy", "listing_by_door"),
        ("rejected", "address_no_floor"),
        ("rejected", "bad_listing_code"),
        ("unmatched", "no_listing"),
    ]


def test_a_file_without_headings_is_refused_and_a_sheet_without_is_told(roll, sheet, tmp_path):
    with pytest.raises(Refused, match="no headings for households"):
        told(roll, sheet(["张三丰", "x"], heads=("a", "b")))
    big5 = tmp_path / "big5.csv"
    big5.write_bytes("姓名,地址\n張三豐,3棟2單元1801\n".encode("big5"))
    with pytest.raises(Refused, match="another encoding"):
        told(roll, big5)
    assert count(roll, import_row) == len(KNOWN)


def test_region_00_is_for_invented_people_only(tmp_path, sheet):
    real = new_house(tmp_path, synthetic=False)
    rows, _ = told(real, sheet(KNOWN[0]))
    assert rows == [(2, "rejected", "bad_document")]
    real.close()


# --- story 31, and import164k in small ------------------------------------------------------------------------


@pytest.mark.story("31a", "31b", "31c")
def test_story_31_an_import_of_residents_with_duplicates_and_bad_addresses(books, sheet):
    """Domain story 31 at a tenth of its size: 1,000 rows, 2 % duplicates, 1 % bad addresses."""
    rows = [
        (f"张{'明芳伟'[n % 3]}{'一二三四五六七八九'[n % 9]}", f"{n // 50 + 1}栋1单元{n % 50 + 1}01", "")
        for n in range(970)
    ]
    everybody = sheet(*((name, f"{ESTATE}{door}", "") for name, door, _ in rows), name="all.csv")
    told(books, everybody, adopt=True)
    path = sheet(*rows, *rows[:20], *[("王芳", "待核实", "")] * 10, name="story.csv")
    found, summary = told(books, path)
    assert summary.rows == 1_000
    assert summary.counts[Bucket.EXACT] == 970
    reasons = Counter(reason for _, bucket, reason in found if bucket == "rejected")
    assert reasons == {Reason.REPEATED.value: 20, Reason.ADDRESS_SHAPE.value: 10}
    before = state_of(books)
    assert told(books, path)[1].changed == 0
    assert state_of(books) == before


def test_the_data_set_is_whole_repeatable_and_belongs_to_nobody(tmp_path):
    assert sum(n for _, _, n in DEEDS) == ROWS == 164_253
    assert sum(n for _, bucket, n in DEEDS if bucket in ("exact", "fuzzy")) == 118_541
    one, other = tmp_path / "one", tmp_path / "other"
    made = write_import164k(one, 7, 1_500)
    write_import164k(other, 7, 1_500)
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
    assert made["rows"] == 1_500 == sum(len(lines) for lines in labels_of(one).values())
    write_import164k(other, 8, 1_500)
    assert (one / "01.csv").read_bytes() != (other / "01.csv").read_bytes()
    with (one / "roll.csv").open(encoding="utf-8") as file:
        numbers = [row["身份证号"] for row in csv.DictReader(file) if row["身份证号"]]
    assert len(set(numbers)) == len(numbers)
    assert {(number[:2], number[14:17]) for number in numbers} == {("00", "000")}


def test_the_data_set_in_small_is_judged_as_labelled(tmp_path, database):
    """On SQLite and PostgreSQL; the whole is ``python -m bench.bench_import``."""
    books = new_house(tmp_path, database=database)
    data = tmp_path / "set"
    write_import164k(data, 20210331, 1_200)
    bring(books, data / "roll.csv", Kind.HOUSEHOLDS, adopt=True)
    bring(books, data / "dwellings.csv", Kind.UNITS, adopt=True)
    first = score(books, data)
    assert first.sums_equal
    assert first.once
    assert first.rows == 1_200
    assert first.agree / first.rows >= 0.995, first.missed
    before = state_of(books)
    assert score(books, data).changed == 0
    assert state_of(books) == before
    conflict = books.imports.open_matters(Bucket.CONFLICT, 1)[0]
    books.imports.decide(conflict.id, "keep", actor=CHEN, reason="test")
    books.close()


# --- by hand ------------------------------------------------------------------------------------------------------


def test_the_commands_import_list_open_and_decide(tmp_path, sheet, monkeypatch):
    from typer.testing import CliRunner

    from cloud_sync.cli_registry import registry_app
    from cloud_sync.compose import set_up
    from cloud_sync.config import load

    config = tmp_path / "gatehouse-sync.toml"
    config.write_text(
        'data_dir = "data"\n[community]\ncode = "c"\nname_zh = "社区"\nname_en = "C"\nsynthetic = true\n[web]\ntls = false\n'
    )
    set_up(load(config))
    monkeypatch.setenv("GATEHOUSE_SYNC_CONFIG", str(config))

    def run(*words, code=0):
        done = CliRunner().invoke(registry_app, [str(word) for word in words])
        assert done.exit_code == code, done.output
        return done.output

    roll_file = sheet(*KNOWN, name="roll.csv")
    assert "3 taken in" in run("import", roll_file, "--adopt")
    path, report = sheet(*MIXED), tmp_path / "report.csv"
    assert "dry run, nothing kept" in run("import", path, "--dry-run", code=1)
    said = run("import", path, "--report", report, code=1)
    assert "line 4: conflict (other_name)" in said
    assert "matched 2/9 (22.2 %)" in said
    assert CANARY not in said
    with report.open(encoding="utf-8-sig") as file:
        assert [row["bucket"] for row in csv.DictReader(file)] == [bucket for _, bucket, _ in MIXED_TOLD]
    assert "9 rows" in run("runs")
    listed = run("worklist", "--bucket", "conflict")
    assert "waiting: 1 conflict, 1 fuzzy, 1 unmatched" in listed
    row = listed.split()[0]
    assert "王五一" in run("show", row, "--purpose", "who is it")
    run("decide", row, "keep", "--reason", "a guest")
    assert "waiting: 0 conflict" in run("worklist")
    assert "0 changed" in run("import", path, code=1)
    vault = sqlite3.connect(tmp_path / "data" / "vault.db")
    assert vault.execute("select count(*) from sealed where field = 'import_row'").fetchone()[0] >= 7
    vault.close()
    assert json.dumps("王五一") not in report.read_text(encoding="utf-8-sig")
