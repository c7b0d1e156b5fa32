"""A threshold follows from a table and the people a door holds, and says what it rests on."""

from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.calibration import (
    Calibration,
    DoorThreshold,
    ThresholdRefused,
    door_threshold,
    from_record,
    one_to_one_threshold,
)
from models.calibration_file import parse_calibration, read_tables
from models.engine import CalibrationMissing, EngineError
from models.manifest import shipped_models

GOLDEN = Path(__file__).parents[1] / "golden/tables"


def golden(name: str) -> Calibration:
    """A table of the first release: its numbers never change, so the arithmetic can be checked by hand."""
    path = GOLDEN / f"{name}.toml"
    return from_record(*parse_calibration(path.read_bytes(), path.name))


TABLES = {record.engine_id: from_record(record, digest) for record, digest in read_tables()}
SFACE = golden("yunet-sface")
DLIB = golden("face_recognition")
EVERY = [*TABLES.values(), SFACE, DLIB]

any_table = st.sampled_from(EVERY)
any_policy = st.sampled_from([(1, 1), (1, 2), (2, 1), (3, 1), (3, 2), (3, 3)])
any_fpir = st.floats(1e-6, 0.5)


def granted(table: Calibration = SFACE, *, fpir=1e-3, n=100, k=3, m=2, **options) -> DoorThreshold:
    found = door_threshold(table, fpir=fpir, n=n, k=k, m=m, **options)
    assert isinstance(found, DoorThreshold)
    return found


def refused(table: Calibration = SFACE, *, fpir=1e-3, n=100, k=3, m=2) -> str:
    found = door_threshold(table, fpir=fpir, n=n, k=k, m=m)
    assert isinstance(found, ThresholdRefused)
    return found.reason_sentence


def test_there_is_a_table_for_every_shipped_engine_and_it_says_what_it_is():
    assert set(TABLES) == {"yunet-sface", "face_recognition", "synthetic"}
    for table in TABLES.values():
        assert table.label
        assert table.limits
    for engine in ("yunet-sface", "face_recognition"):
        assert TABLES[engine].label == "measured on lfw-dev by gatehouse-models calibrate"
        assert "little about guests in Chengdu" in TABLES[engine].limits
    assert TABLES["synthetic"].verified_by == "simulated"


def test_the_manifest_names_the_table_of_each_embedder():
    named = [model for model in shipped_models() if model.calibration is not None]
    assert len(named) == 2
    for model in named:
        text = resources.files("models").joinpath(model.calibration).read_bytes()
        assert parse_calibration(text, model.id)[0].embedder_sha256 == model.sha256


@settings(deadline=None)
@given(table=any_table, policy=any_policy, fpir=any_fpir, a=st.integers(0, 400), b=st.integers(0, 400))
def test_the_threshold_never_falls_when_the_gallery_grows(table, policy, fpir, a, b):
    k, m = policy
    few, many = (granted(table, fpir=fpir, n=n, k=k, m=m) for n in sorted((a, b)))
    assert few.t <= many.t


@settings(deadline=None)
@given(table=any_table, policy=any_policy, a=any_fpir, b=any_fpir, n=st.integers(0, 400))
def test_a_stricter_door_never_has_the_lower_threshold(table, policy, a, b, n):
    k, m = policy
    strict, loose = (granted(table, fpir=fpir, n=n, k=k, m=m) for fpir in sorted((a, b)))
    assert strict.t >= loose.t


@pytest.mark.parametrize("table", EVERY, ids=lambda table: f"{table.engine_id}@{table.digest[:8]}")
def test_interpolation_equals_the_table_at_its_rows(table):
    for policy in table.policies:
        seen: set[float] = set()
        for row in policy.rows:
            if row.fmr not in seen:  # of two rows with one FMR the first is enough
                assert policy.t_at(row.fmr) == pytest.approx(row.t, abs=1e-12)
            seen.add(row.fmr)


