"""``gatehouse-sync``: set up a community, run its service, and do by hand what the pages do not do yet.

Wrong input is answered with one sentence on stderr and exit code 2; nothing was changed then.
"""

import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cloud_sync.cli_accounts import user_app
from cloud_sync.cli_archive import archive_app
from cloud_sync.cli_bookings import intake_app, luggage, return_app, walk_in
from cloud_sync.cli_carry import carry_app
from cloud_sync.cli_commands import command_app
from cloud_sync.cli_credentials import card_app, day_code_app, visitor_app
from cloud_sync.cli_departments import department_app
from cloud_sync.cli_emergency import emergency_app
from cloud_sync.cli_faces import approve_node, list_nodes, withdraw_node
from cloud_sync.cli_figures import figures_app
from cloud_sync.cli_guests import invite, notices
from cloud_sync.cli_identity import broker_config, keys_app, node_certificates, node_lost, node_lost_events
from cloud_sync.cli_listings import listing_app
from cloud_sync.cli_nodes import node_app
from cloud_sync.cli_operate import back_up, bring_back, doctor, new_generation
from cloud_sync.cli_privacy import add_to as add_privacy
from cloud_sync.cli_reconcile import reconcile_app
from cloud_sync.cli_registry import registry_app
from cloud_sync.cli_rollout import rollout_app
from cloud_sync.cli_score import score
from cloud_sync.cli_stays import booking_app, dry_run_app, prove
from cloud_sync.cli_synth import synth
from cloud_sync.cli_tokens import tokens_app
from cloud_sync.cli_tools import CONFIG_VARIABLE, DEFAULT_CONFIG, ConfigOption
from cloud_sync.cli_tools import opened_books as _books
from cloud_sync.cli_tools import who_types as _actor
from cloud_sync.cli_upstream import upstream_app
from cloud_sync.cli_webhooks import webhooks_app
from cloud_sync.cli_zones import zone_app
from cloud_sync.compose import Part, set_up
from cloud_sync.config import load
from cloud_sync.errors import ConfigError, SyncError
from cloud_sync.logs import log_to
from cloud_sync.ports import ImportReport
from cloud_sync.protocol.messages import PREREQ_LISTING, PREREQ_REGISTERED, PREREQ_STAY
from cloud_sync.store.guests import ConsentWish
from cloud_sync.store.intake_files import FORMS as FILE_FORMS
from cloud_sync.store.intake_files import data_of
from cloud_sync.store.places import PiaRecord
from cloud_sync.store.registry import PassLine
from cloud_sync.store.repair import db_app

REJECTED = 1  # some rows of an import were not taken; the others were
WRONG_INPUT = 2
PREREQS = {PREREQ_LISTING: "listing", PREREQ_STAY: "stay", PREREQ_REGISTERED: "registration"}

app = typer.Typer(
    name="gatehouse-sync",
    help="The sync service of a community.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
face_app = typer.Typer(help="What has to be on file before a door may know faces.", no_args_is_help=True)
consent_app = typer.Typer(help="Consents taken down by staff.", no_args_is_help=True)
app.add_typer(user_app, name="user")
app.add_typer(node_app, name="node")
app.add_typer(face_app, name="face")
app.add_typer(consent_app, name="consent")
app.add_typer(command_app, name="command")
app.add_typer(carry_app, name="carry")
app.add_typer(zone_app, name="zone")
app.add_typer(department_app, name="department")
app.add_typer(upstream_app, name="upstream")
app.add_typer(registry_app, name="registry")
app.add_typer(reconcile_app, name="reconcile")
app.add_typer(listing_app, name="listing")
app.add_typer(figures_app, name="figures")
app.add_typer(db_app, name="db")
face_app.command("approve-node")(approve_node)
face_app.command("withdraw-node")(withdraw_node)
face_app.command("nodes")(list_nodes)
app.command("invite")(invite)
app.command("notices")(notices)
app.command("broker-config")(broker_config)
app.add_typer(keys_app, name="keys")
app.add_typer(emergency_app, name="emergency")
app.add_typer(rollout_app, name="rollout")
node_app.command("lost")(node_lost)
node_app.command("lost-events")(node_lost_events)
node_app.command("certificates")(node_certificates)

app.add_typer(booking_app, name="booking")
app.add_typer(day_code_app, name="day-code")
app.add_typer(card_app, name="card")
app.add_typer(visitor_app, name="visitor")
app.add_typer(dry_run_app, name="dry-run")
app.command("prove")(prove)
app.command("walk-in")(walk_in)
app.command("luggage")(luggage)
app.add_typer(intake_app, name="intake")
app.add_typer(return_app, name="return")
app.add_typer(tokens_app, name="tokens")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(archive_app, name="archive")
app.command("backup")(back_up)
app.command("restore")(bring_back)
app.command("new-generation")(new_generation)
app.command("doctor")(doctor)
app.command("synth")(synth)
app.command("score")(score)
add_privacy(app)


@app.callback()
def common(context: typer.Context) -> None:
    """Set up a community, run its service, keep its records."""
    config = Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)
    if context.invoked_subcommand == "db" and config.is_file():
        settings = load(config)
        context.obj = settings.database_url or settings.database


