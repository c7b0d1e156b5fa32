"""Story 18: zero guests; the operator's program says nil in one call, and what is missing by noon is known."""

import pytest

from tests.stories.story import visiting


@pytest.fixture
def client(community):
    with visiting(community.app()) as made:
        yield made


@pytest.mark.story("18a", "18c")
def test_nil_is_one_call_and_missing_by_noon_of_the_next_day_is_known(community, client):
    key = {"authorization": f"Bearer {community.desk.make_key('op one', 'returns', 'OP-1', actor='t')}"}
    community.time_goes(24.5)
    assert [(one.operator, one.day) for one in community.desk.missing_returns(days=3)] == [
        ("OP-1", "2026-05-01")
    ]
    filed = client.put("/api/v1/returns/2026-05-01", json={"guests": 0}, headers=key)
    assert (filed.status_code, filed.json()["status"]) == (201, "new")
    assert (
        client.put("/api/v1/returns/2026-05-01", json={"guests": 0}, headers=key).json()["status"]
        == "unchanged"
    )
    assert community.desk.missing_returns(days=3) == ()


def test_nobody_files_for_somebody_else(community, client):
    bookings = community.desk.make_key("platform", "bookings", "OP-1", actor="t")
    for header in ({}, {"authorization": "Bearer nonsense"}, {"authorization": f"Bearer {bookings}"}):
        answer = client.put("/api/v1/returns/2026-05-01", json={"guests": 0}, headers=header)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert client.get("/api/v1/returns/missing").status_code == 401
