"""How well and how fast a city's spreadsheets are laid beside its registry (seeds.md Q2: 164,253 rows, 72.2 % matched).

``python -m bench.bench_import``: the data set is written, its roll is taken in, and its twelve files are imported three
times: as a dry run, for good, and once more.  Every row must be in one bucket, the sums must be the rows, the buckets
must agree with the labels, and the dry run and the second import must change nothing.  Last line: JSON.
"""

import argparse
import csv
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cloud_sync.compose import Books, open_books, set_up
from cloud_sync.config import load
from cloud_sync.core.columns import Kind
from cloud_sync.core.roll import Bucket
from cloud_sync.ports_imports import ImportSummary, RowResult
from cloud_sync.store.registry_import import RegistryImport
from cloud_sync.synth.households import ROWS, write_import164k

AGREEMENT_MIN = 0.995
ACTOR = "bench"
CONFIG = """
data_dir = "data"

[community]
code = "import164k"
name_zh = "匹配演练"
name_en = "Match rate"
synthetic = true

[web]
tls = false
"""
TABLES = (
    "roll_unit",
    "roll_person",
    "import_run",
    "import_row",
    "import_decision",
    "pass",
    "credential",
    "audit",
)


@dataclass
class Scored:
    """One import of all files beside the labels."""

    rows: int = 0
    changed: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    buckets: Counter[str] = field(default_factory=Counter)
    agree: int = 0
    missed: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # label, bucket, reason
    sums_equal: bool = True
    once: bool = True


def labels_of(folder: Path) -> dict[str, dict[tuple[str, int], str]]:
    found: dict[str, dict[tuple[str, int], str]] = {}
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["file"], {})[row["sheet"], int(row["line"])] = row["bucket"]
    return found


def score(books: Books, folder: Path, *, dry_run: bool = False) -> Scored:
    """Import every labelled file and count."""
    scored, began, cpu = Scored(), time.perf_counter(), time.process_time()
    for name, labels in labels_of(folder).items():
        told: set[tuple[str, int]] = set()

        def tell(
            row: RowResult, labels: dict[tuple[str, int], str] = labels, told: set[tuple[str, int]] = told
        ) -> None:
            scored.once = scored.once and (row.sheet, row.line) not in told
            told.add((row.sheet, row.line))
            label = labels.get((row.sheet, row.line), "no label")
            scored.buckets[row.bucket] += 1
            if label == row.bucket:
                scored.agree += 1
            else:
                scored.missed[label, row.bucket, row.reason] += 1

        summary = bring(books, folder / name, Kind.HOUSEHOLDS, dry_run=dry_run, tell=tell)
        scored.rows += summary.rows
        scored.changed += summary.changed
        scored.once = scored.once and told == set(labels)
        scored.sums_equal = scored.sums_equal and sum(summary.counts.values()) == summary.rows == len(labels)
    scored.seconds, scored.cpu_s = time.perf_counter() - began, time.process_time() - cpu
    return scored


def bring(
    books: Books, path: Path, kind: Kind, *, adopt: bool = False, dry_run: bool = False, tell=None
) -> ImportSummary:  # type: ignore[no-untyped-def]
    one = RegistryImport(books.house, path, kind, actor=ACTOR, adopt=adopt)
    return one.run(dry_run=dry_run, tell=tell or (lambda _row: None))


def state_of(books: Books) -> str:
    """Every row of every table an import could touch, as one digest."""
    digest = sha256()
    with books.engine.begin() as db:
        for table in TABLES:
            for row in db.exec_driver_sql(f'select * from "{table}" order by 1, 2, 3, 4'):
                digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()


def measure(folder: Path, rows: int, seed: int) -> dict[str, object]:
    data, began = folder / "import164k", time.perf_counter()
    write_import164k(data, seed, rows)
    print(f"written: {rows} rows in {time.perf_counter() - began:.1f} s, seed {seed}")
    (folder / "gatehouse-sync.toml").write_text(CONFIG)
    config = load(folder / "gatehouse-sync.toml")
    set_up(config)
    books = open_books(config)
    try:
        return _measured(books, data)
    finally:
        books.close()


def _told(what: str, scored: Scored) -> Scored:
    rates = (
        f"{scored.rows / scored.seconds:,.0f} a second, {scored.rows / scored.cpu_s:,.0f} a processor second"
    )
    print(
        f"{what}: {scored.rows} rows, {scored.agree} as labelled, {scored.changed} changed; {rates}",
        flush=True,
    )
    return scored


def _measured(books: Books, data: Path) -> dict[str, object]:
    began = time.perf_counter()
    adopted = bring(books, data / "roll.csv", Kind.HOUSEHOLDS, adopt=True).adopted
    adopted += bring(books, data / "dwellings.csv", Kind.UNITS, adopt=True).adopted
    roll_s = time.perf_counter() - began
    print(f"the roll: {adopted} rows taken in, {adopted / roll_s:,.0f} a second", flush=True)
    before = state_of(books)
    dry = _told("dry run", score(books, data, dry_run=True))
    dry_changed = state_of(books) != before
    first = _told("for good", score(books, data))
    after = state_of(books)
    second = _told("once more", score(books, data))
    second_changed = second.changed or state_of(books) != after
    for (label, bucket, reason), n in first.missed.most_common(12):
        print(f"  {n:6d} labelled {label}, judged {bucket} ({reason})")
    agreement = first.agree / first.rows
    matched = first.buckets[Bucket.EXACT] + first.buckets[Bucket.FUZZY]
    result: dict[str, object] = {
        "rows": first.rows,
        **{bucket.value: first.buckets[bucket] for bucket in Bucket},
        "one_bucket_per_row": first.once and dry.once and second.once,
        "sums_equal": first.sums_equal and dry.sums_equal and second.sums_equal,
        "agreement": round(agreement, 5),
        "matched": matched,
        "match_rate": round(matched / first.rows, 4),
        "dry_run_changed": dry_changed,
        "second_changed": bool(second_changed),
        "rows_per_s": round(first.rows / first.seconds),
        "rows_per_cpu_s": round(first.rows / first.cpu_s),
        "dry_rows_per_s": round(dry.rows / dry.seconds),
        "again_rows_per_s": round(second.rows / second.seconds),
        "roll_rows_per_s": round(adopted / roll_s),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    result["good"] = bool(
        result["one_bucket_per_row"]
        and result["sums_equal"]
        and agreement >= AGREEMENT_MIN
        and not dry_changed
        and not second_changed
    )
    return result


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--rows", type=int, default=ROWS)
    asked.add_argument("--seed", type=int, default=1)
    wanted = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-import-") as name:
        result = measure(Path(name), wanted.rows, wanted.seed)
    print(json.dumps(result))
    return 0 if result["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
