"""Many guests at once for the loop's measures: booked, registered, each with a phone whose code opens gate and stair."""

import os
from collections.abc import Iterable
from pathlib import Path

from cloud_sync.compose import Books, open_books
from cloud_sync.config import load
from demo.people import Guest

ACTOR = "bench"


def crowd(count: int) -> dict[str, Guest]:
    """``count`` invented guests, by booking; no two share a document number or a room."""
    guests = (
        Guest(
            ref=f"BK-{20_000 + i}",
            title="a guest of the crowd",
            name=f"Crowd Guest {i}",
            birth=f"{1960 + i % 40}-{1 + i % 9:02}-{10 + i % 18}",
            region=f"00{i:04}",
            room=f"R-{30_000 + i}",
        )
        for i in range(count)
    )
    return {guest.ref: guest for guest in guests}


def books_of(folder: Path) -> Books:
    """The running service's records, opened beside it as every command of ``gatehouse-sync`` does."""
    here = Path.cwd()
    os.chdir(folder)  # the configuration names its folders from its own
    try:
        return open_books(load(Path("sync.toml").resolve()))
    finally:
        os.chdir(here)


def bind_phones(books: Books, guests: Iterable[Guest]) -> None:
    """Each guest opens the link and binds the phone's key, as the phone's page does."""
    for guest in guests:
        token = books.registry.guest_link("demo", guest.ref, actor=ACTOR)
        credential, guest.phone.pass_id = books.registry.bind_code_key(token, None, guest.phone.public)
        guest.phone.credential = bytes.fromhex(credential)
