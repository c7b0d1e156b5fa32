"""Two communities in one database, each full of rows; what belongs to the second carries a word that nobody else says.

Each has a folder of its own with keys and vault, as two services on one PostgreSQL have; here the books are one SQLite
file that the second folder points to.  Beside what the second community did itself stands a shadow of the first: every row
of it once more, under the same keys, with the word in every free text.  A question that forgets whose rows it asks for
meets either its own row twice or the word.
"""

import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import sqlalchemy as sa

from bench.bench_import import bring
from cloud_sync.compose import Books, Part, open_books, set_up
from cloud_sync.config import AccountsConfig, CommunityConfig, StaffConfig, SyncConfig, WebConfig
from cloud_sync.core.bulletins import BulletinWish
from cloud_sync.core.columns import Kind
from cloud_sync.core.dossier import CHECKLIST, DOCUMENTS, LETTERS, Answer
from cloud_sync.core.policy import DAY_MS, HOUR_MS
from cloud_sync.core.roles import Role
from cloud_sync.core.trace import TellingRule, TraceWish
from cloud_sync.identity.lost import lose
from cloud_sync.ports import User
from cloud_sync.ports_cases import Department
from cloud_sync.ports_field import MatterWish, SweepWish
from cloud_sync.ports_model import FilingWish, OperatorWish, Person, RoomWish, UnitWish
from cloud_sync.service import Service
from cloud_sync.store import tables
from cloud_sync.store.booking_desk import SqlBookingDesk
from cloud_sync.store.bulletins import SqlBulletins
from cloud_sync.store.case_intake import CaseIntake
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.engine import reading
from cloud_sync.store.field_tasks import SqlField
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.places import AccessPointSpec, NodeJoin, PiaRecord
from cloud_sync.store.privacy_desk import SqlPrivacy
from tests.fakes.community_house import (
    DOOR,
    GATE,
    Gate,
    SteppedClock,
    booking_row,
    public_key,
    registration_row,
    resident_id,
    take,
)
from tests.fakes.far_sides import free_port

OURS, THEIRS = "dongfang", "xicheng"
WORD = "Zzyxquail"  # in every text of the other community
OPERATOR, NEIGHBOUR = Person("mei", "operator"), Person("lan", "operator")
OFFICER, OTHER, STREET = Person("zhao", "officer"), Person("qian", "officer"), Person("sun", "street")
PEOPLE = {
    "mei": Role.OPERATOR, "lan": Role.OPERATOR, "zhao": Role.OFFICER, "qian": Role.OFFICER, "sun": Role.STREET,
    "li": Role.GUARD, "chen": Role.ADMIN, "fire": Role.DEPARTMENT,
}  # fmt: skip
FREE_TEXT = (
    "name", "name_zh", "name_en", "text_zh", "text_en", "reason", "words", "said", "note", "label", "problem", "answer",
    "purpose", "necessity", "impact", "measures", "object", "before", "after", "evidence_text", "why", "note_text", "author",
)  # fmt: skip


@dataclass
class Community:
    """One community: its books, who is logged in, and the identifiers of what is in it."""

    books: Books
    word: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)  # user: cookie, token of forms
    keys: list[str] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.books.config.community.code

    def hire(self, name: str, role: Role, password_hash: str) -> None:
        """A login; the hash is made once for everybody, for making one is slow on purpose."""
        row = {"community": self.code, "name": name, "role": role.value, "made_ms": self.books.clock.now_ms()}
        with self.books.engine.begin() as db:
            db.execute(sa.insert(tables.user).values(password_hash=password_hash, **row))

    def log_in(self, name: str, *, days: int = 1) -> None:
        """A session as the login page makes one, without its password."""
        cookie, csrf, now_ms = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self.books.clock.now_ms()
        row = {
            "community": self.code,
            "user": name,
            "csrf": csrf,
            "made_ms": now_ms,
            "seen_ms": now_ms,
            "ends_ms": now_ms + days * DAY_MS,
        }
        with self.books.engine.begin() as db:
            db.execute(
                sa.insert(tables.session).values(token_hash=sha256(cookie.encode()).hexdigest(), **row)
            )
        self.sessions[name] = (cookie, csrf)

    def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        with reading(self.books.engine).connect() as db:
            return list(db.execute(sa.select(table).where(table.c.community == self.code)))