@settings(deadline=None)
@given(table=any_table, share=st.floats(0.01, 0.99))
def test_between_two_rows_a_decade_of_fmr_is_a_fixed_step_of_t(table, share):
    for policy in table.policies:
        for before, row in pairwise(policy.rows):
            if before.fmr == row.fmr:
                continue
            fmr = before.fmr ** (1 - share) * row.fmr**share
            assert policy.t_at(fmr) == pytest.approx(before.t + share * (row.t - before.t), abs=1e-9)


@pytest.mark.parametrize(("engine", "first"), [("yunet-sface", SFACE), ("face_recognition", DLIB)])
def test_the_evaluations_tables_find_again_what_was_measured_for_the_design(engine, first):
    for policy in TABLES[engine].policies:
        known = next((one for one in first.policies if (one.k, one.m) == (policy.k, policy.m)), None)
        for fmr in (1e-3, 1e-4, 1e-5) if known is not None else ():
            assert policy.t_at(fmr) == pytest.approx(known.t_at(fmr), abs=0.02), (policy.k, policy.m, fmr)


@pytest.mark.parametrize("engine", ["yunet-sface", "face_recognition"])
def test_a_shipped_table_knows_every_policy_and_the_noise_that_was_left_out(engine):
    record = next(record for record, _ in read_tables() if record.engine_id == engine)
    assert {(policy.k, policy.m) for policy in record.policy} == {(1, 1), (1, 2), (3, 1), (3, 2), (3, 3)}
    assert record.data.noise_list_sha256 is not None
    assert record.made.by.startswith("gatehouse-models")
    assert record.verified_n >= 2000
    for policy in record.policy:
        sound = [row for row in policy.rows if row[2] >= 10]
        assert policy.resolved_fmr == min(row[1] for row in sound)
        assert all(row[5] <= row[4] <= row[6] for row in policy.rows)


def test_the_tables_hold_what_was_measured():
    by_policy = {(policy.k, policy.m): policy for policy in SFACE.policies}
    assert by_policy[1, 1].t_at(1.7e-5) == pytest.approx(0.45)
    assert by_policy[3, 2].t_at(1e-5) == pytest.approx(0.513)
    assert by_policy[3, 3].t_at(1e-4) == pytest.approx(0.455)
    assert {(p.k, p.m): p.t_at(1e-5) for p in DLIB.policies} == {
        (1, 1): 0.693,
        (3, 1): 0.714,
        (3, 2): 0.735,
        (3, 3): 0.733,
    }


def test_enrolment_and_track_limits_are_those_of_the_single_image_table():
    assert SFACE.consistency_t == pytest.approx(0.45)
    assert SFACE.continuity_t == pytest.approx(0.357, abs=1e-3)
    assert DLIB.continuity_t == pytest.approx(0.614)
    assert DLIB.consistency_t == pytest.approx(0.684, abs=1e-3)


def test_a_small_gallery_does_not_make_a_loose_door_unless_the_door_says_so():
    assert granted(n=1).t == granted(n=100).t == pytest.approx(0.513)
    assert granted(n=1, small_gallery_floor=False).t == pytest.approx(0.387)


def test_no_factory_threshold_is_ever_reached_in_one_to_n():
    for table in (SFACE, TABLES["yunet-sface"]):
        assert min(granted(table, fpir=0.5, n=1, k=k, m=m).t for k, m in ((1, 1), (3, 3))) > 0.363
    for table in (DLIB, TABLES["face_recognition"]):
        assert granted(table, fpir=0.5, n=1, k=1, m=1).t > 0.6


def test_an_empty_door_counts_as_one_person():
    assert granted(n=0) == granted(n=1)


def test_a_policy_without_rows_takes_the_next_safer_one():
    assert granted(DLIB, k=1, m=2).policy == (3, 2)
    assert granted(SFACE, k=2, m=2).policy == (3, 2)
    assert granted(SFACE, k=3, m=3).policy == (3, 3)


def test_more_images_or_frames_than_any_table_has_are_refused():
    assert "no rows for 4 enrolment images and 2 frames" in refused(k=4)
    assert "no rows for 3 enrolment images and 4 frames" in refused(m=4)


