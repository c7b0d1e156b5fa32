"""What only faces need may be broken: the node says so in its health, and its doors go on."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.cli import _print_faces as print_faces
from edge.compose_faces import faces_side, open_peers
from edge.core.events import ClockState
from edge.core.peers import Envelope
from edge.errors import StoreError, TrustRefused
from edge.runtime import technician
from edge.runtime.envelopes import EnvelopeDesk
from edge.runtime.erasure_hold import HOLD_MAX_NS
from edge.runtime.face_models import FaceModels
from edge.runtime.health import NodeHealth
from edge.runtime.no_envelopes import NoEnvelopes
from edge.store.device_key import device_public_key, write_private
from edge.store.gallery_store import GalleryStore
from edge.store.peer_book import PeerBook
from edge.store.sealing_key import sealing_private_key
from tests.fakes.sealed_nodes import SteppedClock


class NodeAtRest:
    """A node whose doors are well."""

    faces_held = False
    models = FaceModels({})

    def health(self) -> NodeHealth:
        return NodeHealth("ONLINE", (), (), ClockState.TRUSTED)

    def knowledge(self) -> SimpleNamespace:
        return SimpleNamespace(passes=SimpleNamespace(version=1))


def side_of(folder: Path) -> tuple[EnvelopeDesk | NoEnvelopes, SimpleNamespace, NodeAtRest]:
    config = SimpleNamespace(node="n-a", data_dir=folder, face=SimpleNamespace(enabled=True), doors=[])
    faces = SimpleNamespace(side=None, say_envelope=lambda _: True, say_answer=lambda *_: None)
    link = SimpleNamespace(faces=faces, wake=lambda: None)
    templates = GalleryStore(folder / "gallery.db", folder / "gallery.key")
    peers, node = open_peers(config), NodeAtRest()
    side = faces_side(config, SimpleNamespace(community="x"), node, templates, peers, link, SteppedClock())
    templates.close()
    if isinstance(peers, PeerBook):
        peers.close()
    return side, link, node


@pytest.mark.parametrize("name", ["sealing.key", "device.key", "peers.db"])
@pytest.mark.parametrize("content", [b"", b"no key and no database, but forty bytes.."])
def test_a_broken_key_or_book_is_a_named_fault_and_no_end_of_the_node(
    tmp_path: Path, name: str, content: bytes
) -> None:
    if (name, content) == ("peers.db", b""):
        content = b"SQLite format 3\0" + bytes(200)  # an empty file is a new database
    (tmp_path / name).write_bytes(content)
    side, link, node = side_of(tmp_path)
    assert isinstance(side, NoEnvelopes)
    assert link.faces.side is side
    assert str(tmp_path / name) in side.fault
    status = asyncio.run(technician.handlers(node, side)["status"]({}))
    assert (status["state"], status["faults"]) == ("DEGRADED", [side.fault])
    with pytest.raises(TrustRefused, match=name):
        asyncio.run(side.trust("n-b", "0000", by="officer-2", reason="x"))


def test_the_technicians_status_can_be_read_with_and_without_a_desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_faces(NoEnvelopes("peers.db: broken", NodeAtRest(), SteppedClock()).status())
    assert capsys.readouterr().out == "sealed faces: off, see the fault\n"
    side, *_ = side_of(tmp_path)
    print_faces(side.status())
    assert side.status()["fingerprint"] in capsys.readouterr().out


def test_with_whole_keys_and_a_whole_book_there_is_a_desk_and_no_fault(tmp_path: Path) -> None:
    side, _, node = side_of(tmp_path)
    assert isinstance(side, EnvelopeDesk)
    assert asyncio.run(technician.handlers(node, side)["status"]({}))["faults"] == []


def test_without_a_desk_an_owed_erasure_still_holds_faces_and_not_for_ever() -> None:
    node, clock = NodeAtRest(), SteppedClock()

    async def owed() -> list[bool]:
        side = NoEnvelopes("peers.db: broken", node, clock)
        serving = asyncio.create_task(side.run())
        await asyncio.sleep(0)
        side.sealed(Envelope("0" * 32, "n-b", "n-a", "P-1", 1, "ab", 1, b""))
        side.owes_erasure(5)
        await asyncio.sleep(0)
        held = [node.faces_held]
        clock.step(HOLD_MAX_NS / 1e9)
        side._hold.tick()
        serving.cancel()
        return [*held, node.faces_held]

    assert asyncio.run(owed()) == [True, False]


def test_a_power_cut_while_a_key_is_made_leaves_none_and_the_next_start_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_: int) -> None:
        raise OSError("no power")

    with monkeypatch.context() as dark:
        dark.setattr("edge.store.device_key.os.fsync", cut)
        with pytest.raises(StoreError, match=r"sealing\.key: cannot be used"):
            sealing_private_key(tmp_path / "sealing.key")
        assert not (tmp_path / "sealing.key").exists()
    assert len(sealing_private_key(tmp_path / "sealing.key")) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["sealing.key"]


def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    mark = device_public_key(tmp_path / "device.key")
    with pytest.raises(FileExistsError):
        write_private(tmp_path / "device.key", b"k" * 32)
    assert device_public_key(tmp_path / "device.key") == mark
