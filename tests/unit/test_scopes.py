"""Scope as data: whose community, whose listing, whose grid and which days; what is expected is what is seen.

Beside the roles of ``test_role_matrix``.  One database holds two communities, the second full of a word that no answer of the
first may say.  ``ATTEMPTS`` and ``SEED`` make the drawn attempts more, or others (``make scopes``).
"""

import os
import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud_sync.compose import set_up
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.errors import ConfigError
from cloud_sync.ports import SESSION_COOKIE
from cloud_sync.store import tables
from cloud_sync.store.retention import run_retention
from tests.fakes.asgi import Asked, routes_of
from tests.fakes.community_house import SteppedClock
from tests.fakes.two_communities import OFFICER, PEOPLE, THEIRS, WORD, Two, cast_shadow, digest_of, open_two
from tests.fakes.wild_attempts import Wild
from tests.unit.test_role_matrix import FORMS, JSON, PLACES, right_of

ATTEMPTS, SEED = int(os.environ.get("ATTEMPTS", "2000")), int(os.environ.get("SEED", "1"))
OF_ROLE = {Role.OPERATOR: "mei", Role.OFFICER: "zhao", Role.STREET: "sun", Role.GUARD: "li", Role.ADMIN: "chen", Role.DEPARTMENT: "fire"}  # fmt: skip
MEMORY = Path("/dev/shm")

pytestmark = pytest.mark.timeout(900)


@dataclass
class Site:
    two: Two
    asked: Asked
    endpoints: list[tuple[str, str]]

    def ask(self, login: tuple[str, str], method: str, path: str, **places: str) -> httpx.Response:
        """As ``test_role_matrix`` asks, without a server."""
        cookie, csrf = login
        words: dict[str, Any] = {}
        if method == "POST":
            form = {"csrf": csrf, "reason": "seen on site", "event": "confirm", **FORMS.get(path, {})}
            words = {"json": JSON.get(path)} if path.startswith("/api/") else {"data": form}
        headers = {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf, "accept-language": "en"}
        return self.asked.ask(method, path.format(**{**PLACES, **places}), headers=headers, **words)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="gatehouse-scopes-", dir=MEMORY if MEMORY.is_dir() else None))
    two = open_two(folder, SteppedClock())
    try:
        assert two.service.pages is not None
        app = two.service.pages.app
        held = sorted({(m, r.path) for r in routes_of(app.routes) for m in (r.methods or set()) - {"HEAD"}})
        with Asked(app) as asked:
            yield Site(two, asked, held)
    finally:
        two.close()
        shutil.rmtree(folder)


# --- whose community, and which days ---------------------------------------------------------------------------------


class Login(StrEnum):
    ELSEWHERE = "of the other community"
    OVER = "of ours, the duty is over"
    EARLY = "of ours, the duty has not begun"


# Every one of these is nobody, at every address and in every role: 303 to the login page, or 401.
NOBODY = {Login.ELSEWHERE, Login.OVER, Login.EARLY}


def login_of(two: Two, role: Role, which: Login) -> tuple[str, str]:
    if which is Login.ELSEWHERE:
        return two.theirs.sessions[OF_ROLE[role]]
    name, now_ms = f"{role}-{which.name.lower()}", two.ours.books.clock.now_ms()
    if name not in two.ours.sessions:
        two.ours.hire(name, role, "no password opens this")
        scope = "operator:OP-1" if role is Role.OPERATOR else "community"
        from_ms, until_ms = (0, now_ms - 1) if which is Login.OVER else (now_ms + DAY_MS, None)
        two.ours.books.listings.give_duty(name, role, scope, OFFICER, from_ms=from_ms, until_ms=until_ms)
        two.ours.log_in(name)
    return two.ours.sessions[name]


@pytest.mark.parametrize("role", list(Role))
def test_a_login_of_elsewhere_or_outside_its_days_is_nobody_at_every_address(site, role):
    seen, expected = {}, {}
    for which in Login:
        login = login_of(site.two, role, which)
        for method, path in site.endpoints:
            if right_of(f"{method} {path}") is None:
                continue
            status = site.ask(login, method, path).status_code
            seen[which, method, path] = "nobody" if status in {303, 401} else status
            expected[which, method, path] = "nobody" if which in NOBODY else "somebody"
        site.two.ours.sessions.pop(f"{role}-{which.name.lower()}", None)
    assert len(seen) > 300
    assert seen == expected


def test_a_duty_that_is_current_again_opens_again(site):
    two = site.two
    two.ours.hire("back", Role.GUARD, "no password opens this")
    now_ms = two.ours.books.clock.now_ms()
    for from_ms, until_ms in ((0, now_ms - 1), (now_ms, now_ms + DAY_MS)):
        two.ours.books.listings.give_duty(
            "back", "guard", "community", OFFICER, from_ms=from_ms, until_ms=until_ms
        )
    two.ours.log_in("back")
    assert site.ask(two.ours.sessions.pop("back"), "GET", "/staff").status_code == 200


