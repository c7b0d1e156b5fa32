"""Addresses, names, headings and buckets: one door however it is written, one outcome for two names, one bucket for a row."""

from hashlib import blake2b
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.core.addresses import AddressFault, Door, read_address, read_parts, same_place
from cloud_sync.core.columns import Field, Kind, field_of, is_member, read_header
from cloud_sync.core.names import Likeness, compare, forms_of, is_name, likeness
from cloud_sync.core.roll import (
    Bucket,
    Claim,
    Dwelling,
    Listed,
    Reason,
    Resident,
    judge_household,
    judge_listing,
    judge_unit,
)
from cloud_sync.web.registry_words import BUCKETS, REASONS

HAN_DIGITS = "零一二三四五六七八九"
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
TRADITIONAL = str.maketrans("号楼单栋层", "號樓單棟層")


def spoken(number: int) -> str:
    tens, ones = divmod(number, 10)
    ten = {0: "", 1: "十"}.get(tens, HAN_DIGITS[tens] + "十")
    return ten + (HAN_DIGITS[ones] if ones else "")


FORMS = (
    "{b}栋{s}单元{f}{n:02d}",
    "{b}幢{s}-{f}{n:02d}",
    "{B}号楼{S}单元{f}楼{n}号",
    "{B}栋{S}单元{F}层{n}室",
    "{b}-{s}-{f}{n:02d}",
    "{b}-{s}-{f}-{n}",
    "{b}#{s}单元{f}{n:02d}室",
    "{b}座 {s}单元 {f}层{f}{n:02d}房",
    "{b:02d}栋{s:02d}单元{f:02d}{n:02d}",
    "{b} {s} {f}{n:02d}",
    "{b}号楼{s}门{f}F{n:02d}户",
)
PLACES = ("", "东方新城", "成都市温江区柳城街道88号东方新城", "A区")
WRITINGS = (str, lambda text: text.translate(WIDE), lambda text: text.translate(TRADITIONAL))
small = st.integers(1, 99)


@settings(deadline=None)  # the first name reads the dictionaries
@given(small, st.integers(1, 9), st.integers(1, 60), small, st.integers(0, 6), st.data())
def test_every_writing_of_a_door_is_read_back_as_that_door(building, stair, floor, number, phase, data):
    form, place, write = (data.draw(st.sampled_from(choices)) for choices in (FORMS, PLACES, WRITINGS))
    spoken_of = {"B": spoken(building), "S": spoken(stair), "F": spoken(floor)}
    door = form.format(b=building, s=stair, f=floor, n=number, **spoken_of)
    estate = (place or "东方新城") + f"{HAN_DIGITS[phase]}期" if phase else place
    read = read_address(write(estate + door))
    assert isinstance(read, Door), write(estate + door)
    assert (read.building, read.stair, read.phase) == (str(building), str(stair), str(phase) if phase else "")
    assert read.room == f"{floor}{number:02d}"
    assert read.place == ((place or "东方新城") if phase else place)


@settings(deadline=None)  # the first name reads the dictionaries
@given(st.text(max_size=60))
def test_any_text_is_a_door_or_a_fault_and_never_an_error(text):
    read = read_address(text)
    assert isinstance(read, (Door, AddressFault))
    if isinstance(read, Door):
        assert read_address(
            f"{read.building}栋{read.stair + '单元' if read.stair else ''}{read.room}"
        ) == Door(read.building, read.room, "", read.stair, "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", AddressFault.EMPTY),
        ("　", AddressFault.EMPTY),
        ("东方新城二期", AddressFault.SHAPE),
        ("待核实", AddressFault.SHAPE),
        ("3栋2单元5号", AddressFault.FLOOR),
        ("3栋2单元99", AddressFault.FLOOR),
        ("3栋2单元18层1701", AddressFault.DISAGREE),
        ("3" * 300, AddressFault.LONG),
        ("2026-03-02", AddressFault.FLOOR),  # what a spreadsheet makes of 3-2
    ],
)
def test_what_cannot_be_told_is_not_guessed(text, fault):
    assert read_address(text) is fault


def test_columns_of_their_own_are_read_as_one_address():
    wanted = Door("3", "1801", "2", "2", "东方新城")
    assert read_parts("东方新城二期", "3", "2", "", "1801") == wanted
    assert read_parts("东方新城二期", "三号楼", "二单元", "18", "1") == wanted
    assert read_parts("东方新城二期", "３棟", "2單元", "18层", "1801室") == wanted
    assert read_parts("东方新城二期", "", "", "", "3-2-1801") == wanted


def test_a_place_is_ours_when_one_ends_as_the_other_does():
    ours = frozenset({"东方新城"})
    assert same_place("成都市温江区东方新城", ours)
    assert same_place("新城", ours)
    assert same_place("", ours)
    assert not same_place("西苑花园", ours)


