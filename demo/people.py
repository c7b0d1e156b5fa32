"""Who comes this evening.  All of them are invented: region 00 does not exist, and their names are canaries.

Names and document numbers are looked for afterwards everywhere they must not be.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol import code

HOUR_S = 3600
# This stay's pass ends six hours after its departure (the overstay hold): two hours from now.
EXTENDER_LEAVES_H = -6 + 2
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(birth: str, region: str) -> str:
    """A number with a right check character in a region that was never given to anybody."""
    body = f"{region}{birth.replace('-', '')}000"
    assert body.startswith("00")
    assert len(body) == 17
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


@dataclass
class Phone:
    """A guest's phone; its key never leaves it."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    pass_id: str = ""
    shown_at: dict[str, int] = field(default_factory=dict)  # node → the last step shown there
    ahead_s: float = 0.0  # in a simulated night the phone's time goes with the node's

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def step(self) -> int:
        return code.step_at(time.time() + self.ahead_s)

    def code(self) -> str:
        """The code of this moment."""
        step = self.step()
        return code.compose(self.credential, step, self.key.sign(code.unsigned(self.credential, step)))


@dataclass
class Guest:
    """One booking with one guest."""

    ref: str
    title: str  # what the terminal calls the role, never the name
    name: str
    birth: str
    region: str
    room: str
    arrives_h: float = -1.0  # hours from now
    leaves_h: float = 20.0
    registered: bool = True
    phone: Phone = field(default_factory=Phone)

    @property
    def document(self) -> str:
        return resident_id(self.birth, self.region)


def cast() -> dict[str, Guest]:
    """The guests of the acts, by role."""
    return {
        "face": Guest("BK-1001", "the guest who enters by face", "林晓雨试", "1994-03-17", "001101", "R-1201"),
        "code": Guest("BK-1002", "the guest who enters by code", "Öztürk-Canary Åse", "1988-11-02", "002202", "R-1202"),
        "still": Guest("BK-1003", "a guest enrolled from photos", "欧阳测试·阿依", "1979-08-04", "003303", "R-1203"),
        "late": Guest("BK-1004", "the guest whose stay is over", "Canary Latecomer", "1990-06-30", "004404", "R-1204", -30, -8),
        "unregistered": Guest("BK-1005", "the guest without registration", "慕容未登", "2001-01-15", "005505", "R-1205", registered=False),
        "failing": Guest("BK-1006", "the guest whose documents fail", "Canary Papers", "1985-12-24", "006606", "R-1206", registered=False),
        "longer": Guest("BK-1007", "the guest who extends", "司徒延住测试", "1992-02-29", "007707", "R-1207", -20, EXTENDER_LEAVES_H),
        "many": Guest("BK-1008", "the guest among a thousand", "诸葛千面试", "1996-05-20", "008808", "R-1208"),
        "driver": Guest("BK-1011", "the guest who comes by car", "上官驾车测试", "1987-07-07", "001111", "R-0401"),
        "twin": Guest("BK-1009", "a guest who looks like another", "Canary Twin Ana", "1999-09-09", "009909", "R-1209"),
        "double": Guest("BK-1010", "the guest who looks like her", "Canary Twin Eva", "1999-09-10", "009910", "R-1210"),
    }  # fmt: skip


LISTING_TAKES = 30


def csv_files(
    guests: dict[str, Guest], listings_of: str | Sequence[str], doors: dict[str, list[str]]
) -> dict[str, str]:
    """The three files a community officer imports; ``doors`` is the way in by room.

    Of several listings each takes as many guests as it may, and the next the rest.
    """
    codes = [listings_of] if isinstance(listings_of, str) else listings_of
    listings = ["listing,name,unit,operator,state,max_guests,room,label,access_points"]
    bookings = ["source,external_ref,external_revision,listing,room,arrival,departure,headcount"]
    registrations = ["source,external_ref,name,document_type,document_number,birth_date,proofing"]
    for n, guest in enumerate(guests.values()):
        way, listing = " ".join(doors[guest.room]), codes[n // LISTING_TAKES]
        listings.append(
            f"{listing},东方小院,12-3-1201,OP-0001,ACTIVE,{LISTING_TAKES},{guest.room},{guest.room[2:]},{way}"
        )
        times = f"{local_time(guest.arrives_h)},{local_time(guest.leaves_h)}"
        bookings.append(f"demo,{guest.ref},1,{listing},{guest.room},{times},1")
        if guest.registered:
            registrations.append(
                f"demo,{guest.ref},{guest.name},resident_id,{guest.document},{guest.birth},2"
            )
    return {
        "listings": "\n".join(listings) + "\n",
        "bookings": "\n".join(bookings) + "\n",
        "registrations": "\n".join(registrations) + "\n",
    }


def local_time(hours_from_now: float) -> str:
    """A moment of this evening as the files write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + hours_from_now * HOUR_S))
