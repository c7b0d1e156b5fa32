"""Act ae: a guest asks what is held about them, leaves, has deleted what may be deleted, and is forgotten by the clocks.

The years that pass are played on a copy: the evening's service is backed up while it runs, the backup is restored beside
it, and the copy's clocks are told another time.  So the copy also shows what a backup does when it comes back.

python -m demo.rights plays the act alone: one gate, no camera.  The last line is one JSON object.
"""

import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from cloud_sync.core.codes import listing_code
from demo import count, outside
from demo.bare import HERE, House, plans
from demo.doors import Doors
from demo.people import Guest, csv_files
from demo.stage import wait_until
from demo.world import GATE, LISTING_BODY, SOURCE
from edge.core.events import AccessPointId
from edge.drivers.inputs.simulated import set_point
from edge.ports import Point

WITHIN_S = 120.0
PATIENCE_S = 60
YEARS_LATER_S = 8 * 366 * 86_400  # twice every clock: also the rows about the deleting have run out
LATER_S = 4 * 366 * 86_400
LANGUAGES_LEAST = 2  # a page in each language of the guests; these two are always there
COPY_CONFIG = "copy.toml"

Tell = Callable[[str], None]
Sync = Callable[..., str]


def guest() -> Guest:
    """Who asks; invented, as everybody here."""
    return Guest(
        "BK-1020", "the guest who asks for their data", "钟离权利试", "1991-09-19", "002020", "R-1220"
    )


