"""``gatehouse-node commission``: at the door, with a keyboard; or, with ``--verify``, at a desk."""

from importlib import metadata
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console

from edge.commission.site import Left, Site, Technician
from edge.commission.walk import Pen, walk
from edge.commission.words import Language, text
from edge.config import DoorConfig, NodeConfig, load
from edge.core.commissioning import NotOne, Report, Verdict, why_not
from edge.drivers.clock import clock_of
from edge.errors import ConfigError
from edge.gateio.profile import DoorTable, Profile, load_profile
from edge.gateio.wiring import wiring_of
from edge.runtime.commissioned import read_report
from edge.store.device_key import read_join, verify_ed25519
from edge.store.sealing_key import device_public_raw, device_sign

NOT_PASSED = 1


class Keyboard:
    """The technician at a terminal."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._console = Console(highlight=False, soft_wrap=True)

    def say(self, key: str, **parts: object) -> None:
        style = {"was_passed": "green", "was_failed": "bold red", "item": "bold"}.get(key)
        self._console.print(text(key, self._language, **parts), style=style, markup=False)

    def yes(self, key: str, **parts: object) -> bool:
        try:
            return typer.confirm(text(key, self._language, **parts))
        except typer.Abort as error:
            raise Left from error


def commission(
    file: Annotated[Path | None, typer.Argument(help="The node's TOML file.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The same, as other commands take it.")
    ] = None,
    door: Annotated[str, typer.Option(help="The access point that is walked.")] = "",
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")] = "",
    lang: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    verify: Annotated[
        Path | None, typer.Option(help="Instead of walking: check this report's signature and what it says.")
    ] = None,
) -> None:
    """Walk a door's commissioning list and sign the report; without one a door gives no grants."""
    path = file or config
    if lang not in ("zh", "en"):
        raise ConfigError("--lang", f"{lang!r} is no language here", "Say zh or en")
    if verify is not None:
        _verify(verify, path)
        return
    if path is None or not door or not by.strip():
        raise ConfigError("commission", "needs the node's file, --door and --by", "Or a report with --verify")
    _walk(load(path), door, by.strip(), cast("Language", lang))


def _walk(settings: NodeConfig, door: str, by: str, language: Language) -> None:
    profile = load_profile(settings.io_profile)
    keyboard = Keyboard(language)
    site = site_of(settings, profile, door, by, keyboard)
    keyboard.say("title", door=door, node=settings.node, lock=site.table.lock_profile)
    keyboard.say("keys")
    walked = walk(site, pen_of(settings, site.table))
    if walked.path is not None:
        keyboard.say(f"verdict_{walked.report.verdict}", path=walked.path)
    elif not walked.power_next:
        keyboard.say("stopped")
    if walked.report.verdict is not Verdict.PASSED:
        raise typer.Exit(NOT_PASSED)


def site_of(settings: NodeConfig, profile: Profile, door: str, by: str, technician: Technician) -> Site:
    """The place of the walk.

    Raises:
        ConfigError: this node has no such door, or nobody wired it.
    """
    return Site(
        config=settings,
        profile=profile,
        door=_door(settings, door),
        table=_table(profile, door),
        by=by,
        technician=technician,
        face_doors=read_join(settings.join_file).face_doors,
    )


def pen_of(settings: NodeConfig, table: DoorTable) -> Pen:
    """The node's own hand: its device key signs."""
    # Here and not above: the command line says how many threads numpy may have before anything loads it.
    from edge.compose_commission import FOLDER
    from edge.compose_faces import DEVICE_KEY

    key = settings.data_dir / DEVICE_KEY
    clock = clock_of(settings.clock.rtc, settings.clock.rehearsal)
    return Pen(
        folder=settings.data_dir / FOLDER,
        public_key=device_public_raw(key),
        sign=lambda message: device_sign(key, message),
        now_ms=lambda: clock.read().wall_ms,
        wiring=wiring_of(table),
        software=metadata.version("gatehouse"),
    )


def _door(settings: NodeConfig, name: str) -> DoorConfig:
    found = [door for door in settings.doors if door.access_point == name]
    if not found:
        has = ", ".join(door.access_point for door in settings.doors)
        raise ConfigError("--door", f"this node has no door {name}", f"It has: {has}")
    return found[0]


def _table(profile: Profile, name: str) -> DoorTable:
    found = [table for table in profile.door if table.access_point == name]
    if not found:
        raise ConfigError("--door", f"{name} is not wired in the I/O profile", "Wire it first")
    return found[0]


# --- at a desk --------------------------------------------------------------------------------------------------------


def _verify(path: Path, config: Path | None) -> None:
    found = read_report(path, verify_ed25519)
    if isinstance(found, NotOne):
        raise ConfigError(str(path), found.why, "Get it again from the node")
    report, key = found
    _print(report)
    if config is not None:
        from edge.compose_faces import DEVICE_KEY

        settings = load(config)
        table = _table(load_profile(settings.io_profile), report.access_point)
        own = device_public_raw(settings.data_dir / DEVICE_KEY)
        why = why_not(
            report, key, node=settings.node, door=report.access_point, wiring=wiring_of(table), own_key=own
        )
        if why:
            raise ConfigError(str(path), why, "Walk the list again")
        typer.echo(f"signed by this node's device key; {report.access_point} is commissioned by it")
    else:
        typer.echo(f"the signature is that of device key {key.hex()}; compare it with the node's")
    if report.verdict is not Verdict.PASSED:
        raise typer.Exit(NOT_PASSED)


def _print(report: Report) -> None:
    typer.echo(f"{report.access_point} of node {report.node}: {report.verdict}, by {report.by}")
    for check in report.checks:
        attested = f" [{check.attested}]" if check.attested else ""
        typer.echo(f"  {check.item}: {check.outcome}: {check.seen}{attested}")
