"""Rules between doors that contradict each other are refused before the node starts, each in one sentence."""

from datetime import UTC, date

import pytest

from edge.compose import _check_doors
from edge.config import load
from edge.core.anti_passback import Strictness
from edge.core.door_hours import DoorHours
from edge.core.passes import SubjectClass
from edge.core.schedule import read_hours
from edge.core.ways import Way
from edge.errors import ConfigError
from edge.gateio.profile import parse_profile
from edge.runtime.rule_parts import rule_set
from tests.fakes.gateio_rig import door as io_door
from tests.fakes.gateio_rig import house

NODE = """
node = "n1"
data_dir = "data"
join_file = "join.json"
io_profile = "io.toml"
{top}
[[schedules]]
name = "office"
hours = ["mon-fri 08:00-18:00", "sat 10:00-12:00"]
[[schedules]]
name = "cleaning"
hours = ["05:00-07:00"]
through_holidays = true
[[doors]]
access_point = "AP-1"
kind = "{kind}"
direction = "{direction}"
{door}
{more}
"""
ZONES = 'zone_from = "street"\nzone_to = "yard"\n'
WAY_OUT = '[[doors]]\naccess_point = "AP-2"\nkind = "gate"\ndirection = "out"\nzone_from = "yard"\nzone_to = "street"\n'
SECOND = '[[doors]]\naccess_point = "AP-2"\nkind = "gate"\n'


@pytest.fixture
def read(tmp_path):
    def call(door="", *, more="", top="", kind="gate", direction="in"):
        text = NODE.format(door=door, more=more, top=top, kind=kind, direction=direction)
        (tmp_path / "node.toml").write_text(text)
        return load(tmp_path / "node.toml")

    return call


WRONG = [
    ('zone_from = "street"', {}, "needs both zone_from and zone_to"),
    ('zone_from = "a"\nzone_to = "a"', {}, "from a zone into the same zone"),
    ('anti_passback = "soft"', {}, "has anti_passback and no zone_from and zone_to"),
    (ZONES + 'anti_passback = "soft"', {"direction": "out"}, "leads out and is never judged"),
    (ZONES + 'anti_passback = "hard"', {}, "no reader sees people leave"),
    (ZONES + 'anti_passback = "hard"', {"more": SECOND}, "no reader sees people leave"),
    (ZONES + 'anti_passback = "sometimes"', {}, "anti_passback"),
    (ZONES + "occupancy_max = 4", {"kind": "room"}, "leads to dwellings, where nobody is counted"),
    (ZONES + "occupancy_max = 4", {"kind": "unit"}, "leads to dwellings, where nobody is counted"),
    ("occupancy_max = 4", {}, "has occupancy_max and no zone_from"),
    (ZONES + "occupancy_max = 4", {"direction": "out"}, "leads out and holds nobody back"),
    (ZONES + "occupancy_max = 0", {}, "occupancy_max"),
    (
        ZONES + "occupancy_max = 4",
        {"more": SECOND + ZONES + "occupancy_max = 5"},
        "AP-1 and AP-2 give yard two occupancy_max",
    ),
    ('first_person = ["operator"]', {}, "has first_person and no schedule"),
    ('schedule = "office"\nfirst_person = ["guest"]', {}, "cannot have guest as first_person"),
    ('schedule = "office"', {"kind": "room"}, "is somebody's room"),
    ('schedule = "lunch"', {}, "names schedule 'lunch', which is not there"),
    ('schedule = "cleaning"', {}, "would stand open on holidays"),
    ('schedule = "office"\ninterlock_group = "l"', {}, "stand open by schedule and be in an interlock"),
    ('interlock_group = "l"', {}, "alone in interlock_group 'l'"),
    ('tailgate = "flag"', {"direction": "out"}, "leads out, where nobody is counted"),
    ("", {"top": 'holidays = ["christmas"]'}, "holidays"),
    ("", {"top": "t_apb_soft_ms = 86400001"}, "t_apb_soft_ms"),
    (
        "",
        {"more": '[[schedules]]\nname = "office"\nhours = ["08:00-09:00"]'},
        "two schedules have the same name",
    ),
    ("", {"more": '[[schedules]]\nname = "always"\nhours = ["08:00-09:00"]'}, "'always' is known everywhere"),
    ("", {"more": '[[schedules]]\nname = "n"\nhours = ["22:00-06:00"]'}, "write hours over midnight as two"),
    ("", {"more": '[[schedules]]\nname = "n"\nhours = ["8 to 18"]'}, "are not like 'mon-fri 08:00-18:00'"),
    ("", {"more": '[[schedules]]\nname = "n"\nhours = []'}, "hours"),
    (
        "",
        {"more": '[[schedules]]\nname = "n"\nhours = ["08:00-09:00"]\ncolour = 1'},
        "Known here: name, hours",
    ),
]


@pytest.mark.parametrize(("door", "words", "sentence"), WRONG, ids=[one[2] for one in WRONG])
def test_what_contradicts_itself_is_one_sentence(read, door, words, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        read(door, **words)
    assert "\n" not in str(caught.value)


def test_hard_is_allowed_where_a_reader_sees_people_leave(read):
    config = read(ZONES + 'anti_passback = "hard"', more=WAY_OUT)
    assert config.doors[0].anti_passback is Strictness.HARD


def test_a_whole_configuration_becomes_the_rules_of_the_node(read):
    config = read(
        ZONES + 'anti_passback = "timed"\nschedule = "office"\nfirst_person = ["operator", "resident"]\n'
        'tailgate = "flag"\noccupancy_max = 30',
        top='holidays = ["2027-02-06"]\nt_apb_soft_ms = 60000',
    )
    rules = rule_set(config, UTC)
    door = rules.doors["AP-1"]
    assert door.way == Way("street", "yard")
    assert door.hours == DoorHours("office", frozenset({SubjectClass.OPERATOR, SubjectClass.RESIDENT}))
    assert (door.tailgate, door.occupancy_max, rules.t_apb_soft_ms) == ("flag", 30, 60_000)
    assert rules.calendar.holidays == {date(2027, 2, 6)}
    assert rules.calendar.schedules["office"].hours[1] == read_hours("sat 10:00-12:00")


def test_a_door_without_faces_and_beam_has_nothing_to_count_with(read, tmp_path):
    config = read('tailgate = "flag"')
    rig = str(tmp_path / "rig")
    wired = {"driver": "simulated", "rig": rig, "wired": ["contact", "rex", "fire", "beam"]}
    with pytest.raises(ConfigError, match="neither faces switched on nor a beam"):
        _check_doors(config, parse_profile(house(tmp_path, io_door("AP-1", tmp_path)), "io"))
    _check_doors(config, parse_profile(house(tmp_path, io_door("AP-1", tmp_path, inputs=wired)), "io"))