NAMES = [
    ("张晓明", "張曉明", "EQUAL"),
    ("张 晓　明", "张晓明", "EQUAL"),
    ("阿依古丽·买买提", "阿依古丽・买买提", "EQUAL"),
    ("O’Neil Emily", "ONEIL, EMILY", "EQUAL"),
    ("José Müller", "JOSE MULLER", "EQUAL"),
    ("䶮小明", "䶮小明", "EQUAL"),
    ("张晓明", "ZHANG<<XIAOMING", "EQUIVALENT"),
    ("张晓明", "Xiaoming Zhang", "EQUIVALENT"),
    ("吕布", "LYU BU", "EQUIVALENT"),
    ("吕布", "LV BU", "EQUIVALENT"),
    ("单雄信", "SHAN XIONGXIN", "EQUIVALENT"),
    ("欧阳修", "Xiu Ouyang", "EQUIVALENT"),
    ("Jean-Luc Picard", "PICARD JEANLUC", "EQUIVALENT"),
    ("张小明", "张大明", "CLOSE"),
    ("张小明", "张明", "CLOSE"),
    ("Anna Fischer", "Anna Fisher", "CLOSE"),
    ("张伟", "张强", "DIFFERENT"),
    ("张小明", "李大明", "DIFFERENT"),
    ("䶮小明", "严大明", "DIFFERENT"),
]


@pytest.mark.parametrize(("one", "other", "outcome"), NAMES)
def test_two_names_have_one_outcome_whichever_comes_first(one, other, outcome):
    assert compare(one, other) == compare(other, one) == outcome


names = st.one_of(st.sampled_from([name for pair in NAMES for name in pair[:2]]), st.text(max_size=12))


@settings(deadline=None)  # the first name reads the dictionaries
@given(names, names)
def test_hashed_forms_give_the_outcome_the_names_give(one, other):
    def hidden(form: str) -> str:
        return blake2b(form.encode("utf-8", "surrogatepass"), key=b"k").hexdigest()

    keyed = likeness(forms_of(one).keyed(hidden), forms_of(other).keyed(hidden))
    assert keyed is compare(one, other) is compare(other, one)
    assert compare(one, one) is Likeness.EQUAL


@settings(deadline=None)  # the first name reads the dictionaries
@given(st.text("王李张伟芳明晓", min_size=3, max_size=4), st.data())
def test_one_edit_is_never_different(name, data):
    at = data.draw(st.integers(0, len(name) - 1))
    other = data.draw(st.sampled_from("赵钱孙"))
    for edited in (
        name[:at] + other + name[at + 1 :],
        name[:at] + name[at + 1 :],
        name[:at] + other + name[at:],
    ):
        assert compare(name, edited) is not Likeness.DIFFERENT


@pytest.mark.parametrize("text", ["", " ", "无", "空置", "——", "18", "张3", "x" * 121, "a\x00b"])
def test_no_name_is_no_name(text):
    assert not is_name(text)


def test_headings_are_known_by_any_of_their_names():
    assert read_header(("序号", "*姓 名", "身份证号（必填）", "家庭住址"), Kind.HOUSEHOLDS) == {
        1: Field.NAME,
        2: Field.DOCUMENT,
        3: Field.ADDRESS,
    }
    assert read_header(("樓棟", "單元", "房號"), Kind.UNITS) is not None
    assert read_header(("东方新城二期住户台账", "", ""), Kind.UNITS) is None
    assert read_header(("姓名", "电话"), Kind.HOUSEHOLDS) is None
    assert field_of("Name") is Field.NAME
    assert not is_member("戶主")
    assert is_member("配偶")


# --- buckets ----------------------------------------------------------------------------------------------------


HOME = Dwelling("2/3/2/1801", "2", "2")
SIBLING = Dwelling("2/3/1/1801", "2", "1")
DOOR = Door("3", "1801", "2", "2")
OURS = frozenset({"东方新城"})


def who(name, *, unit=HOME.unit, document="", person="RP-1"):
    return Resident(person, unit, forms_of(name), document)


def judged(name, *, door=DOOR, document="", member=False, dwellings=(HOME,), residents=()):
    verdict = judge_household(Claim(door, forms_of(name), document, member), dwellings, residents, OURS)
    return verdict.bucket.value, verdict.reason.value


