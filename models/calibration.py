"""Measured error rates of one embedder, and the thresholds that follow from them.

A threshold is never a constant: a door asks for the rate of strangers named (FPIR) it can bear with the people
it holds now, and reads t from the table of *this* embedder and *this* template policy (k enrolment images,
m door frames).  Everything here is a value; the files are read by ``calibration_file``.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from models.calibration_file import CalibrationRecord, PolicyRecord, read_tables
from models.engine import CalibrationMissing
from models.vectors import ScoreName

Tail = Literal["measured", "indicative", "bounded"]

# A small gallery does not make a loose door: FPIR 1 % at 1,000 people.
FLOOR_FMR = 1e-5
# Code or PIN with face: one comparison, and the code has already named the person.
ONE_TO_ONE_FMR = 1e-4
# A table measured at N people serves at most N / 0.9 (access.md §11).
VERIFIED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Row:
    """Errors at one threshold, with their 95 % bounds."""

    t: float
    fmr: float
    events: int
    fmr_hi95: float
    fnmr: float
    fnmr_lo95: float
    fnmr_hi95: float


@dataclass(frozen=True, slots=True)
class Policy:
    """The rows of one (k, m), t ascending and FMR never rising."""

    k: int
    m: int
    impostor_pairs: int
    genuine_pairs: int
    resolved_fmr: float  # the smallest FMR that rests on at least ten impostor events
    rows: tuple[Row, ...]

    def t_at(self, fmr: float) -> float:
        """The threshold of this false match rate; log10 FMR is linear in t between two rows.

        Above the first row it is the first t, below the last row the last.
        """
        if fmr >= self.rows[0].fmr:
            return self.rows[0].t
        for before, row in pairwise(self.rows):
            if row.fmr <= fmr:
                share = (math.log10(before.fmr) - math.log10(fmr)) / (
                    math.log10(before.fmr) - math.log10(row.fmr)
                )
                return before.t + share * (row.t - before.t)
        return self.rows[-1].t

    def tail_at(self, fmr: float) -> Tail:
        """What t at this rate rests on."""
        if fmr < self.rows[-1].fmr:
            return "bounded"
        return "measured" if fmr >= self.resolved_fmr else "indicative"


@dataclass(frozen=True, slots=True)
class Calibration:
    """One calibration file, for one embedder."""

    engine_id: str
    embedder_sha256: str
    detector_sha256: str
    score: ScoreName
    label: str  # what the table is, as every page that shows it says
    limits: str  # what it does not say
    verified_n: int
    verified_by: Literal["real", "simulated"]
    margin: float
    consistency_fmr: float
    continuity_fmr: float
    policies: tuple[Policy, ...]
    digest: str  # sha256 of the file

    def policy_for(self, k: int, m: int) -> Policy | None:
        """The table of (k, m), else of the nearest larger k and m: at equal t those have the higher FMR."""
        safe = [policy for policy in self.policies if policy.k >= k and policy.m >= m]
        return min(safe, key=lambda policy: (policy.k + policy.m, policy.m), default=None)

    @property
    def consistency_t(self) -> float:
        """Two enrolment images of one person are at least this alike."""
        return self._single.t_at(self.consistency_fmr)

    @property
    def continuity_t(self) -> float:
        """A frame at least this like its track continues it."""
        return self._single.t_at(self.continuity_fmr)

    @property
    def _single(self) -> Policy:
        single = self.policy_for(1, 1)
        assert single is not None, "every policy is safer than (1, 1), and a file has at least one"
        return single


@dataclass(frozen=True, slots=True)
class DoorThreshold:
    """What a door compares with, and what may be said about it."""

    t: float
    margin: float
    n: int
    wanted_fpir: float
    expected_fpir: float  # an upper bound when the tail is "bounded"
    tail: Tail
    threshold_id: str
    policy: tuple[int, int]  # the (k, m) of the table that was read, at least the one asked for

    @property
    def note(self) -> str:
        """One sentence for the door's page."""
        match self.tail:
            case "measured":
                return f"Expected FPIR {self.expected_fpir:.2g} at N = {self.n}, measured."
            case "indicative":
                return (
                    f"Expected FPIR {self.expected_fpir:.2g} at N = {self.n}, indicative: "
                    "it rests on fewer than ten impostor events."
                )
            case "bounded":
                return (
                    f"The wanted FPIR {self.wanted_fpir:.2g} at N = {self.n} lies below what was measured: "
                    f"t is the last row, and FPIR is bounded by {self.expected_fpir:.2g} only."
                )


