"""Story 31: ten thousand rows with two in a hundred repeated and one in a hundred without a door; once more changes nothing."""

import csv
from collections import Counter

import pytest

from bench.bench_import import bring, state_of
from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import Bucket, Reason
from cloud_sync.synth.household_words import ESTATE

ROWS, REPEATED, BAD = 10_000, 200, 100
PLACES = ROWS - REPEATED - BAD


@pytest.mark.story("31a", "31b", "31c", "31d")
@pytest.mark.timeout(600)
def test_each_row_is_in_one_bucket_the_totals_add_up_and_a_second_time_nothing_changes(community, tmp_path):
    books, rejected = community.books, Counter[str]()

    people = [
        (
            f"张{'明芳伟'[n % 3]}{'一二三四五六七八九'[n % 9]}",
            f"{ESTATE}{n // 500 + 1}栋1单元{n % 500 // 20 + 1}{n % 20 + 1:02}",
            "",
        )
        for n in range(PLACES)
    ]
    path = tmp_path / "residents.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("姓名", "地址", "身份证号"), *people, *people[:REPEATED], *[("王芳", "待核实", "")] * BAD]
        )
    summary = bring(
        books, path, Kind.HOUSEHOLDS, adopt=True,
        tell=lambda row: rejected.update([row.reason.value] if row.bucket is Bucket.REJECTED else []),
    )  # fmt: skip
    assert summary.rows == sum(summary.counts.values()) == ROWS
    assert rejected == {Reason.REPEATED.value: REPEATED, Reason.ADDRESS_SHAPE.value: BAD}
    before = state_of(books)
    again = bring(books, path, Kind.HOUSEHOLDS, adopt=True)
    assert (again.rows, again.changed, again.counts[Bucket.EXACT]) == (ROWS, 0, PLACES)
    assert state_of(books) == before
