"""The community's ratios: what is counted of what, and who may see how much."""

import asyncio

import httpx
from fastapi import FastAPI

from cloud_sync.api import metrics
from cloud_sync.api.metrics import metrics_router
from cloud_sync.core.community_metrics import (
    CommunityMetrics,
    Entered,
    OpenOne,
    Ratio,
    coding_coverage,
    open_by_age,
    reconciled_stays,
    registration_by_level,
    registration_rate,
    true_registration,
)
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.roles import Role
from cloud_sync.core.spot_check import Share
from cloud_sync.ports import SESSION_COOKIE, Session, User
from cloud_sync.store.community_metrics import community_metrics
from tests.fakes.community_house import Gate, SteppedClock, new_house, with_guest

ENTERED = [Entered(10, 10, 4), Entered(10, 9, 2), Entered(10, 11, 4), Entered(10, None, 0)]


def test_who_was_verified_before_the_first_way_in_and_by_which_proof():
    assert registration_rate(ENTERED, 7) == Ratio("registration_rate", 2, 4, 7)
    levels = registration_by_level(ENTERED, 7)
    assert [one.numerator for one in levels] == [0, 0, 1, 0, 1]
    assert {one.denominator for one in levels} == {4}


def test_a_ratio_of_nothing_is_not_nought():
    assert registration_rate([], 7).share is None
    assert reconciled_stays(0, 0, 7).share is None
    assert reconciled_stays(8, 2, 7).share == 0.75
    assert coding_coverage({"ACTIVE": 91, "SUSPENDED": 3}, 134, 7) == Ratio("coding_coverage", 91, 225, 7)
    assert true_registration(Share(9, 10), 7) == Ratio("true_registration_estimate", 9, 10, 7)


def test_what_is_open_is_counted_by_age():
    now = 100 * DAY_MS
    ages = (0, 3 * HOUR_MS, 2 * DAY_MS, 4 * DAY_MS, 9 * DAY_MS, 9 * DAY_MS)
    counts = open_by_age([OpenOne("D01", "S2", now - age) for age in ages], now)
    assert {age: n for (_, _, age), n in counts.items()} == {
        "0-2 h": 1,
        "2-24 h": 1,
        "1-3 d": 1,
        "3-7 d": 1,
        "over 7 d": 2,
    }


class Door:
    """Sessions of one role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def session(self, token: str) -> Session | None:
        return Session(User("wang", self.role), "c") if token == "t" else None


def asked(role: Role, found: CommunityMetrics, token: str = "t") -> httpx.Response:
    app = FastAPI()
    app.include_router(metrics_router(Door(role), lambda: found))  # type: ignore[arg-type]

    async def ask() -> httpx.Response:
        cookies = {SESSION_COOKIE: token}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gatehouse", cookies=cookies
        ) as client:
            return await client.get("/api/v1/metrics/community")

    return asyncio.run(ask())


FOUND = CommunityMetrics(
    7, (Ratio("a", 3, 9, 7), Ratio("b", 3, 10, 7)), Share(9, 10), {("D01", "S2", "0-2 h"): 1}
)


def test_few_are_shown_to_an_officer_and_not_to_a_guard():
    said = asked(Role.OFFICER, FOUND).json()
    assert [(one["numerator"], one["denominator"]) for one in said["ratios"]] == [(3, 9), (3, 10)]
    assert said["open"] == [{"kind": "D01", "severity": "S2", "age": "0-2 h", "count": 1}]
    assert asked(Role.OFFICER, FOUND, "no").status_code == 401
    assert metrics.shown_ratio(FOUND.ratios[0], Role.GUARD).hidden
    assert not metrics.shown_ratio(FOUND.ratios[1], Role.GUARD).hidden
    assert not metrics.shown_ratio(FOUND.ratios[0], Role.OFFICER).hidden


def test_the_books_are_counted(tmp_path, database):
    books = new_house(tmp_path, SteppedClock(), database=database)
    gate = Gate(books)
    with_guest(books)
    gate.tells("access.taken", direction="in", pass_id=books.registry.passes()[0].pass_id)
    found = community_metrics(books.house)
    counted = {one.name: (one.numerator, one.denominator) for one in found.ratios}
    assert counted["registration_rate"] == counted["registration_rate.proofing_4"] == (1, 1)
    assert counted["coding_coverage"] == (1, 1)
    assert counted["stay_reconciliation_rate"] == counted["true_registration_estimate"] == (0, 0)
    gate.close()
    books.close()
