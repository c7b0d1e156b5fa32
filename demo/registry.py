"""Acts aa and ab: a listing from its filing to its restoring with the doors behind it, and a unit that is let without a code.

``python -m demo.registry`` plays these two alone, without faces.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from demo import outside
from demo.browsers import PATIENCE_S
from demo.doors import Doors
from demo.people import Guest, local_time
from demo.stage import wait_until
from demo.world import ADMIN, GATE, NODES, SOURCE, UNIT, Wish, World, form_field

OPERATOR, GRID_OFFICER = ("hostess", "letting-a-room-or-two"), ("grid-officer", "walking-the-corridors")
OPERATOR_ID, HOME, HIDDEN = "OP-0002", "12-5-1501", "12-5-1502"
PAPERS = ("ownership", "fire_certificate", "floor_plan", "police_form", "staff_list")
RISK_ITEMS = ("P1", "P2", "P3", "P4", "E1", "E2", "E3", "F1", "F2", "F3", "F4")
FOLLOWED_S = 30.0  # generous: measured well under a second where the node is online
BOOKINGS = "source,external_ref,external_revision,listing,room,arrival,departure,headcount"
REGISTRATIONS = "source,external_ref,name,document_type,document_number,birth_date,proofing"


class Register(Doors):
    """The register of listings, by the operator's program, the officer's pages and the doors."""

    def play_register(self) -> dict[str, int]:
        """Acts aa and ab; each gives what the report counts of it."""
        told: dict[str, int] = {}
        for title, act in (
            (
                "(aa) a listing is filed, reviewed, coded, suspended and restored, and the doors follow",
                self.act_aa,
            ),
            ("(ab) a unit that is let without a code is found, and a named officer confirms it", self.act_ab),
        ):
            self.tell(title)
            told |= act()
            time.sleep(self.pause_s)
        return told

    # --- what these acts are made of --------------------------------------------------------------------------

    @contextmanager
    def login(self, person: tuple[str, str], role: str) -> Iterator[httpx.Client]:
        """This person's browser or program; the account is made when it is first needed."""
        name, password = person
        if name not in self.world.sync("user", "list"):
            self.world.sync("user", "add", name, "--role", role, typed=password + "\n")
        address = self.world.http.base_url
        with httpx.Client(base_url=address, timeout=PATIENCE_S) as client:
            csrf = form_field(client.get("/login").text, "csrf")
            entered = client.post("/login", data={"csrf": csrf, "name": name, "password": password})
            assert entered.status_code == 303, entered.text
            yield client

    def press_form(self, page: str, action: str, browser: httpx.Client | None = None, **fields: str) -> None:
        """Send one form of the officer's page; a page that answers no is an error."""
        client = browser or self.world.http
        csrf = form_field(client.get(page).raise_for_status().text, "csrf")
        said = client.post(action, data={"csrf": csrf, **fields})
        assert said.status_code == 303, re.findall(r'id="problem">([^<]+)<', said.text) or said.text

    def verified(self, code: str) -> str:
        """What a passer-by learns from the plate, without a login."""
        with httpx.Client(base_url=self.world.http.base_url, timeout=PATIENCE_S) as phone:
            page = phone.get(f"/verify/{code}").raise_for_status().text
        return re.findall(r'data-state="(\w+)"', page)[0]

    def wait_pass(self, guest: Guest, state: str) -> float:
        """Until every node's own book has the pass so; how long that took, in milliseconds."""
        began = time.monotonic()
        wait_until(
            lambda: all(outside.pass_state(plan.node, guest.phone.pass_id) == state for plan in NODES),
            within_s=FOLLOWED_S,
            what=f"{guest.title}: {state} at every node",
            every_s=0.02,
        )
        return (time.monotonic() - began) * 1000

    # --- the listing ------------------------------------------------------------------------------------------

    def act_aa(self) -> dict[str, int]:
        code = self._file()
        told = {"filed_unverified": int(self.verified(code) == "not_valid")}
        self._review(code)
        plate = self.world.http.get(f"/listings/{code}/plate.pdf").raise_for_status().content
        told |= {"coded": int(self.verified(code) == "valid"), "plate": int(plate.startswith(b"%PDF-"))}
        self.tell(f"  {code} is coded; its plate is printed")
        inside, awaited = self._two_guests(code)
        told["enters_coded"] = self.opens(GATE, inside)
        wait_until(
            lambda: self._inside(code) == 1, within_s=FOLLOWED_S, what="the first guest in house", every_s=0.1
        )
        return told | self._suspend_and_restore(code, inside, awaited)

    def _file(self) -> str:
        """The community knows unit and operator; the operator's own program does the rest."""
        world = self.world
        world.sync(
            "listing",
            "unit",
            HOME,
            "--building",
            "12",
            "--grid",
            "3",
            "--reason",
            "survey",
            "--use",
            "short_let",
        )
        with self.login(OPERATOR, "operator") as program:
            world.sync(
                "listing",
                "operator",
                OPERATOR_ID,
                "--user",
                OPERATOR[0],
                typed="房东试\n+86 000 0000 0002\n\n",
            )
            head = {"x-csrf-token": program.get("/api/v1/session").json()["csrf"]}

            def send(path: str, wish: object = None) -> httpx.Response:
                return program.post(f"/api/v1{path}", json=wish, headers=head).raise_for_status()

            rooms = [{"label": "1501", "beds": 2, "max_guests": 4}]
            filing = {
                "operator": OPERATOR_ID,
                "unit": HOME,
                "name": "江景小居",
                "max_guests": 4,
                "rooms": rooms,
            }
            code = str(send("/listings", filing).json()["listing"])
            for paper in PAPERS:
                send(f"/listings/{code}/documents", {"document": paper, "state": "declared"})
            for letter in ("commitment", "covenant"):
                wish = {"kind": letter, "version": 1, "language": "zh"}
                send(f"/operators/{OPERATOR_ID}/letters", wish)
            state = send(f"/listings/{code}/submit").json()["state"]
        self.tell(f"  the operator files {code}: {state}")
        return code

    def _review(self, code: str) -> None:
        page = f"/listings/{code}"
        self.press_form(page, f"{page}/assign", reviewer=ADMIN[0])
        for paper in PAPERS:
            self.press_form(page, f"{page}/documents", document=paper, state="seen")
        self.press_form(page, f"{page}/inspect", **dict.fromkeys(RISK_ITEMS, "pass"))
        doors = f"{GATE.access_point} {UNIT.access_point}"
        self.press_form(page, f"{page}/doors", room=f"{code}-1501", doors=doors)
        self.press_form(page, f"{page}/decide", event="approve", reason="documents seen, lists pass")

    def _two_guests(self, code: str) -> tuple[str, str]:
        """One who comes at once, and one who is expected later."""
        room, guests = f"{code}-1501", self.world.guests
        guests["homely"] = Guest(
            "BK-1501", "the guest of the new listing", "百里新居试", "1991-04-04", "001501", room
        )
        guests["awaited"] = Guest(
            "BK-1502", "the guest who comes later", "Canary Awaited", "1983-09-21", "001502", room
        )
        both = ("homely", "awaited")
        bookings, registrations = [BOOKINGS], [REGISTRATIONS]
        for one in (guests[role] for role in both):
            times = f"{local_time(one.arrives_h)},{local_time(one.leaves_h)}"
            bookings.append(f"{SOURCE},{one.ref},1,{code},{room},{times},1")
            person = f"{one.name},resident_id,{one.document},{one.birth},2"
            registrations.append(f"{SOURCE},{one.ref},{person}")
        self.world.bring("bookings", "\n".join(bookings) + "\n")
        self.world.bring("registrations", "\n".join(registrations) + "\n")
        for role in both:
            self.tokens[role] = self.world.guest_link(guests[role])
            self.bind_phone(guests[role], self.tokens[role])
            self.wait_pass(guests[role], "ARMED")
        wait_until(self.world.receipted, within_s=60, what="every node's receipt", every_s=0.2)
        return both

    def _inside(self, code: str) -> int:
        found = re.findall(r"guests inside: (\d+)", self.world.sync("listing", "show", code))
        return int(found[0])

    def _suspend_and_restore(self, code: str, inside: str, awaited: str) -> dict[str, int]:
        page, guest = f"/listings/{code}", self.world.guests[awaited]
        why = "extinguisher out of date"
        self.press_form(page, f"{page}/sanctions", tier="2", rule="C07", reason=why, yuan="0")
        proposed = re.findall(r'id="(SN-\w+)"', self.world.http.get(page).text)[0]
        self.press_form(page, f"/listings/queue/sanctions/{proposed}", event="confirm", reason="seen on site")
        shut_ms = self.wait_pass(guest, "PENDING")
        self.tell(f"  suspended: every door knows it after {shut_ms:.0f} ms")
        told = {
            "suspended": int(self.verified(code) == "suspended"),
            "awaited_while_suspended": self.opens(GATE, awaited),
            "inside_while_suspended": self.opens(GATE, inside),
        }
        self.press_form(page, f"{page}/inspect", **dict.fromkeys(RISK_ITEMS, "pass"))
        self.press_form(
            page, f"{page}/decide", event="recheck passed", reason="a new extinguisher hangs there"
        )
        open_ms = self.wait_pass(guest, "ARMED")
        self.tell(f"  restored: every door knows it after {open_ms:.0f} ms")
        return told | {
            "restored": int(self.verified(code) == "valid"),
            "awaited_after_restoring": self.opens(GATE, awaited),
            "suspended_at_doors_ms": round(shut_ms),
            "restored_at_doors_ms": round(open_ms),
        }

    # --- the hidden unit --------------------------------------------------------------------------------------

    def act_ab(self) -> dict[str, int]:
        """Who walks the corridor reports it, and may not confirm it; the officer does, and the street has a case."""
        self.world.sync(
            "listing",
            "unit",
            HIDDEN,
            "--building",
            "12",
            "--grid",
            "3",
            "--reason",
            "survey",
            "--use",
            "vacant",
        )
        page = f"/units/{HIDDEN}"
        with self.login(GRID_OFFICER, "officer") as tablet:
            note = "three suitcases and a key box at the door"
            self.press_form(page, f"{page}/findings", tablet, kind="occupied_no_code", note=note)
            queue = tablet.get("/listings/queue").text
            found = re.findall(r'id="(FN-\w+)"', queue)[0]
            form = {"csrf": form_field(queue, "csrf"), "event": "confirm", "reason": "I saw it"}
            alone = tablet.post(f"/listings/queue/findings/{found}", data=form).status_code == 303
        self.press_form(
            "/listings/queue",
            f"/listings/queue/findings/{found}",
            event="confirm",
            reason="two guests at the door",
        )
        case = str(outside.case_about("D07", HIDDEN))
        self.tell(f"  {HIDDEN} is let without a code: {ADMIN[0]} confirms, the street is whistled ({case})")
        return {
            "hidden_confirmed_alone": int(alone),
            "hidden_whistled": int(outside.case_owner(case) == "street"),
        }


def main() -> int:
    """The two acts alone: 0 when every door did as the register said."""
    root = Path(__file__).parent.parent
    world = World(root / "run/register", root / ".cache/clips", Wish(face=False), {})
    with world:
        world.open_service()
        world.open_nodes()
        evening = Register(world, print)
        told = evening.play_register()
        evening.settle()
        world.stop()
    print(json.dumps(told))
    wrong = {"awaited_while_suspended", "hidden_confirmed_alone"}
    return int(any(bool(value) == (name in wrong) for name, value in told.items()))


if __name__ == "__main__":
    sys.exit(main())
