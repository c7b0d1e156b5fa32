"""From counts to a calibration file (faces.md §7.2): what a door reads its threshold from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from models.calibration import Calibration, from_record
from models.calibration_file import parse_calibration
from models.engine import EngineInfo
from models.evaluation.counting import Counted, count
from models.evaluation.dataset import Dataset, DataWrong
from models.evaluation.embedding import versions
from models.evaluation.people import People

POLICIES = ((1, 1), (1, 2), (3, 1), (3, 2), (3, 3))
DRAWS = 20
MARGIN = 0.05  # about one decade of FMR on both scales
CONSISTENCY_FMR = 1.7e-5  # two enrolment photos of one person are at least so alike
CONTINUITY_FMR = 1e-3  # a frame so alike continues its track
HEAD = """\
# {engine} on {name}: written by `gatehouse-models calibrate`; numbers only, no face and no name.
# Rows are: t, FMR, impostor events, upper 95 % bound of FMR, FNMR, lower and upper 95 % bound of FNMR.
# Photos were drawn {draws} times. FMR is the share over all draws; events are pairs of people, the mean of a draw
# rounded down; bounds draw the people again, or count events where that is wider. impostor_pairs are of one draw.
"""


@dataclass(frozen=True, slots=True)
class Made:
    """When and with what a table was written, and how far it was tried."""

    at: str
    by: str
    verified_n: int
    verified_by: Literal["real", "simulated"]


def count_policies(
    people: People,
    *,
    policies: Sequence[tuple[int, int]] = POLICIES,
    draws: int = DRAWS,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Counted, ...]:
    """Every one of these policies, (1, 1) first, that the data can say anything about.

    Raises:
        DataWrong: not even single photos can be compared.
    """
    counted: list[Counted] = []
    for k, m in policies:
        one = count(people, k, m, draws=draws, seed=seed)
        counted += [one] if one is not None else []
        progress(1)
    if not counted or (counted[0].k, counted[0].m) != (1, 1):
        raise DataWrong(
            "calibrate: too few people with two photos each to count false matches and misses. Bring more photos."
        )
    return tuple(counted)


def table_text(
    info: EngineInfo, data: Dataset, counted: Sequence[Counted], made: Made, *, noise: bool
) -> str:
    """The file; ``noise`` says whether the noise list was applied."""
    lines = [
        HEAD.format(engine=info.engine_id, name=data.name, draws=counted[0].draws),
        f'engine_id = "{info.engine_id}"',
        f'embedder_sha256 = "{info.model_sha256}"',
        f'detector_sha256 = "{info.detector_sha256}"',
        f'score = "{info.score}"',
        f"verified_n = {made.verified_n}",
        f'verified_by = "{made.verified_by}"',
        f"margin = {MARGIN}",
        f"consistency_fmr = {CONSISTENCY_FMR}",
        f"continuity_fmr = {CONTINUITY_FMR}",
        "",
        "[made]",
        f'at = "{made.at}"',
        f'by = "{made.by}"',
        f'runtime = "{", ".join(f"{name} {version}" for name, version in versions().items())}"',
        f"label = {_quoted(f'measured on {data.name} by gatehouse-models calibrate')}",
        "",
        "[data]",
        f"name = {_quoted(data.name)}",
        f"identities = {len(data.people)}",
        f"images = {len(data.photos)}",
        *([f'noise_list_sha256 = "{data.noise_sha256}"'] if noise and data.noise_sha256 else []),
        f"population = {_quoted(data.population)}",
        f"limits = {_quoted(data.limits)}",
    ]
    return "\n".join([*lines, *(_policy(one) for one in counted)]) + "\n"


def table_of(info: EngineInfo, data: Dataset, counted: Sequence[Counted], made: Made) -> Calibration:
    """The table as a door would read it: written, parsed and checked."""
    text = table_text(info, data, counted, made, noise=True)
    return from_record(*parse_calibration(text.encode(), "the table just made"))


def _policy(one: Counted) -> str:
    rows = "\n".join(
        f"    [{row.t:.4f}, {row.fmr:.4e}, {row.events}, {row.fmr_hi95:.4e}, "
        f"{row.fnmr:.5f}, {row.fnmr_lo95:.5f}, {row.fnmr_hi95:.5f}],"
        for row in one.rows
    )
    return (
        f"\n[[policy]]\nk = {one.k}\nm = {one.m}\nimpostor_pairs = {one.impostor_pairs}\n"
        f"impostor_identities = {one.impostor_identities}\ngenuine_pairs = {one.genuine_pairs}\n"
        f"rows = [\n{rows}\n]\nresolved_fmr = {one.resolved_fmr:.4e}"
    )


def _quoted(text: str) -> str:
    """A TOML basic string on one line."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + " ".join(plain.split()) + '"'