@dataclass
class Rights:
    """What the act needs of the stage: the service's commands and pages, its folder, and a way through a door."""

    sync: Sync
    pages: str
    folder: Path  # where the service's configuration and data stand
    tell: Tell
    come_in: Callable[[str], None]  # with these digits, through a door
    others: Sequence[str]  # names that must not be in this guest's copy
    agreed: bool  # to a face: then nodes have to say that they have erased it

    def play(self, who: Guest, token: str) -> dict[str, int]:
        """Exported, erased with receipts, forgotten: what the report counts."""
        with httpx.Client(base_url=self.pages, timeout=PATIENCE_S, follow_redirects=True) as phone:
            self.come_in(self._pin(phone, token))
            wait_until(
                lambda: self._copy(phone, token, who)["entries"], within_s=WITHIN_S, what="the entry in the copy"
            )  # fmt: skip
            told = self._exported(phone, token, who)
            phone.post(f"/g/{token}/leave").raise_for_status()
            told |= self._erased(phone, token, who)
        return told | self._forgotten(who)

    # --- a copy ---------------------------------------------------------------------------------------------------

    def _pin(self, phone: httpx.Client, token: str) -> str:
        page = phone.post(f"/g/{token}/pin").raise_for_status().text
        return re.findall(r'id="pin">\s*(\d+)\s*<', page)[0]

    def _file(self, phone: httpx.Client, token: str, who: Guest) -> zipfile.ZipFile:
        form = {"last_four": who.document[-4:], "form": "file"}
        answer = phone.post(f"/g/{token}/data", data=form).raise_for_status()
        return zipfile.ZipFile(io.BytesIO(answer.content))

    def _copy(self, phone: httpx.Client, token: str, who: Guest) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self._file(phone, token, who).read("my-data.json"))
        return held

    def _exported(self, phone: httpx.Client, token: str, who: Guest) -> dict[str, int]:
        file = self._file(phone, token, who)
        held = json.loads(file.read("my-data.json"))
        text = "".join(file.read(name).decode() for name in file.namelist())
        whole = held["data"]["name"] == who.name and held["data"]["document_number"] == who.document
        foreign = [name for name in self.others if name in text]
        pages = [file.read(name).decode() for name in file.namelist() if name.endswith(".html")]
        whole = whole and len(pages) >= LANGUAGES_LEAST and all(who.name in page for page in pages)
        self.tell(f"  a copy of {len(held)} parts in {len(file.namelist())} files, of nobody else")
        return {"copy_whole": int(whole), "copy_foreign": len(foreign)}

    # --- erased ---------------------------------------------------------------------------------------------------

    def _erased(self, phone: httpx.Client, token: str, who: Guest) -> dict[str, int]:
        """Every node says itself that it has erased; what is kept is named with its day."""
        phone.post(f"/g/{token}/data/erase").raise_for_status()

        def receipts() -> dict[str, Any] | None:
            face = self._copy(phone, token, who)["face"]
            asked = bool(face["asked_nodes"]) == self.agreed
            return face if asked and face["erased_nodes"] == face["asked_nodes"] else None

        face = wait_until(receipts, within_s=WITHIN_S, what="every node's receipt for the face", every_s=0.5)
        held = self._copy(phone, token, who)
        left = [row for row in held["consents"] if row["withdrawn_ms"] is None]
        self.tell(f"  {face['said']}; kept by rule until their day: {len(held['kept'])} kinds of record")
        return {
            "face_receipts_missing": face["asked_nodes"] - face["erased_nodes"],
            "consents_left": len(left),
            "kept_by_rule": int(bool(held["kept"])),
        }

    # --- forgotten ------------------------------------------------------------------------------------------------

    def _forgotten(self, who: Guest) -> dict[str, int]:
        """The backup comes back, and its clocks run out too: nothing of the guest stands in any of its files."""
        self.sync("backup", "backup-ae")
        text = (self.folder / "sync.toml").read_text().replace('data_dir = "data"', 'data_dir = "copy-ae"', 1)
        (self.folder / COPY_CONFIG).write_text(text)
        self.sync("restore", "backup-ae", config=COPY_CONFIG)
        pass_id = self._pass_of(who)
        before = self._found(pass_id)
        for later in (LATER_S, YEARS_LATER_S):
            said = self.sync("retention", "run", "--as-of", _moment(later), config=COPY_CONFIG)
        overdue = int(said.strip().rsplit("overdue: ", 1)[1])
        whole = self.sync("audit", "verify", config=COPY_CONFIG).count(": whole")
        left = sum(self._found(needle) for needle in (pass_id, who.ref, who.document, who.name))
        self.tell(f"  years later: {overdue} records too old, {left} traces of the guest in the copy's files")
        return {
            "forgotten_found_before": int(before > 0),
            "forgotten_left": left,
            "retention_overdue": overdue,
            "chains_whole": whole,
        }

    def _pass_of(self, who: Guest) -> str:
        with count.read(self.folder / "copy-ae/community.db") as db:
            query = "select pass_id from pass join stay using (community, stay) join booking using (community, booking)"
            (pass_id,) = db.execute(f"{query} where external_ref = ?", (who.ref,)).fetchone()
        return str(pass_id)

    def _found(self, needle: str) -> int:
        """In how many files of the copy these bytes stand; what was moved aside before it is not the copy."""
        held = (path for path in (self.folder / "copy-ae").rglob("*") if path.is_file())
        return sum(needle.encode() in path.read_bytes() for path in held)


def _moment(ahead_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + ahead_s))


# --- in the evening ------------------------------------------------------------------------------------------------


def act_ae(evening: Doors) -> dict[str, int]:
    """As the last act: the guest comes, asks, leaves, and is forgotten."""
    evening.tell("(ae) a guest asks for their data, has them deleted, and is forgotten")
    world, who = evening.world, guest()
    way = {who.room: [GATE.access_point]}
    for kind, text in csv_files({"rights": who}, listing_code(*LISTING_BODY), way).items():
        world.bring(kind, text)
    token = world.guest_link(who)
    if world.wish.face:
        evening.consent(token)

    def pins_aboard() -> int:
        return sum(cred.kind == "pin" for row in outside.book(GATE.node).values() for cred in row.creds)

    pins = pins_aboard()

    def aboard() -> bool:
        """A second after the PIN was made everything older may be receipted; the gate's own book has to have it."""
        return pins_aboard() > pins and evening.status(GATE.node)["auth_ver"] >= outside.version(GATE.node)

    def come_in(pin: str) -> None:
        wait_until(aboard, within_s=WITHIN_S, what="the PIN's arrival at the doors", every_s=0.2)
        evening.try_door(GATE, lambda: world.type_at(GATE, pin))

    def sync(*words: str, config: str = "sync.toml") -> str:
        return world.once(_sync_program(), *words, "--config", config, folder="sync")

    others = [one.name for one in world.guests.values()]
    act = Rights(
        sync, str(world.http.base_url), Path("sync"), evening.tell, come_in, others, agreed=world.wish.face
    )
    return act.play(who, token)


