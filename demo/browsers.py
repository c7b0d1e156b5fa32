"""Guests' phones and the guard's tablet, as far as a form needs one: they read a page and send its form back."""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from demo.people import Guest
from demo.world import DoorPlan, World, form_field

GUARD = ("guard", "night-shift-at-the-gate")
PATIENCE_S = 60


@contextmanager
def phone_of(world: World) -> Iterator[httpx.Client]:
    """A guest's phone: no login, only what a link lets it see."""
    with httpx.Client(base_url=world.http.base_url, timeout=PATIENCE_S, follow_redirects=True) as phone:
        yield phone


@contextmanager
def guard_of(world: World) -> Iterator[httpx.Client]:
    """The guard's tablet, logged in; the guard's account is made when it is first needed."""
    name, password = GUARD
    if name not in world.sync("user", "list"):
        world.sync("user", "add", name, "--role", "guard", typed=password + "\n")
    with httpx.Client(base_url=world.http.base_url, timeout=PATIENCE_S, follow_redirects=True) as tablet:
        csrf = form_field(tablet.get("/login").text, "csrf")
        tablet.post("/login", data={"csrf": csrf, "name": name, "password": password}).raise_for_status()
        yield tablet


def read_notice(phone: httpx.Client, token: str) -> None:
    """Read the notice and the house rules, and say so."""
    page = phone.get(f"/g/{token}/notice").raise_for_status().text
    read = {name: form_field(page, name) for name in ("notice", "rules")}
    phone.post(f"/g/{token}/notice", data=read).raise_for_status()


def person(guest: Guest, number: str) -> dict[str, str]:
    """The form about a person, with this document number."""
    return {
        "name": guest.name,
        "document_type": "resident_id",
        "document_number": number,
        "nationality": "CHN",
        "birth_date": guest.birth,
    }


def declare(phone: httpx.Client, token: str, guest: Guest, number: str) -> list[str]:
    """Register with this document number; what the next page says about it."""
    page = phone.post(f"/g/{token}/me", data=person(guest, number)).text
    said = re.findall(r'<p class="(?:fault|problem calm)"(?![^>]*hidden)[^>]*>([^<]+)<', page)
    return [html.unescape(words).strip() for words in said]


def new_pin(phone: httpx.Client, token: str) -> str:
    """The six digits the pass page shows once."""
    page = phone.post(f"/g/{token}/pin").raise_for_status().text
    return re.findall(r'id="pin">\s*(\d+)\s*<', page)[0]


def say_booking(phone: httpx.Client, door: DoorPlan, ref: str) -> None:
    """Open what the code on the door's screen says, and type the booking's number."""
    phone.get(f"/arrive/{door.access_point}").raise_for_status()
    phone.post(f"/arrive/{door.access_point}", data={"booking": ref}).raise_for_status()


def link_for(tablet: httpx.Client, ref: str) -> str:
    """Answer who said this booking at a gate with a link for their phone; the link's token."""
    page = tablet.get("/staff/prove").raise_for_status().text
    rows = [row for row in page.split("<li>") if f'name="external_ref" value="{ref}"' in row]
    arrival = re.findall(r'action="(/staff/arrivals/[^"]+/link)"', rows[0])[0]
    form = {name: form_field(rows[0], name) for name in ("csrf", "source", "external_ref")}
    shown = tablet.post(arrival, data=form).raise_for_status().text
    return re.findall(r'id="link-text">[^<]*/g/([^<]+)<', shown)[0]


def prove(tablet: httpx.Client, guest: Guest, reason: str) -> bool:
    """Register who stands here, after looking at face and document; whether the way in is open then."""
    address = {"source": "demo", "ref": guest.ref}
    page = tablet.get("/staff/prove", params=address).raise_for_status().text
    form = person(guest, guest.document) | {
        "csrf": form_field(page, "csrf"),
        "source": "demo",
        "external_ref": guest.ref,
        "member": re.findall(r'name="member"[^>]* value="([^"]*)" checked', page)[0],
        "method": "staff",
        "reason": reason,
    }
    return 'id="proved"' in tablet.post("/staff/prove", data=form).text


def press(browser: httpx.Client, case: str, event: str, **fields: str) -> None:
    """One step of a case, as its page sends it."""
    page = browser.get(f"/staff/cases/{case}").raise_for_status().text
    form = {"csrf": form_field(page, "csrf"), "event": event, **fields}
    browser.post(f"/staff/cases/{case}", data=form, follow_redirects=True).raise_for_status()


def command(tablet: httpx.Client, door: DoorPlan, op: str, reason: str) -> None:
    """Choose what a door shall do, and confirm it on the page that asks once more."""
    address = f"/staff/doors/{door.access_point}"
    chosen = {"csrf": form_field(tablet.get(address).text, "csrf"), "op": op, "reason": reason}
    asked = tablet.post(address, data=chosen).raise_for_status().text
    confirmed = chosen | {"csrf": form_field(asked, "csrf")}
    tablet.post(f"{address}/confirm", data=confirmed, follow_redirects=True).raise_for_status()
