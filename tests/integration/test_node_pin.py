"""The whole node: digits typed at its screen open its real lock; on trial it opens for the unregistered guest too."""

import base64
import json
import socket
import sys
from pathlib import Path

import httpx
import pytest

from cloud_sync.protocol.messages import Cred
from cloud_sync.protocol.pin import pin_credential

sys.path.insert(0, str(Path(__file__).parent))

from node_rig import NodeRig, pass_row

pytestmark = pytest.mark.clips
KEY = bytes(range(32))
URL = "https://gate.example"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PinRig(NodeRig):
    """A node whose community gave it the PIN key and its pages' address, with a screen."""

    def __init__(self, folder: Path, clips: Path, *, dry_run: bool = False) -> None:
        super().__init__(folder, clips, face=False)
        self.port = free_port()
        join = json.loads((folder / "join.json").read_text())
        join |= {"pin_key": base64.b64encode(KEY).decode(), "pages_url": URL}
        (folder / "join.json").write_text(json.dumps(join))
        text = self.config.read_text().replace(
            'kind = "gate"', f'kind = "gate"\ndry_run = {str(dry_run).lower()}'
        )
        self.config.write_text(text.replace("[clock]", f"[kiosk]\nport = {self.port}\n\n[clock]"))

    def type(self, digits: str) -> int:
        address = f"http://127.0.0.1:{self.port}/AP-t-001/pin"
        return httpx.post(address, json={"pin": digits}, timeout=60).status_code

    def screen(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/AP-t-001", timeout=60).text


def with_pin(pass_id: str, pin: str, **changes: object):
    row = pass_row(pass_id, **changes)
    row.creds.append(Cred("pin", *pin_credential(KEY, pin)))
    return row


def test_a_pin_typed_at_the_screen_opens_the_lock(tmp_path_factory, clips):
    rig = PinRig(tmp_path_factory.mktemp("p"), clips)
    rig.put_passes(with_pin("p-pin", "482913"))
    with rig:
        assert rig.type("482910") == 202  # one higher would open, and call for help
        assert rig.wait_event("access.denied")["reason"] == "CredentialNotFound"
        assert rig.type("482913") == 202
        granted = rig.wait_event("access.granted")
        assert (granted["credential_kind"], granted["pass_id"]) == ("pin", "p-pin")
        assert f"{URL}/arrive/AP-t-001" in rig.screen()
        rig.wait_event("access.not_taken")
    assert rig.lock_moves() == ["energise", "de-energise"]
    assert b"482913" not in b"".join(
        path.read_bytes() for path in (rig.folder / "data").rglob("*") if path.is_file()
    )


def test_a_door_on_trial_opens_for_the_unregistered_and_says_everywhere_what_it_is(tmp_path_factory, clips):
    rig = PinRig(tmp_path_factory.mktemp("d"), clips, dry_run=True)
    rig.put_passes(with_pin("p-pin", "482913", state="PENDING", prereq=3))
    with rig:
        assert rig.door()["dry_run"] is True
        assert "Trial run" in rig.screen()
        assert rig.type("482913") == 202
        said = rig.wait_event("access.would_deny")
        assert (said["reason"], said["decision"]) == ("x:NotRegistered", "deny")
        rig.wait_event("access.not_taken")
        assert rig.events("access.granted") == rig.events("access.denied") == []
    assert rig.lock_moves() == ["energise", "de-energise"]
