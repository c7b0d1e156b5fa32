"""``gatehouse-sync face approve-node …``: which nodes may exchange sealed templates, in a named person's name."""

from typing import Annotated

import typer

from cloud_sync.cli_tools import DEFAULT_CONFIG, ConfigOption, opened_books, who_types
from cloud_sync.store.faces import SqlFaceNodes

By = Annotated[str, typer.Option("--by", help="Who decides; the name stands in the audit and nowhere else.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit beside the name.")]


def approve_node(node: str, by: By, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a node exchange sealed templates for its doors with face on; prints its fingerprint."""
    with opened_books(config) as books:
        nodes = SqlFaceNodes(books.house, books.keys.signer)
        typer.echo(nodes.approve(node, by=by, reason=reason, actor=who_types()))


def withdraw_node(node: str, by: By, reason: Reason, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Take it back: what is on its way to the node is deleted, and it erases what others sent it."""
    with opened_books(config) as books:
        nodes = SqlFaceNodes(books.house, books.keys.signer)
        nodes.withdraw(node, by=by, reason=reason, actor=who_types())


def list_nodes(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Every approved node, its fingerprint and its doors with face on."""
    with opened_books(config) as books:
        for node, mark, doors in SqlFaceNodes(books.house, books.keys.signer).approved():
            typer.echo(f"{node} {mark} {' '.join(doors)}")
