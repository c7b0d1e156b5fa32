"""GPIO lines are found by name: chip numbers differ between boards and kernels, names do not."""

from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import HardwareError

if TYPE_CHECKING:
    import gpiod


def is_line_name(name: str) -> bool:
    """A bare number would be taken for an offset, and offsets move."""
    return bool(name) and not name.isdecimal()


def chip_with(lines: list[str], paths: list[str] | None = None) -> "gpiod.Chip":
    """The open chip that has every one of these lines; the caller closes it.

    Raises:
        HardwareError: there is no such chip, or it may not be opened.
    """
    import gpiod

    refusals: list[str] = []
    tried = sorted(str(path) for path in Path("/dev").glob("gpiochip*")) if paths is None else paths
    for path in tried:
        try:
            chip = gpiod.Chip(path)
        except OSError as error:
            refusals.append(f"{path}: {error.strerror}")
            continue
        if all(_has(chip, line) for line in lines):
            return chip
        chip.close()
    looked = ", ".join(tried) or "no /dev/gpiochip* exists"
    why = f" ({'; '.join(refusals)})" if refusals else ""
    raise HardwareError(f"no GPIO chip has the line(s) {', '.join(lines)}{why}. Looked at: {looked}.")


def _has(chip: "gpiod.Chip", line: str) -> bool:
    try:
        chip.line_offset_from_id(line)
    except (OSError, ValueError):
        return False
    return True