@dataclass
class Two:
    """Ours runs, theirs lies beside it in the same database."""

    service: Service
    ours: Community
    theirs: Community

    def close(self) -> None:
        self.theirs.books.close()
        self.service.stop()


def open_two(folder: Path, clock: SteppedClock) -> Two:
    """Both set up and full, with everybody logged in; the books are one file."""
    config = _config(folder / "ours", OURS, "plain", None)
    service = Service(config, (Part.PAGES,), clock)
    assert service.books is not None
    ours = Community(service.books, "plain")
    elsewhere = _config(folder / "theirs", THEIRS, WORD, config.database)
    theirs = Community(open_books(elsewhere, clock), WORD)
    for community in (ours, theirs):
        _fill(community, clock)
        for name in PEOPLE:
            community.log_in(name)
        community.ids |= _identifiers(community)
    return Two(service, ours, theirs)


def _config(folder: Path, code: str, word: str, shared: Path | None) -> SyncConfig:
    community = CommunityConfig(
        code=code, name_zh=f"{word}小区", name_en=f"{word} court", synthetic=True, profile="cn-self"
    )
    config = SyncConfig(
        data_dir=folder / "data",
        community=community,
        web=WebConfig(tls=False, port=free_port()),
        staff=StaffConfig(push=True, push_contact="a@b.test"),
        accounts=AccountsConfig(idle_minutes=720, session_hours=24),  # the clock steps over hours
    )
    config.data_dir.mkdir(parents=True, mode=0o700)
    if shared is not None:
        config.database.symlink_to(shared)
    set_up(config)
    return config


# --- what happens in a community -------------------------------------------------------------------------------------


def _fill(one: Community, clock: SteppedClock) -> None:
    for name, role in PEOPLE.items():
        one.hire(name, role, "no password opens this")
    _places(one)
    codes = [
        _listing(one, "OP-1", OPERATOR, "1-301", "301"),
        _listing(one, "OP-2", NEIGHBOUR, "2-302", "302"),
    ]
    _guests(one, codes)
    _conduct(one, codes)
    _gate(one, clock)
    _desks(one, codes)
    _sheet(one)
    if one.code == THEIRS:
        _what_we_have_not(one)


def _places(one: Community) -> None:
    registry, word = one.books.registry, one.word
    doors = (AccessPointSpec(GATE, "gate", f"{word}南门", f"{word} south gate"), AccessPointSpec(DOOR, "room", f"{word}室", f"{word} room"))  # fmt: skip
    registry.add_node(NodeJoin("gate-1", f"{word} node", public_key(), doors))
    registry.add_node(NodeJoin("gate-2", f"{word} lost node", public_key(9)))
    review_ms = one.books.clock.now_ms() + 300 * DAY_MS
    pia = PiaRecord(f"{word} doors", "short", "small", "sealed", "chen", review_ms, synthetic=True)
    registry.enable_face(GATE, registry.record_pia(pia), "chen")
    one.books.zones.put("Z-1", kind="fire", name_zh=word, name_en=word, doors=(GATE,), actor="test")
    SqlDepartments(one.books.house).put(Department("fire", word, word), actor="test")
    SqlDepartments(one.books.house).join("fire", "fire", actor="test")


def _listing(one: Community, operator: str, who: Person, unit: str, label: str) -> str:
    """In review with everything seen, then coded: its rooms have doors, its operator a login."""
    desk = one.books.listings
    desk.put_unit(UnitWish(unit, unit[0], grid=unit[0], use="short_let"), f"{one.word} survey", OFFICER)
    sealed = {"name": f"{one.word} {operator}", "phone": "+86 000 1234 5678"}
    desk.put_operator(OperatorWish(operator, user=who.name, sealed=sealed), OFFICER)
    code = desk.file(FilingWish(operator, unit, f"{one.word} house", 3, (RoomWish(label, 2, 3),)), who)
    for letter in LETTERS:
        desk.acknowledge(operator, letter.kind, letter.version, "zh", who)
    for kind in DOCUMENTS:
        if kind.required:
            desk.declare(code, kind.id, "declared", who)
    desk.submit(code, who)
    desk.assign(code, OFFICER.name, OFFICER)
    for kind in DOCUMENTS:
        desk.declare(code, kind.id, "seen", OFFICER)
    desk.inspect(code, {item.id: Answer.PASS for item in CHECKLIST}, OFFICER)
    desk.set_doors(f"{code}-{label}", (GATE, DOOR), OFFICER)
    desk.decide(code, "approve", f"{one.word} all seen", OFFICER)
    return code


