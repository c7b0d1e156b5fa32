"""Roles × endpoints as data: every address of the running service, asked by every role; what is expected is what is seen."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cloud_sync.compose import Part, set_up
from cloud_sync.config import AccountsConfig, CommunityConfig, StaffConfig, SyncConfig, WebConfig
from cloud_sync.core.roles import Right, Role, may
from cloud_sync.service import Service
from tests.fakes.community_house import CODE
from tests.fakes.endpoints import endpoints_of
from tests.fakes.far_sides import free_port
from tests.fakes.guarded import faults
from tests.fakes.web_house import LISTING_CSV, PASSWORD, log_in

R = Right
# Each right with the addresses it opens; "*" is any rest.  The longest that fits an address counts.
OPENS: dict[Right, tuple[str, ...]] = {
    R.SEE_BOARD: (
        "GET /parts/*", "GET /nodes/*", "GET /morning", "GET /morning/*", "GET /fleet", "GET /upstream", "GET /live",
        "GET /live.json", "GET /api/v1/dashboard", "GET /api/v1/stays", "GET /api/v1/nodes", "GET /api/v1/metrics/community",
        "GET /discrepancies/rows", "GET /figures/rows/*", "GET /plan", "GET /wall", "GET /forecast", "GET /forecast/*",
    ),
    R.SEE_STAFF: (
        "GET /staff", "GET /staff/*", "GET /live/staff", "POST /staff/push", "POST /staff/push/end", "POST /staff/matters",
        "POST /staff/field/*",
    ),
    R.SEE_INBOX: ("GET /inbox", "POST /inbox/*"),
    R.TELL_GUESTS: ("GET /bulletins", "POST /bulletins", "POST /bulletins/*"),
    R.SEE_FIGURES: (
        "GET /figures", "GET /figures/week/*", "GET /measures", "GET /discrepancies", "GET /api/v1/metrics/figures",
        "GET /api/v1/metrics/figures/*",
    ),
    R.SEE_ALL_CASES: ("GET /api/v1/returns/missing", "GET /api/v1/cases"),
    R.IMPORT: ("GET /registry", "GET /registry/*", "POST /registry/*", "POST /api/v1/imports/*"),
    R.WORK_CASE: ("POST /staff/cases/*", "POST /staff/shift", "POST /staff/shift/*"),
    R.COMMAND_DOOR: (
        "GET /staff/doors/*", "POST /staff/doors/*", "GET /staff/commands/*", "GET /staff/zones", "GET /staff/zones/*",
        "POST /staff/zones", "POST /staff/zones/*", "POST /api/v1/zones/*", "GET /api/v1/zone-commands/*",
        "POST /api/v1/zone-commands/*",
    ),
    R.PREVIEW: ("GET /staff/preview/*", "POST /staff/preview/*"),
    R.PROVE: ("GET /staff/minors/*", "POST /staff/minors/*", "GET /staff/arrivals", "POST /staff/arrivals/*", "GET /staff/prove", "POST /staff/prove", "POST /api/v1/walk-ins"),
    R.PRIVACY: ("GET /privacy", "GET /privacy/*", "POST /privacy/*"),
    R.SEE_LISTINGS: ("GET /listings", "GET /listings/*", "GET /units/*", "POST /listings/*", "POST /units/*", "GET /complaints", "GET /api/v1/listings"),
    R.REVIEW_LISTING: ("GET /operators", "POST /operators/*", "POST /staff/field", "POST /complaints/*"),
    R.FILE_LISTING: ("POST /api/v1/listings", "POST /api/v1/listings/*", "GET /api/v1/listings/*", "POST /api/v1/operators/*", "POST /api/v1/conduct/*"),
    R.OWN_PAGES: ("GET /operator", "GET /operator/*", "POST /operator/*"),
}  # fmt: skip
# Asked without a login, by a guest's link, by a program's key, or by a node's signature; and what every login may.
OPEN = (
    "GET /login", "POST /login", "GET /login/code", "POST /login/code", "POST /login/passkey", "POST /login/passkey/options",
    "GET /account", "POST /account/*", "GET /first-run", "POST /first-run", "GET /healthz", "GET /api/openapi.json",
    "GET /verify/*", "POST /verify/*", "GET /complaints/of/*", "GET /status/*", "GET /arrive/*", "POST /arrive/*", "GET /g/*", "POST /g/*",
    "POST /api/v1/guest/*", "DELETE /api/v1/guest/*", "GET /api/v1/bookings/*", "PUT /api/v1/bookings/*",
    "POST /api/v1/bookings", "PUT /api/v1/returns/*", "GET /api/v1/nodes/*",
    "GET /", "POST /logout", "GET /api/v1/session",
)  # fmt: skip
ULID = "01HZY3Q5K8G7V0000000000001"
PLACES = {
    "code": CODE, "unit": "1-301", "id_": f"PT-{ULID}", "operator": "OP-1", "stay": f"ST-{ULID}", "kind": "listings",
    "node": "gate-1", "access_point": "AP-dongfang-001", "case_id": f"AL-{ULID}", "command_id": "0" * 16, "zone": "Z-1",
    "matter": "IR-" + "0" * 24, "trace": f"TR-{ULID}", "hold": f"LH-{ULID}", "arrival": f"AR-{ULID}", "metric": "in_house",
    "name": "gates_online", "bulletin": f"BU-{ULID}", "complaint": f"CP-{ULID}", "task": f"FT-{ULID}", "token": "0" * 40,
    "breach": f"BR-{ULID}", "week": "2020-W01", "day": "2020-01-01", "what": "night", "shift": f"SH-{ULID}", "exception": f"CX-{ULID}",
}  # fmt: skip
ROOM = {"label": "1", "beds": 1, "max_guests": 1}
JSON = {
    "/api/v1/listings": {"operator": "OP-9", "unit": "9", "name": "gates_online", "max_guests": 1, "rooms": [ROOM]},
    "/api/v1/listings/{code}/documents": {"document": "ownership", "state": "absent"},
    "/api/v1/listings/{code}/leave": {"reason": "matrix"},
    "/api/v1/operators/{operator}/letters": {"kind": "covenant", "version": 1, "language": "zh"},
    "/api/v1/conduct/{id_}/appeal": {"reason": "matrix"},
    "/api/v1/zones/{zone}/commands": {"op": "lockdown", "reason": "matrix"},
    "/api/v1/walk-ins": {"room": "none", "departure": "2026-05-01T15:00", "reason": "matrix"},
}  # fmt: skip

# What a form needs beside its token to get past the fields: 65 bytes of a point and 16 of a secret.
FORMS = {
    "/staff/push": {"endpoint": "https://push.example.test/matrix", "p256dh": "B" + "A" * 86, "auth": "A" * 22}
}  # fmt: skip


def right_of(endpoint: str) -> Right | None:
    """The right that the longest fitting line names; None for what is open.

    Raises:
        AssertionError: no line fits: a new address has to be put into the table.
    """
    lines: list[tuple[str, Right | None]] = [(line, right) for right, some in OPENS.items() for line in some]
    lines += [(line, None) for line in OPEN]
    fitting = [(line, right) for line, right in lines if _fits(line, endpoint)]
    assert fitting, f"{endpoint} is in no line of the table"
    return max(fitting, key=lambda one: len(one[0]))[1]


def _fits(line: str, endpoint: str) -> bool:
    return endpoint.startswith(line[:-1]) if line.endswith("*") else endpoint == line


@dataclass
class Running:
    service: Service
    endpoints: list[tuple[str, str]]

    @property
    def url(self) -> str:
        assert self.service.pages is not None
        return self.service.pages.url


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Running]:
    """The pages and interfaces as the program composes them, and one login of each role."""
    folder = tmp_path_factory.mktemp("matrix")
    community = CommunityConfig(code="dongfang", name_zh="东方", name_en="Dongfang", synthetic=True)
    web = WebConfig(tls=False, port=free_port())
    staff = StaffConfig(push=True, push_contact="a@b.test", preview={"gate-1": "http://127.0.0.1:8080"})
    more = {"staff": staff, "accounts": AccountsConfig(passkey_url="https://gate.example")}
    config = SyncConfig(data_dir=folder / "data", community=community, web=web, **more)
    set_up(config)
    service = Service(config, (Part.PAGES,))
    assert service.books is not None
    assert service.pages is not None
    for role in Role:
        service.books.accounts.add(f"the-{role}", role, PASSWORD, actor="test")
    service.pages.start()
    yield Running(service, endpoints_of(service.pages.app.routes))
    service.stop()


def ask(client: httpx.Client, method: str, path: str, csrf: str) -> int:
    """The status alone: a live stream has no end.  Its headers and cookies are looked at each time."""
    address = path.format_map(defaultdict(lambda: "none", PLACES))
    words: dict[str, Any] = {}
    if method == "POST":
        words = (
            {"json": JSON.get(path)}
            if path.startswith("/api/")
            else {"data": {"csrf": csrf, **FORMS.get(path, {})}}
        )
    if (
        path == "/api/v1/imports/{kind}"
    ):  # a file with a head and no row: what cannot be read is a 403 of its own
        words = {"content": LISTING_CSV.splitlines()[0]}
    with client.stream(method, address, headers={"x-csrf-token": csrf}, **words) as said:
        assert faults(said) == [], f"{method} {address}"
        return said.status_code


def test_every_address_of_the_service_is_in_the_table_and_every_line_of_it_is_used(running):
    held = [f"{method} {path}" for method, path in running.endpoints]
    for endpoint in held:
        right_of(endpoint)
    lines = {line for some in OPENS.values() for line in some} | set(OPEN)
    assert {line for line in lines if not any(_fits(line, endpoint) for endpoint in held)} == set()
    assert len(held) > 100


def test_the_description_of_the_interface_names_the_right_of_the_table(running):
    assert running.service.pages is not None
    described = running.service.pages.app.openapi()["paths"]
    named = {
        f"{method.upper()} {path}": call.get("x-gatehouse-right")
        for path, calls in described.items()
        for method, call in calls.items()
    }
    rights = {endpoint: right_of(endpoint) for endpoint in named}
    assert named == {endpoint: right.name if right else None for endpoint, right in rights.items()}
    assert sum(right is not None for right in named.values()) > 15


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_let_to_what_the_table_says_and_refused_everywhere_else(running, role):
    seen, expected = {}, {}
    with httpx.Client(base_url=running.url, timeout=20) as client:
        assert log_in(client, name=f"the-{role}", password=PASSWORD).status_code == 303
        csrf = client.get("/api/v1/session").json()["csrf"]
        for method, path in running.endpoints:
            right = right_of(f"{method} {path}")
            if right is None:
                continue
            status = ask(client, method, path, csrf)
            seen[f"{method} {path}"] = "refused" if status == 403 else "let" if status < 500 else str(status)
            expected[f"{method} {path}"] = "let" if may(role, right) else "refused"
    assert seen == expected


def test_nobody_is_let_anywhere_without_a_login(running):
    with httpx.Client(base_url=running.url, timeout=20) as client:
        for method, path in running.endpoints:
            status = ask(client, method, path, "guess")
            if right_of(f"{method} {path}") is not None:
                assert status in {303, 401}, (method, path)
