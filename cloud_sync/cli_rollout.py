"""``gatehouse-sync rollout``: sign a release, and let it go out node by node by a program that reaches them."""

import hashlib
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books
from cloud_sync.core.rollout import Phase, State
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.protocol.messages import BadMessage
from cloud_sync.protocol.release import Kind, Release, encode, signing_bytes, split
from cloud_sync.store import rollouts
from cloud_sync.store.house import acting
from cloud_sync.store.keys import write_private

STAFF, STOPPED = "staff", 1
HAND_MOST_S = 600.0  # bringing the file over a slow line, and thirty seconds of swap
# What a hand's exit code says; it is that of 'gatehouse-node update take', and anything else is that nobody got there.
PHASES = {0: Phase.TAKEN, 3: Phase.WENT_BACK, 4: Phase.DARK}

rollout_app = typer.Typer(help="Releases to the nodes, one of an entrance at a time.", no_args_is_help=True)
RolloutName = Annotated[str, typer.Argument(help="As 'rollout show' names it.")]
Reason = Annotated[str, typer.Option(help="Why, in one line without names; it is kept.")]
ReleaseFile = Annotated[Path, typer.Option(help="The signed paper, as 'rollout sign' wrote it.")]
TarFile = Annotated[Path, typer.Option(help="The tar file it is about.")]
Hand = Annotated[
    Path,
    typer.Option(
        help="A program of yours, called as HAND NODE ORDER RELEASE FILE: it brings the files to the node, runs "
        "'gatehouse-node update take' there and ends with its exit code."
    ),
]


@rollout_app.command("key")
def key(
    out: Annotated[Path, typer.Option(help="The new private key; keep it off the service's machine.")],
) -> None:
    """Make the key that signs releases; prints its public half, which stands on every node as /etc/gate/release.pub."""
    private = Ed25519PrivateKey.generate()
    write_private(out, private.private_bytes_raw())
    typer.echo(private.public_key().public_bytes_raw().hex())


@rollout_app.command("sign")
def sign(
    file: Annotated[Path, typer.Argument(help="The tar of one folder, as it is to stand on the node.")],
    name: Annotated[str, typer.Option(help="What people call it, like 1.4.2.")],
    number: Annotated[int, typer.Option(min=1, help="Rises with every release of its kind.")],
    private: Annotated[Path, typer.Option("--key", help="The private key of releases.")],
    out: Annotated[Path, typer.Option(help="The signed paper.")],
    kind: Annotated[str, typer.Option(help="program or model.")] = "program",
) -> None:
    """Sign a release: its name, number, size and SHA-256."""
    if kind not in get_args(Kind):
        raise ConfigError("--kind", f"{kind!r} is none", f"One of: {', '.join(get_args(Kind))}")
    try:
        data = file.read_bytes()
        signer = Ed25519PrivateKey.from_private_bytes(private.read_bytes())
        digest = hashlib.sha256(data).hexdigest()
        release = Release(kind="model" if kind == "model" else "program", name=name, n=number, sha256=digest, size=len(data))  # fmt: skip
        body = encode(release)
        out.write_bytes(signer.sign(signing_bytes(Release, body)) + body)
        split(out.read_bytes(), Release)
    except (OSError, ValueError, BadMessage) as error:
        raise StoreError(f"{file}: cannot be signed ({error}).") from error
    typer.echo(f"{kind} {name} ({number}) {digest}")


