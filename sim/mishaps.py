"""How each deed of a script is done; one method per word, its numbers from the script alone."""

import random
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from edge.core.commands import Op, Order, Received
from edge.core.door_events import BoltChanged, CameraChanged, SchedClose, SchedOpen
from edge.core.door_types import Bolt, Camera
from edge.core.passes import Pass, PassState
from edge.ports import LockLink, Point
from sim.box import DOOR
from sim.house import BEGIN_MS, KEYS, T_CMD_AGE_MS, TENANT, code_text, signature_of
from sim.memory import NODE
from sim.script import MS_NS, S_NS, Deed

if TYPE_CHECKING:
    from sim.play import Stage

SKEW_TOO_MUCH = 9  # steps of 30 s


def _ms(deed: Deed, name: str) -> int:
    return int(deed.how[name]) * MS_NS


class Doer:
    """Does deeds on a stage."""

    def __init__(self, stage: "Stage") -> None:
        self._s = stage
        self._counters = dict.fromkeys(KEYS, 100)
        self._sent: list[Received] = []
        self._rows = [guest.row for guest in stage.people.guests.values()]  # as the service has them
        self._is_behind = False  # the node has not heard the newest of it

    def do(self, deed: Deed) -> None:
        getattr(self, f"_{deed.what}")(deed)

    def _later(self, ns: int, call: object, *args: object) -> None:
        hours = self._s.hours
        hours.at(hours.now_ns + ns, call, *args)  # type: ignore[arg-type]

    # --- people ------------------------------------------------------------------------------------------------------

    def _visit(self, deed: Deed, persons: int = 1) -> None:
        people = self._s.people
        people.show(str(deed.how["who"]), str(deed.how.get("by", "code")))
        people.enter(_ms(deed, "pace_ms"), _ms(deed, "open_ms"), persons)

    _luggage = _visit

    def _tailgated(self, deed: Deed) -> None:
        self._visit(deed, persons=1 + int(deed.how["others"]))

    def _pair(self, deed: Deed) -> None:
        self._visit(deed)
        other = Deed(deed.at_ns, "visit", {**deed.how, "who": deed.how["other"]})
        self._later(_ms(deed, "gap_ms"), self._visit, other)

    def _twice(self, deed: Deed) -> None:
        """The same screen is held up again; a phone still in the picture is not even looked at."""
        people = self._s.people
        text = people.show(str(deed.how["who"]), "code")
        people.enter(_ms(deed, "pace_ms"), _ms(deed, "open_ms"))
        self._later(_ms(deed, "gap_ms"), self._s.house.show_code, text)

    def _stays_out(self, deed: Deed) -> None:
        """Opens the lock and never the door."""
        self._s.people.show(str(deed.how["who"]), "code")

    def _leave(self, deed: Deed) -> None:
        self._s.people.leave(_ms(deed, "pace_ms"), _ms(deed, "open_ms"))

    def _forced(self, deed: Deed) -> None:
        self._s.people.force(_ms(deed, "open_ms"))

    def _rex_chatter(self, deed: Deed) -> None:
        wires, gap = self._s.wires, _ms(deed, "gap_ms")
        for n in range(int(deed.how["times"])):
            self._later(n * gap, wires.put, Point.REX, True)
            self._later(n * gap + gap // 2, wires.put, Point.REX, False)

    def _wrong(self, deed: Deed) -> None:
        """A phone or a person that should not get in by this; they try the handle all the same."""
        people, house, kind = self._s.people, self._s.house, deed.how["kind"]
        guest = people.guests[str(deed.how["who"])]
        step = people.step_of(guest)
        text = code_text(guest.cred_id, guest.key, step)
        gap = _ms(deed, "gap_ms")
        stranger = blake2b(b"stranger", digest_size=16)
        match kind:
            case "screenshot":
                self._later(gap, house.show_code, text)
            case "stranger":
                house.show_code(code_text(stranger.hexdigest(), stranger.digest(), step))
            case "forged":
                house.show_code(code_text(guest.cred_id, stranger.digest(), step))
            case "clock":
                house.show_code(code_text(guest.cred_id, guest.key, step + SKEW_TOO_MUCH))
            case "broken":
                house.show_code(text[:20])
            case "foreign":
                house.show_code("https://example.net/menu")
            case "guess":
                house.type_pin("000000")
            case _:
                for n in range(7):
                    self._later(n * 2 * S_NS, house.type_pin, f"{n}{n}1234")

    # --- the node, gate-io, link, clock ------------------------------------------------------------------------------

    def _node_falls(self, deed: Deed) -> None:
        house = self._s.house
        if deed.how["after_record"]:
            house.falls_after_record = True
            self._later(60 * S_NS, house.fall)
            self._later(60 * S_NS + _ms(deed, "back_ms"), house.start)
        else:
            house.fall()
        self._later(_ms(deed, "back_ms"), house.start)

    def _box_falls(self, deed: Deed) -> None:
        self._s.box.die()
        self._later(_ms(deed, "back_ms"), self._s.box_back)

    def _latches_spoil(self, deed: Deed) -> None:
        self._s.box.die()
        self._s.box.spoil()
        self._later(_ms(deed, "back_ms"), self._s.box_back)

    def _line_cut(self, deed: Deed) -> None:
        """Node and gate-io both live and do not hear each other."""
        box, life = self._s.box, self._s.house.life
        box.reachable = False
        if life is not None:
            life.client.lose()
        self._later(_ms(deed, "for_ms"), self._line_back)

    def _line_back(self) -> None:
        self._s.box.reachable = True
        if (life := self._s.house.life) is not None:
            life.client.connect()

    def _slow_line(self, deed: Deed) -> None:
        house = self._s.house
        house.slow(_ms(deed, "lag_ms"))
        self._later(_ms(deed, "for_ms"), house.slow, MS_NS)

    def _disk_full(self, deed: Deed) -> None:
        ledger = self._s.house.disk.ledger
        ledger.full = True
        self._later(_ms(deed, "for_ms"), setattr, ledger, "full", False)

    def _link_down(self, deed: Deed) -> None:
        house, age_ms = self._s.house, int(deed.how.get("days", 0)) * 24 * 3_600_000
        house.link(up=False)
        house.disk.book.head_issued_ms = (
            house.clock.read().wall_ms - age_ms
        )  # as if it had been cut for so long
        self._later(_ms(deed, "for_ms"), self._link_back)

    def _link_back(self) -> None:
        house = self._s.house
        house.link(up=True)
        house.disk.book.head_issued_ms = house.clock.read().wall_ms
        if self._is_behind:
            self._bring(self._rows)

    def _clock_steps(self, deed: Deed) -> None:
        """The time of day jumps while no time server answers; it is put right when one does."""
        house = self._s.house
        house.link(up=False)
        house.clock.step(int(deed.how["by_ms"]))
        house.tell_clock()
        self._later(_ms(deed, "for_ms"), self._clock_right)

    def _clock_right(self) -> None:
        clock = self._s.house.clock
        clock.rtc_valid, clock.offset_ms = True, 0
        self._link_back()
        self._s.house.tell_clock()

    def _cold_boot(self, deed: Deed) -> None:
        """Power comes back on a board whose clock chip is dead."""
        house = self._s.house
        house.fall()
        house.link(up=False)
        house.clock.rtc_valid, house.clock.synced_ns = False, None
        house.clock.offset_ms = int(deed.how["by_ms"])
        house.start()
        self._later(_ms(deed, "for_ms"), self._clock_right)

    def _camera(self, deed: Deed) -> None:
        people, house = self._s.people, self._s.house
        people.read = deed.how["state"] != "LOST"
        house.tell(CameraChanged(Camera(str(deed.how["state"]))))
        self._later(_ms(deed, "for_ms"), self._camera_back)

    def _camera_back(self) -> None:
        self._s.people.read = True
        self._s.house.tell(CameraChanged(Camera.OK))

    # --- wires -------------------------------------------------------------------------------------------------------

    def _contact_breaks(self, deed: Deed) -> None:
        self._s.wires.break_contact(broken=True)
        self._later(_ms(deed, "for_ms"), self._s.wires.break_contact, False)

    def _bolt_breaks(self, deed: Deed) -> None:
        if self._s.wires.fitted.shows_bolt:
            self._s.wires.break_bolt(broken=True)
            self._later(_ms(deed, "for_ms"), self._s.wires.break_bolt, False)

    def _jam(self, deed: Deed) -> None:
        self._s.wires.jam(bool(deed.how["released"]))
        self._later(_ms(deed, "for_ms"), self._s.wires.jam, None)

    def _jam_told(self, deed: Deed) -> None:
        """The lock itself says that it is stuck, and later that it is not."""
        house = self._s.house
        house.tell(BoltChanged(Bolt.JAMMED))
        self._later(_ms(deed, "for_ms"), house.tell, BoltChanged(Bolt.LOCKED))

    def _lock_silent(self, deed: Deed) -> None:
        self._s.box.told(LockLink(DOOR, online=False, t_ns=self._s.hours.now_ns))
        self._later(_ms(deed, "for_ms"), self._lock_answers)

    def _lock_answers(self) -> None:
        self._s.box.told(LockLink(DOOR, online=True, t_ns=self._s.hours.now_ns))

    def _mains_fail(self, deed: Deed) -> None:
        self._side(Point.POWER, deed)

    def _tamper(self, deed: Deed) -> None:
        self._side(Point.TAMPER, deed)

    def _side(self, point: Point, deed: Deed) -> None:
        wires = self._s.wires
        wires.put(point, True)
        self._later(_ms(deed, "for_ms"), wires.put, point, False)

    def _lost_edge(self, deed: Deed) -> None:
        self._s.box.miss(Point(str(deed.how["point"])))

    # --- fire --------------------------------------------------------------------------------------------------------

    def _fire(self, deed: Deed) -> None:
        wires, burns = self._s.wires, _ms(deed, "burns_ms")
        if deed.how["edge"] == "lost":
            self._s.box.miss(Point.FIRE)
        wires.put(Point.FIRE, True)
        self._later(burns, wires.put, Point.FIRE, False)
        self._turn_key(burns // 2)  # too early: it burns
        self._turn_key(burns + _ms(deed, "reset_ms"))

    def _peer_fire(self, deed: Deed) -> None:
        box, burns = self._s.box, _ms(deed, "burns_ms")
        box.burn_at_peer(burning=True)
        self._turn_key(burns // 2)  # by somebody who does not see the other door
        self._later(burns, box.burn_at_peer, False)
        self._turn_key(burns + _ms(deed, "reset_ms"))

    def _turn_key(self, after_ns: int) -> None:
        """A person resets at the panel; again a little later, because they see whether it has helped."""
        for again in (0, 5 * S_NS, 120 * S_NS, 900 * S_NS):
            self._later(after_ns + again, self._s.wires.put, Point.RESET, True)
            self._later(after_ns + again + S_NS, self._s.wires.put, Point.RESET, False)

    # --- schedule, passes, commands ----------------------------------------------------------------------------------

    def _sched_open(self, _deed: Deed) -> None:
        self._s.house.tell(SchedOpen())

    def _sched_close(self, _deed: Deed) -> None:
        self._s.house.tell(SchedClose())

    def _revoke(self, deed: Deed) -> None:
        self._change(str(deed.how["who"]), state=PassState.REVOKED)
        if deed.how["with_link"] == "down":
            self._link_down(Deed(deed.at_ns, "link_down", {"for_ms": 600_000}))

    def _old_slot(self, deed: Deed) -> None:
        """First somebody is revoked; a while later the node falls back to the passes as they were before."""
        self._change(str(deed.how["who"]), state=PassState.REVOKED)
        self._later(_ms(deed, "after_ms"), self._fall_back)

    def _fall_back(self) -> None:
        rows = [guest.row for guest in self._s.people.guests.values()]
        self._s.house.bring_old_slot(rows)
        self._s.rights.fell_back(rows)

    def _extend(self, deed: Deed) -> None:
        self._change(str(deed.how["who"]), not_after_ms=BEGIN_MS + 48 * 3_600_000)

    def _change(self, who: str, **fields: object) -> None:
        """The service changes a pass; it comes down at once, or when the link is back."""
        self._rows = [
            replace(row, pass_version=row.pass_version + 1, **fields) if row.pass_id == f"P-{who}" else row
            for row in self._rows
        ]
        self._is_behind = True
        if self._s.house.linked:
            self._bring(self._rows)

    def _bring(self, rows: list[Pass]) -> None:
        self._is_behind = False
        self._s.house.bring(rows)
        self._s.brought(rows)

    def _command(self, deed: Deed) -> None:
        """Sent down when the link is up; retained and replayed ones lie in wait until it is."""
        kid, kind = str(deed.how["kid"]), str(deed.how["kind"])
        if kind == "replayed" and self._sent:
            dice = random.Random(deed.at_ns)
            self._send(dice.choice(self._sent), kind)
            return
        kind = "good" if kind == "replayed" else kind
        got = self._frame(Op(str(deed.how["op"])), kid, kind)
        self._send(got, kind)
        if kind == "twice":
            self._later(700 * MS_NS, self._send, got, "replayed")

    def _frame(self, op: Op, kid: str, kind: str) -> Received:
        self._counters[kid] += 1
        n = self._counters[kid]
        now_ms = BEGIN_MS + self._s.hours.now_ns // MS_NS
        issued_ms = now_ms + {"expired": -30_000, "ahead": 60_000}.get(kind, 0)
        life_ms = 3 * T_CMD_AGE_MS if kind == "long" else T_CMD_AGE_MS
        order = Order(
            tenant=TENANT,
            node="n2" if kind == "elsewhere" else NODE,
            door=DOOR,
            id=f"{kid}-{n:06}-{kind}",
            ctr=n - 50 if kind == "stale_counter" else n,
            issued_ms=issued_ms,
            expires_ms=issued_ms + life_ms,
            op=op,
            issuer=f"staff-{kid}",
            kid="k9" if kind == "unknown_key" else kid,
        )
        signed = repr(order).encode()
        signature = signature_of(b"nobody's key" if kind == "forged" else KEYS[kid], signed)
        return Received(kind == "retained", order, signed, signature)

    def _send(self, got: Received, kind: str) -> None:
        house = self._s.house
        if kind in {"good", "twice"}:
            self._sent.append(got)
        if house.linked:
            self._s.commanded(got, kind)
            house.command(got)
