"""``gatehouse-sync broker-config``, ``node lost …`` and ``keys rotate``: who is let in, and who no more."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.errors import ConfigError
from cloud_sync.identity.broker_files import BrokerFolder, service_names, write_service_certificates
from cloud_sync.identity.broker_members import as_fronts, write_sink_side
from cloud_sync.identity.lost import decide, lose
from cloud_sync.identity.rotate import FILES, OVERLAP_DAYS_MAX, rotate
from cloud_sync.protocol.identity import SERVICE, Use
from cloud_sync.protocol.topics import sink_group
from cloud_sync.store.sink import SinkStore

By = Annotated[str, typer.Option("--by", help="Who decides; the name stands in the audit and nowhere else.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit beside the name.")]

keys_app = typer.Typer(help="The community's keys.", no_args_is_help=True)


def broker_config(
    out: Annotated[Path, typer.Option(help="The folder mosquitto is to run from; made where it is missing.")],
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name or address that nodes reach the broker by; repeatable.  localhost always is one."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Where it listens.")] = 8883,
    sinks: Annotated[
        int,
        typer.Option(
            min=1, max=16, help="How many programs take events in at once, each with a name of its own."
        ),
    ] = 1,
    bridge_to: Annotated[
        list[str] | None,
        typer.Option(
            help="HOST:PORT of a broker that nodes reach; repeatable.  Then this is a sink's own broker, on loopback."
        ),
    ] = None,
    for_sink: Annotated[
        str,
        typer.Option(help="With --bridge-to: the name in the certificate of the sink whose broker it is."),
    ] = SERVICE,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write configuration, access list, authority, revocations and certificates of a mosquitto; safe to repeat."""
    hosts = list(dict.fromkeys(("localhost", "127.0.0.1", *(host or ()))))
    names, fronts = service_names(sinks), as_fronts(bridge_to or ())
    if for_sink not in names:
        raise ConfigError("--for-sink", f"{for_sink!r} is none of {', '.join(names)}", "See --sinks")
    with opened_books(config) as books:
        authority, now_ms = books.certificates.authority, books.clock.now_ms()
        folder = BrokerFolder(out.resolve(), books.config.community.code)
        folder.write(authority, hosts, port, names, now_ms)
        folder.write_lists(authority, books.certificates.revoked(), books.certificates.lost(), now_ms)
        own = books.config.bus
        write_service_certificates(own, authority, names, now_ms)
        if fronts:
            write_sink_side(folder, port, fronts, own, for_sink, sink_group(books.keys.k_community))
    typer.echo(f"broker: mosquitto -c {folder.folder / 'mosquitto.conf'}")
    typer.echo("service: write this into its configuration")
    typer.echo("[broker]")
    for line in (
        "embedded = false",
        f'host = "{hosts[-1] if host and not fronts else "localhost"}"',
        f"port = {port}",
        f'ca_file = "{own / "ca.pem"}"',
        f'cert_file = "{own / f"{for_sink}.pem"}"',
        f'key_file = "{own / f"{for_sink}.key"}"',
        f'folder = "{folder.folder}"',
    ):
        typer.echo(line)


def node_lost(node: str, by: By, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """A node was stolen or is nowhere to be found: from now on it is nobody.

    Its certificates are revoked, no face is sealed to it, and PINs and cards of passes for its doors only end.  What it
    says from now on is kept aside: see 'node lost-events'.
    """
    with opened_books(config) as books:
        loss = lose(books.house, node, by=by, reason=reason, actor=who_types())
        folder = books.config.broker.folder
    typer.echo(
        f"{node}: lost; {loss.certificates} certificate(s) revoked, {loss.renewed} pass(es) without PIN and card"
    )
    typer.echo(
        f"faces of {loss.faces.enrolled} people were told to be on it, of {loss.faces.at_most} at most; what has to be done: "
        f"'gatehouse-sync breach show {loss.breach}', or the privacy page"
    )
    if loss.elsewhere:
        typer.echo(
            f"{loss.elsewhere} pass(es) open other nodes' doors too and keep PIN and card, which the lost node knew as keyed "
            "hashes: give those people new ones."
        )
    if folder is None:
        typer.echo(
            "broker.folder is not set, so nobody tells the broker: run 'gatehouse-sync broker-config' and reload it."
        )
    typer.echo(
        f"replacement: 'gatehouse-node join-request' there, then 'gatehouse-sync node add {node} --request …'"
    )


def node_lost_events(
    node: str,
    by: By,
    reason: Reason,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take them in as if nothing had happened.")
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Delete them; the audit says how many.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Decide about what came out of a node's ledger after it was lost."""
    if accept == discard:
        raise ConfigError("node lost-events", "needs --accept or --discard, one of them", "A person decides")
    with opened_books(config) as books:
        store = SinkStore(books.engine, books.config.community.code)
        try:
            count = decide(books.house, store, node, accept=accept, by=by, reason=reason, actor=who_types())
        finally:
            store.close()
    typer.echo(f"{node}: {count} frame(s) {'taken in' if accept else 'discarded'}")


def node_certificates(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every certificate that was issued: node, serial, until when, and whether and why it was revoked."""
    with opened_books(config) as books:
        for one in books.certificates.listed():
            until = datetime.fromtimestamp(one.not_after_ms / 1000, UTC).strftime("%Y-%m-%d")
            state = "valid" if one.revoked_ms is None else f"revoked ({one.why})"
            typer.echo(f"{one.node} {one.serial} {until} {state}")


@keys_app.command("rotate")
def keys_rotate(
    use: Annotated[str, typer.Argument(help="community (passes, erasures, rosters) or command (doors).")],
    by: By,
    reason: Reason,
    overlap_days: Annotated[
        int,
        typer.Option(
            min=0,
            max=OVERLAP_DAYS_MAX,
            help="How long nodes believe what the old key signed; 0 after a theft.",
        ),
    ] = 35,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a new key in a key's place; nodes follow by the old key's signature.  Start the service again afterwards."""
    known: dict[str, Use] = {name: name for name in FILES}
    if use not in known:
        raise ConfigError("keys rotate", f"there is no key {use!r}", f"One of: {', '.join(FILES)}")
    with opened_books(config) as books:
        link = rotate(
            books.house,
            books.config.keys,
            known[use],
            overlap_days=overlap_days,
            by=by,
            reason=reason,
            actor=who_types(),
        )
    typer.echo(f"{use}: {link.prev} is followed by {link.kid}; start the service again now")
