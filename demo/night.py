"""The further acts of the evening: who arrives without papers, what is taken back, what dies and comes back."""

import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from demo import count
from demo.acts import CONSENT_TEXT, WALK_S, Evening
from demo.people import HOUR_S, Guest, Phone, local_time
from demo.stage import Cue, wait_until
from demo.world import GATE, NODES, ROOM, UNIT, DoorPlan, form_field
from edge.ports import Point

CODE_STEP_S = 30.0
GUARD = ("guard", "night-shift-at-the-gate")
HOUSE = NODES[1].node


class Night(Evening):
    """Everything after midnight, on the same ground."""

    def play_night(self) -> dict[str, int]:
        """Acts g to n; each gives what the report counts of it."""
        told: dict[str, int] = {}
        for title, act in (
            ("(g) a guest without registration registers at the gate by phone, and goes up", self.act_g),
            ("(h) a guest whose documents fail is proved by the guard", self.act_h),
            ("(i) a stay is extended while a node is cut off", self.act_i),
            ("(j) a guest takes the face back and enters by code", self.act_j),
            ("(k) the forced door is handled by the guard, to closed", self.act_k),
            ("(l) broker, service, gate-io and node die and come back", self.act_l),
            ("(m) a cancelled guest inside gets out and not back in", self.act_m),
            ("(n) the guard releases a door from the page", self.act_n),
        ):
            self.tell(title)
            told |= act()
            time.sleep(self.pause_s)
        return told

    def fresh_code(self, door: DoorPlan, phone: Phone, who: str) -> dict[str, Any]:
        """Show a code that was not shown at this node before: one showing a door and step, so sometimes it waits."""
        node = next(plan.node for plan in NODES if door in plan.doors)
        used = phone.shown_at.get(node, 0)
        wait_until(
            lambda: phone.step() > used, within_s=CODE_STEP_S + 2, what="the phone's next code", every_s=0.2
        )
        phone.shown_at[node] = phone.step()
        return self.try_door(door, partial(self.show, door, phone.code(), who))

    def opens(self, door: DoorPlan, role: str) -> int:
        """1 when this guest's code opens this door now."""
        return int(self.fresh_code(door, self.world.guests[role].phone, role)["type"] == "access.granted")

    # --- arriving ---------------------------------------------------------------------------------------------

    def act_g(self) -> dict[str, int]:
        token, guest = self.tokens["unregistered"], self.world.guests["unregistered"]
        with httpx.Client(base_url=self.world.http.base_url, timeout=20, follow_redirects=True) as phone:
            self._read_notice(phone, token)
            self._declare(phone, token, guest, guest.document)
        self.tell("  registered by phone")
        wait_until(self.world.receipted, within_s=60, what="the pass's arrival at the doors")
        self._wait_armed(guest)
        return {"registered_at_gate": self.opens(GATE, "unregistered") + self.opens(ROOM, "unregistered")}

    def act_h(self) -> dict[str, int]:
        token, guest = self.tokens["failing"], self.world.guests["failing"]
        wrong = guest.document[:-1] + ("0" if guest.document[-1] != "0" else "1")
        with httpx.Client(base_url=self.world.http.base_url, timeout=20, follow_redirects=True) as phone:
            self._read_notice(phone, token)
            for _ in range(3):
                self._declare(phone, token, guest, wrong)
        refused = self.opens(GATE, "failing")
        typed = f"{guest.name}\n{guest.document}\n{guest.birth}\n"
        self.world.sync("prove", "demo", guest.ref, "--reason", "seen at the gate with the card", typed=typed)
        self.tell("  proved by the guard, who saw the document")
        self._wait_armed(guest)
        return {
            "proved_by_guard": (1 - refused) * (self.opens(GATE, "failing") + self.opens(ROOM, "failing"))
        }

    def _read_notice(self, phone: httpx.Client, token: str) -> None:
        page = phone.get(f"/g/{token}/notice").raise_for_status().text
        read = {name: form_field(page, name) for name in ("notice", "rules")}
        phone.post(f"/g/{token}/notice", data=read).raise_for_status()

    def _declare(self, phone: httpx.Client, token: str, guest: Guest, number: str) -> None:
        form = {
            "name": guest.name,
            "document_type": "resident_id",
            "document_number": number,
            "nationality": "CHN",
            "birth_date": guest.birth,
        }
        answer = phone.post(f"/g/{token}/me", data=form)
        if answer.status_code != 200:
            self.tell(f"  the page says: {_faults(answer.text)}")

    def _wait_armed(self, guest: Guest) -> None:
        """The pass stands ARMED in every node's own book."""

        def armed() -> bool:
            states = [_pass_state(plan.node, guest.phone.pass_id) for plan in NODES]
            return all(state == "ARMED" for state in states)

        wait_until(armed, within_s=30, what=f"{guest.title}: the pass is armed at every node", every_s=0.2)

    # --- changes ----------------------------------------------------------------------------------------------

    def act_i(self) -> dict[str, int]:
        guest = self.world.guests["longer"]
        self.world.cables[HOUSE].cut()
        self.tell("  the house's node is cut off")
        until = local_time(20)
        self.world.sync("booking", "extend", "demo", guest.ref, until, "--reason", "asked at 23:50")
        wait_until(
            lambda: time.time() > self._ended_s("longer"),
            within_s=400,
            what="the end of the first stay",
            every_s=0.5,
        )
        wait_until(
            lambda: _pass_end(NODES[0].node, guest.phone.pass_id) > time.time() + HOUR_S,
            within_s=30,
            what="the gate knows",
        )
        known, unknown = self.opens(GATE, "longer"), self.opens(UNIT, "longer")
        self.world.cables[HOUSE].mend()
        wait_until(
            lambda: _pass_end(HOUSE, guest.phone.pass_id) > time.time() + HOUR_S,
            within_s=90,
            what="the house knows",
            every_s=0.2,
        )
        return {
            "extended_online": known,
            "extended_offline": unknown,
            "extended_after": self.opens(UNIT, "longer"),
        }

    def _ended_s(self, role: str) -> float:
        """When the pass as the cut-off node holds it ends."""
        return _pass_end(HOUSE, self.world.guests[role].phone.pass_id)

    def act_j(self) -> dict[str, int]:
        if not self.world.wish.face:
            return {"erased_nodes": 0, "face_after_erase": 0, "code_after_erase": 0}
        guest = self.world.guests["face"]
        self.world.cables[HOUSE].cut()
        self.world.http.delete(
            f"/api/v1/guest/{self.tokens['face']}/consents/{CONSENT_TEXT}"
        ).raise_for_status()
        wait_until(
            lambda: _templates(NODES[0].node, guest.phone.pass_id) == 0, within_s=10, what="the gate erases"
        )
        by_code = self.opens(GATE, "face")
        self.world.cables[HOUSE].mend()
        wait_until(
            lambda: _templates(HOUSE, guest.phone.pass_id) == 0,
            within_s=90,
            what="the house erases",
            every_s=0.2,
        )
        before = count.tally(
            count.ledger(Path(HOUSE, "data/events.db"), HOUSE), "access.granted", credential_kind="face"
        )
        self.walk(ROOM, Cue(self.world.clips / "WolfgangLanger_Pexels.mp4", *WALK_S), "guest")
        self.lane_empty_after(ROOM)
        after = count.tally(
            count.ledger(Path(HOUSE, "data/events.db"), HOUSE), "access.granted", credential_kind="face"
        )
        wait_until(lambda: _erasures_acked() >= len(NODES), within_s=30, what="both receipts")
        return {
            "erased_nodes": _erasures_acked(),
            "face_after_erase": after - before,
            "code_after_erase": by_code,
        }

    def lane_empty_after(self, door: DoorPlan) -> None:
        """The last one shown was seen from beginning to end."""
        node = next(plan.node for plan in NODES if door in plan.doors)
        clip = self.shown[-1].clip
        record = Path(node, f"shown-{door.camera}.jsonl")
        wait_until(
            lambda: any(line["clip"] == clip for line in count.lines(record)), within_s=30, what="the guest"
        )
        self.lane_empty(door)

    # --- the guard --------------------------------------------------------------------------------------------

    def guard(self) -> httpx.Client:
        """The guard's tablet, logged in."""
        name, password = GUARD
        if "guard" not in self.world.sync("user", "list"):
            self.world.sync("user", "add", name, "--role", "guard", typed=password + "\n")
        tablet = httpx.Client(base_url=self.world.http.base_url, timeout=20, follow_redirects=True)
        csrf = form_field(tablet.get("/login").text, "csrf")
        tablet.post("/login", data={"csrf": csrf, "name": name, "password": password}).raise_for_status()
        return tablet

    def act_k(self) -> dict[str, int]:
        case_id = wait_until(
            lambda: _case("forced", UNIT.access_point), within_s=30, what="the forced door's case"
        )
        with closing(self.guard()) as tablet:
            self._press(tablet, case_id, "acknowledge")
            self._press(tablet, case_id, "start")
            self._press(
                tablet,
                case_id,
                "resolve",
                reason="a child ran against the door; nobody inside",
                code="person_dealt_with",
            )
        self._press(self.world.http, case_id, "verify", reason="looked at the door")
        return {"case_closed": int(_case_state(case_id) == "CLOSED")}

    def _press(self, browser: httpx.Client, case_id: str, event: str, **fields: str) -> None:
        page = browser.get(f"/staff/cases/{case_id}").raise_for_status().text
        form = {"csrf": form_field(page, "csrf"), "event": event, **fields}
        browser.post(f"/staff/cases/{case_id}", data=form, follow_redirects=True).raise_for_status()
        self.tell(f"  the case: {event} → {_case_state(case_id)}")

    def act_n(self) -> dict[str, int]:
        before = self._openings(UNIT)
        with closing(self.guard()) as tablet:
            address = f"/staff/doors/{UNIT.access_point}"
            form = {
                "csrf": form_field(tablet.get(address).text, "csrf"),
                "op": "release",
                "reason": "delivery with a trolley",
            }
            tablet.post(f"{address}/confirm", data=form).raise_for_status()
        wait_until(lambda: self._openings(UNIT) > before, within_s=15, what="the lock moves")
        self.tell("  Building 12, stair 3: released by the guard")
        self.pass_through(UNIT)
        return {"released_by_guard": self._openings(UNIT) - before}

    def _openings(self, door: DoorPlan) -> int:
        node = next(plan.node for plan in NODES if door in plan.doors)
        return sum(
            line["event"] == "energise" for line in count.lines(Path(node, f"lock-{door.camera}.jsonl"))
        )

    def act_m(self) -> dict[str, int]:
        guest = self.world.guests["still"]
        inside = self.opens(GATE, "still")
        self.world.sync("booking", "cancel", "demo", guest.ref, "--reason", "cancelled on the platform")
        wait_until(
            lambda: _pass_state(NODES[0].node, guest.phone.pass_id) != "ARMED",
            within_s=30,
            what="the gate knows",
        )
        presses = self._ways_out()
        self.move(GATE, Point.REX, True)
        self.move(GATE, Point.REX, False)
        wait_until(lambda: self._ways_out() > presses, within_s=15, what="the way out")
        self.pass_through(GATE)
        return {
            "cancelled_out": inside * (self._ways_out() - presses),
            "cancelled_back_in": self.opens(GATE, "still"),
        }

    def _ways_out(self) -> int:
        return sum(
            body["type"] == "access.granted" and body.get("credential_kind") == "rex"
            for body in self.facts(GATE)
        )

    # --- what dies --------------------------------------------------------------------------------------------

    def act_l(self) -> dict[str, int]:
        """Broker, service, node and gate-io die, each during a passage, and come back."""
        house = HOUSE
        opened = 0
        for name, door, role in (
            ("broker", GATE, "still"),
            ("sync", UNIT, "still"),
            (f"gate-io-{house}", GATE, "code"),
        ):
            self.world.kill(name)
            self.tell(f"  {name} is dead")
            decided = self.fresh_code(door, self.world.guests[role].phone, role)
            opened += decided["type"] == "access.granted"
            self.world.revive(name)
        opened += self._node_dies_in_a_passage(house)
        wait_until(self.world.receipted, within_s=60, what="everybody is back")
        return {"opened_during_faults": opened}

    def _node_dies_in_a_passage(self, house: str) -> bool:
        """Granted, the door is opened, and the node is killed: gate-io ends the pulse, the node reads the door again."""
        before = len(self.decisions(UNIT))
        phone = self.world.guests["code"].phone
        wait_until(
            lambda: phone.step() > phone.shown_at.get(house, 0),
            within_s=32,
            what="the next code",
            every_s=0.2,
        )
        self.show(UNIT, phone.code(), "guest")
        granted = self.outcome(UNIT, before)["type"] == "access.granted"
        self.world.kill(house)
        self.tell(f"  {house} is dead in the middle of a passage")
        time.sleep(0.5)
        self.world.revive(house)
        plan = next(plan for plan in NODES if plan.node == house)
        wait_until(lambda: self.world.serving(plan), within_s=60, what=f"{house} serves again")
        self._closed(UNIT)
        return granted