def _guests(one: Community, codes: list[str]) -> None:
    registry, tokens = one.books.registry, []
    for number, (code, label) in enumerate(zip(codes, ("301", "302"), strict=True)):
        ref = f"{one.word[0]}{1001 + number}"
        take(one.books, "bookings", booking_row(ref, listing=code, room=f"{code}-{label}", headcount=2))
        stem = f"0000011990013100{number}"
        name = f"{one.word}客{number}"
        row = registration_row(ref, name=name, document_number=resident_id(stem))
        assert take(one.books, "registrations", row) == ["new"]
        tokens.append(registry.guest_link("xc", ref))
        version = one.books.house.profile.consent_texts["face_access"]
        registry.consent_for_booking(
            "xc", ref, ConsentWish("face_access", version, "zh", "staff"), actor="test"
        )
    one.ids["token"] = tokens
    bookings = SqlBookingDesk(one.books.house)
    one.keys = [
        bookings.make_key("platform", "bookings", "xc", actor="test"),
        bookings.make_key("own", "returns", "OP-1", actor="test"),
    ]


def _conduct(one: Community, codes: list[str]) -> None:
    desk, word = one.books.listings, one.word
    for code in codes:
        desk.decide_points(desk.propose_points(code, "C05", (f"{word} 7",), OTHER), "confirm", word, OFFICER)
        desk.propose_points(code, "C07", (f"{word} 8",), OTHER)
        desk.propose_sanction(code, 4, "C09", f"{word} while suspended", OTHER)
        one.books.complaints.complain(code, "noise", f"{word} music")
        desk.approve_exception(code, 1, 3, f"{word} a wedding", OFFICER)
    desk.put_unit(UnitWish("3-303", "3", grid="3"), f"{word} survey", OFFICER)
    desk.report_unit("3-303", "occupied_no_code", f"{word} key box", OTHER)
    desk.give_duty("li", "guard", "community", OFFICER, from_ms=0)


def _gate(one: Community, clock: SteppedClock) -> None:
    gate, passed = Gate(one.books), one.books.registry.passes()[0]
    gate.says_hello()
    who = {
        "pass_id": passed.pass_id,
        "subject_ref": passed.subject_ref,
        "decision": "allow",
        "class_": "guest",
    }
    for type_ in ("access.granted", "access.taken"):
        gate.tells(type_, direction="in", reason="ok", **who)
    gate.tells("access.denied", decision="deny", reason="unknown_credential")
    gate.tells("door.forced")
    gate.tells("help.called")
    gate.close()
    clock.step(ms=1000)
    one.books.reconciler.run_full()
    intake = CaseIntake(one.books.house)
    intake.take_alarms()
    intake.look_around()


def _desks(one: Community, codes: list[str]) -> None:
    books, word, now_ms = one.books, one.word, one.books.clock.now_ms()
    wish = BulletinWish("listing", codes[0], f"{word}停水", f"{word} no water", now_ms + DAY_MS)
    SqlBulletins(books.house).write(wish, actor="zhao")
    matter = SqlMatters(books.house).report(
        MatterWish("noise", "1-301", f"{word} at night"), User("li", "guard")
    )
    one.ids["token"].append(matter.token)
    SqlField(books.house).plan(
        SweepWish("sweep", ("1-301", "2-302"), 3, f"{word} round"), User("zhao", "officer")
    )
    privacy, ref = SqlPrivacy(books.house), f"xc {word[0]}1001"
    span = {"from_ms": now_ms - HOUR_MS, "until_ms": now_ms + HOUR_MS}
    trace = privacy.ask_trace(
        TraceWish("booking", ref, "danger", f"{word} not seen", "", **span), actor="zhao"
    )
    privacy.decide_trace(trace, approve=True, actor="qian", telling=TellingRule("told"))
    privacy.ask_trace(TraceWish("booking", ref, "danger", f"{word} again", "", **span), actor="zhao")
    privacy.hold("booking", ref, reason=f"{word} court", days=30, actor="zhao")
    privacy.hide_stay("xc", f"{word[0]}1002", reason=f"{word} in danger", actor="zhao")
    books.registry.announce_arrival(GATE, f"{word[0]}1001")
    lose(books.house, "gate-2", by=f"{word} Li", reason="cut from its post", actor="cli:li")
    books.commands.issue(GATE, "release", actor="user:li", reason=f"{word} waved in")
    books.zone_commands.propose("Z-1", "lockdown", actor="user:zhao", reason=f"{word} drill")


