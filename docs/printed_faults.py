"""The table of ``docs/fault.md``: what the storm can do, from the faults themselves."""

from demo.faults.kinds import KINDS


def kinds() -> str:
    """One row a kind: its name in the figures, how often it is drawn, and what it does."""
    drawn = sum(kind.weight for kind in KINDS)
    rows = ["| name in the figures | of 1,000 | what happens |", "|---|--:|---|"]
    for kind in KINDS:
        often = f"{kind.weight / drawn * 1000:.0f}" if kind.weight else "follows"
        what = (kind.strike.__doc__ or "").split("\n")[0]
        rows.append(f"| `{kind.name}` | {often} | {what} |")
    return "\n".join(rows)
