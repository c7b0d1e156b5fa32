"""A ticket for one look: for who may, with a reason, in the audit; the node takes it, and no picture comes through the service."""

import html
import re
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from cloud_sync.core.roles import Right, Role, may
from cloud_sync.protocol.preview import TTL_MS, read_ticket
from cloud_sync.store import tables
from cloud_sync.web.headers import CONTENT_POLICY
from edge.store.device_key import verify_ed25519
from tests.fakes.staff_house import GUARD, NODE_PAGES, StaffHouse, logged_in
from tests.fakes.web_house import COMMUNITY, GATE, PASSWORD, UNIT

PAGE = f"/staff/preview/{GATE}"


@pytest.fixture
def house(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


def asks(client, **data):
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/staff").text)[1]
    return client.post(PAGE, data={"csrf": csrf, **data})


def link_of(text):
    return html.unescape(re.search(r'id="node" href="([^"]+)"', text)[1])


def tickets(house):
    with house.engine.connect() as db:
        rows = db.execute(sa.select(tables.audit).where(tables.audit.c.action == "preview.ticket"))
        return [(row.actor, row.object, row.after, row.reason) for row in rows]


def test_a_guard_gets_a_ticket_for_that_door_and_the_audit_has_why(house):
    with logged_in(house, GUARD) as client:
        assert f'href="{PAGE}"' in client.get(f"/staff/doors/{GATE}").text
        assert "30 days: 0 times" in client.get(PAGE).text
        answer = asks(client, reason="somebody calls for help")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == CONTENT_POLICY  # nothing is loaded from a node
        assert "30 days: 1 times" in answer.text
    link = urlsplit(link_of(answer.text))
    assert f"{link.scheme}://{link.netloc}" == NODE_PAGES["gate-1"]
    assert (link.path, link.query) == (f"/preview/{GATE}", "")  # what no server sees stands behind the #
    ticket, signed, signature = read_ticket(link.fragment)
    assert verify_ed25519(house.preview_key.public, signed, signature)
    assert (ticket.t, ticket.node, ticket.door, ticket.iss) == (COMMUNITY, "gate-1", GATE, GUARD)
    assert ticket.exp - ticket.iat == TTL_MS <= 60_000
    ((actor, door, id_, why),) = tickets(house)
    assert (actor, door, id_) == (GUARD, GATE, ticket.id)
    assert why.startswith("somebody calls for help")


def test_no_reason_no_ticket_and_no_node_no_page(house):
    with logged_in(house, GUARD) as client:
        assert asks(client, reason=" ").status_code == 409
        assert client.get(f"/staff/preview/{UNIT}").status_code == 404  # its node has no address
        assert "/staff/preview/" not in client.get(f"/staff/doors/{UNIT}").text
        assert client.get("/staff/preview/AP-nowhere").status_code == 404
    assert tickets(house) == []


@pytest.mark.parametrize("role", list(Role))
def test_only_who_may_look_gets_one(house, role):
    house.accounts.add("somebody", role, PASSWORD, actor="test")
    with logged_in(house, "somebody") as client:
        assert client.get(PAGE).status_code == (200 if may(role, Right.PREVIEW) else 403)
    assert {one for one in Role if may(one, Right.PREVIEW)} == {Role.GUARD, Role.OFFICER, Role.ADMIN}
