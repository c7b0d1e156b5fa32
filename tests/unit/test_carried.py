"""Revocations that a person carries to a node without network: believed for their signature or key, never for the carrier."""

import asyncio
import base64
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from cloud_sync.distribute.frames import Frames
from cloud_sync.protocol import delta, merkle, revocation
from cloud_sync.protocol.delta import Deny
from cloud_sync.protocol.messages import decode, encode
from edge.compose_carried import CarriedDesk, carried_desk
from edge.core.events import ClockState, Fact, PassId
from edge.errors import CarryRefused
from edge.link.translate import decode_passes
from edge.ports import ClockReading
from edge.store.ballast import Ballast
from edge.store.device_key import Join
from edge.store.pass_book import PassBook
from tests.fakes.lone_gate import KEY, pass_row
from tests.fakes.passes_down import KEY as COMMUNITY_KEY
from tests.fakes.passes_down import T0_MS, Signer


@dataclass
class Place:
    """A node's books, and what it records."""

    book: PassBook
    facts: list[Fact] = field(default_factory=list)
    told: int = 0

    async def record(self, facts) -> None:
        self.facts += facts

    def read(self) -> ClockReading:
        return ClockReading(T0_MS, 0, ClockState.HOLDOVER, 0)

    def passes_changed(self) -> None:
        self.told += 1

    def state(self, pass_id: str) -> str:
        return str(self.book.held.passes[PassId(pass_id)].state)


def join(**changes: object) -> Join:
    words: dict[str, object] = {
        "node": "n1",
        "community": "dongfang",
        "kid": "k1",
        "community_key": COMMUNITY_KEY.public_key().public_bytes_raw(),
        "pin_key": KEY,
        "face_doors": frozenset(),
        "zone": ZoneInfo("Asia/Shanghai"),
    }
    return Join(**{**words, **changes})


@pytest.fixture
def place(tmp_path: Path):
    book = PassBook(tmp_path / "passes.db", decode=decode_passes, ballast=Ballast(tmp_path / "reserve"))
    rows = [pass_row(f"PS-{n}", pass_version=n) for n in range(1, 40)]
    assert book.apply(4, merkle.root(4, rows), merkle.pack(rows), now_ms=0)
    yield Place(book)
    book.close()


def desk(place: Place, **changes: object) -> CarriedDesk:
    return carried_desk(join(**changes), place.book, place, place)


def file_for(node: str = "n1", auth_ver: int = 7, *items: tuple[str, int, str]) -> str:
    frames = Frames(Signer()).denials(node, auth_ver, items or (("PS-7", 8, "REVOKED"),), T0_MS)
    return "\n".join(frame.decode() for frame in frames) + "\n"


def refusal(desk: CarriedDesk, text: str) -> str:
    with pytest.raises(CarryRefused) as refused:
        desk.carried.take(text)
    return str(refused.value)


def test_a_file_takes_away_what_it_names_and_the_ledger_says_so(place: Place) -> None:
    items = [(f"PS-{n}", n + 1, "REVOKED") for n in range(1, 39)] + [("PS-39", 39, delta.LEFT)]
    answer = asyncio.run(desk(place).handlers["carried"]({"text": file_for("n1", 7, *items), "by": "s-12"}))
    assert answer == {"passes": 39}
    assert {str(row.state) for row in place.book.held.passes.values()} == {"REVOKED"}
    assert (place.facts[0].type, place.facts[0].actor, place.facts[0].x) == (
        "sys.revoked",
        "s-12",
        {"passes": 39},
    )
    assert place.told == 1


def test_a_file_that_is_not_for_this_node_or_not_the_communitys_does_nothing(place: Place) -> None:
    good = decode(file_for().encode(), Deny)
    changed = encode(replace(good, items=[("PS-9", 10, "REVOKED")])).decode()
    unsigned = encode(replace(good, sig=base64.b64encode(bytes(64)).decode())).decode()
    assert "for node n2" in refusal(desk(place), file_for("n2"))
    for text in (changed, unsigned, file_for() + changed):
        assert "not signed" in refusal(desk(place), text)
    giving = encode(replace(good, items=[("PS-7", 9, "ARMED")])).decode()
    assert "takes nothing away" in refusal(desk(place), giving)
    assert "cannot be read" in refusal(desk(place), "{}")
    assert place.state("PS-7") == "ARMED"


def test_a_file_older_than_what_is_in_force_is_refused(place: Place) -> None:
    assert "known here already" in refusal(desk(place), file_for("n1", 4))
    assert place.state("PS-7") == "ARMED"


@pytest.mark.parametrize(
    "spelling", [str, str.lower, lambda text: text.replace("-", "")[4:].replace("0", "O")]
)
def test_a_code_is_typed_as_it_comes_and_takes_one_pass_away(place: Place, spelling) -> None:
    code = revocation.text_of(KEY, "PS-7", 7 + 3)
    assert len(code) == 23
    desk(place).carried.take(spelling(code))
    assert [pass_id for pass_id in place.book.held.passes if place.state(pass_id) == "REVOKED"] == ["PS-7"]


def test_a_code_of_an_older_version_of_another_pass_or_another_community_takes_nothing_away(
    place: Place,
) -> None:
    for code in (
        revocation.text_of(KEY, "PS-7", 7),
        revocation.text_of(KEY, "PS-7", 7 + revocation.AHEAD_MAX + 1),
        revocation.text_of(KEY, "PS-700", 8),
        revocation.text_of(b"another key" * 3, "PS-7", 8),
    ):
        assert "names no pass" in refusal(desk(place), code)
    assert "no such code" in refusal(desk(place), "ACR:1234")
    assert "no key for codes" in refusal(desk(place, pin_key=b""), revocation.text_of(KEY, "PS-7", 8))
    assert place.state("PS-7") == "ARMED"


def test_a_code_shown_to_a_door_is_taken_in_and_other_texts_are_not(place: Place) -> None:
    assert asyncio.run(desk(place).shown("AC1:whatever")) is False
    assert asyncio.run(desk(place).shown("ACR:0000-0000-0000-0000")) is True
    assert place.facts == []
    assert asyncio.run(desk(place).shown(revocation.text_of(KEY, "PS-7", 8))) is True
    assert (place.state("PS-7"), place.facts[0].actor) == ("REVOKED", "code at a door")


def test_what_was_carried_stands_until_the_network_brings_a_later_word(place: Place) -> None:
    desk(place).carried.take(revocation.text_of(KEY, "PS-7", 9))
    rows = [pass_row(f"PS-{n}", pass_version=8 if n == 7 else n) for n in range(1, 40)]
    assert place.book.apply(6, merkle.root(6, rows), merkle.pack(rows), now_ms=0)  # before the revocation
    assert place.state("PS-7") == "REVOKED"
    rows = [pass_row(f"PS-{n}", pass_version=10 if n == 7 else n) for n in range(1, 40)]
    assert place.book.apply(8, merkle.root(8, rows), merkle.pack(rows), now_ms=0)  # given back since
    assert place.state("PS-7") == "ARMED"