def test_a_gallery_larger_than_the_table_was_verified_for_is_refused():
    assert granted(n=1111).n == 1111
    assert "verified up to 1000" in refused(n=1112)
    assert "verified up to 448" in refused(DLIB, n=498)


def test_no_table_is_an_error_and_not_a_number():
    with pytest.raises(CalibrationMissing, match="1:N is refused"):
        door_threshold(None, fpir=1e-3, n=1, k=3, m=2)
    with pytest.raises(CalibrationMissing):
        one_to_one_threshold(None, k=3, m=2)


@pytest.mark.parametrize(
    ("n", "tail", "expected", "words"),
    [
        (100, "measured", 1e-3, "measured"),
        (500, "indicative", 1e-3, "indicative"),
        (1100, "indicative", 1e-3, "indicative"),
    ],
)
def test_the_tail_says_what_the_threshold_rests_on(n, tail, expected, words):
    found = granted(n=n)
    assert (found.tail, found.expected_fpir) == (tail, pytest.approx(expected))
    assert words in found.note


def test_below_the_last_row_the_bound_is_stated_in_place_of_the_wish():
    found = granted(fpir=1e-4, n=1000)
    last = next(p for p in SFACE.policies if (p.k, p.m) == (3, 2)).rows[-1]
    assert (found.t, found.tail) == (last.t, "bounded")
    assert found.expected_fpir == pytest.approx(1000 * last.fmr_hi95)
    assert found.expected_fpir > found.wanted_fpir
    assert "below what was measured" in found.note


def test_the_threshold_id_names_engine_table_and_policy():
    found = granted(k=1, m=2)
    assert found.threshold_id == f"yunet-sface@{SFACE.digest[:8]}/1,2"


def test_one_to_one_asks_for_fmr_1e_4_without_margin_or_floor():
    found = one_to_one_threshold(SFACE, k=3, m=2)
    assert isinstance(found, DoorThreshold)
    assert (found.t, found.margin, found.n) == (pytest.approx(0.448), 0.0, 1)
    assert found.expected_fpir == pytest.approx(1e-4)


SOUND = """
engine_id = "own"
embedder_sha256 = "{sha}"
detector_sha256 = "{sha}"
score = "cosine"
verified_n = 100
verified_by = "real"
margin = 0.05
[made]
at = "2026"
by = "a test"
runtime = "none"
label = "a table"
[data]
name = "nobody"
identities = 2
images = 2
population = "nobody"
limits = "everything"
[[policy]]
k = 1
m = 1
impostor_pairs = 100
genuine_pairs = 100
rows = [[0.1, 0.1, 10, 0.2, 0.0, 0.0, 0.1], [0.2, 0.01, 1, 0.05, 0.1, 0.0, 0.2]]
resolved_fmr = 0.1
""".format(sha="0" * 64)


def test_a_sites_own_table_is_read():
    record, digest = parse_calibration(SOUND.encode(), "own.toml")
    table = from_record(record, digest)
    assert table.policies[0].t_at(0.1) == 0.1
    assert replace(table, margin=0.1).margin == 0.1


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("margin = 0.05", "margin = 0.05\nmargn = 0.1", "margn"),
        ("[0.2, 0.01,", "[0.1, 0.01,", "t must rise"),
        ("[0.2, 0.01,", "[0.2, 0.2,", "t must rise and FMR must not"),
        ("1, 0.05, 0.1", "1, 0.005, 0.1", "upper bound"),
        ("k = 1", "k = 0", "policy.0.k"),
        ("verified_n = 100", "verified_n = 0", "verified_n"),
        ("engine_id", "engine_id engine_id", "not TOML"),
    ],
)
def test_a_table_that_cannot_be_right_is_answered_with_its_key(old, new, sentence):
    with pytest.raises(EngineError, match=sentence):
        parse_calibration(SOUND.replace(old, new).encode(), "own.toml")


def test_two_tables_for_one_policy_are_refused():
    policy = SOUND[SOUND.index("[[policy]]") :]
    with pytest.raises(EngineError, match="two tables for the same"):
        parse_calibration((SOUND + policy).encode(), "own.toml")
