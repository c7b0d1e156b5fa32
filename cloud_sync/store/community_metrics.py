"""The community's ratios in brief: some of its figures, under the names that programs know them by."""

from collections.abc import Iterator

from cloud_sync.core.community_metrics import CommunityMetrics, Ratio
from cloud_sync.core.figures import Figure, Row
from cloud_sync.core.spot_check import Share
from cloud_sync.store.figures import StoredFigures
from cloud_sync.store.house import House

ROWS = frozenset({Row.REGISTRATION, Row.CODING, Row.STAYS, Row.SPOT_CHECKS, Row.DISCREPANCIES})
PLAIN = frozenset(
    {"registration_rate", "coding_coverage", "stay_reconciliation_rate", "true_registration_estimate"}
)


def community_metrics(house: House) -> CommunityMetrics:
    """Of the last thirty days; stays that ended less than a day ago are not counted yet."""
    found = StoredFigures(house).figures(rows=ROWS)
    ratios = {ratio.name: ratio for figure in found.figures for ratio in _ratios(figure)}
    spot = ratios["true_registration_estimate"]
    open_: dict[tuple[str, str, str], int] = {}
    for line in found.open:
        key = (line.kind, line.severity, line.age)
        open_[key] = open_.get(key, 0) + line.count
    return CommunityMetrics(
        found.told_ms, tuple(ratios.values()), Share(spot.numerator, spot.denominator), open_
    )


def _ratios(figure: Figure) -> Iterator[Ratio]:
    if figure.name in PLAIN:
        yield Ratio(figure.name, figure.numerator, figure.denominator or 0, figure.as_of_ms)
    if figure.name == "registration_by_level" and figure.part[0].isdigit():
        name = f"registration_rate.proofing_{figure.part[0]}"
        yield Ratio(name, figure.numerator, figure.denominator or 0, figure.as_of_ms)
