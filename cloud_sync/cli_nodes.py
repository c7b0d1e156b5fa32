"""``gatehouse-sync node …``: nodes, their doors, and the join files they run with."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.compose import Books, add_node, write_join_file
from cloud_sync.errors import ConfigError, Refused
from cloud_sync.protocol.claim import claim_code
from cloud_sync.protocol.identity import Claim, read_claim
from cloud_sync.store.node_list import NodeKeys, read_rows
from cloud_sync.store.places import AccessPointSpec, NodeJoin

ROWS_WRONG = 2

node_app = typer.Typer(help="Nodes and their join files.", no_args_is_help=True)


@node_app.command("add")
def node_add(
    node: Annotated[str, typer.Argument(help="The node's id; left out with --csv.")] = "",
    public_key: Annotated[str, typer.Option(help="What 'gatehouse-node join-request' printed.")] = "",
    join_out: Annotated[Path | None, typer.Option(help="Where the join file for the node goes.")] = None,
    name: Annotated[str, typer.Option(help="How people call it.")] = "",
    access_point: Annotated[
        list[str] | None, typer.Option(help="ID:KIND:中文名:English name; repeatable.")
    ] = None,
    sealing_key: Annotated[
        str, typer.Option(help="Likewise printed; without it the node takes no templates from others.")
    ] = "",
    sealing_proof: Annotated[str, typer.Option(help="Likewise printed; belongs to the sealing key.")] = "",
    request: Annotated[
        Path | None,
        typer.Option(
            help="A file with what 'join-request' printed, instead of the three keys; honoured once."
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Many doors on their nodes, one row each; see first-community."),
    ] = None,
    join_dir: Annotated[
        Path | None, typer.Option(help="With --csv: the folder NODE.json join files are written to.")
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            help="With --csv: a folder of NODE.json, each what 'join-request' printed at that node."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --csv: judge every row, write nothing.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Register a node with its doors and write its join file, or many of them from one list; safe to repeat."""
    if csv is not None:
        single = (node, public_key, join_out, name, access_point, sealing_key, sealing_proof, request)
        if any(single):
            raise ConfigError("--csv", "a list brings its own nodes and doors", "Leave the other options out")
        _add_list(csv, join_dir, requests, config, dry_run=dry_run)
        return
    asked = Asked(NodeKeys(public_key, sealing_key, sealing_proof))
    if request is not None and node:
        if public_key or sealing_key or sealing_proof:
            raise ConfigError("--request", "brings the node's keys itself", "Leave the key options out")
        asked = _request(request, node)
    if not (node and asked.keys.public_key and join_out):
        raise ConfigError(
            "node add", "needs NODE, --request and --join-out", "Or --public-key, or a list with --csv"
        )
    if join_dir or requests or dry_run:
        raise ConfigError(
            "node add", "--join-dir, --requests and --dry-run belong to --csv", "Leave them out"
        )
    doors = tuple(_spec(text) for text in access_point or ())
    keys = asked.keys
    join = NodeJoin(node, name or node, keys.public_key, doors, keys.sealing_key, keys.sealing_proof)
    with opened_books(config) as books:
        add_node(books, join, join_out, actor=who_types(), claim=asked.claim)
    if request is not None:
        _tell_claim_code(node, keys.public_key)


@node_app.command("join-file")
def node_join_file(node: str, join_out: Path, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write a node's join file again, for instance after face was switched on."""
    with opened_books(config) as books:
        write_join_file(books, node, join_out)


@node_app.command("near")
def node_near(
    access_point: Annotated[str, typer.Argument(help="The door.")],
    near: Annotated[str, typer.Argument(help="The entrance next to it; left out, none is.")] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write down which entrance is next to a door: guests read it while the door's node is silent."""
    with opened_books(config) as books:
        books.registry.set_near(access_point, near, actor=who_types())
    typer.echo(f"{access_point}: next to it is {near or 'none'}")


def _spec(text: str) -> AccessPointSpec:
    parts = text.split(":")
    if len(parts) != 4 or not all(parts):
        raise ConfigError(
            "--access-point", f"{text!r} is not ID:KIND:中文名:English name", "Write all four, colons between"
        )
    return AccessPointSpec(*parts)


# --- a list ----------------------------------------------------------------------------------------------------


def _add_list(
    path: Path, join_dir: Path | None, requests: Path | None, config: Path, *, dry_run: bool
) -> None:
    if join_dir is None and not dry_run:
        raise ConfigError(
            "--csv", "needs --join-dir, the folder for the join files", "Or try it with --dry-run"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be read ({error.strerror})", "Give the path of a CSV file"
        ) from error
    rows, faults = read_rows(data)
    asked = {} if requests is None else _requests(requests, {row["node"] for row in rows})
    keys = {node: one.keys for node, one in asked.items()}
    with opened_books(config) as books:
        nodes, more = books.registry.add_node_list(
            rows, keys, dry_run=dry_run or bool(faults), actor=who_types()
        )
        if faults := sorted([*faults, *more], key=lambda fault: fault.row):
            for fault in faults:
                typer.echo(str(fault), err=True)
            typer.echo(f"{path}: {len(faults)} wrong row(s); nothing was written.", err=True)
            raise typer.Exit(ROWS_WRONG)
        for node, one in asked.items():
            _tell_claim_code(node, one.keys.public_key)
            if one.claim is not None and not dry_run:
                _honour(books, node, one.claim)
        if join_dir is not None and not dry_run:
            _write_joins(books, nodes, join_dir)
    done = "would be made; nothing was written" if dry_run else f"made; join files in {join_dir}"
    typer.echo(f"{path}: {len(rows)} access points on {len(nodes)} nodes {done}")


def _honour(books: Books, node: str, claim: Claim) -> None:
    """A list is safe to repeat: a claim that is used or too old makes no second certificate, and is said."""
    try:
        books.certificates.honour(node, claim, actor=who_types())
    except Refused as error:
        typer.echo(f"{node}: no new certificate: {error}", err=True)


def _tell_claim_code(node: str, public_key: str) -> None:
    code = claim_code(node, base64.b64decode(public_key))
    typer.echo(f"{node}: claim code {code}; compare it with what the node showed at its first boot")


def _write_joins(books: Books, nodes: list[str], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            str(folder), f"cannot be made ({error.strerror})", "Choose another folder"
        ) from error
    for node in nodes:
        write_join_file(books, node, folder / f"{node}.json")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a join request holds; a claim only where the node asked for a certificate too."""

    keys: NodeKeys
    claim: Claim | None = None


def _requests(folder: Path, nodes: set[str]) -> dict[str, Asked]:
    """The requests of those nodes that have one in the folder."""
    if not folder.is_dir():
        raise ConfigError(str(folder), "is no folder", "Put each node's join request there as NODE.json")
    paths = {path.stem: path for path in folder.glob("*.json") if path.stem in nodes}
    return {node: _request(path, node) for node, path in sorted(paths.items())}


def _request(path: Path, node: str) -> Asked:
    try:
        tree = json.loads(path.read_bytes())
        asked = str(tree["node"])
        keys = NodeKeys(
            str(tree["public_key"]), str(tree.get("sealing_key", "")), str(tree.get("sealing_proof", ""))
        )
        claim = read_claim(tree) if "claim" in tree else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            str(path),
            f"is no join request ({error})",
            "Write there what 'gatehouse-node join-request' printed",
        ) from error
    if asked != node:
        raise ConfigError(str(path), f"is the request of node {asked}", f"Name the file {asked}.json")
    return Asked(keys, claim)