def _sheet(one: Community) -> None:
    path = one.books.config.data_dir / "roll.csv"
    lines = ("姓名,地址,身份证号", f"{one.word}三,{one.word}小区3栋2单元1801,")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    bring(one.books, path, Kind.HOUSEHOLDS)
    path.unlink()


def _what_we_have_not(one: Community) -> None:
    """Names that people choose, so that both communities have the same, and here some that only theirs has."""
    one.books.listings.put_unit(UnitWish("9-901", "9", grid="9"), f"{WORD} survey", OFFICER)
    one.books.listings.put_operator(OperatorWish("OP-91"), OFFICER)
    door = AccessPointSpec("AP-xicheng-901", "gate", f"{WORD}门", f"{WORD} gate")
    one.books.registry.add_node(NodeJoin("gate-91", f"{WORD} node", public_key(5), (door,)))
    one.books.zones.put(
        "Z-91", kind="fire", name_zh=WORD, name_en=WORD, doors=(door.access_point,), actor="test"
    )


# --- what is in it ---------------------------------------------------------------------------------------------------

# The name of a place in an address: where its values stand.
COLUMNS = {
    "code": ("listing", "listing"), "unit": ("unit", "unit"), "operator": ("operator", "operator"),
    "stay": ("stay", "stay"), "node": ("node", "node"), "access_point": ("access_point", "access_point"),
    "case_id": ("case_", "id"), "command_id": ("command", "id"), "zone": ("zone", "zone"), "matter": ("import_row", "matter"),
    "trace": ("trace_request", "trace"), "hold": ("legal_hold", "hold"), "arrival": ("arrival", "arrival"),
    "bulletin": ("bulletin", "bulletin"), "complaint": ("complaint", "complaint"), "task": ("field_task", "task"),
    "breach": ("breach", "breach"), "exception": ("capacity_exception", "id"), "external_ref": ("booking", "external_ref"),
    "subject": ("stay_member", "subject_ref"), "room": ("room", "room"), "pass": ("pass", "pass_id"),
    "person": ("stay_member", "person"), "id_": ("points_entry", "id"), "finding": ("finding", "id"),
    "sanction": ("sanction", "id"), "zone_command": ("zone_command", "command_id"), "discrepancy": ("discrepancy", "id"),
}  # fmt: skip
TOGETHER = {"id_": ("finding", "sanction"), "command_id": ("zone_command",), "case_id": ("discrepancy",)}


def _identifiers(one: Community) -> dict[str, list[str]]:
    found = {name: _values(one, *where) for name, where in COLUMNS.items()}
    for name, others in TOGETHER.items():
        found[name] += [value for other in others for value in found[other]]
    return found


def _values(one: Community, table_name: str, column: str) -> list[str]:
    table = tables.metadata.tables[table_name]
    column = column if column in table.c else next(c.name for c in table.primary_key if c.name != "community")
    return sorted({str(getattr(row, column)) for row in one.rows(table)})


def cast_shadow(ours: Community) -> int:
    """Every row of ours once more as a row of theirs, free texts marked; how many that are."""
    made = 0
    with ours.books.engine.begin() as db:
        for table in tables.metadata.sorted_tables:
            if table.name in ("community", "user", "session"):
                continue
            for row in db.execute(sa.select(table).where(table.c.community == OURS)).mappings().all():
                values = {**row, "community": THEIRS} | _marked(table, row)
                made += db.execute(sa.insert(table).prefix_with("OR IGNORE").values(values)).rowcount
    return made


def _marked(table: sa.Table, row: sa.RowMapping) -> dict[str, object]:
    keys = {column.name for column in table.primary_key}
    return {
        name: f"{WORD} {row[name]}"
        for name in FREE_TEXT
        if name in table.c and name not in keys and isinstance(row[name], str)
    }


def digest_of(one: Community) -> dict[str, str]:
    """Each table's rows of this community, as one number; its vault as another."""
    found = {
        table.name: sha256(repr(sorted(map(repr, one.rows(table)))).encode()).hexdigest()
        for table in tables.metadata.sorted_tables
    }
    found["vault"] = sha256(json.dumps(sorted(one.books.house.vault.persons())).encode()).hexdigest()
    return found
