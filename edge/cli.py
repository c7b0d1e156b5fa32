"""``gatehouse-node``: run a node, let it join, enrol and erase, and look at what it keeps."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from edge.commission.cli import commission
from edge.config import NodeConfig, load
from edge.drivers.rungs import rung_of
from edge.errors import ConfigError, GateError, StoreError
from edge.gateio.profile import Profile, load_profile
from edge.runtime import control
from edge.update.cli import update_app

app = typer.Typer(
    no_args_is_help=True, help="A gate node: it sees a guest, decides, opens, and writes it down."
)
db_app = typer.Typer(
    no_args_is_help=True, help="Look at the node's own databases; nothing here changes them."
)
app.add_typer(db_app, name="db")
app.add_typer(update_app, name="update")
app.command("commission")(commission)

Config = Annotated[Path, typer.Option("--config", "-c", help="The node's TOML file.")]


def main() -> None:
    """The console script: a mistake is one sentence and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except GateError as error:
        _fail(str(error))
    except ExceptionGroup as group:
        known = group.subgroup(GateError)
        if known is None:
            raise
        _fail(str(_first(known)))
    except typer.Abort:
        _fail("stopped.")
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):  # a mistyped option, in typer's own words
            _fail(str(error.format_message()))
        raise
    sys.exit(code if isinstance(code, int) else 0)  # a command's typer.Exit comes back as a number


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _fail(sentence: str) -> None:
    sys.stderr.write(f"gatehouse-node: {sentence}\n")
    sys.exit(2)


def _log_to_stderr() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


@app.command()
def run(config: Config) -> None:
    """Serve the doors of this node until SIGTERM."""
    # Read when numpy is loaded, here and in the vision worker, which inherits it: products of a door's size gain
    # nothing from threads and disturb the camera.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from edge.compose import serve

    _log_to_stderr()
    settings = load(config)

    async def until_stopped() -> None:
        loop = asyncio.get_running_loop()
        serving = asyncio.ensure_future(serve(settings))
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, serving.cancel)
        try:
            await serving
        except asyncio.CancelledError:
            structlog.get_logger().info("node_stopped", node=settings.node)

    asyncio.run(until_stopped())


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The node's TOML file.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The same, as other commands take it.")
    ] = None,
    io: Annotated[
        Path | None, typer.Option("--io", help="The I/O profile; else the one the node's file names.")
    ] = None,
) -> None:
    """Explain every mistake of the node's file and of its I/O profile; starts nothing, exit code 2 with mistakes."""
    from edge.check import verdict

    found = verdict(file or config, io)
    for finding in found:
        typer.echo(str(finding), err=True)
    mistakes = [finding for finding in found if not finding.warning]
    if mistakes:
        raise typer.Exit(2)
    asked = ", ".join(str(path) for path in (file or config, io) if path is not None)
    typer.echo(f"{asked}: as it should be" + (f", with {len(found)} warning(s)." if found else "."))