def test_keys_and_vault_of_one_community_serve_no_other(site):
    """Else both would hash documents alike, and the night of the one would sweep the other's people out of the vault."""
    config = site.two.ours.books.config
    other = config.model_copy(update={"community": config.community.model_copy(update={"code": "nanhai"})})
    with pytest.raises(ConfigError, match="dongfang"):
        set_up(other)


# --- whose rows ------------------------------------------------------------------------------------------------------

SPECIAL = re.compile(r"\{(\w+)\}")
TOO_OFTEN = 429
NEVER = {"code": "FY-000000-00000000-0", "unit": "8-808", "operator": "OP-80", "node": "gate-80", "zone": "Z-80", "access_point": "AP-none-80"}  # fmt: skip


def never_was(name: str, like: str) -> str:
    """Of the same shape as an identifier, and nobody's."""
    return NEVER.get(name) or f"{like[:-4]}0000"


def plain(answer: httpx.Response, *words: str) -> tuple[int, str]:
    text = answer.text
    for word in words:
        text = text.replace(word, "X")
    return answer.status_code, text


def beside(
    site: Site, login: tuple[str, str], method: str, path: str, theirs: dict[str, str]
) -> list[tuple[int, str]]:
    """What is said of theirs, and of what never was."""
    nothing = {name: never_was(name, value) for name, value in theirs.items()}
    return [plain(site.ask(login, method, path, **some), *some.values()) for some in (theirs, nothing)]


@pytest.mark.parametrize("role", list(Role))
def test_what_the_other_community_has_is_answered_as_what_never_was(site, role):
    """Same status, same words: nobody learns that it is there."""
    ours, theirs = site.two.ours, site.two.theirs
    asked = 0
    for method, path in site.endpoints:
        names = SPECIAL.findall(path)
        only = {
            name: [one for one in theirs.ids.get(name, []) if one not in ours.ids[name]] for name in names
        }
        right = right_of(f"{method} {path}")
        if not names or not all(only.values()) or (right is not None and not may(role, right)):
            continue
        some = {name: values[0] for name, values in only.items()}
        said = beside(site, ours.sessions[OF_ROLE[role]], method, path, some)
        if right is None and any(status == TOO_OFTEN for status, _ in said):
            continue  # what anybody may send is braked for everybody, and the first role has asked it
        assert said[0] == said[1], (method, path)
        assert said[0][0] >= 300 or right is None, (method, path, said[0])
        asked += 1
    assert asked >= 15


def test_what_another_operator_of_ours_has_is_answered_as_what_never_was(site):
    ours = site.two.ours
    own = {row.listing for row in ours.rows(tables.listing) if row.operator == "OP-1"}
    (code,) = {row.listing for row in ours.rows(tables.listing)} - own
    (stay,) = (row.stay for row in ours.rows(tables.stay) if row.listing == code)
    points = next(row.id for row in ours.rows(tables.metadata.tables["points_entry"]) if row.listing == code)
    theirs = {"code": code, "stay": stay, "id_": points, "operator": "OP-2"}
    asked = 0
    for method, path in site.endpoints:
        names = SPECIAL.findall(path)
        if not names or right_of(f"{method} {path}") not in (Right.OWN_PAGES, Right.FILE_LISTING):
            continue
        some = {name: theirs[name] for name in names}
        said = beside(site, ours.sessions["mei"], method, path, some)
        assert said[0] == said[1], (method, path)
        assert said[0][0] in {403, 404}, (method, path, said[0])
        asked += 1
    assert asked >= 10


# --- whose grid ------------------------------------------------------------------------------------------------------

OFF_PLACE = "You have no duty for this place today."
# What is done about one listing is done by somebody with a duty for its unit; its path, and what the form says.
BY_PLACE: dict[str, dict[str, object]] = {
    "/listings/{code}/assign": {"reviewer": "zhao"},
    "/listings/{code}/decide": {"event": "suspend", "reason": "seen on site"},
    "/listings/{code}/documents": {"document": "ownership", "state": "seen"},
    "/listings/{code}/doors": {"room": "{room}", "doors": "AP-dongfang-001"},
    "/listings/{code}/exceptions": {"more": 1, "days": 2, "reason": "a wedding"},
    "/listings/{code}/exceptions/{exception}/end": {"reason": "it is over"},
    "/listings/{code}/points": {"rule": "C07", "evidence": "IN-1"},
    "/listings/{code}/sanctions": {"tier": 1, "rule": "C07", "reason": "seen on site", "yuan": 0},
    "/listings/queue/points/{points}": {"event": "dismiss", "reason": "not seen"},
    "/listings/queue/sanctions/{sanction}": {"event": "dismiss", "reason": "not seen"},
    "/complaints/{complaint}": {"event": "dismiss", "text": "nobody heard it"},
}


