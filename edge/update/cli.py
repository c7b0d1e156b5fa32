"""``gatehouse-node update``: take a release that was brought, or the one before it; and say which runs."""

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

from edge.config import load
from edge.errors import ConfigError
from edge.store.device_key import read_join
from edge.store.releases import CURRENT, ReleaseFolder
from edge.update.machine import Machine
from edge.update.take import Papers, take

WENT_BACK, DARK = 3, 4
KEY_BYTES = 32

update_app = typer.Typer(
    help="Releases of this node: taken whole, looked at, taken back.", no_args_is_help=True
)
Config = Annotated[Path, typer.Option("--config", "-c", help="The node's TOML file.")]
Root = Annotated[Path, typer.Option(help="The folder of releases, with 'current' in it.")]


@update_app.command("take")
def take_it(
    config: Config,
    order: Annotated[Path, typer.Option(help="The signed order, as 'gatehouse-sync rollout' wrote it.")],
    release: Annotated[Path | None, typer.Option(help="The signed paper of the release.")] = None,
    file: Annotated[Path | None, typer.Option(help="Its tar file.")] = None,
    root: Root = Path("/opt/gate"),
    key: Annotated[
        Path, typer.Option(help="Public key of who makes releases, 64 hexadecimal digits.")
    ] = Path("/etc/gate/release.pub"),
    restart: Annotated[
        str, typer.Option(help="What stops the node and starts it again.")
    ] = "systemctl restart gate-node.service",
) -> None:
    """Take it if it is signed, whole, newer and ordered; exit code 3: not well and taken back, 4: nothing is well."""
    settings = load(config)
    command = shlex.split(restart)
    machine = Machine(settings, command, Machine(settings, command).doors_ok())
    out = take(
        ReleaseFolder(root),
        Papers(order, release, file),
        read_join(settings.join_file),
        (_key(key),),
        machine,
        now_ms=time.time_ns() // 1_000_000,
        clock_sure=machine.is_clock_sure(),
    )
    said = (
        "taken"
        if out.took
        else "not well, taken back"
        if out.well
        else "nothing is well: somebody has to come"
    )
    typer.echo(f"release {out.n}: {said}; {out.dark_ms} ms without a program")
    if not out.took:
        raise typer.Exit(WENT_BACK if out.well else DARK)


@update_app.command("show")
def show(root: Root = Path("/opt/gate")) -> None:
    """Which release of each kind runs, and which one a step back leads to."""
    folder = ReleaseFolder(root)
    for kind in CURRENT:
        have = folder.installed(kind)
        typer.echo(f"{kind}: {have.n or 'none'}, before it {have.before or 'none'}")


def _key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), f"is no public key ({error})", "64 hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise ConfigError(str(path), f"has {len(key)} bytes", "64 hexadecimal digits are 32 bytes")
    return key
