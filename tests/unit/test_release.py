"""A release at a node: signed, whole and newer or not taken; never dark for longer than thirty seconds; back by itself."""

import hashlib
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.protocol.messages import BadMessage
from cloud_sync.protocol.release import ORDER_TTL_MS, Order, Release, encode, signing_bytes, split
from edge.config import load
from edge.core.release import DARK_MOST_MS, LOOK_MOST_MS, RESTART_MS, Installed, Why
from edge.errors import ConfigError, GateError, StoreError
from edge.store.device_key import Join
from edge.store.releases import ReleaseFolder
from edge.update.take import Outcome, Papers, ReleaseRefused, take

NOW_MS = 1_790_000_000_000
RELEASE_KEY, COMMAND_KEY, NOBODYS = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


@dataclass
class SimulatedHands:
    """A machine on a clock of its own: a restart takes its longest, and ``sick`` releases never get well."""

    root: Path
    sick: set[str] = field(default_factory=set)
    stuck: bool = False  # restarts fail after their longest
    quiet: bool = True
    now_ms: int = 0
    after_ms: int = 900  # of a healthy program until it answers
    started_ms: int = 0
    ran: list[str] = field(default_factory=list)

    def restart(self) -> None:
        self.now_ms += RESTART_MS
        self.started_ms = self.now_ms
        self.ran.append((self.root / "current").readlink().name)
        if self.stuck:
            raise GateError("systemd does not answer.")

    def is_well(self) -> bool:
        if self.ran[-1] in self.sick:
            self.now_ms += LOOK_MOST_MS
            return False
        return self.now_ms - self.started_ms >= self.after_ms

    def is_quiet(self) -> bool:
        return self.quiet

    def monotonic_ms(self) -> int:
        return self.now_ms

    def pause(self, ms: int) -> None:
        self.now_ms += ms


