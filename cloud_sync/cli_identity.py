"""``gatehouse-sync broker-config`` and ``node lost …``: what a broker has to know, and whom it lets in no more."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books
from cloud_sync.identity.broker_files import BrokerFolder, service_names, write_service_certificates


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
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write configuration, access list, authority, revocations and certificates of a mosquitto; safe to repeat."""
    hosts = list(dict.fromkeys(("localhost", "127.0.0.1", *(host or ()))))
    names = service_names(sinks)
    with opened_books(config) as books:
        authority, now_ms = books.certificates.authority, books.clock.now_ms()
        folder = BrokerFolder(out.resolve(), books.config.community.code)
        folder.write(authority, hosts, port, names, now_ms)
        folder.write_lists(authority, books.certificates.revoked(), books.certificates.lost(), now_ms)
        own = books.config.bus
        write_service_certificates(own, authority, names, now_ms)
    typer.echo(f"broker: mosquitto -c {folder.folder / 'mosquitto.conf'}")
    typer.echo("service: write this into its configuration")
    typer.echo("[broker]")
    for line in (
        "embedded = false",
        f'host = "{hosts[-1] if host else "localhost"}"',
        f"port = {port}",
        f'ca_file = "{own / "ca.pem"}"',
        f'cert_file = "{own / "sync.pem"}"',
        f'key_file = "{own / "sync.key"}"',
        f'folder = "{folder.folder}"',
    ):
        typer.echo(line)