@rollout_app.command("begin")
def begin(
    release: ReleaseFile,
    file: TarFile,
    reason: Reason,
    public: Annotated[str, typer.Option("--key", help="Public key of releases, 64 hexadecimal digits.")],
    node: Annotated[list[str] | None, typer.Option(help="Only these, in this order; repeatable.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Check the release and begin; nothing is ordered before 'rollout run'. Prints the rollout's id."""
    paper = _checked(release, file, public)
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        typer.echo(rollouts.begin(act, paper, nodes=tuple(node or ()), reason=reason))


@rollout_app.command("run")
def run(
    rollout: RolloutName,
    release: ReleaseFile,
    file: TarFile,
    hand: Hand,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Order node after node until it is done, stopped, or waits for a look at the first. Exit code 1 when stopped."""
    with opened_books(config) as books:
        order = True
        while order:
            with acting(books.house, who_types(), STAFF) as act:
                orders = rollouts.orders(act, rollout, books.keys.commands)
            order = bool(orders)
            for node, paper in orders.items():
                _bring(books, rollout, node, paper, hand, (release, file), Phase.TAKEN)
        state = _state(books, rollout)
        _say(books, rollout)
    if state is State.STOPPED:
        raise typer.Exit(STOPPED)


@rollout_app.command("back")
def back(rollout: RolloutName, hand: Hand, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """One step: every node that has it goes back to the release before. Exit code 1 when one did not."""
    with opened_books(config) as books:
        with acting(books.house, who_types(), STAFF) as act:
            orders = rollouts.orders_back(act, rollout, books.keys.commands, reason)
        for node, order in orders.items():
            _bring(books, rollout, node, order, hand, (), Phase.LED_BACK)
        _say(books, rollout)
        state = _state(books, rollout)
    if state is not State.BACK:
        raise typer.Exit(STOPPED)


@rollout_app.command("go-on")
def go_on(rollout: RolloutName, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """You have looked at the first nodes: the others follow with the next 'rollout run'."""
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        rollouts.go_on(act, rollout)


@rollout_app.command("end")
def end(rollout: RolloutName, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Order no further node; those that have it keep it."""
    with opened_books(config) as books, acting(books.house, who_types(), STAFF) as act:
        rollouts.end(act, rollout, reason)


@rollout_app.command("show")
def show(
    rollout: Annotated[str, typer.Argument(help="Without it: every rollout, one line each.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """How far it is, node by node, with the node's own words."""
    with opened_books(config) as books:
        if rollout:
            _say(books, rollout)
            return
        with acting(books.house, who_types(), STAFF) as act:
            for one in rollouts.listed(act):
                typer.echo(_head(one))


# --- within ------------------------------------------------------------------------------------------------------


def _state(books: Books, rollout: str) -> State:
    with acting(books.house, who_types(), STAFF) as act:
        return rollouts.view(act, rollout).state


def _bring(
    books: Books, rollout: str, node: str, order: bytes, hand: Path, files: tuple[Path, ...], well: Phase
) -> None:
    """Hand one order over, wait for what the node made of it, and write that down."""
    with tempfile.TemporaryDirectory(prefix="gatehouse-order-") as folder:
        paper = Path(folder) / f"{node}.order"
        paper.write_bytes(order)
        code, said = _hand([str(hand), node, str(paper), *(str(one) for one in files)])
    phase = PHASES.get(code, Phase.REFUSED)
    with acting(books.house, who_types(), STAFF) as act:
        rollouts.told(act, rollout, node, well if phase is Phase.TAKEN else phase, said)
    typer.echo(f"{node}: {phase} {said}")


def _hand(words: list[str]) -> tuple[int, str]:
    """Exit code and last line; a hand that cannot be run, or takes too long, has reached nobody."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=HAND_MOST_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return -1, type(error).__name__
    lines = [line for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    return done.returncode, "".join(char for char in lines[-1] if char.isprintable())[:200] if lines else ""


def _checked(paper: Path, file: Path, public: str) -> Release:
    try:
        signature, body, release = split(paper.read_bytes(), Release)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(signature, signing_bytes(Release, body))
        data = file.read_bytes()
    except (OSError, ValueError, BadMessage, InvalidSignature) as error:
        raise StoreError(f"{paper}: is not signed with that key ({type(error).__name__}).") from error
    if (hashlib.sha256(data).hexdigest(), len(data)) != (release.sha256, release.size):
        raise StoreError(f"{file}: is not the file that was signed.")
    return release


def _head(one: rollouts.RolloutView) -> str:
    begun = datetime.fromtimestamp(one.begun_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    taken = sum(line.phase is Phase.TAKEN for line in one.lines)
    release = one.release
    return f"{one.rollout} {one.state} {release.kind} {release.name} ({release.n}) {taken}/{len(one.lines)} {begun} {one.begun_by}"


def _say(books: Books, rollout: str) -> None:
    with acting(books.house, who_types(), STAFF) as act:
        one = rollouts.view(act, rollout)
    typer.echo(_head(one))
    for line in one.lines:
        typer.echo(f"  {line.node} {line.phase} {line.said}".rstrip())
