"""Filing, review and coding of a listing (domain.md §5.1): every step judged from what is on file."""

import json
import re
from collections.abc import Mapping
from hashlib import sha256

import sqlalchemy as sa

from cloud_sync.core.codes import BASE32, listing_code
from cloud_sync.core.dossier import (
    CHECKLIST,
    CHECKLIST_VERSION,
    DOCUMENTS,
    LETTERS,
    REVIEW_WORKING_DAYS,
    Answer,
    Paper,
    missing_documents,
    missing_letters,
    working_days_after,
)
from cloud_sync.core.lifecycles import LISTING, ListingState
from cloud_sync.core.policy import DAY_MS
from cloud_sync.core.roles import Right, may
from cloud_sync.errors import NotFound, Refused
from cloud_sync.ports_model import FilingWish, Person
from cloud_sync.store import tables
from cloud_sync.store.discrepancy_rows import settle_by_act
from cloud_sync.store.house import Act
from cloud_sync.store.interests import NO_OPERATOR, check_place, known_user, speaks_for
from cloud_sync.store.issuing import refresh_stay
from cloud_sync.store.listing_steps import (
    check_grace,
    check_recheck,
    check_reviewer,
    guards_of,
    letters_of,
    listing_of,
    move_listing,
    open_stays,
    papers_of,
    review_dates,
)
from cloud_sync.store.reasons import checked_reason
from cloud_sync.store.sanctions import lift_after_recheck
from cloud_sync.store.tables_model import (
    inspection,
    inspection_item,
    letter_ack,
    listing_document,
    listing_file,
    room_file,
    unit,
)

LABEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,15}")
ROOMS_MAX, BEDS_MAX, GUESTS_MAX = 30, 12, 60
NAME_MAX = 80
CODE_TRIES = 5  # 40 bits of chance: a second try is for a broken generator
OWNERSHIPS = ("own", "lease", "shared")
_L = ListingState
# Events that a reviewer decides with, and whether the review has to be their own.
REVIEW = {"return": True, "reject": True, "approve": True}
SUPERVISE = ("review passed", "14 d over", "recheck passed")
_DOCUMENT_IDS = tuple(kind.id for kind in DOCUMENTS)


def file_listing(act: Act, wish: FilingWish, by: Person, area: str) -> str:
    """A DRAFT with its rooms and a number of its own; the doors of its rooms are for the community to say.

    Raises:
        Refused: a fact is missing or cannot be.
        NotFound: no such unit, or no such operator that ``by`` speaks for.
    """
    check_speaks(act, by, wish.operator)
    _check_facts(act, wish)
    code = _new_code(act, area)
    state = act.move(LISTING, code, None, "create", reason=f"unit {wish.unit}")
    act.insert(
        tables.listing,
        listing=code,
        name=wish.name,
        unit=wish.unit,
        operator=wish.operator,
        state=state,
        max_guests=wish.max_guests,
    )
    act.insert(
        listing_file,
        listing=code,
        filed_by=by.name,
        ownership=wish.ownership,
        area_m2=wish.area_m2,
        platform_refs=json.dumps(wish.platform_refs),
        made_ms=act.now_ms,
    )
    for room in wish.rooms:
        key = f"{code}-{room.label}"
        act.insert(tables.room, room=key, listing=code, label=room.label, access_points="[]")
        act.insert(room_file, room=key, listing=code, beds=room.beds, max_guests=room.max_guests)
    return code


def check_speaks(act: Act, by: Person, operator: str, thing: str = "") -> None:
    """Somebody of the community may file for an operator who comes with papers; nobody for another operator.

    Raises:
        NotFound: what is somebody else's is not there, in the very words for what never was; ``thing`` names it.
    """
    if not speaks_for(act, by.name, operator) and not may(by.role, Right.REVIEW_LISTING):
        raise NotFound(f"there is no {thing}." if thing else NO_OPERATOR.format(operator))


