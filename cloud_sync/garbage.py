"""How often a program of ours looks for garbage."""

import gc

OBJECTS = 20_000  # a few megabytes at most


def collect_seldom() -> None:
    """For a program of its own: what is loaded by now stays, and is not looked through for garbage again and again.

    The bus library makes a small cycle of every message it hands over, and a picture of the books is some ten thousand
    objects; collecting at each 700 objects was a fifth of the sink's time, and of reconciliation's.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)