class Bench:
    """A node's folder of releases, with papers for it made on the spot."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "opt"
        self.root.mkdir()
        self.releases = ReleaseFolder(self.root)
        self.hands = SimulatedHands(self.root)
        self.ctr = 0
        zone = ZoneInfo("Asia/Shanghai")
        keys = {"cmd-1": public(COMMAND_KEY)}
        self.join = Join("dongfang", "gate-1", "k", b"", frozenset(), zone, command_keys=keys)

    def tar(self, n: int) -> Path:
        path = self.folder / f"{n}.tar"
        (self.folder / "words").write_text(f"release {n}")
        with tarfile.open(path, "w") as tar:
            tar.add(self.folder / "words", "bin/words")
        return path

    def papers(self, made: int, *, key=RELEASE_KEY, order_key=COMMAND_KEY, back=False, **changes) -> Papers:
        file = self.tar(made)
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        release = Release(kind="program", name=f"v{made}", n=made, sha256=digest, size=len(data))
        self.ctr += 1
        words = {
            "t": "dongfang", "node": "gate-1", "ctr": self.ctr, "iat": NOW_MS, "exp": NOW_MS + ORDER_TTL_MS,
            "do": "back" if back else "install", "kind": "program", "n": made, "sha256": digest, "iss": "li", "kid": "cmd-1",
        }  # fmt: skip
        order = Order(**{**words, **changes})
        paths = []
        for name, message, signer in (("release", release, key), ("order", order, order_key)):
            body = encode(message)
            path = self.folder / f"{made}.{name}"
            path.write_bytes(signer.sign(signing_bytes(type(message), body)) + body)
            paths.append(path)
        return Papers(paths[1]) if back else Papers(paths[1], paths[0], file)

    def take(self, papers: Papers, *, now_ms: int = NOW_MS, clock_sure: bool = True) -> Outcome:
        return take(
            self.releases, papers, self.join, (public(RELEASE_KEY),), self.hands, now_ms=now_ms, clock_sure=clock_sure
        )  # fmt: skip

    def runs(self) -> str:
        return (self.root / "current" / "bin" / "words").read_text()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    made.take(made.papers(1))
    return made


@pytest.mark.story("39c")
def test_a_newer_release_runs_and_the_one_before_is_kept(bench):
    for n in (2, 3):
        out = bench.take(bench.papers(n))
        assert (out.n, out.took, out.well) == (n, True, True)
        assert out.dark_ms <= DARK_MOST_MS
    assert bench.runs() == "release 3"
    assert sorted(path.name for path in bench.root.glob("program-*")) == ["program-2", "program-3"]


@pytest.mark.story("39d")
def test_a_release_that_does_not_get_well_is_taken_back_by_the_node_itself_within_thirty_seconds(bench):
    bench.hands.sick.add("program-2")
    out = bench.take(bench.papers(2))
    assert (out.n, out.took, out.well) == (1, False, True)
    assert bench.runs() == "release 1"
    assert bench.hands.ran[-2:] == ["program-2", "program-1"]
    assert out.dark_ms <= DARK_MOST_MS == 30_000


@pytest.mark.story("39c", "39d")
def test_however_bad_it_goes_nobody_waits_longer_than_thirty_seconds_and_the_old_one_is_pointed_at(bench):
    bench.hands.sick |= {"program-1", "program-2"}
    out = bench.take(bench.papers(2))
    assert (out.took, out.well) == (False, False)
    assert DARK_MOST_MS - 2 * LOOK_MOST_MS < out.dark_ms <= DARK_MOST_MS
    assert bench.runs() == "release 1"
    bench.hands.stuck = True
    assert not bench.take(bench.papers(3)).well


@pytest.mark.story("39c")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"key": NOBODYS}, Why.UNSIGNED),
        ({"key": COMMAND_KEY}, Why.UNSIGNED),
        ({"order_key": NOBODYS}, Why.ORDER_UNSIGNED),
        ({"order_key": RELEASE_KEY}, Why.ORDER_UNSIGNED),
        ({"kid": "cmd-9"}, Why.ORDER_UNSIGNED),
        ({"node": "gate-2"}, Why.WRONG_NODE),
        ({"t": "elsewhere"}, Why.WRONG_NODE),
        ({"exp": NOW_MS}, Why.EXPIRED),
        ({"iat": NOW_MS + 60_000}, Why.EXPIRED),
        ({"ctr": 1}, Why.COUNTED),
        ({"sha256": "0" * 64}, Why.OTHER_RELEASE),
        ({"n": 7}, Why.OTHER_RELEASE),
    ],
)
def test_what_is_not_signed_whole_ours_and_in_time_changes_nothing(bench, words, why):
    with pytest.raises(ReleaseRefused) as refused:
        bench.take(bench.papers(2, **words))
    assert refused.value.why is why
    assert bench.runs() == "release 1"


@pytest.mark.story("39c")
def test_one_byte_of_the_file_changed_is_seen_and_an_older_one_needs_an_explicit_step_back(bench):
    papers = bench.papers(2)
    papers.file.write_bytes(papers.file.read_bytes()[:-1] + b"x")
    with pytest.raises(ReleaseRefused, match=Why.DIGEST):
        bench.take(papers)
    bench.take(bench.papers(2))
    with pytest.raises(ReleaseRefused, match=Why.OLDER):
        bench.take(bench.papers(1))
    with pytest.raises(ReleaseRefused, match=Why.OTHER_RELEASE):
        bench.take(bench.papers(1, back=True))  # an order to leave 1 does not lead from 2
    assert bench.take(bench.papers(2, back=True)).n == 1
    assert bench.runs() == "release 1"
    with pytest.raises(ReleaseRefused, match=Why.NOTHING_BEFORE):
        bench.take(bench.papers(1, back=True))


def test_an_order_is_taken_once_by_a_sure_clock_and_not_while_a_door_stands_open_by_fire(bench):
    papers = bench.papers(2)
    with pytest.raises(ReleaseRefused, match=Why.CLOCK):
        bench.take(papers, clock_sure=False)
    bench.hands.quiet = False
    with pytest.raises(ReleaseRefused, match=Why.NOT_QUIET):
        bench.take(papers)
    bench.hands.quiet = True
    bench.hands.sick.add("program-2")
    assert not bench.take(papers).took
    with pytest.raises(ReleaseRefused, match=Why.COUNTED):
        bench.take(papers)


def test_a_tar_that_reaches_outside_lays_nothing_out(bench, tmp_path):
    papers = bench.papers(2)
    with tarfile.open(papers.file, "w") as tar:
        tar.add(tmp_path / "words", "../../outside")
    with pytest.raises(StoreError, match="laid out"):
        bench.releases.unpack("program", 9, papers.file)
    assert not (tmp_path / "outside").exists()
    assert not list(bench.root.glob("program-9*"))


def test_a_broken_book_is_said_and_no_frame_is_no_paper(bench):
    (bench.root / "releases.json").write_text("{")
    with pytest.raises(StoreError, match="which release runs"):
        bench.releases.installed("program")
    assert ReleaseFolder(bench.folder).installed("model") == Installed()
    for data in (b"", b"x" * 65, b"x" * 64 + json.dumps({"v": 1, "more": 1}).encode(), b"x" * 3_000):
        with pytest.raises(BadMessage):
            split(data, Release)


@pytest.mark.story("36c", "36d")
def test_a_model_release_changes_engine_and_weights_with_one_pointer_and_one_step_leads_back(tmp_path):
    root, node = tmp_path / "opt", tmp_path / "node.toml"
    root.mkdir()
    node.write_text(
        'node = "n1"\ndata_dir = "data"\njoin_file = "join.json"\nio_profile = "io.toml"\n'
        f'[face]\nengine = "yunet-sface"\nrelease = "{root / "current-model"}"\n'
        '[[doors]]\naccess_point = "AP-1"\nkind = "gate"\n'
    )
    assert load(node).face.engine == "yunet-sface"  # before the first release
    releases = ReleaseFolder(root)
    for n, engine in ((1, "yunet-sface"), (2, "face_recognition"), (3, "no engine!")):
        (tmp_path / "engine").write_text(f"{engine}\n")
        with tarfile.open(tmp_path / "model.tar", "w") as tar:
            tar.add(tmp_path / "engine", "engine")
        releases.unpack("model", n, tmp_path / "model.tar")
    for n, engine in ((1, "yunet-sface"), (2, "face_recognition"), (1, "yunet-sface")):
        releases.point("model", n)
        face = load(node).face
        assert (face.engine, face.models_dir) == (engine, root / "current-model")
    releases.point("model", 3)
    with pytest.raises(ConfigError, match="names no engine"):
        load(node)