def _sync_program() -> str:
    return str(Path(sys.executable).parent / "gatehouse-sync")


# --- alone -----------------------------------------------------------------------------------------------------------


def play_alone(root: Path, tell: Tell) -> dict[str, int]:
    """One gate of two doors without a camera; the face is agreed to and never taken, and its erasure is receipted."""
    (gate,) = plans(1, 2)
    with House(root, (gate,)) as house:
        house.start_broker()
        house.set_up()
        house.start_sync()
        house.add_gate(gate)
        pia = house.sync(
            "face", "pia", "--purpose", "a drill", "--necessity", "a drill", "--impact", "none", "--measures", "sealed",
            "--author", "drill", "--synthetic",
        ).split()[-1]  # fmt: skip
        house.sync("face", "enable", gate.doors[0], "--pia", pia, "--signage-by", "drill (synthetic)")
        house.start_gate(gate)
        who, other = guest(), Guest("BK-1021", "another", "别人测试名", "1990-01-02", "002121", "R-1221")
        way = {one.room: list(gate.doors) for one in (who, other)}
        for kind, text in csv_files({"who": who, "other": other}, listing_code(*LISTING_BODY), way).items():
            (house.root / "sync" / "in.csv").write_text(text)
            house.sync("import", kind, "in.csv")
        (house.root / "sync" / "in.csv").unlink()
        token = house.sync("guest-link", SOURCE, who.ref).strip().rpartition("/g/")[2]
        pages = f"http://127.0.0.1:{house.web_port}"
        _consent(house, pages, token)

        def come_in(pin: str) -> None:
            _walk(house, pin)

        def sync(*words: str, config: str = "sync.toml") -> str:
            return house.once("sync", *words, "--config", config, folder="sync")

        act = Rights(
            sync, pages, house.root / "sync", tell, come_in, [other.name, other.document], agreed=True
        )
        return act.play(who, token)


def _consent(house: House, pages: str, token: str) -> None:
    (gate,) = house.gates
    version = json.loads((house.root / gate.node / "join.json").read_text())["consent_texts"]["face_access"]
    wish = {"purpose": "face_access", "text_version": version, "language": "zh", "channel": "link"}
    httpx.post(f"{pages}/api/v1/guest/{token}/consents", json=wish, timeout=PATIENCE_S).raise_for_status()


def _walk(house: House, pin: str) -> None:
    """Type the PIN until the gate has it, open, and go in."""
    (gate,) = house.gates
    door, ledger = gate.doors[0], house.root / gate.node / "data/events.db"

    def tally(kind: str, **more: str) -> int:
        return count.tally(count.ledger(ledger, gate.node), kind, **more)

    def opened() -> bool:
        house.type_pin(gate, door, pin)
        return tally("access.granted", credential_kind="pin") > 0

    wait_until(opened, within_s=WITHIN_S, what="the PIN opens the gate", every_s=2.0)
    rig = house.root / gate.node / f"{door}.sock"
    set_point(rig, AccessPointId(door), Point.CONTACT, True)
    wait_until(lambda: tally("access.taken") > 0, within_s=WITHIN_S, what="the passage")
    set_point(rig, AccessPointId(door), Point.CONTACT, False)


def sound(told: dict[str, int]) -> bool:
    """Everything was there, nothing of others, every node said so, and nothing is left when the clocks have run out."""
    good = ("copy_whole", "kept_by_rule", "forgotten_found_before")
    never = ("copy_foreign", "face_receipts_missing", "consents_left", "forgotten_left", "retention_overdue")
    return (
        all(told[name] == 1 for name in good)
        and not any(told[name] for name in never)
        and told["chains_whole"] == 3
    )


def main() -> int:
    console = Console(stderr=True)
    told = play_alone(HERE / "run" / "rights", lambda words: console.print(words, style="dim"))
    print(json.dumps(told))
    return 0 if sound(told) else 1


if __name__ == "__main__":
    sys.exit(main())
