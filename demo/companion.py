"""Act ac: a guest brings somebody whom nobody registered.  Nobody is held up; the books notice, and the guest adds a person.

``python -m demo.companion`` plays it alone: service, two nodes and the guests of the evening, nothing of the other acts.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from cloud_sync.core.codes import listing_code
from demo import count, outside
from demo.browsers import person, phone_of, read_notice
from demo.doors import Doors
from demo.people import Guest, cast, local_time
from demo.stage import Cue, two_people, wait_until
from demo.world import GATE, LISTING_BODY, SOURCE, Wish, World
from edge.ports import Point

ROLE = "code"
TITLE = "(ac) a guest brings somebody whom nobody registered"
TIMES = 2  # once may be a friend carrying luggage; reconciliation looks at the second time
NOTICED_S = 45.0
SOON_S = 90.0
KINDS = ("D01", "D05")


def play(evening: Doors) -> dict[str, int]:
    """The act, on the evening's ground; what the report counts of it."""
    evening.tell(TITLE)
    return Companion(evening).act()


class Companion:
    """One party of two, of whom one is registered."""

    def __init__(self, evening: Doors) -> None:
        self._evening = evening
        self._world = evening.world
        self._guest = evening.world.guests[ROLE]
        self._other = Guest(
            "",
            "the companion",
            "Canary Companion 同行",
            "1991-06-16",
            "001616",
            self._guest.room,
            registered=False,
        )
        self._world.guests["companion"] = self._other  # their name is looked for afterwards as everybody's is

    def act(self) -> dict[str, int]:
        told = {"booking_by_api": self._platform_says_two()}
        told |= self._goes_in_behind()
        return told | self._added()

    def _platform_says_two(self) -> int:
        """The platform's program tells a newer revision: two people.  1 when the books have it."""
        key = self._world.sync("intake", "key", f"platform-{time.time_ns()}", SOURCE).strip()
        wish = {
            "revision": int(time.time()),
            "listing": listing_code(*LISTING_BODY),
            "room": self._guest.room,
            "arrival": local_time(self._guest.arrives_h),
            "departure": local_time(self._guest.leaves_h),
            "headcount": 2,
        }
        bearer = {"Authorization": f"Bearer {key}"}
        answer = self._world.http.put(f"/api/v1/bookings/{self._guest.ref}", json=wish, headers=bearer)
        said = answer.raise_for_status().json()["status"]
        self._evening.tell(f"  the platform says two people: {said}")
        held = self._world.http.get(f"/api/v1/bookings/{self._guest.ref}", headers=bearer).json()
        wait_until(self._world.receipted, within_s=60, what="the nodes' receipts", every_s=0.2)
        return int(said == "updated" and held["headcount"] == 2 and held["registered"] == 1)

    def _goes_in_behind(self) -> dict[str, int]:
        """One code, two people in the picture, two bodies in the beam; the door lets both through."""
        if not self._world.wish.face:  # counting people needs the eyes of the face engine
            return {"companion_seen": 0, "companion_noticed": 0}
        evening, clip = self._evening, Path("stage/companion.y4m").absolute()
        two_people(evening.stranger, evening.stranger, clip)
        flagged = evening.told(GATE, "access.tailgate")
        for _ in range(TIMES):
            evening.enters(GATE, ROLE)
            evening.walk(GATE, Cue(clip, 0.0, 60.0), "behind")
            wait_until(
                partial(evening._was_looked_at, GATE), within_s=SOON_S, what="two people before the camera"
            )
            for level in (True, False, True, False):
                evening.move(GATE, Point.BEAM, level)
            evening.move(GATE, Point.CONTACT, False)
            evening._closed(GATE)
            evening._seen_to_the_end(GATE)
        seen = evening.told(GATE, "access.tailgate") - flagged
        evening.tell(f"  {seen} times two people behind one code, and nobody was held up")
        noticed = self._noticed()
        evening.tell(f"  reconciliation: {noticed or 'nothing of a companion yet'}")
        return {"companion_seen": seen, "companion_noticed": int(bool(noticed))}

    def _noticed(self) -> str:
        """The kind of what reconciliation found about this stay, or nothing when its time is over."""
        until = time.monotonic() + NOTICED_S
        while time.monotonic() < until:
            found = outside._rows(
                outside.SERVICE,
                "select d.kind from discrepancy d join stay s on s.stay = d.subject "
                "join booking b on b.booking = s.booking where b.external_ref = ? and d.kind in (?, ?) "
                "and d.state = 'open'",
                self._guest.ref,
                *KINDS,
            )
            if found:
                return str(found[0][0])
            self._world.alive()
            time.sleep(0.5)
        return ""

    def _added(self) -> dict[str, int]:
        """The guest adds the person by the link; nobody else's pass is touched, and the companion gets one."""
        before = self._passes()
        with phone_of(self._world) as phone:
            token = self._evening.tokens[ROLE]
            read_notice(phone, token)
            form = person(self._other, self._other.document)
            phone.post(f"/g/{token}/people", data=form).raise_for_status()
        wait_until(lambda: len(self._passes()) == 2, within_s=SOON_S, what="the companion's pass")
        after = self._passes()
        untouched = all(after[pass_id] == version for pass_id, version in before.items())
        self._evening.tell("  the person is added on the guest's own page")
        return {"companion_registered": int(len(after) == 2 and untouched)}

    def _passes(self) -> dict[str, int]:
        """The party's passes and their versions."""
        return {
            str(row[0]): int(row[1])
            for row in outside._rows(
                outside.SERVICE,
                "select p.pass_id, p.version from pass p join stay s on s.stay = p.stay "
                "join booking b on b.booking = s.booking where b.external_ref = ?",
                self._guest.ref,
            )
        }


def main() -> int:
    """0 when the act did what it says."""
    root = Path(__file__).parent.parent
    wish = Wish(face=(os.environ.get("FACE") or "on") != "off")
    guests = {ROLE: cast()[ROLE]}
    world = World(root / "run/companion", root / ".cache/clips", wish, guests)
    with world:
        world.open_service()
        world.open_nodes()
        evening = Doors(world, print, frozenset(), 0.0)
        world.import_records(listing_code(*LISTING_BODY))
        token = world.guest_link(guests[ROLE])
        evening.tokens[ROLE] = token
        evening.bind_phone(guests[ROLE], token)
        wait_until(world.receipted, within_s=60, what="every node's receipt for the passes")
        told: dict[str, Any] = play(evening)
        evening.settle()
        world.stop()
        stored = count.service(Path("sync/data/community.db"))
    print(json.dumps(told | {"events_stored": stored.rows}))
    must = ("booking_by_api", "companion_registered") + (("companion_seen",) if wish.face else ())
    return 0 if all(told[name] for name in must) else 1


if __name__ == "__main__":
    sys.exit(main())