def _check_facts(act: Act, wish: FilingWish) -> None:
    if act.row(unit, unit=wish.unit) is None:
        raise NotFound(f"unit {wish.unit} is not in the register of units; put it there first.")
    if not wish.name.strip() or len(wish.name) > NAME_MAX or not wish.name.isprintable():
        raise Refused("listing.name", f"name has 1 to {NAME_MAX} characters.")
    if wish.ownership not in OWNERSHIPS:
        raise Refused("listing.ownership", f"ownership is one of {', '.join(OWNERSHIPS)}.")
    if not 1 <= len(wish.rooms) <= ROOMS_MAX:
        raise Refused("listing.rooms", f"a listing has 1 to {ROOMS_MAX} rooms.")
    labels = [room.label for room in wish.rooms]
    if len(set(labels)) < len(labels):
        raise Refused("listing.rooms", "two rooms have the same label.")
    for room in wish.rooms:
        if not LABEL.fullmatch(room.label):
            raise Refused(
                "listing.rooms", "a room's label has letters, digits and '-', at most 16, such as 301-A."
            )
        if not (1 <= room.beds <= BEDS_MAX and 1 <= room.max_guests <= GUESTS_MAX):
            raise Refused(
                "listing.rooms", f"room {room.label}: beds 1 to {BEDS_MAX}, guests 1 to {GUESTS_MAX}."
            )
    if not 1 <= wish.max_guests <= sum(room.max_guests for room in wish.rooms):
        raise Refused("listing.max_guests", "max_guests is more than the rooms hold, or none.")


def _new_code(act: Act, area: str) -> str:
    for _ in range(CODE_TRIES):
        body = "".join(BASE32[byte & 31] for byte in act.house.randomness(8))
        code = listing_code(area, body)
        if act.row(tables.listing, listing=code) is None:
            return code
    raise AssertionError("five listing codes of eight characters were all taken")


def declare(act: Act, listing: str, document: str, state: str, by: Person) -> None:
    """Note how a document stands.

    Raises:
        Refused: no such document or state, or only the community may say that it was seen.
    """
    held = listing_of(act, listing)
    check_speaks(act, by, held.operator, f"listing {listing}")
    check_place(act, by.name, held.unit)
    if document not in _DOCUMENT_IDS or state not in tuple(Paper):
        raise Refused(
            "listing.document",
            f"document is one of {', '.join(_DOCUMENT_IDS)}; state is declared, seen or absent.",
        )
    if state == Paper.SEEN and not may(by.role, Right.REVIEW_LISTING):
        raise Refused("listing.document", "only the community says that it has seen a document.")
    values = {"state": state, "actor": by.name, "at_ms": act.now_ms}
    before = act.row(listing_document, listing=listing, kind=document)
    if before is None:
        act.insert(listing_document, listing=listing, kind=document, **values)
    else:
        act.update(listing_document, {"listing": listing, "kind": document}, **values)
    was = str(before.state) if before is not None else None
    act.note("listing.document", listing, was, state, document)


def acknowledge(act: Act, operator: str, kind: str, version: int, language: str, by: Person) -> None:
    """Keep that the operator has acknowledged this very text.

    Raises:
        Refused: there is no such letter now; an older version is not taken.
    """
    check_speaks(act, by, operator)
    letter = next((one for one in LETTERS if (one.kind, one.version) == (kind, version)), None)
    if letter is None or language not in {"zh", "en"}:
        now = ", ".join(f"{one.kind} version {one.version}" for one in LETTERS)
        raise Refused("listing.letter", f"what is acknowledged now is {now}, in zh or en.")
    if act.row(letter_ack, operator=operator, kind=kind, version=version) is not None:
        return
    text = letter.zh if language == "zh" else letter.en
    digest = sha256(text.encode()).hexdigest()
    act.insert(
        letter_ack,
        operator=operator,
        kind=kind,
        version=version,
        actor=by.name,
        language=language,
        text_hash=digest,
        at_ms=act.now_ms,
    )
    act.note("operator.acknowledge", operator, None, f"{kind} {version}")


def submit(act: Act, listing: str, by: Person) -> str:
    """DRAFT or RETURNED to FILED; what is missing is said all at once."""
    held = listing_of(act, listing)
    check_speaks(act, by, held.operator, f"listing {listing}")
    lacking = [
        *(f"document {one}" for one in missing_documents(papers_of(act, listing), seen=False)),
        *(f"letter {one}" for one in missing_letters(letters_of(act, held.operator))),
    ]
    if lacking:
        raise Refused("listing.incomplete", f"still missing: {', '.join(lacking)}.")
    event = "resubmit" if held.state == _L.RETURNED else "submit"
    return move_listing(
        act, held, event, frozenset(), reason="complete", filed_ms=act.now_ms, filed_by=by.name
    )