ZHANG = who("张晓明", document="d1")
ROWS = [
    (judged("張曉明", residents=[ZHANG]), ("exact", "agrees")),
    (judged("张晓明", document="d1", residents=[ZHANG]), ("exact", "document")),
    (judged("ZHANG XIAOMING", document="d1", residents=[ZHANG]), ("exact", "document")),
    (judged("ZHANG XIAOMING", residents=[ZHANG]), ("fuzzy", "sound")),
    (judged("张大明", residents=[ZHANG]), ("fuzzy", "one_edit")),
    (judged("张晓明", door=Door("3", "1801", "2"), residents=[ZHANG]), ("fuzzy", "stair_missing")),
    (
        judged("张晓明", door=Door("3", "1801"), dwellings=(HOME, SIBLING), residents=[ZHANG]),
        ("fuzzy", "one_of_several"),
    ),
    (judged("王芳", door=Door("3", "1801"), dwellings=(HOME, SIBLING)), ("conflict", "several_dwellings")),
    (judged("王芳", residents=[ZHANG]), ("conflict", "other_name")),
    (judged("王芳", document="d1", residents=[ZHANG]), ("conflict", "document_other_name")),
    (judged("张晓明", document="d2", residents=[ZHANG]), ("conflict", "name_other_document")),
    (judged("张大明", document="d2", residents=[ZHANG]), ("conflict", "other_name")),
    (
        judged("张晓明", document="d1", residents=[who("张晓明", unit="2/9/1/101", document="d1")]),
        ("conflict", "document_elsewhere"),
    ),
    (
        judged("张小明", residents=[who("张大明"), who("张明明", person="RP-2")]),
        ("conflict", "several_persons"),
    ),
    (judged("王芳", dwellings=()), ("unmatched", "no_dwelling")),
    (judged("王芳"), ("unmatched", "nobody_recorded")),
    (judged("王芳", member=True, residents=[ZHANG]), ("unmatched", "new_member")),
    (
        judged("张晓明", door=Door("3", "1801", "2", "2", "西苑花园"), residents=[ZHANG]),
        ("unmatched", "other_place"),
    ),
]


@pytest.mark.parametrize(("found", "wanted"), ROWS, ids=[wanted[1] for _, wanted in ROWS])
def test_a_row_about_a_household_is_in_the_bucket_its_reason_says(found, wanted):
    assert found == wanted


def test_a_row_about_a_dwelling_says_whether_there_is_one():
    assert judge_unit(DOOR, (HOME,), OURS).reason is Reason.AGREES
    assert judge_unit(Door("3", "1801"), (HOME, SIBLING), OURS).reason is Reason.SEVERAL_DWELLINGS
    assert judge_unit(Door("3", "1801"), (HOME,), OURS).reason is Reason.STAIR_MISSING
    assert judge_unit(DOOR, (), OURS).reason is Reason.NO_DWELLING


def test_a_listing_is_known_by_its_code_and_suggested_by_its_door():
    mine, other = Listed("FY-1", DOOR), Listed("FY-2", Door("9", "101"))
    verdicts = [
        judge_listing("FY-1", Door("3", "1801"), mine, [mine]),
        judge_listing("FY-2", DOOR, other, [mine]),
        judge_listing("FY-3", DOOR, None, [mine]),
        judge_listing("", DOOR, None, [mine]),
        judge_listing("", Door("9", "102"), None, []),
    ]
    assert [(one.bucket.value, one.reason.value) for one in verdicts] == [
        ("exact", "agrees"),
        ("conflict", "listing_other_door"),
        ("conflict", "door_other_listing"),
        ("fuzzy", "listing_by_door"),
        ("unmatched", "no_listing"),
    ]


@settings(deadline=None)  # the first name reads the dictionaries
@given(
    st.sampled_from(["张晓明", "张大明", "ZHANG XIAOMING", "王芳"]),
    st.sampled_from(["", "d1", "d2"]),
    st.booleans(),
    st.lists(st.sampled_from([HOME, SIBLING]), unique=True),
    st.lists(
        st.builds(who, st.sampled_from(["张晓明", "王芳", "张明"]), unit=st.sampled_from([HOME.unit, SIBLING.unit]),
                  document=st.sampled_from(["", "d1"]), person=st.uuids().map(str)), max_size=3,
    ),
    st.sampled_from(["", "2"]),
)  # fmt: skip
def test_fuzzy_and_exact_name_a_person_and_nobody_is_matched_who_has_another_document(
    name, document, member, dwellings, residents, stair
):
    door = Door("3", "1801", "2", stair)
    verdict = judge_household(Claim(door, forms_of(name), document, member), dwellings, residents, OURS)
    if verdict.bucket in (Bucket.EXACT, Bucket.FUZZY):
        (person,) = [one for one in residents if one.person == verdict.person]
        assert not (document and person.document and person.document != document)
        assert compare(name, name) is Likeness.EQUAL
        assert likeness(forms_of(name), person.name) is not Likeness.DIFFERENT
    assert verdict.bucket is not Bucket.REJECTED


def test_every_bucket_and_reason_has_words():
    assert set(BUCKETS) == set(Bucket)
    assert set(REASONS) == set(Reason)
    assert len(set(REASONS.values())) == len(REASONS)
    assert {fault.value for fault in AddressFault} <= {reason.value for reason in Reason}
    assert all(a != b for a, b in product(BUCKETS.values(), REASONS.values()))
