"""Attempts at what is not one's own, drawn with a seed: anybody, at any address, with identifiers of two communities."""

import random
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from starlette.routing import Route

from cloud_sync.ports import SESSION_COOKIE
from tests.fakes.asgi import fields_of
from tests.fakes.community_house import booking_row, csv_of, listing_row, registration_row
from tests.fakes.two_communities import Two

# Which identifiers a place of a form or a body takes, where its name is not theirs already.
ALIKE = {
    "ref": "external_ref", "booking": "external_ref", "external_ref": "external_ref", "who": "subject", "guest": "subject",
    "subject_ref": "subject", "doors": "access_point", "door": "access_point", "listing": "code", "units": "unit",
    "place": "unit", "building": "unit", "case": "case_id", "join": "case_id", "of": "listing", "form": "subject",
}  # fmt: skip
WORDS: dict[str, tuple[object, ...]] = {
    "event": (
        "confirm", "dismiss", "approve", "reject", "uphold", "acknowledge", "start", "resolve", "verify", "hold", "claim",
        "report", "check", "sign", "return", "suspend", "pass", "whistle", "hand over", "answer",
    ),
    "reason": ("seen on site and written down",), "source": ("xc", "platform"), "kind": ("booking", "clock", "listings", "bookings", "noise", "sweep", "occupied_no_code", "covenant"),
    "op": ("release", "lock", "lockdown", "block"), "rule": ("C05", "C07", "C09"), "reviewer": ("zhao", "qian"),
    "state": ("declared", "absent", "seen", "ACTIVE", "confirmed"), "document": ("ownership", "fire"), "topic": ("noise",),
    "purpose": ("danger", "face_access", "entered by mistake"), "telling": ("told", "not_told"), "approve": ("yes", ""),
    "begins": ("2026-05-01T10:00",), "ends": ("2026-05-01T13:00",), "arrival": ("2026-05-01T15:00",),
    "departure": ("2026-05-02T11:00",), "day": ("2026-05-01", "2026-04-30"), "audience": ("community", "listing", "unit"),
    "to": ("fire", "li"), "last_four": ("0001", "000X"), "clock": ("registration",), "bucket": ("exact", "review", ""),
    "name": ("gates_online", "newcomer"), "channel": ("email",), "decision": ("keep", "take"), "metric": ("in_house", "expected"),
    "colour": ("red", ""), "result": ("nothing",), "step": ("KEYS",), "password": ("short",), "language": ("zh", "en"),
}  # fmt: skip
NOT_THERE = "01HZY3Q5K8G7V0000000000001"


@dataclass(frozen=True, slots=True)
class Attempt:
    who: str
    method: str
    address: str
    words: dict[str, Any]

    @property
    def said(self) -> str:
        """Everything that was sent: an answer may repeat it."""
        return repr((self.address, self.words))


@dataclass
class Wild:
    """``draw`` one after another; the same seed draws the same."""

    two: Two
    routes: list[Route]
    dice: random.Random

    def draw(self) -> Attempt:
        route = self.dice.choice(self.routes)
        method = self.dice.choice(sorted((route.methods or {"GET"}) - {"HEAD"}))
        who, cookie, csrf = self._somebody()
        places = {name: str(self.of(name, str)) for name in route.param_convertors}
        headers = {"cookie": f"{SESSION_COOKIE}={cookie}", "x-csrf-token": csrf} if cookie else {}
        if self.dice.random() < 0.2:
            key = self.dice.choice(self.two.ours.keys + self.two.theirs.keys)
            headers["authorization"] = f"Bearer {key}"
        words: dict[str, Any] = {"headers": headers}
        params = {
            f.name: str(self.of(f.name, str))
            for f in fields_of(route, "query_params")
            if self.dice.random() < 0.7
        }
        params.pop("days", None)
        words |= {"params": params} if params else {}
        if method in ("POST", "PUT"):
            words |= self._body(route, csrf)
        return Attempt(who, method, route.path.format(**places), words)

    def _somebody(self) -> tuple[str, str, str]:
        """Mostly of ours, now and then with a login of theirs, or nobody."""
        lot = self.dice.random()
        if lot < 0.1:
            return "nobody", "", ""
        one = self.two.theirs if lot < 0.2 else self.two.ours
        name = self.dice.choice(sorted(one.sessions))
        return f"{name} of {one.code}", *one.sessions[name]

    def of(self, name: str, kind: Any) -> object:
        """An identifier of theirs as often as one of ours, now and then one that nobody has; else a word that fits."""
        pool = ALIKE.get(name, name)
        ours, theirs = self.two.ours.ids.get(pool, []), self.two.theirs.ids.get(pool, [])
        if ours or theirs:
            lot = self.dice.random()
            some = theirs if lot < 0.5 and theirs else ours if lot < 0.95 and ours else [f"XX-{NOT_THERE}"]
            return self.dice.choice(some)
        if name in WORDS:
            return self.dice.choice(WORDS[name])
        return self._of_kind(name, kind)

    def _of_kind(self, name: str, kind: Any) -> object:
        origin = get_origin(kind)
        if origin is Literal:
            return self.dice.choice(get_args(kind))
        if origin in (types.UnionType, typing.Union):
            return self.of(name, get_args(kind)[0])
        if origin in (list, tuple):
            return [self._made(get_args(kind)[0], name)]
        return 1 if kind is int else "something that was typed"

    def _made(self, kind: Any, name: str = "") -> object:
        """A body that fits its shape."""
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return {key: self.of(key, field.annotation) for key, field in kind.model_fields.items()}
        return self.of(name, kind)

    def _body(self, route: Route, csrf: str) -> dict[str, Any]:
        if route.path.endswith("/imports/{kind}"):
            return {"content": self._sheet()}
        fields = fields_of(route, "body_params")
        kinds = {field.name: field.field_info.annotation for field in fields}
        if route.path.startswith("/api/"):
            return {"json": self._made(kinds["wish"])} if "wish" in kinds else {}
        form = {name: self.of(name, kind) for name, kind in kinds.items() if self.dice.random() < 0.9}
        return {"data": {**form, "csrf": csrf}}

    def _sheet(self) -> bytes:
        code, room = str(self.of("code", str)), str(self.of("room", str))
        ref = str(self.of("external_ref", str))
        rows = (
            booking_row(ref, listing=code, room=room),
            listing_row(
                listing=code, room=room, unit=self.of("unit", str), access_points=self.of("access_point", str)
            ),
            registration_row(ref, name="somebody else"),
        )
        return csv_of([self.dice.choice(rows)])