@dataclass(frozen=True, slots=True)
class ThresholdRefused:
    """1:N is refused at this door; 1:1 and codes stay."""

    reason_sentence: str


def door_threshold(
    calibration: Calibration | None,
    *,
    fpir: float,
    n: int,
    k: int,
    m: int,
    small_gallery_floor: bool = True,
) -> DoorThreshold | ThresholdRefused:
    """The 1:N threshold T(fpir / n) of a door that holds ``n`` people; an empty door counts as one person.

    Raises:
        CalibrationMissing: there is no table for this embedder.
    """
    table = _known(calibration)
    assert 0.0 < fpir < 1.0, "fpir is a share of stranger attempts"
    people = max(1, n)
    if people > table.verified_n / VERIFIED_SHARE:
        return ThresholdRefused(
            f"The door holds {people} people, the table of {table.engine_id} is verified up to "
            f"{table.verified_n}: 1:N is refused. Use code and face, or narrow what the door holds."
        )
    wanted = fpir / people
    fmr = min(wanted, FLOOR_FMR) if small_gallery_floor else wanted
    return _threshold(table, fmr=fmr, n=people, k=k, m=m, wanted_fpir=fpir, margin=table.margin)


def one_to_one_threshold(
    calibration: Calibration | None, *, k: int, m: int, fmr: float = ONE_TO_ONE_FMR
) -> DoorThreshold | ThresholdRefused:
    """The threshold of one comparison with the person a code has named; no margin, no floor.

    Raises:
        CalibrationMissing: there is no table for this embedder.
    """
    return _threshold(_known(calibration), fmr=fmr, n=1, k=k, m=m, wanted_fpir=fmr, margin=0.0)


def _known(calibration: Calibration | None) -> Calibration:
    if calibration is None:
        raise CalibrationMissing(
            "no calibration table for this embedder: 1:N is refused. "
            "Name the table that was measured with this model, or choose a shipped engine."
        )
    return calibration


def _threshold(
    table: Calibration, *, fmr: float, n: int, k: int, m: int, wanted_fpir: float, margin: float
) -> DoorThreshold | ThresholdRefused:
    policy = table.policy_for(k, m)
    if policy is None:
        return ThresholdRefused(
            f"The table of {table.engine_id} has no rows for {k} enrolment images and {m} frames, "
            "nor for more: face is refused with this policy. Use at most as many as the table has."
        )
    tail = policy.tail_at(fmr)
    rate = policy.rows[-1].fmr_hi95 if tail == "bounded" else min(fmr, policy.rows[0].fmr)
    return DoorThreshold(
        t=policy.t_at(fmr),
        margin=margin,
        n=n,
        wanted_fpir=wanted_fpir,
        expected_fpir=min(1.0, n * rate),
        tail=tail,
        threshold_id=f"{table.engine_id}@{table.digest[:8]}/{policy.k},{policy.m}",
        policy=(policy.k, policy.m),
    )


def from_record(record: CalibrationRecord, digest: str) -> Calibration:
    """The frozen value of a file that was read."""
    return Calibration(
        engine_id=record.engine_id,
        embedder_sha256=record.embedder_sha256,
        detector_sha256=record.detector_sha256,
        score=record.score,
        label=record.made.label,
        limits=record.data.limits,
        verified_n=record.verified_n,
        verified_by=record.verified_by,
        margin=record.margin,
        consistency_fmr=record.consistency_fmr,
        continuity_fmr=record.continuity_fmr,
        policies=tuple(_policies(record.policy)),
        digest=digest,
    )


def _policies(records: tuple[PolicyRecord, ...]) -> Iterator[Policy]:
    for record in records:
        rows = tuple(Row(*row) for row in record.rows)
        yield Policy(
            record.k, record.m, record.impostor_pairs, record.genuine_pairs, record.resolved_fmr, rows
        )


def shipped_calibration(engine_id: str, embedder_sha256: str) -> Calibration | None:
    """The shipped table of exactly this embedder, or None."""
    for record, digest in read_tables():
        if (record.engine_id, record.embedder_sha256) == (engine_id, embedder_sha256):
            return from_record(record, digest)
    return None
