"""The arithmetic of docs/scale.md: it adds up, and the plots are those of the costs that were measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale import BACK_OFF_MAX_S, EVENTS_A_DAY, NODES, PICTURES, REGION, Costs, come_back, cores, plots
from bench.svg import Curve, draw

COSTS = Costs(
    service_s={"1": 100e-6, "20": 50e-6},
    broker_s={"1": 20e-6, "20": 2e-6},
    stored_bytes=1_000,
    wire_bytes=700,
    parquet_bytes=30,
    ledger_bytes=300,
    connection_kb=2,
    mtls_kb=25,
    mtls_connect_s=2e-3,
    broadcast_s=20e-6,
    crowds=(),
)


def test_cores_are_never_busier_than_they_should_be() -> None:
    assert cores(1_000, 100e-6) == 1
    assert cores(6_000, 100e-6) == 1
    assert cores(6_001, 100e-6) == 2


def test_a_region_drains_as_fast_as_there_are_cores_to_spare() -> None:
    """One core at 60 %: 0.6 s of work a second, 0.116 s of it for the live city, 50 µs for each event that is owed."""
    owed = REGION * EVENTS_A_DAY / NODES * 4 / 24
    one, four = come_back(COSTS, 4, 1), come_back(COSTS, 4, 4)
    spare = (0.6 - EVENTS_A_DAY / 86_400 * 100e-6) / 50e-6
    assert one.drained_s == pytest.approx(owed / spare, rel=0.1)
    assert one.owed[0] == pytest.approx(owed)
    assert one.owed[-1] < 1
    assert 0 < four.drained_s < one.drained_s / 3


def test_a_service_that_is_busy_with_the_living_never_catches_up() -> None:
    slow = replace(COSTS, service_s={"1": 600e-6, "20": 50e-6})
    assert come_back(slow, 1, 1).drained_s == -1


def test_nodes_that_draw_lots_are_all_back_within_a_minute_and_the_others_are_not() -> None:
    lots, together = come_back(COSTS, 1, 4), come_back(COSTS, 1, 4, jitter=False)
    assert lots.connected_s <= BACK_OFF_MAX_S + 1
    assert max(lots.arriving) < REGION / 20
    assert max(together.arriving) == REGION
    assert together.connected_s > 2 * BACK_OFF_MAX_S


def test_the_plots_are_those_of_the_costs_that_are_kept(tmp_path: Path) -> None:
    for drawn in plots(tmp_path):
        kept = PICTURES / drawn.name
        assert drawn.read_bytes() == kept.read_bytes(), f"{drawn.name}: run python -m bench.scale"


def test_a_chart_shows_every_curve_by_name_and_every_word_is_escaped() -> None:
    svg = draw("a < b", "x", "y & z", [Curve("one", [(0, 0), (3, 7)]), Curve("two", [(0, 1), (4, 2)])])
    assert svg.count("<polyline") == 2
    assert "a &lt; b" in svg
    assert ">y &amp; z<" in svg
    assert ">10<" in svg, "the axis ends at the next round number"
