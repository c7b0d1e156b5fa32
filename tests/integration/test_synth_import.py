"""The files of a synthetic community go through the service's own intake, in the order they were told."""

from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest

from cloud_sync.compose import open_books, set_up
from cloud_sync.store.node_list import read_rows
from cloud_sync.synth.check_truth import truth as truth_verdicts
from cloud_sync.synth.generate import Community
from cloud_sync.synth.reading import manifest_of, pairs, rows
from cloud_sync.synth.shape import DATASETS
from tests.fakes.community_house import ZONE, SteppedClock, config_in, csv_of

SEED = 3
KINDS = ("bookings", "registrations")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("synth") / "tiny"
    dataset = DATASETS["tiny"]
    Community(dataset, dataset.shapes[0], SEED, 5, out).run(lambda _days, _events: None)
    return out


def ms(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.fixture
def books(tmp_path):
    config = config_in(tmp_path)
    set_up(config)
    made = open_books(config, SteppedClock(ms("2025-12-01T00:00")))
    yield made
    made.close()


def add_doors(books, folder):
    for path in (folder / "access_points.csv", *sorted(folder.glob("room_locks_*.csv"))):
        read, faults = read_rows(path.read_bytes())
        assert faults == []
        _, faults = books.registry.add_node_list(read, {}, actor="t", dry_run=False)
        assert faults == []


def imported(books, kind, data):
    return list(books.registry.import_csv(kind, data, actor="t").rows)


def blocks(folder):
    """Bookings and registrations in the order of time, four hours' rows of one kind together."""
    told = [(block_of(beside["at"]), kind, row) for kind in KINDS for row, beside in pairs(folder, kind)]
    told.sort(key=itemgetter(0, 1))
    for (at, kind), rows_of_it in groupby(told, key=itemgetter(0, 1)):
        yield at, kind, [row for _, _, row in rows_of_it]


def block_of(at: str) -> str:
    return f"{at[:11]}{int(at[11:13]) // 4 * 4 + 3:02}:59"


def test_a_community_is_taken_in_whole_by_the_real_intake(books, folder):
    add_doors(books, folder)
    for kind in ("listings", "residents", "staff"):
        answers = imported(books, kind, (folder / f"{kind}.csv").read_bytes())
        assert {row.status for row in answers} == {"new"}, [row.reason for row in answers if row.reason][:3]
    wrong = {row["subject"] for row in rows(folder, "truth/truth.csv") if row["kind"] in ("D06", "D10")}
    clock = books.clock
    for at, kind, told in blocks(folder):
        clock.at_ms = ms(at)
        for row, answer in zip(told, imported(books, kind, csv_of(told)), strict=True):
            refused_on_purpose = f"stay:{row['source']} {row['external_ref']}" in wrong
            assert answer.status != "rejected" or refused_on_purpose, (at, kind, row, answer.reason)


def test_a_real_community_takes_none_of_these_people(tmp_path, folder):
    config = config_in(tmp_path, synthetic=False)
    set_up(config)
    made = open_books(config, SteppedClock(ms("2025-12-01T00:00")))
    citizens = [row for row, _ in pairs(folder, "registrations") if row["document_type"] == "resident_id"]
    answers = imported(made, "registrations", csv_of(citizens))
    made.close()
    assert citizens
    assert {row.status for row in answers} == {"rejected"}
    assert "region" in answers[0].reason


def test_what_the_table_says_is_in_the_files(folder):
    assert [verdict.what for verdict in truth_verdicts(folder, manifest_of(folder)) if not verdict.good] == []