def leave(act: Act, listing: str, reason: str, by: Person) -> str:
    held = listing_of(act, listing)
    check_speaks(act, by, held.operator, f"listing {listing}")
    return move_listing(act, held, "voluntary exit", frozenset(), reason=checked_reason(reason))


def assign(act: Act, listing: str, reviewer: str, by: Person) -> str:
    """Into review; somebody who may not judge it is refused here already."""
    held = listing_of(act, listing)
    if not may(known_user(act, reviewer), Right.REVIEW_LISTING):
        raise Refused("listing.reviewer", f"{reviewer} may not review listings.")
    for person in (by.name, reviewer):
        check_place(act, person, held.unit)
    due = working_days_after(act.house.local_day(act.now_ms), REVIEW_WORKING_DAYS)
    midnight_ms = act.house.midnight_ms(act.now_ms + (due - act.house.local_day(act.now_ms)).days * DAY_MS)
    return move_listing(
        act,
        held,
        "assign reviewer",
        guards_of(act, held, reviewer),
        reason=f"assigned by {by.name}",
        reviewer=reviewer,
        decide_by_ms=midnight_ms + DAY_MS - 1,
    )


def decide(act: Act, listing: str, event: str, reason: str, by: Person) -> str:
    """One decision of a reviewer or a supervisor.

    Raises:
        Refused: not an event for people, not your review, no such step from here, or a guard does not hold.
    """
    held, why = listing_of(act, listing), checked_reason(reason)
    check_place(act, by.name, held.unit)
    if event in REVIEW:
        check_reviewer(act, held, by)
    elif event not in SUPERVISE:
        raise Refused("listing.event", f"{event!r} is not decided here.")
    guards = guards_of(act, held, by.name)
    if event == "approve":
        after = move_listing(act, held, event, guards, reason=why, coded_ms=act.now_ms, **review_dates(act))
        settle_by_act(act, "D07", held.unit, "the unit has its code")
        return after
    if event == "recheck passed":
        check_recheck(act, held)
        lift_after_recheck(act, listing)
    if event == "14 d over":
        check_grace(act, held)
    fresh = review_dates(act) if event == "review passed" else {}
    return move_listing(act, held, event, guards, reason=why, **fresh)


def inspect(act: Act, listing: str, answers: Mapping[str, Answer], by: Person) -> str:
    """Keep one walk through the three risk lists; every item is answered."""
    held = listing_of(act, listing)
    check_place(act, by.name, held.unit)
    known = {item.id for item in CHECKLIST}
    if set(answers) != known:
        lacking = ", ".join(sorted(known - set(answers))) or ", ".join(sorted(set(answers) - known))
        raise Refused("listing.checklist", f"answer every item once; look at {lacking}.")
    made = act.new_id("IN")
    act.insert(
        inspection,
        inspection=made,
        listing=listing,
        version=CHECKLIST_VERSION,
        actor=by.name,
        at_ms=act.now_ms,
    )
    for item, answer in sorted(answers.items()):
        act.insert(inspection_item, inspection=made, item=item, answer=answer)
    failed = sorted(item for item, answer in answers.items() if answer == Answer.FAIL)
    act.note("listing.inspect", listing, None, "fails" if failed else "passes", " ".join(failed) or None)
    return made


def set_doors(act: Act, room: str, doors: tuple[str, ...], by: Person) -> None:
    """The way in of a room; passes of its open stays follow at once.

    Raises:
        NotFound: no such room or door.
    """
    held = act.row(tables.room, room=room)
    if held is None:
        raise NotFound(f"there is no room {room}.")
    check_place(act, by.name, listing_of(act, str(held.listing)).unit)
    table, wanted = tables.access_point, sorted(set(doors))
    found = sa.select(table.c.access_point).where(
        table.c.community == act.house.community, table.c.access_point.in_(wanted)
    )
    unknown = set(wanted) - set(act.connection.execute(found).scalars())
    if unknown:
        raise NotFound(f"access point {', '.join(sorted(unknown))} is not known; add its node first.")
    act.update(tables.room, {"room": room}, access_points=json.dumps(wanted))
    act.note("room.change", room, str(held.access_points), json.dumps(wanted))
    for stay in open_stays(act, str(held.listing)):
        if stay.room == room:
            refresh_stay(act, stay.stay)