@app.command()
def doctor(config: Config) -> None:
    """Say in plain words what is wrong with this node; changes nothing, exit code 1 when something is."""
    from edge.doctor import examine

    found = list(examine(config, time.time_ns() // 1_000_000))
    for finding in found:
        typer.echo(str(finding))
    wrong = sum(finding.level != "good" for finding in found)
    typer.echo(f"{wrong} of {len(found)} to be looked at" if wrong else "nothing is wrong")
    if wrong:
        raise typer.Exit(1)


@app.command("join-request")
def join_request(config: Config) -> None:
    """Print what the service needs to register this node; private keys are made here and stay here.

    Each one asks for one certificate, and is honoured once.
    """
    from edge.compose_faces import key_request
    from edge.compose_identity import claim_of

    settings = load(config)
    claim = claim_of(settings, time.time_ns() // 1_000_000)
    doors = [
        {
            "access_point": door.access_point,
            "kind": door.kind,
            "name_zh": door.name_zh,
            "name_en": door.name_en,
        }
        for door in settings.doors
    ]
    shown = {"node": settings.node, **key_request(settings), "claim": claim, "access_points": doors}
    typer.echo(json.dumps(shown, ensure_ascii=False))


@app.command()
def status(config: Config) -> None:
    """How the running node and its doors are."""
    settings = load(config)
    answer = _ask(settings, {"do": "status"})
    console = Console()
    table = Table(
        "door", "mode", "contact", "alarm", "camera", "lock", "face", "face mode", "N", "threshold", "FPIR"
    )
    table.columns[0].no_wrap = True  # a door's id is needed whole
    for door in answer["doors"]:
        threshold = "-" if door["threshold"] is None else f"{door['threshold']:.3f} {door['tail']}"
        fpir = "-" if door["expected_fpir"] is None else f"{door['expected_fpir']:.2g}"
        table.add_row(
            *(
                str(door[name])
                for name in (
                    "access_point",
                    "mode",
                    "contact",
                    "alarm",
                    "camera",
                    "lock",
                    "face",
                    "face_mode",
                )
            ),
            str(door["gallery_n"]),
            threshold,
            fpir,
        )
    console.print(table)
    _print_batteries(answer["doors"])
    _print_drivers(load_profile(settings.io_profile), console)
    console.print(f"clock: {answer['clock']}")
    console.print(f"passes version {answer['auth_ver']}, lent until {_moment(answer['lease_until_ms'])}")
    for cls, left in answer["freshness"].items():
        console.print(f"without news, {cls}: {left['state']}, {_left(left)}")
    _print_faces(answer["faces"])
    if answer["supply"] is not None:
        console.print(f"supply: {_supply(answer['supply'])}")
    if (models := answer["models"])["before"]:
        console.print(
            f"face model {models['before']} goes: {models['left']} still enrolled with it, new ones with {models['now']}"
        )
    for fault in answer["faults"]:
        console.print(f"fault: {fault}")


def _moment(ms: int | None) -> str:
    return "-" if ms is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(ms / 1000))


def _supply(told: dict[str, Any]) -> str:
    """What feeds the node, and what the battery has left; what is not known is a dash."""
    charge = "-" if told["charge"] is None else f"{told['charge']} %"
    left = "-" if told["left_s"] is None else f"{told['left_s'] // 60} min"
    return f"{told['state']}, battery {charge}, lasts {left}"


def _left(countdown: dict[str, Any]) -> str:
    """What is left of a class's time without news."""
    names = {"stale_in_ms": "two factors in", "expires_in_ms": "nothing in"}
    told = [
        f"{word} {countdown[name] // 3_600_000} h"
        for name, word in names.items()
        if countdown[name] is not None
    ]
    return ", ".join(told) or "for ever"


def _print_drivers(profile: Profile, console: Console) -> None:
    """Which drivers this node trusts its doors to, and how far each has come."""
    used: set[tuple[str, str]] = set()
    for door in profile.door:
        used.add(("locks" if door.hosted else "node_locks", door.lock.driver))
        used |= {("readers", one.driver) for one in door.readers}
        used |= {("indicators", one.driver) for one in door.indicators}
        if door.inputs is not None:
            used.add(("inputs", door.inputs.driver))
    told = ", ".join(f"{name} ({rung_of(kind, name)})" for kind, name in sorted(used))
    console.print(f"drivers: {told}", soft_wrap=True)


def _print_batteries(doors: list[dict[str, Any]]) -> None:
    """One line about the locks the node drives itself; ``gatehouse-node locks`` lists them."""
    own = [door for door in doors if door["battery"] or door["signal"]]
    if own:
        low = [door["access_point"] for door in own if door["battery"] == "low"]
        weak = [door["access_point"] for door in own if door["signal"] == "low"]
        names = f"battery low: {', '.join(low) or 'none'}; signal low: {', '.join(weak) or 'none'}"
        typer.echo(f"locks of this node: {len(own)} heard; {names}")


@app.command()
def locks(config: Config) -> None:
    """The locks this node drives itself, and how many passes could count on each; exit code 1 if one could not."""
    rows = _ask(load(config), {"do": "locks"})["locks"]
    names = ("access_point", "online", "bolt", "battery", "signal", "heard_s_ago")
    counts = ("ready", "waiting", "unreachable")
    table = Table("door", "online", "bolt", "battery %", "signal of 255", "heard s ago", *counts)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*("-" if row[name] is None else str(row[name]) for name in names + counts))
    Console().print(table)
    closed = [row for row in rows if row["unreachable"]]
    for row in closed:
        typer.echo(f"{row['access_point']}: would not open for {row['unreachable']} pass(es)")
    typer.echo(f"{len(rows)} lock(s), {len(closed)} that would not open for a pass aboard")
    if closed:
        raise typer.Exit(1)


def _print_faces(faces: dict[str, Any]) -> None:
    """Plain lines, whole on any screen: fingerprints are compared digit by digit."""
    if "fault" in faces:
        typer.echo("sealed faces: off, see the fault")
        return
    part = "takes part" if faces["approved"] else "takes no part"
    typer.echo(f"sealed faces: {part}; this node's fingerprint: {faces['fingerprint']}")
    if faces["held"]:
        typer.echo("an erasure is on its way: no face is looked at before it is done")
    for one in faces["nodes"]:
        counts = ", ".join(f"{one[state]} {state}" for state in ("offered", "stored", "kept", "refused"))
        typer.echo(f"receiver {one['node']} {one['fingerprint']}: {one['trust']}; sent: {counts}")
    refused = ", ".join(f"{count} {why}" for why, count in sorted(faces["refused"].items())) or "none"
    typer.echo(f"taken from others since the start: {faces['taken']}; refused: {refused}")


@app.command("trust-receiver")
def trust_receiver(
    config: Config,
    node: Annotated[str, typer.Argument(help="The node that is to get templates made here.")],
    fingerprint: Annotated[str, typer.Option(help="As read at that node, never from the service.")],
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")],
    reason: Annotated[str, typer.Option(help="Why; it stays on this node.")],
) -> None:
    """Let templates made at this node be sealed to another node, whose fingerprint you have compared."""
    question = {"do": "trust_receiver", "node": node, "fingerprint": fingerprint, "by": by, "reason": reason}
    _ask(load(config), question)
    typer.echo(f"{node}: trusted; templates of passes with its doors are sealed to it from now on")


@app.command("distrust-receiver")
def distrust_receiver(
    config: Config,
    node: Annotated[str, typer.Argument(help="The node that is to get nothing more from here.")],
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")],
    reason: Annotated[str, typer.Option(help="Why; it stays on this node.")],
) -> None:
    """Seal nothing to this node any more."""
    _ask(load(config), {"do": "distrust_receiver", "node": node, "by": by, "reason": reason})
    typer.echo(f"{node}: not trusted any more")


@app.command("apb-reset")
def apb_reset(
    config: Config,
    pass_id: Annotated[str, typer.Argument(metavar="PASS", help="The pass that stands on the wrong side.")],
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")],
    why: Annotated[str, typer.Option("--why", help="followed_somebody, left_unseen, wrong_record or other.")],
) -> None:
    """Forget where a pass is recorded, so that anti-passback does not hold it back."""
    answer = _ask(load(config), {"do": "apb_reset", "pass_id": pass_id, "by": by, "why": why})
    typer.echo(f"{pass_id}: not recorded in {answer['zone']} any more; its next passage is judged anew")


@app.command()
def enrol(
    config: Config,
    pass_id: Annotated[str, typer.Option("--pass", help="The pass the face is for.")],
    photos: Annotated[
        list[Path] | None, typer.Option("--photo", help="A photo; give three of one person.")
    ] = None,
    at: Annotated[str, typer.Option(help="Access point whose camera looks; instead of photos.")] = "",
    by: Annotated[str, typer.Option(help="The account that approves replacing a face.")] = "",
    why: Annotated[
        str, typer.Option(help="Why: looks_changed, never_recognised, wrong_person or other.")
    ] = "",
) -> None:
    """Enrol a face for a pass that has a current consent; pictures are never kept."""
    settings = load(config)
    if bool(photos) == bool(at):
        raise ConfigError("enrol", "needs either --photo (three times) or --at", "Choose one")
    if photos:
        question: dict[str, Any] = {
            "do": "enrol_template",
            "pass_id": pass_id,
            "template": _template(settings, photos),
        }
    else:
        question = {"do": "enrol_camera", "pass_id": pass_id, "access_point": at}
    answer = _ask(settings, question | {"by": by, "why": why})
    typer.echo(f"enrolled {answer['enrolled']} from {answer['pictures']} picture(s); no picture was kept")


def _template(settings: NodeConfig, photos: list[Path]) -> str:
    """The template of these photos, as hex; made in this process, which ends."""
    import cv2
    import numpy as np

    from models.engine import EngineError
    from models.enrol import enrol_from_photos
    from models.plugins import open_face_engine

    frames = []
    for photo in photos:
        image = cv2.imread(str(photo))
        if image is None:
            raise ConfigError(str(photo), "cannot be read as a photo", "Give a JPEG or PNG file")
        frames.append(np.asarray(image, np.uint8))
    try:
        engine = open_face_engine(settings.face.engine, models_dir=settings.face.models_dir)
        engine.warm_up()
        now_ms = time.time_ns() // 1_000_000
        # The node sets the template's end from the pass it belongs to.
        template = enrol_from_photos(engine, frames, made_ms=now_ms, not_after_ms=now_ms)
    except EngineError as error:
        raise GateError(str(error)) from error
    return template.to_bytes().hex()


@app.command("reset-fire")
def reset_fire(
    config: Config,
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")],
) -> None:
    """End the fire release of this node's doors, standing before them, once the fire input is normal again."""
    done = _ask(load(config), {"do": "reset_fire", "by": by})["reset"]
    if not done:
        raise GateError(
            "No door was reset: none is released by fire, or the fire input is still active. Reset the panel first."
        )
    typer.echo(f"reset: {', '.join(done)}")


@app.command()
def carried(
    config: Config,
    brought: Annotated[str, typer.Argument(help="A file, or a code ACR:XXXX-XXXX-XXXX-XXXX.")],
    by: Annotated[str, typer.Option("--by", help="Your staff id; it stands in the ledger, so no name.")],
) -> None:
    """Take in revocations that somebody brought, where the network does not reach this node."""
    path = Path(brought)
    text = path.read_text(errors="replace") if path.is_file() else brought
    answer = _ask(load(config), {"do": "carried", "text": text, "by": by})
    typer.echo(f"{answer['passes']} pass(es) taken away here")


@app.command()
def erase(
    config: Config, pass_id: Annotated[str, typer.Option("--pass", help="Whose template goes.")]
) -> None:
    """Erase a face template from this node's disk and galleries."""
    answer = _ask(load(config), {"do": "erase", "pass_id": pass_id})
    typer.echo(f"erased {answer['erased']} template(s)")


def _ask(settings: NodeConfig, question: dict[str, Any]) -> dict[str, Any]:
    return control.ask(settings.data_dir / "control.sock", question)


@db_app.command("tables")
def db_tables(config: Config) -> None:
    """What is kept, and how much of it."""
    table = Table("file", "table", "rows")
    for path in _databases(load(config)):
        database = _open(path)
        for name in database.table_names():
            table.add_row(path.name, name, str(database[name].count))
    Console().print(table)


@db_app.command("events")
def db_events(
    config: Config, last: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 20
) -> None:
    """The newest events of the ledger, one JSON object a line."""
    database = _open(load(config).data_dir / "events.db")
    for row in reversed(
        list(database.query("select seq, body from event order by seq desc limit ?", (last,)))
    ):
        typer.echo(json.dumps({"seq": row["seq"], **json.loads(row["body"] or "{}")}, ensure_ascii=False))


@db_app.command("check")
def db_check(config: Config) -> None:
    """Check pages and chain of a node that is stopped; the exit code is 1 when something is wrong."""
    from edge.compose import open_stores

    stores = open_stores(load(config))
    broken = stores.ledger.first_break()
    head, salvaged = stores.ledger.head, stores.ledger.salvaged
    stores.close()
    if isinstance(stores.peers, StoreError):
        raise stores.peers
    if salvaged is not None:
        typer.echo(f"events.db: damaged; {salvaged.sentence()} Change the card, and keep events.db.damaged.")
        raise typer.Exit(1)
    if broken is not None:
        typer.echo(
            f"events.db: the chain breaks at event {broken}. Keep a copy and tell the community officer."
        )
        raise typer.Exit(1)
    typer.echo(f"events.db: {head} events, the chain verifies")


def _databases(settings: NodeConfig) -> list[Path]:
    return sorted(settings.data_dir.glob("*.db"))


def _open(path: Path) -> Any:
    """A database for reading only."""
    import sqlite3

    import sqlite_utils

    if not path.exists():
        raise ConfigError(str(path), "is not there", "Has this node ever run? Check data_dir")
    return sqlite_utils.Database(sqlite3.connect(f"file:{path}?mode=ro", uri=True))