# --- set up and run ------------------------------------------------------------------------------------------


@app.command()
def setup(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make data folder, keys, database and certificate; safe to repeat."""
    made = set_up(load(config))
    if made.authority is not None:
        typer.echo(f"certificate authority: {made.authority}")
    if made.setup_token is not None:
        typer.echo(f"first-run token: {made.setup_token}")
        typer.echo(
            f"Start 'gatehouse-sync run', open {load(config).web.pages_url}/first-run and give this token;"
        )
        typer.echo("it works once, and until then each 'setup' makes a new one.")


@app.command()
def run(
    config: ConfigOption = DEFAULT_CONFIG,
    part: Annotated[
        list[Part] | None, typer.Option(help="Only this part; repeatable.  Without it: everything.")
    ] = None,
) -> None:
    """Run the service until SIGTERM or SIGINT."""
    log_to(sys.stderr)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    from cloud_sync.service import (
        Service,
    )  # pages and bus are loaded by whoever serves, and by no other command

    Service(load(config), part or tuple(Part)).run(ended)


@app.command()
def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Everything in one program, until SIGTERM or SIGINT; the same as ``run``."""
    run(config, list(Part))


@app.command()
def ingest(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Only store what gates tell; a new version of the pages then never stops it."""
    run(config, [Part.SINK])


@app.command()
def api(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Only the pages and the HTTP interface."""
    run(config, [Part.PAGES])


@app.command()
def jobs(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Only the work that nobody asks for: passes to nodes, commands, reconciliation, cases, messages to guests."""
    run(config, [Part.JOBS])


@app.command()
def broker(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run only the embedded broker, on loopback."""
    settings = load(config).broker
    if not settings.embedded:
        raise ConfigError("broker.embedded", "it is false", "Start the broker that is configured instead")
    from cloud_sync.broker import run_broker

    run_broker(settings.port, settings.host)


# --- face at doors ----------------------------------------------------------------------------------------------


@face_app.command("pia")
def face_pia(
    purpose: Annotated[str, typer.Option()],
    necessity: Annotated[str, typer.Option()],
    impact: Annotated[str, typer.Option()],
    measures: Annotated[str, typer.Option()],
    author: Annotated[str, typer.Option()],
    review_days: Annotated[int, typer.Option(min=1, max=1096)] = 365,
    synthetic: Annotated[bool, typer.Option(help="Invented, for a synthetic community.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep an impact assessment; prints its id."""
    review = datetime.now(UTC) + timedelta(days=review_days)
    record = PiaRecord(
        purpose, necessity, impact, measures, author, round(review.timestamp() * 1000), synthetic
    )
    with _books(config) as books:
        typer.echo(books.registry.record_pia(record, actor=_actor()))


@face_app.command("enable")
def face_enable(
    access_point: str,
    pia: Annotated[str, typer.Option(help="The impact assessment's id.")],
    signage_by: Annotated[str, typer.Option(help="Who attests that the sign is up.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Switch face on for one door."""
    with _books(config) as books:
        books.registry.enable_face(access_point, pia, signage_by, actor=_actor())


@face_app.command("disable")
def face_disable(access_point: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Switch face off for one door."""
    with _books(config) as books:
        books.registry.disable_face(access_point, actor=_actor())


# --- records -----------------------------------------------------------------------------------------------------


@app.command("import")
def import_file(
    kind: Annotated[str, typer.Argument(help=f"one of {', '.join(sorted(FILE_FORMS))}")],
    file: Path,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Import a CSV file or a spreadsheet; every row is answered, and exit code 1 says that some were not taken."""
    data = data_of(kind, file)
    with _books(config) as books:
        report = books.registry.import_file(kind, data, actor=_actor())
    _print_report(report)
    if report.count("rejected"):
        raise typer.Exit(REJECTED)


def _print_report(report: ImportReport) -> None:
    for row in report.rows:
        if row.reason:
            typer.echo(f"line {row.line}: {row.status} {row.key}: {row.reason}")
    counts = ", ".join(
        f"{report.count(status)} {status}" for status in ("new", "updated", "unchanged", "rejected")
    )
    typer.echo(f"{report.kind}: {counts}")


@app.command("guest-link")
def guest_link(source: str, ref: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print a fresh link for the guest of a booking; the previous one stops working."""
    with _books(config) as books:
        token = books.registry.guest_link(source, ref, actor=_actor())
        typer.echo(f"{books.config.web.pages_url}/g/{token}")


@app.command("check-out")
def check_out(source: str, ref: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check a stay out; its passes end now."""
    with _books(config) as books:
        typer.echo(books.registry.check_out(source, ref, actor=_actor()))


@app.command("no-show")
def no_show(source: str, ref: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Confirm that nobody came; the passes are revoked."""
    with _books(config) as books:
        typer.echo(books.registry.confirm_no_show(source, ref, actor=_actor()))


@consent_app.command("give")
def consent_give(
    source: str,
    ref: str,
    purpose: str,
    text_version: Annotated[str, typer.Option(help="The version of the text that was shown.")],
    language: Annotated[str, typer.Option()] = "zh",
    channel: Annotated[str, typer.Option()] = "staff",
    guardian_ref: Annotated[str | None, typer.Option(help="Who consented for somebody under age.")] = None,
    subject: Annotated[str | None, typer.Option(help="Which member; without it the lead guest.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take down a consent; prints its id."""
    wish = ConsentWish(purpose, text_version, language, channel, guardian_ref)
    with _books(config) as books:
        typer.echo(books.registry.consent_for_booking(source, ref, wish, actor=_actor(), subject_ref=subject))


@consent_app.command("withdraw")
def consent_withdraw(
    source: str,
    ref: str,
    purpose: str,
    subject: Annotated[str | None, typer.Option(help="Which member; without it the lead guest.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take down a withdrawal; prints how many consents it ended."""
    with _books(config) as books:
        typer.echo(
            books.registry.withdraw_for_booking(source, ref, purpose, actor=_actor(), subject_ref=subject)
        )


@app.command()
def passes(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every pass: id, state, version, window in UTC, what it waits for, credentials, doors.  No person."""
    with _books(config) as books:
        for line in books.registry.passes():
            begins, ends = (_utc(ms) for ms in (line.not_before_ms, line.not_after_ms))
            typer.echo(
                f"{line.pass_id} {line.state} v{line.version} {begins} {ends} {_waits(line)}"
                f"credentials={line.credentials} {' '.join(line.scope)}"
            )


def _waits(line: PassLine) -> str:
    """What a pass that opens nothing yet is still without."""
    lacks = (
        [word for bit, word in PREREQS.items() if not line.prereq & bit] if line.state == "PENDING" else []
    )
    return f"waits-for={','.join(lacks)} " if lacks else ""


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")


@app.command("explain")
def explain(discrepancy: str, reason: str, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Close a discrepancy with a person's reason."""
    with _books(config) as books:
        books.reconciler.close_by_human(discrepancy, reason, actor=_actor())


def main() -> None:
    """The console script: one sentence and exit code 2 for whatever the owner or the machine got wrong."""
    try:
        code = app(standalone_mode=False)
    except SyncError as error:
        _give_up(str(error))
    except typer.Abort:
        _give_up("Interrupted.")
    except typer.TyperException as error:
        _give_up(error.format_message())
    sys.exit(code if isinstance(code, int) else 0)


def _give_up(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    sys.exit(WRONG_INPUT)


if __name__ == "__main__":
    main()
