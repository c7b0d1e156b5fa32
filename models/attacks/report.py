"""The attempts as a page: each species by itself, what they were made of in every row, and what they do not prove."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.attacks.run import GENUINE, SIMULATED, SYNTHESISED, Moved, Tried
from models.engine import EngineInfo
from models.evaluation.bounds import rule_of_three, wilson95

OPERATORS = (
    "A video replay on a phone beats blink, a *pre-recorded* turn, and planarity. Only a random challenge plus a "
    "passive judge plus a device signal help."
)
PROVES_NOT = (
    "What none of this proves. Every attack here was drawn: no print was printed, no phone was held up, no camera looked "
    "at either, and the attackers are a program that tries one thing at a time. Zero accepted of 300 says that the rule "
    "does what it was written to do against such drawings; it is no attack presentation classification error rate "
    "(APCER) of this product and must not be quoted as one. Nobody was asked to turn or nod: the people are clips of "
    "people who do something else, with five points turned by arithmetic, so the share of honest people refused is a "
    "figure about timing and about clips, not about guests, and says nothing about age, skin, masks, light or a bad "
    "day. A mask of cloth or silicone, a cut-out with holes for the eyes, a live puppet on a screen that follows the "
    "questions, and an accomplice of the guest were not tried. The community, the camera and the light are yours: "
    "until somebody has tried real prints and screens before your camera, a door that must not open for a picture "
    "asks for a code as well."
)


@dataclass(frozen=True, slots=True)
class Still:
    """One still of the folder ``pad`` and what the judge gave it; None without a judge."""

    name: str
    real: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one run found."""

    at: str
    by: str
    policy: str
    seed: int
    tried: tuple[Tried, ...]
    moved: tuple[Moved, ...]
    stills: tuple[Still, ...]


def write(folder: Path, info: EngineInfo, report: Report, pictures: Sequence[str]) -> None:
    """``attacks.md`` and ``attacks.json``; no picture of anybody is in them."""
    record = {"engine": info.engine_id, "model_sha256": info.model_sha256, **asdict(report)}
    (folder / "attacks.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    (folder / "attacks.md").write_text("\n".join(page(info, report, pictures)) + "\n", "utf-8")


def page(info: EngineInfo, report: Report, pictures: Sequence[str]) -> Iterator[str]:
    """The lines of the page."""
    yield f"# Attacks on a door: {info.engine_id}, `{report.policy}`"
    yield ""
    yield f"{report.by}, {report.at}, seed {report.seed}. {OPERATORS}"
    yield ""
    yield PROVES_NOT
    yield from _species(report.tried)
    yield from _people(report.tried)
    yield from _clips(report.moved)
    yield from _stills(report.stills)
    for name in pictures:
        yield from ("", f"![{name}]({name})")


def _species(tried: Sequence[Tried]) -> Iterator[str]:
    yield from ("", "## Attacks, by species", "")
    yield (
        "Recognised: the face was named, so that liveness alone stood between it and the door. Accepted: the decision was "
        "yes. The share is of the recognised ones; with none of n accepted it is at most 3 / n (95 %). No response "
        "(APNRR): the screen asked and nothing came. Rows are never added up."
    )
    yield ""
    yield "| species | made of | tactic | people | attempts | recognised | accepted | share accepted | no response | stopped by |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for species in dict.fromkeys(one.species for one in tried if one.species != GENUINE):
        rows = [one for one in tried if one.species == species]
        yield _row(species, "all", rows)
        for obeys, tactic in ((False, "looks away"), (True, "tries the task")):
            part = [one for one in rows if one.obeys is obeys]
            if part and len(part) < len(rows):
                yield _row(species, tactic, part)


def _row(species: str, tactic: str, rows: Sequence[Tried]) -> str:
    recognised = [one for one in rows if one.outcome.recognised]
    accepted = sum(one.outcome.answer == "ACCEPTED" for one in rows)
    silent = sum(one.outcome.why in ("no_response", "too_slow") for one in rows)
    cells = (
        species, SIMULATED, tactic, len({one.subject for one in rows}), len(rows), len(recognised), accepted,
        share(accepted, len(recognised)), silent, _whys(recognised),
    )  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def share(events: int, n: int) -> str:
    """With its bound; the rule of three where nothing was seen."""
    if n == 0:
        return "not measured"
    if events == 0:
        most = min(100.0, 100 * rule_of_three(n))
        return f"0 (at most {most:.2g} %)" if most < 99.5 else "0 (says nothing)"
    low, high = wilson95(events / n, n)
    return f"{100 * events / n:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def _whys(rows: Sequence[Tried]) -> str:
    counts = Counter(
        one.outcome.why or one.outcome.answer.lower() for one in rows if one.outcome.answer != "ACCEPTED"
    )
    return ", ".join(f"{why} {count}" for why, count in counts.most_common()) or "–"


def _people(tried: Sequence[Tried]) -> Iterator[str]:
    yield from ("", "## People who do what is asked", "")
    rows = [one for one in tried if one.species == GENUINE]
    if not rows:
        yield "BPCER: not measured. No clip holds somebody who answers a challenge."
        return
    refused = [one for one in rows if one.outcome.answer == "REFUSED"]
    silent = sum(one.outcome.why in ("no_response", "too_slow") for one in rows)
    took = [
        one.outcome.took_ns / 1e9 for one in rows if one.outcome.answer == "ACCEPTED" and one.outcome.asked
    ]
    yield (
        "BPCER of real people: not measured; no clip holds somebody who answers a challenge. The row below is "
        f"{SYNTHESISED}: real clips, real vectors and movement, and only the detector's five points turned as the screen "
        "asks, after half a second to 1.1 s, out and back in 1.4 s."
    )
    yield ""
    yield "| made of | people | attempts | refused | share refused | of them too slow or silent (BPNRR) | refused by | answer p50 / p95 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    times = "–" if not took else f"{np.percentile(took, 50):.1f} s / {np.percentile(took, 95):.1f} s"
    people = len({one.subject for one in rows})
    yield (
        f"| {SYNTHESISED} | {people} | {len(rows)} | {len(refused)} | {share(len(refused), len(rows))} | {silent} | "
        f"{_whys(rows)} | {times} |"
    )


def _clips(moved: Sequence[Moved]) -> Iterator[str]:
    yield from ("", "## Real clips of people: how flatly they move", "")
    yield (
        "Residual: what a homography leaves of the movement, 75th percentile, in % of the face's width; windows are looks "
        "at which at least five pairs stood. Followed: the share of frames as alike to the template as a challenge asks."
    )
    yield ""
    yield "| clip | made of | seconds | pairs | residual, median (5 % to 95 %) | windows | flat by the recipe | refused | followed |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for one in moved:
        spread = "–"
        if one.residuals:
            low, middle, high = np.percentile(one.residuals, [5, 50, 95])
            spread = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        followed = "–" if one.followed is None else f"{100 * one.followed:.0f} %"
        yield (
            f"| {one.clip} | real | {one.seconds:.0f} | {len(one.residuals)} | {spread} | {len(one.windows)} | {one.planar} | "
            f"{one.refused} | {followed} |"
        )


def _stills(stills: Sequence[Still]) -> Iterator[str]:
    yield from ("", "## Stills and the passive judge", "")
    if not stills:
        yield "No stills: the data has no folder `pad`."
        return
    yield "| still | made of | judge |"
    yield "| --- | --- | --- |"
    for one in stills:
        yield f"| {one.name} | real | {'judge not configured' if one.real is None else f'{one.real:.2f}'} |"
