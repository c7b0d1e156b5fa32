"""The community of ``community_house`` with a register of units, an operator and the people who judge listings."""

from pathlib import Path

from fastapi import FastAPI

from cloud_sync.api.callers import Callers
from cloud_sync.api.listings import listing_router
from cloud_sync.compose import Books
from cloud_sync.core.dossier import CHECKLIST, DOCUMENTS, LETTERS, Answer
from cloud_sync.ingest.feed import Feed
from cloud_sync.ports_model import FilingWish, OperatorWish, Person, RoomWish, UnitWish
from cloud_sync.store.cases_store import CaseNews, SqlCaseDesk
from cloud_sync.store.departments import SqlDepartments
from cloud_sync.store.field_tasks import SqlField
from cloud_sync.store.listing_desk import SqlListings
from cloud_sync.store.matters import SqlMatters
from cloud_sync.store.read import StoredDashboard
from cloud_sync.web.app import create_app
from cloud_sync.web.services import Services
from tests.fakes.community_house import DOOR, GATE, SteppedClock, new_house

OPERATOR = Person("mei", "operator")
OFFICER = Person("zhao", "officer")
OTHER = Person("qian", "officer")
STREET = Person("sun", "street")
PEOPLE = (OPERATOR, OFFICER, OTHER, STREET)
OP, UNIT = "OP-1", "1-301"
PASSWORD = "a quiet evening at the gate"
GOOD = {item.id: Answer.PASS for item in CHECKLIST}
OPERATOR_NAME = "金丝雀经营者"


class ListingHouse:
    """``books`` and ``desk``; nothing is filed yet."""

    def __init__(self, folder: Path, *, database: str = "", synthetic: bool = True) -> None:
        self.clock = SteppedClock()
        self.books: Books = new_house(folder, self.clock, synthetic=synthetic, database=database)
        self.desk: SqlListings = self.books.listings
        for person in PEOPLE:
            self.books.accounts.add(person.name, person.role, PASSWORD, actor="test")
        self.desk.put_unit(UnitWish(UNIT, "1", grid="3", use="short_let"), "survey", OFFICER)
        sealed = {"name": OPERATOR_NAME, "phone": "+86 000 1234 5678"}
        self.desk.put_operator(OperatorWish(OP, user=OPERATOR.name, sealed=sealed), OFFICER)

    def file(self, unit: str = UNIT) -> str:
        """A draft with everything the operator has to bring."""
        rooms = (RoomWish("301", 2, 2),)
        code = self.desk.file(FilingWish(OP, unit, "云居", 2, rooms), OPERATOR)
        for kind in DOCUMENTS:
            if kind.required:
                self.desk.declare(code, kind.id, "declared", OPERATOR)
        for letter in LETTERS:
            self.desk.acknowledge(OP, letter.kind, letter.version, "zh", OPERATOR)
        return code

    def reviewed(self, unit: str = UNIT) -> str:
        """In review by the officer, with everything seen."""
        code = self.file(unit)
        self.desk.submit(code, OPERATOR)
        self.desk.assign(code, OFFICER.name, OFFICER)
        for kind in DOCUMENTS:
            self.desk.declare(code, kind.id, "seen", OFFICER)
        self.desk.inspect(code, GOOD, OFFICER)
        self.desk.set_doors(f"{code}-301", (GATE, DOOR), OFFICER)
        return code

    def coded(self, unit: str = UNIT) -> str:
        code = self.reviewed(unit)
        self.desk.decide(code, "approve", "all seen", OFFICER)
        return code

    def sanctioned(self, code: str, tier: int, *, cents: int = 0) -> str:
        """In force, with as many approvals as it needs."""
        made = self.desk.propose_sanction(code, tier, "C07", "extinguisher out of date", OTHER, cents=cents)
        self.desk.decide_sanction(made, "confirm", "seen on site", OFFICER)
        if tier > 2:
            self.desk.decide_sanction(made, "confirm", "agreed", STREET)
        return made

    def app(self) -> FastAPI:
        """The pages and the operators' interface, as the running service has them."""
        books = self.books
        services = Services(
            "dongfang",
            StoredDashboard(books.engine),
            Feed(),
            books.accounts,
            books.registry,
            self.clock,
            cases=SqlCaseDesk(books.house),
            case_feed=CaseNews(books.house),
            departments=SqlDepartments(books.house),
            matters=SqlMatters(books.house),
            field_desk=SqlField(books.house),
            listings=books.listings,
            operator=books.operators,
            operators=books.operators,
            ways=("email",),
            verifier=books.listings,
            complaints=books.complaints,
            name_zh="东方新城",
            name_en="Dongfang",
        )
        return create_app(
            services, routers=(listing_router(Callers(books.accounts), books.listings, books.complaints),)
        )

    def state(self, code: str) -> str:
        return self.desk.listing(code, OFFICER).row.state

    def close(self) -> None:
        self.books.close()
