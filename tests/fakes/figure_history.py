"""A small seeded history of everything that figures are counted from, written straight into a community's tables."""

import json
import random
from typing import Any

import sqlalchemy as sa

from cloud_sync.compose import Books
from cloud_sync.store import (
    tables,
    tables_import,
    tables_model,
    tables_privacy,
    tables_rules,
    tables_upstream,
)

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
DOORS = ("AP-1", "AP-2", "AP-3")
NODES = ("n1", "n2", "n3")
KINDS = ("face", "qr", "pin", "card")
Row = dict[str, Any]


class FigureHistory:
    """Forty days until ``now_ms``; the same seed writes the same."""

    def __init__(self, books: Books, now_ms: int, seed: int = 11) -> None:
        self._books, self.now = books, now_ms
        self._dice = random.Random(seed)
        self._n = 0
        self._rows: dict[tuple[Any, ...], list[Row]] = {}

    def write(self) -> None:
        self._places()
        for number in range(90):
            self._stay(number)
        for number in range(700):
            self._decision(number)
        for number in range(150):
            self._discrepancy(number)
        for number in range(50):
            self._case(number)
        for number in range(50):
            self._report(number)
        for number in range(40):
            self._privacy(number)
        self._conduct()
        self._files()
        with self._books.engine.begin() as db:
            for (table, *_), rows in self._rows.items():
                db.execute(sa.insert(table), rows)

    def _put(self, table: sa.Table, **values: Any) -> None:
        row = {"community": self._books.house.community, **values}
        self._rows.setdefault((table, *row), []).append(row)

    def _ago(self, most: int = 40 * DAY, least: int = 0) -> int:
        return self.now - self._dice.randrange(least, most)

    def _places(self) -> None:
        for at, node in enumerate(NODES):
            self._put(tables.node, node=node, name=node, device_public_key="", registered_ms=1)
            self._put(
                tables.access_point, access_point=DOORS[at], node=node, kind="gate", name_zh=node, name_en=node,
                location_class="common", face_enabled=0,
            )  # fmt: skip
            self._put(
                tables.node_state, node=node, epoch="e1", head=100 + at, acked=98, hello_ms=self.now - at * MINUTE,
                drained_through_ms=self.now - (at + 1) * 7_000, auth_ver=1, root="", erase_ver=0, online="yes",
                clock_state="TRUSTED", clock_bound_ms=20 * (at + 1), software="1.4.0" if at else "1.3.9", health=b"{}",
                outbox=at or None,
            )  # fmt: skip
        states = ["ACTIVE"] * 30 + ["SUSPENDED"] * 3 + ["FILED"] * 4 + ["REVOKED"]
        for at, state in enumerate(states):
            self._put(
                tables.listing, listing=f"L{at}", name=f"L{at}", unit=f"U{at // 2 if at < 6 else at}",
                operator=f"O{at % 7}", state=state, max_guests=4,
            )  # fmt: skip
            for room in range(2):
                self._put(
                    tables.room, room=f"L{at}-{room}", listing=f"L{at}", label=str(room), access_points="[]"
                )
                self._put(
                    tables_model.room_file,
                    room=f"L{at}-{room}",
                    listing=f"L{at}",
                    beds=1 + room,
                    max_guests=2,
                )
        uses = ("self", "short_let", "vacant")
        for at in range(80):
            self._put(
                tables_model.unit, unit=f"U{at}", building="1", stair="1", floor="1", door_no=str(at), grid="1",
                use=self._dice.choice(uses), ownership="own", made_ms=1,
            )  # fmt: skip
        for at in range(60, 70):
            self._put(
                tables_rules.evidence, subject=f"U{at}", type="Inspection", key="k", since_ms=1,
                ended_ms=None if at % 3 else 5, body=json.dumps({"inspector": "li", "operating": bool(at % 2)}),
                writer="li", told_ms=1,
            )  # fmt: skip

    def _stay(self, number: int) -> None:
        dice, stay = self._dice, f"ST-{number}"
        nights = dice.randrange(1, 4)
        came_in = self._ago(38 * DAY) if number % 3 else self.now - dice.randrange(-8 * HOUR, 20 * HOUR)
        out = came_in + nights * DAY if number % 7 else self.now + dice.randrange(-6, 6) * HOUR
        over = out < self.now
        state = "CLOSED" if over else dice.choice(("IN_HOUSE", "REGISTERED", "DUE_OUT"))
        if number % 17 == 0:
            state = "CANCELLED_BEFORE"
        left = min(out, self.now) - dice.randrange(HOUR) if state == "CLOSED" else None
        listing = f"L{dice.randrange(30)}"
        self._put(
            tables.stay, stay=stay, booking=f"B-{number}", listing=listing, room=f"{listing}-0", state=state,
            planned_in_ms=came_in, planned_out_ms=out, checked_out_ms=left, guest_token_hash="",
        )  # fmt: skip
        for head in range(dice.randrange(1, 4)):
            self._member(stay, f"P-{number}-{head}", came_in, state)

    def _member(self, stay: str, person: str, came_in: int, state: str) -> None:
        dice = self._dice
        self._put(
            tables.person, person=person, doc_hash=dice.choice((None, f"h{dice.randrange(60)}")), minor=0
        )
        said = dice.choice((None, "yes", "yes", "no"))
        self._put(
            tables.stay_member, stay=stay, person=person, role="lead", subject_ref=person, face_said=said
        )
        if said == "yes":
            withdrawn = came_in + HOUR if dice.random() < 0.2 else None
            self._put(
                tables.consent, consent=f"C-{person}", person=person, stay=stay, purpose="face_access",
                text_version="1", language="zh", channel="g", given_ms=came_in, withdrawn_ms=withdrawn, evidence_hash="",
            )  # fmt: skip
        for turn in range(dice.randrange(0, 3)):
            good = dice.random() < 0.8
            self._put(
                tables.registration, registration=f"R-{person}-{turn}", stay=stay, person=person,
                method=dice.choice(("self", "staff", "kiosk", "operator", "live-video")), proofing=dice.randrange(5),
                status="VERIFIED" if good else "SUBMITTED", due_ms=came_in,
                verified_ms=came_in + dice.randrange(-2, 4) * HOUR if good else None,
            )  # fmt: skip
        for turn in range(dice.randrange(1, 3)):
            ref = f"PS-{person}-{turn}"
            row = {"class": "guest", "subject_ref": person, "scope": "[]", "state": "ACTIVE", "version": 1}
            self._put(
                tables.pass_,
                pass_id=ref,
                stay=stay,
                person=person,
                not_before_ms=1,
                not_after_ms=2,
                wire=b"",
                **row,
            )
            if state != "CANCELLED_BEFORE" and came_in + HOUR < self.now and dice.random() < 0.85:
                first = came_in + dice.randrange(HOUR)
                where = dice.choice(("in", "in", "out"))
                self._put(
                    tables.presence, pass_id=ref, state=where, access_point="AP-1", as_of_ms=first, first_entry_ms=first
                )  # fmt: skip

    def _decision(self, number: int) -> None:
        dice, at = self._dice, self._ago(39 * DAY) if number % 2 else self._ago(DAY)
        kind = dice.choices(("access.granted", "access.denied", "override", "door.rex"), (8, 2, 1, 1))[0]
        shown = dice.choice(KINDS) if kind != "door.rex" else None
        place = dice.choice(DOORS)
        grant = f"g{number}" if kind == "access.granted" else None
        self._event(kind, place, at, shown, grant)
        if grant is not None and dice.random() < 0.9:
            self._event("access.taken", place, at + dice.randrange(500, 9_000), None, grant)

    def _event(self, kind: str, place: str, at: int, shown: str | None, grant: str | None) -> None:
        self._n += 1
        self._put(
            tables.event, node=NODES[DOORS.index(place)], epoch="e1", seq=self._n, type=kind, access_point=place,
            direction="in", credential_kind=shown, grant_id=grant, wall_ms=at, clock_state="TRUSTED", live=1,
            stored_ms=at, h="", body=b"{}",
        )  # fmt: skip

    def _discrepancy(self, number: int) -> None:
        dice, opened = self._dice, self._ago(39 * DAY) if number % 4 else self._ago(5 * HOUR)
        state = dice.choice(("open", "closed", "closed", "inconclusive"))
        stay = dice.randrange(90)
        subject = dice.choice((f"ST-{stay}", f"PS-P-{stay}-0-0", f"U{dice.randrange(20, 80)}"))
        kind = "D07" if subject.startswith("U") else dice.choice(("D01", "D03", "D05"))
        closed = min(self.now, opened + dice.randrange(9 * DAY)) if state == "closed" else None
        self._put(
            tables.discrepancy, id=f"D-{number}", kind=kind, subject=subject, window_ms=number,
            severity=dice.choice(("S1", "S2", "S3")), state=state, opened_ms=opened, updated_ms=opened, evidence="[]",
            closed_ms=closed, close_reason=dice.choice(("human: confirmed, code asked", "data")) if closed else None,
        )  # fmt: skip

    def _case(self, number: int) -> None:
        dice, opened = self._dice, self._ago(39 * DAY)
        state = dice.choice(("NEW", "ACKED", "RESOLVED", "CLOSED", "CLOSED", "RTN_UNACK", "SHELVED"))
        family = {0: "discrepancy", 1: "matter"}.get(number % 7, "alert")
        kind = dice.choice(("forced", "power_low", "flood", "chatter")) if family == "alert" else "noise"
        self._put(
            tables.case_, id=f"CS-{number}", family=family, kind=kind, severity=dice.choice(("S1", "S2", "S3")),
            state=state, subject=f"x{number % 5}", group_key="x", opened_ms=opened, first_seen_ms=opened - number * 700,
            last_seen_ms=opened, matter_class=dice.choice((None, "big", "small")) if family == "matter" else None,
            resolution="unverified" if number % 4 == 0 and state == "CLOSED" else None,
            owner_role=dice.choice(("guard", "officer")), active=number % 2, count=1, level=0,
            access_point=dice.choice(DOORS), closed_ms=min(self.now, opened + number * HOUR) if state == "CLOSED" else None,
            reopened_from="CS-0" if number % 9 == 8 else None, reopen_count=0, rev=number,
        )  # fmt: skip
        for n, event in enumerate(("raise", dice.choice(("offer", "acknowledge", "accept")))):
            self._put(
                tables.case_note,
                case_id=f"CS-{number}",
                n=n,
                at_ms=opened,
                actor="",
                event=event,
                after="NEW",
            )
        self._decided(number, opened)
        for turn in range(number % 4 if family == "matter" else 0):
            self._put(
                tables.case_note, case_id=f"CS-{number}", n=100 + turn, at_ms=min(self.now, opened + turn * 5 * HOUR),
                actor="chen", event="triage", after="NEW",
            )  # fmt: skip
        self._put(tables.case_link, case_id=f"CS-{number}", ref=f"D-{number}")

    def _decided(self, number: int, opened: int) -> None:
        """A third acknowledged and resolved, some of them twice, since a colleague did not agree; a few by one step."""
        steps = ((), (), (("acknowledge", "RESOLVED"),))[number % 3] if number % 2 else ()
        if number % 3 == 0:
            steps = (
                ("acknowledge", "ACKED"),
                ("resolve", "RESOLVED"),
                ("reject", "IN_PROGRESS"),
                ("resolve", "RESOLVED"),
            )
        for n, (event, after) in enumerate(steps):
            at = min(self.now, opened + (n + 1) * number * 3 * MINUTE)
            self._put(
                tables.case_note,
                case_id=f"CS-{number}",
                n=n + 2,
                at_ms=at,
                actor="li",
                event=event,
                after=after,
            )

    def _report(self, number: int) -> None:
        dice, made = self._dice, self._ago(39 * DAY)
        state = dice.choice(("ACKED", "ACKED", "QUEUED", "SENT", "REJECTED", "DEAD_LETTER", "WITHDRAWN"))
        due = made + dice.randrange(30) * HOUR
        self._put(
            tables_upstream.upstream_submission, id=f"UP-{number}", connector=dice.choice(("csv_drop", "lodging_report")),
            op="submit", state=state, registration=f"R{number}", stay="s", person="p", turn=1, reference=str(number),
            round=0, legal_basis="x", facts="", body_mac="", attempts=1, sends=number % 3, uncertain=0, ticket="",
            receipt="", problem="", warned="", claim="", made_ms=made, due_ms=due,
            ended_ms=made + dice.randrange(30) * HOUR if state == "ACKED" else None,
        )  # fmt: skip

    def _privacy(self, number: int) -> None:
        dice, asked = self._dice, self._ago(38 * DAY) if number % 5 else self.now - 4 * MINUTE
        acked = asked + dice.randrange(200, 90_000) if dice.random() < 0.8 and number % 5 else None
        self._put(
            tables.erasure, node="n1", erase_ver=number, template_ref="t", pass_id="p", reason="r", asked_ms=asked,
            acked_ms=acked,
        )  # fmt: skip
        self._put(
            tables_privacy.trace_request, trace=f"T{number}", kind="door", ref="r", purpose="p", reason="r",
            case_ref="c", from_ms=1, until_ms=2, asked_by="li", asked_ms=asked,
            state=dice.choice(("ASKED", "APPROVED", "REFUSED")),
        )  # fmt: skip
        self._put(
            tables_rules.spot_check, draw="SC-1", stay=f"ST-{number}", place=number, registered=2,
            found=dice.choice((None, 1, 2, 2, 3)),
        )  # fmt: skip

    def _conduct(self) -> None:
        states = ("PROPOSED", "EFFECTIVE", "EFFECTIVE", "UNDER_APPEAL", "REVERSED", "EXPIRED", "DISMISSED")
        for number in range(60):
            effective = self._ago(39 * DAY)
            self._put(
                tables_model.points_entry, id=f"PT-{number}", listing=f"L{self._dice.randrange(20)}", rule="C01",
                rule_version=1, delta=-self._dice.randrange(1, 6), evidence="[]", proposed_by="li", proposed_ms=1,
                state=self._dice.choice(states), effective_ms=effective, expires_ms=effective + 20 * DAY,
            )  # fmt: skip
        for number in range(12):
            self._put(
                tables_model.sanction, id=f"SN-{number}", listing="L1", tier=1, rule="C01", rule_version=1, cents=0,
                proposed_by="li", proposed_ms=1, reason="r",
                state=self._dice.choice(("IN_FORCE", "UNDER_APPEAL", "LIFTED")),
            )  # fmt: skip

    def _files(self) -> None:
        buckets = ("exact", "exact", "fuzzy", "conflict", "unmatched", "rejected")
        for run, kind in (("RI-1", "households"), ("RI-2", "households"), ("RI-3", "units")):
            rows = [self._dice.choice(buckets) for _ in range(70)]
            sums = {bucket: rows.count(bucket) for bucket in set(buckets)}
            self._put(
                tables_import.import_run,
                run=run,
                kind=kind,
                file=run,
                rows=70,
                actor="li",
                at_ms=int(run[-1]),
                **sums,
            )
            for line, bucket in enumerate(rows):
                self._put(
                    tables_import.import_row, run=run, sheet="", line=line, bucket=bucket, reason="r", detail="",
                    unit="", person="", matter=f"IR-{line}", adopted=0,
                )  # fmt: skip
        for line in range(0, 70, 3):
            self._put(
                tables_import.import_decision,
                matter=f"IR-{line}",
                decision="keep",
                actor="li",
                reason="r",
                at_ms=1,
            )
        day = self._books.house.local_day(self.now)
        for as_of, registered in (("2020-01-01", 3), (day.isoformat(), 25), ("2999-01-01", 99)):
            self._put(
                tables_import.census, as_of=as_of, households=241, letting=60, registered=registered, told_ms=1,
                told_by="li",
            )  # fmt: skip
