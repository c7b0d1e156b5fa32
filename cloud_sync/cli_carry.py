"""``gatehouse-sync carry …``: revocations to take to a node that no network reaches."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books
from cloud_sync.distribute.frames import Frames
from cloud_sync.errors import NotFound, StoreError
from cloud_sync.store.carrying import code_for, taken_away_at

carry_app = typer.Typer(help="Revocations to take to a node without network.", no_args_is_help=True)


@carry_app.command("file")
def carry_file(
    node: Annotated[str, typer.Argument(help="The node's id.")],
    out: Annotated[Path, typer.Option(help="Where the file goes; no secret is in it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write everything that is taken away at a node, signed; there: 'gatehouse-node carried FILE'."""
    with opened_books(config) as books:
        newest, items = taken_away_at(books.house, node)
        if not items:
            raise NotFound(f"nothing is taken away at node {node}; there is nothing to carry.")
        frames = Frames(books.keys.signer).denials(node, newest, items, books.clock.now_ms())
    try:
        out.write_bytes(b"".join(frame + b"\n" for frame in frames))
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}).") from error
    typer.echo(f"{out}: {len(frames)} signed lines for {node}")


@carry_app.command("code")
def carry_code(
    pass_id: Annotated[str, typer.Argument(help="A revoked pass.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Print the code of one revoked pass: typed at a node ('gatehouse-node carried CODE') or shown to a door as QR."""
    with opened_books(config) as books:
        typer.echo(code_for(books.house, pass_id))
