"""How a door uses faces (faces.md §7.3).  Whatever it says, a code opens for whoever has no face here."""

from enum import StrEnum


class FaceMode(StrEnum):
    OFF = "off"
    ONE_TO_N = "one_to_n"  # a face alone opens
    ONE_TO_ONE = "one_to_one"  # a code or PIN says who, and an enrolled face has to be that one
    ONE_TO_N_ELSE_CODE = (
        "one_to_n_else_code"  # a face alone where it is sure enough, else a code is asked for
    )
