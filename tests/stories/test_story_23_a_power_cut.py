"""Story 23: the mains fail; how long the battery lasts is read from the supply and stands where people look."""

import asyncio
from itertools import count

import pytest

from cloud_sync.protocol.messages import State, decode, encode
from edge.compose_devices import supply_told
from edge.core.events import ClockState
from edge.drivers.supplies.nut import NutSettings, open_supply
from edge.ports import ClockReading, SupplyReading, SupplyState
from edge.runtime.supply import NEARLY_EMPTY, ON_BATTERY, STALE_NS, TOLD_EVERY_NS, SupplyDesk
from tests.fakes.staff_house import GUARD, OFFICER, StaffHouse, logged_in
from tests.fakes.upsd_house import UPS, scripted
from tests.fakes.web_house import GATE, door

ON_BATTERY_40 = f"""BEGIN LIST VAR {UPS}
VAR {UPS} ups.status "OB DISCHRG"
VAR {UPS} battery.charge "62"
VAR {UPS} battery.runtime "2430"
END LIST VAR {UPS}
""".encode()


class Stepped:
    def __init__(self):
        self.ns = 0

    def read(self):
        return ClockReading(0, self.ns, ClockState.TRUSTED, 0)


@pytest.fixture
def staff(tmp_path):
    made = StaffHouse(tmp_path)
    made.open_up()
    yield made
    made.close()


def told(staff, desk):
    """What the node tells of itself, as bytes over the wire, and what the service makes of it."""
    state = State(on=True, e="e", boot_id="b", supply=supply_told(desk.now()))
    staff.report("gate-1", [door(GATE)], supply=decode(encode(state), State).supply)


@pytest.mark.story("23b")
def test_how_long_the_battery_lasts_is_on_the_fleet_the_node_and_the_case(staff):
    with scripted(ON_BATTERY_40) as port:
        driver = open_supply(NutSettings(UPS, port=port))
        desk = SupplyDesk(driver, Stepped(), lambda: None)
        asyncio.run(desk.look(driver))
    case = staff.alarm("door.power_low")
    with logged_in(staff, GUARD) as client:
        page = client.get(f"/staff/cases/{case}").text
        assert "how long the battery lasts is unknown: this node reads no UPS" in page
        told(staff, desk)
        assert "on battery, about 40 min left, battery 62 %" in client.get(f"/staff/cases/{case}").text
    with logged_in(staff, OFFICER, **{"accept-language": "zh"}) as client:
        for path in ("/fleet", "/nodes/gate-1", f"/staff/cases/{case}"):
            assert "由电池供电, 约剩 40 分钟, 电量 62%" in client.get(path).text, path


@pytest.mark.story("23b")
def test_of_a_node_that_fell_silent_the_last_word_stands_and_an_unknown_one_is_called_unknown(staff):
    told(staff, Known(SupplyReading(SupplyState.LOW, 3, 59)))
    with logged_in(staff, OFFICER) as client:
        assert "on battery, nearly empty, less than a minute left, battery 3 %" in client.get("/fleet").text
        staff.clock.now += 120_000
        assert "last told: on battery, nearly empty" in client.get("/fleet").text
        for reading, said in (
            (SupplyReading(SupplyState.UNKNOWN), "unknown: its UPS does not answer"),
            (SupplyReading(SupplyState.BATTERY), "on battery, nobody knows how long"),
            (SupplyReading(SupplyState.BATTERY, None, 4 * 3600), "on battery, about 4 h left"),
            (SupplyReading(SupplyState.MAINS, 100, 14_400), "on mains, battery 100 %"),
        ):
            told(staff, Known(reading))
            assert said in client.get("/nodes/gate-1").text
        staff.report("gate-1", [door(GATE)])
        assert 'class="supply' not in client.get("/fleet").text


class Known:
    """A desk that knows this."""

    def __init__(self, reading):
        self._reading = reading

    def now(self):
        return self._reading


# --- the node's desk ----------------------------------------------------------------------------------------------------


class Scripted:
    """Answers in turn; None fails."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def read(self):
        from edge.errors import HardwareError

        answer = self._answers.pop(0)
        if answer is None:
            raise HardwareError("the supply cannot be asked. Look at upsd.")
        return answer

    def close(self):
        pass


def test_it_is_told_when_it_is_news_and_on_battery_at_most_once_a_minute():
    clock, heard = Stepped(), count()
    battery = [SupplyReading(SupplyState.BATTERY, 90 - n, 3000 - 10 * n) for n in range(14)]
    mains = [SupplyReading(SupplyState.MAINS, charge) for charge in (97, 98, 96, 90)]
    driver = Scripted(*mains, *battery)
    desk = SupplyDesk(driver, clock, lambda: next(heard))

    def beats(n):
        before = next(heard)
        for _ in range(n):
            asyncio.run(desk.look(driver))
            desk.tell()
            clock.ns += TOLD_EVERY_NS // 6
        return next(heard) - before - 1

    assert beats(1) == 1
    assert beats(2) == 0
    assert beats(1) == 1  # the charge has moved
    assert beats(13) == 1 + 2  # the mains are gone, and twice a minute has passed


def test_what_cannot_be_read_any_more_is_unknown_and_says_why():
    clock, battery = Stepped(), SupplyReading(SupplyState.BATTERY, 50, 600)
    driver = Scripted(battery, None, None, SupplyReading(SupplyState.LOW), SupplyReading(SupplyState.UNKNOWN))
    desk = SupplyDesk(driver, clock, lambda: None)
    assert (desk.now(), desk.fault()) == (SupplyReading(SupplyState.UNKNOWN), "")
    asyncio.run(desk.look(driver))
    assert (desk.now(), desk.fault()) == (battery, ON_BATTERY)
    asyncio.run(desk.look(driver))
    assert desk.now() == battery
    clock.ns += STALE_NS + 1
    asyncio.run(desk.look(driver))
    assert (desk.now(), desk.fault()) == (
        SupplyReading(SupplyState.UNKNOWN),
        "the supply cannot be asked. Look at upsd.",
    )
    asyncio.run(desk.look(driver))
    assert desk.fault() == NEARLY_EMPTY
    asyncio.run(desk.look(driver))
    assert "does not say" in desk.fault()
    assert SupplyDesk(None, clock, lambda: None).now() is None
