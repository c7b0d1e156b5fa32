"""What docs/first-look.md hands out works as it is: files that load, rows that are taken, a code a camera sees."""

import csv
from pathlib import Path

import cv2
import pytest
import zxingcpp

from cloud_sync.config import load
from cloud_sync.store.places import AccessPointSpec, NodeJoin
from demo import hand, stage
from edge.config import load as load_node
from edge.gateio.profile import load_profile
from tests.fakes.community_house import SteppedClock, new_house, public_key

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
BEFORE_MS = 1_893_000_000_000  # 2029-12-26, days before the stays of the examples


@pytest.fixture
def books(tmp_path):
    made = new_house(tmp_path, SteppedClock(BEFORE_MS), synthetic=False)
    doors = (
        AccessPointSpec("gate-south", "gate", "南门", "South gate"),
        AccessPointSpec("room-1502", "room", "1502房", "Room 1502"),
    )
    made.registry.add_node(NodeJoin("gate-south", "South gate", public_key(8), doors))
    yield made
    made.close()


def test_the_three_files_load_and_name_the_same_doors(monkeypatch):
    monkeypatch.chdir(EXAMPLES.parents[1])
    assert load(EXAMPLES / "sync.toml").community.code == "dongfang"
    doors = {str(door.access_point) for door in load_profile(EXAMPLES / "io.toml").door}
    assert {str(door.access_point) for door in load_node(EXAMPLES / "node.toml").doors} == doors


@pytest.mark.parametrize("kind", ["listings", "bookings", "registrations", "residents", "staff"])
def test_the_columns_of_an_example_are_those_the_page_names(kind):
    page = (EXAMPLES.parent / "first-community.md").read_text()
    (told,) = (line for line in page.splitlines() if line.startswith(f"| {kind} |"))
    with (EXAMPLES / f"{kind}.csv").open() as file:
        columns = next(csv.reader(file))
    assert [column for column in columns if column not in told] == []


def test_every_row_of_the_examples_is_taken(books):
    for kind in ("listings", "bookings", "registrations", "residents", "staff"):
        report = books.registry.import_csv(kind, (EXAMPLES / f"{kind}.csv").read_bytes(), actor="test")
        assert [row.reason for row in report.rows if row.reason] == []
        assert report.count("new") == len(report.rows)


def test_a_phone_held_up_by_hand_is_read_and_a_picture_without_a_code_is_told(tmp_path):
    folder, shot = tmp_path / "front", tmp_path / "shot.png"
    idle = hand.empty(folder)
    cv2.imwrite(str(shot), stage.phone("AC2:TEST", hand.lane()))
    source = cv2.VideoCapture(str(hand.show(folder, shot)))
    ok, image = source.read()
    source.release()
    assert ok
    assert [code.text for code in zxingcpp.read_barcodes(image)] == ["AC2:TEST"]
    cv2.imwrite(str(shot), hand.lane())
    with pytest.raises(ValueError, match="no code is in this picture"):
        hand.show(folder, shot)
    assert idle.name == "idle.y4m"


def test_a_hand_without_a_door_behind_it_says_so(tmp_path, capsys):
    assert hand.main(["set", str(tmp_path / "none.sock"), "gate-south", "contact", "on"]) == 2
    assert "demo.hand: " in capsys.readouterr().err
