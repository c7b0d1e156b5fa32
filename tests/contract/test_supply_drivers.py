"""Every supply driver passes this; a new driver adds one line to ``SUPPLIES``.  NUT's is asked of a real upsd."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.drivers.supplies import nut
from edge.drivers.supplies import simulated as sim
from edge.errors import HardwareError
from edge.ports import SupplyDriver, SupplyReading, SupplyState
from tests.fakes.gateio_rig import until
from tests.fakes.upsd_house import UPS, real_upsd, scripted

MAINS = SupplyReading(SupplyState.MAINS, 97, 3480)
BATTERY = SupplyReading(SupplyState.BATTERY, 62, 2400)
EMPTY = SupplyReading(SupplyState.LOW, 4, 90)
SILENT = SupplyReading(SupplyState.BATTERY)


@dataclass
class Rig:
    supply: SupplyDriver
    says: Callable[[SupplyReading], None]
    unplug: Callable[[], None]


@contextmanager
def simulated(folder: Path) -> Iterator[Rig]:
    file = folder / "supply.json"

    def says(what: SupplyReading) -> None:
        file.write_text(json.dumps({"state": what.state, "charge": what.charge, "left_s": what.left_s}))

    says(MAINS)
    yield Rig(sim.open_supply(sim.SimulatedSupplySettings(file)), says, file.unlink)


WORDS = {MAINS: "OL CHRG", BATTERY: "OB DISCHRG", EMPTY: "OB LB", SILENT: "OB"}


@contextmanager
def of_nut(folder: Path) -> Iterator[Rig]:
    with real_upsd(folder) as upsd:

        def says(what: SupplyReading) -> None:
            told = {"battery_charge": what.charge, "battery_runtime": what.left_s}
            upsd.says(ups_status=WORDS[what], **{key: "n/a" if value is None else value for key, value in told.items()})  # fmt: skip

        yield Rig(nut.open_supply(nut.NutSettings(UPS, port=upsd.port)), says, upsd.unplug)


SUPPLIES = [pytest.param(simulated, id="simulated"), pytest.param(of_nut, id="nut", marks=pytest.mark.upsd)]


@pytest.mark.parametrize("make", SUPPLIES)
def test_what_the_supply_says_is_read_and_when_it_is_gone_it_is_not_made_up(make, tmp_path):
    with make(tmp_path) as rig:
        for what in (MAINS, BATTERY, EMPTY, SILENT, MAINS):
            rig.says(what)
            until(lambda what=what: _read(rig) == what, f"{what} to be read")
        rig.unplug()
        until(lambda: _read(rig) is None, "no more readings")
        rig.supply.close()
        rig.supply.close()


def _read(rig: Rig) -> SupplyReading | None:
    try:
        return rig.supply.read()
    except HardwareError:
        return None


# --- upsd's protocol, said badly --------------------------------------------------------------------------------------


def answer(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (f"BEGIN LIST VAR {UPS}", *lines, f"END LIST VAR {UPS}")).encode()


def var(name: str, value: str) -> str:
    return f'VAR {UPS} {name} "{value}"'


def of(port: int, **more: object) -> SupplyReading:
    return nut.open_supply(nut.NutSettings(UPS, port=port, **more)).read()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("OL", SupplyState.MAINS),
        ("OL LB CHRG", SupplyState.MAINS),
        ("OB DISCHRG RB", SupplyState.BATTERY),
        ("OB LB", SupplyState.LOW),
        ("FSD OL", SupplyState.LOW),
        ("", SupplyState.UNKNOWN),
        ("BYPASS", SupplyState.UNKNOWN),
        ("OBSERVED", SupplyState.UNKNOWN),
    ],
)
def test_the_words_of_the_status(status, state):
    assert nut.state_of(status) is state


@pytest.mark.parametrize(
    ("charge", "runtime", "read"),
    [
        ("97.4", "3480", (97, 3480)),
        ("100", "0", (100, 0)),
        ("101", "-1", (None, None)),
        ("nan", "1e9", (None, None)),
        ("", "99999999", (None, None)),
    ],
)
def test_a_number_that_cannot_be_is_unknown(charge, runtime, read):
    said = answer(
        var("ups.mfr", 'A \\"great\\" \\\\ maker'),
        "VAR other battery.charge",
        var("battery.charge", charge),
        var("battery.runtime", runtime),
        var("ups.status", "OB"),
    )
    with scripted(said) as port:
        assert of(port) == SupplyReading(SupplyState.BATTERY, *read)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"ERR DATA-STALE\n", "DATA-STALE"),
        (b"ERR UNKNOWN-UPS\n", "UNKNOWN-UPS"),
        (b"", "hung up"),
        (answer(var("ups.status", "OB"))[:-5], "hung up"),
        (b"x" * (nut.BYTES_MAX + 5000), "no end"),
        (b"VAR gate a.b \"c\"\n" * 6000, "no end"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_said(said, why):
    with scripted(said) as port, pytest.raises(HardwareError, match=why):
        of(port)


def test_whoever_never_finishes_is_left_and_a_closed_port_is_said():
    with scripted(answer(var("ups.status", "OB"))[:20], hang=True) as port:
        with pytest.raises(HardwareError, match="in time"):
            of(port, within_s=0.2)
        closed = port
    with pytest.raises(HardwareError, match="cannot be asked"):
        of(closed, within_s=0.2)


@pytest.mark.parametrize("wrong", [{"ups": "a b"}, {"ups": "a\nLOGOUT"}, {"port": 0}, {"within_s": 60.0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="is"):
        nut.NutSettings(**{"ups": UPS, **wrong})
