"""A box that recognises faces by itself says who, never whether; it holds whom we had enrolled, until we have them erased.

There is no driver for a product here: the list has the simulated box alone, and a driver of yours adds its line.
"""

import dataclasses
import select
from importlib.metadata import entry_points

import pytest

from edge.core.events import AccessPointId
from edge.ports_io import FaceModule, ModuleSaw
from tests.fakes.face_module import SAW_MAX, Box, BoxSettings, open_module
from tests.fakes.waiting import eventually

DOOR = AccessPointId("gate")


@pytest.fixture
def box():
    made = Box()
    yield made
    made.pull()


@pytest.fixture(params=["simulated"])
def module(box):
    opened: FaceModule = open_module(BoxSettings(box.port), DOOR)
    eventually(lambda: opened.held() is not None, what="the module does not say what it holds")
    yield opened
    opened.close()


def enrolled(box, module, credential, face):
    box.before_it = face
    module.enrol(credential)
    eventually(lambda: credential in (module.held() or ()), what="nobody was enrolled")


def readable(module):
    return bool(select.select([module], [], [], 0)[0])


def next_saw(module):
    eventually(lambda: readable(module), what="nobody was recognised")
    return module.saw()


def test_what_it_says_is_an_id_and_a_time_and_never_a_decision():
    assert {one.name for one in dataclasses.fields(ModuleSaw)} == {"credential", "t_ns", "vendor_live"}


def test_who_was_enrolled_through_us_is_recognised_by_that_id(box, module):
    enrolled(box, module, "c-17", "ada")
    box.show("ada")
    (saw,) = next_saw(module)
    assert saw.credential == "c-17"
    assert "c-17" not in repr(saw), "an id does not get into a log by accident"
    assert not readable(module)
    assert module.saw() == []


def test_nobody_it_came_with_or_got_elsewhere_is_ever_told(box, module):
    box.gallery["vendor-admin"] = "eve"
    enrolled(box, module, "c-17", "ada")
    assert module.held() == {"vendor-admin", "c-17"}, "but we know that it is there, and can have it erased"
    box.show("eve")
    box.show("ada")
    assert [one.credential for one in next_saw(module)] == ["c-17"]


def test_an_erased_face_is_told_no_more_from_the_moment_it_was_asked_for(box, module):
    enrolled(box, module, "c-17", "ada")
    box.show("ada")
    eventually(lambda: readable(module), what="nobody was recognised")
    module.erase("c-17")
    assert module.saw() == []
    eventually(lambda: module.held() == frozenset(), what="it is still held")
    assert box.gallery == {}


def test_an_erasure_asked_for_while_the_module_was_away_is_done_when_it_is_back(box, module):
    enrolled(box, module, "c-17", "ada")
    box.pull()
    eventually(lambda: not module.online, what="a pulled module is online")
    assert module.held() is None
    module.erase("c-17")
    box.plug_in()
    eventually(lambda: module.held() == frozenset(), what="it kept a face that had to go")
    box.show("ada")
    assert module.saw() == []


def test_a_face_never_crosses_the_wire(box, module):
    enrolled(box, module, "c-17", "ada")
    box.show("ada")
    next_saw(module)
    assert not any("ada" in line for line in box.sent)


def test_of_a_crowd_that_nobody_asked_about_the_newest_are_kept(box, module):
    for n in range(SAW_MAX + 4):
        enrolled(box, module, f"c-{n}", f"face-{n}")
    for n in range(SAW_MAX + 4):
        box.show(f"face-{n}")
    batches = []

    def newest_came():
        batches.append([one.credential for one in module.saw()])
        return f"c-{SAW_MAX + 3}" in batches[-1]

    eventually(newest_came, what="the newest was lost")
    assert max(len(batch) for batch in batches) <= SAW_MAX


def test_it_says_what_it_is_and_is_closed_twice(module):
    assert "threshold" in module.selftest()
    module.close()
    module.close()


def test_no_product_is_claimed():
    assert list(entry_points(group="gatehouse.face_modules")) == []
