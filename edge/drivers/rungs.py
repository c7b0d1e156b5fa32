"""How far a driver has come: printed by the health page, so that nobody takes a bench for a building (hardware.md §2.1).

Every driver starts at *bench* without a line here.  A line that lifts one names the page with the record: who ran the
contract test and the commissioning list on which device, and its firmware.
"""

from enum import StrEnum
from types import MappingProxyType


class Rung(StrEnum):
    SIMULATED = "simulated"  # there is no device
    BENCH = "bench"  # the contract test passes against a fake or a simulator
    FIELD = "field"  # a named person ran it and the commissioning list on the real device
    TRUSTED = "trusted"  # thirty days in service without an unexplained event


# Entry point group without "gatehouse.", and the driver's name.
RUNGS = MappingProxyType(
    {
        ("locks", "simulated"): Rung.SIMULATED,
        ("inputs", "simulated"): Rung.SIMULATED,
        ("readers", "simulated"): Rung.SIMULATED,
        ("indicators", "simulated"): Rung.SIMULATED,
        ("cameras", "replay"): Rung.SIMULATED,
        ("supplies", "simulated"): Rung.SIMULATED,
        ("voices", "simulated"): Rung.SIMULATED,
    }
)


def rung_of(kind: str, driver: str) -> Rung:
    return RUNGS.get((kind, driver), Rung.BENCH)