def of_unit(two: Two, unit: str) -> dict[str, str]:
    """Everything about the listing of this unit that an address names."""
    ours, found = two.ours, tables.metadata.tables
    code = next(row.listing for row in ours.rows(tables.listing) if row.unit == unit)
    waiting = {
        name: next(row for row in ours.rows(found[table]) if row.listing == code and row.state == "PROPOSED")
        for name, table in (("points", "points_entry"), ("sanction", "sanction"))
    }
    about = {name: next(row for row in ours.rows(found[table]) if row.listing == code) for name, table in (("exception", "capacity_exception"), ("complaint", "complaint"), ("room", "room"))}  # fmt: skip
    return {
        "code": code,
        "points": waiting["points"].id,
        "sanction": waiting["sanction"].id,
        "exception": about["exception"].id,
        "complaint": about["complaint"].complaint,
        "room": about["room"].room,
    }


@pytest.mark.parametrize(("scope", "opens"), [("grid:1", "1-301"), ("building:2", "2-302")])
def test_what_is_done_about_a_listing_is_done_by_somebody_with_a_duty_there(site, scope, opens):
    two, name = site.two, scope.replace(":", "-")
    two.ours.hire(name, Role.OFFICER, "no password opens this")
    two.ours.books.listings.give_duty(name, "officer", scope, OFFICER, from_ms=0)
    two.ours.log_in(name)
    cookie, csrf = two.ours.sessions.pop(name)
    headers = {"cookie": f"{SESSION_COOKIE}={cookie}", "accept-language": "en"}
    seen = {}
    for unit in ("1-301", "2-302"):
        ids = of_unit(two, unit)
        for path, form in BY_PLACE.items():
            data = {"csrf": csrf} | {key: str(value).format(**ids) for key, value in form.items()}
            said = site.asked.ask("POST", path.format(**ids), headers=headers, data=data)
            assert said.status_code < 500, path
            seen[unit, path] = "refused" if OFF_PLACE in said.text else "let"
    assert seen == {
        (unit, path): "let" if unit == opens else "refused"
        for unit in ("1-301", "2-302")
        for path in BY_PLACE
    }


# --- nothing of theirs is ever seen ----------------------------------------------------------------------------------


def test_what_lies_beside_us_changes_no_answer(site):
    """Every page before and after a second community has a row like each of ours: not a number, not a letter differs."""
    ours = site.two.ours
    first = {name: values[0] for name, values in ours.ids.items() if values}
    pages = [(name, path) for name in PEOPLE for method, path in site.endpoints if method == "GET"]

    def walk() -> dict[tuple[str, str], tuple[int, str]]:
        return {
            (name, path): plain(site.ask(ours.sessions[name], "GET", path, **first))
            for name, path in pages
            if (right := right_of(f"GET {path}")) is None or may(PEOPLE[name], right)
        }

    before, again = walk(), walk()
    steady = {page for page in before if before[page] == again[page]}
    assert len(steady) > 0.9 * len(before)
    assert sum(before[page][0] == 200 for page in steady) > 100
    assert cast_shadow(ours) > 100
    after = walk()
    assert [page for page in steady if after[page] != before[page]] == []


def test_no_drawn_attempt_shows_or_changes_a_row_of_the_other_community(site):
    two = site.two
    cast_shadow(two.ours)
    assert sum(len(two.theirs.rows(table)) for table in tables.metadata.sorted_tables) > 300
    before = digest_of(two.theirs)
    own = {one for values in two.ours.ids.values() for one in values}
    canaries = {
        WORD,
        THEIRS,
        *(one for values in two.theirs.ids.values() for one in values if len(one) > 7),
    } - own
    assert two.service.pages is not None
    wild = Wild(two, list(routes_of(two.service.pages.app.routes)), random.Random(SEED))
    leaks, broken, statuses = [], [], {}
    for _ in range(ATTEMPTS):
        attempt = wild.draw()
        answer = site.asked.ask(attempt.method, attempt.address, **attempt.words)
        text, sent = answer.text + repr(answer.headers), attempt.said
        leaks += [(attempt, one) for one in canaries if one in text and one not in sent]
        broken += [attempt] if answer.status_code >= 500 else []
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if attempt.address == "/logout":
            for name in PEOPLE:
                two.ours.log_in(name)
    print(f"{ATTEMPTS} attempts with seed {SEED}: {dict(sorted(statuses.items()))}")
    assert leaks == []
    assert broken == []
    assert digest_of(two.theirs) == before
    assert statuses[200] > ATTEMPTS / 50


def test_the_night_of_one_community_ends_nothing_of_the_other(site):
    """Five years later, and last: of ours nothing is left that has a clock."""
    two, books = site.two, site.two.ours.books
    cast_shadow(two.ours)
    before = digest_of(two.theirs)
    books.clock.at_ms += 5 * 366 * DAY_MS
    books.registry.advance_time(since_ms=0)
    assert sum(line.removed for line in run_retention(books.house)) > 20
    assert digest_of(two.theirs) == before