# --- looking from outside ---------------------------------------------------------------------------------------


def _rows(path: Path, sql: str, *values: str) -> list[Any]:
    with count.read(path) as db:
        return db.execute(sql, values).fetchall()


def _book(node: str) -> dict[str, Any]:
    """The node's own pass book, by pass id."""
    from cloud_sync.protocol import merkle

    found = _rows(Path(node, "data/passes.db"), "select rows from slot order by auth_ver desc limit 1")
    return {row.pass_id: row for row in merkle.unpack(found[0][0])} if found else {}


def _pass_state(node: str, pass_id: str) -> str:
    row = _book(node).get(pass_id)
    return "" if row is None else str(row.state)


def _pass_end(node: str, pass_id: str) -> float:
    """When the pass ends by this node's book, in seconds since 1970."""
    row = _book(node).get(pass_id)
    return 0.0 if row is None else row.not_after / 1000


def _templates(node: str, pass_id: str) -> int:
    return int(
        _rows(Path(node, "data/gallery.db"), "select count(*) from template where pass_id = ?", pass_id)[0][0]
    )


SERVICE = Path("sync/data/community.db")


def _erasures_acked() -> int:
    """Nodes that have receipted an erasure."""
    return int(_rows(SERVICE, "select count(distinct node) from erasure where acked_ms is not null")[0][0])


def _case(kind: str, access_point: str) -> str:
    """The newest case of this kind at this door."""
    found = _rows(
        SERVICE,
        "select id from case_ where kind = ? and access_point = ? order by opened_ms desc",
        kind,
        access_point,
    )
    return str(found[0][0]) if found else ""


def _case_state(case_id: str) -> str:
    return str(_rows(SERVICE, "select state from case_ where id = ?", case_id)[0][0])


def _faults(page: str) -> str:
    """The sentences a form was refused with, as the phone shows them."""
    import re

    return " ".join(re.findall(r'class="fault"[^>]*>([^<]+)<', page)) or "not taken"
