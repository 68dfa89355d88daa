"""Look after the keys that sign for other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from diurnal.cli.command import Json, group, opened_context, plain, print_json

_keys = group("keys", "Look after the keys that sign for other programs.")


@_keys.command("rotate")
@plain
def keys_rotate(
    at_once: Annotated[
        bool,
        typer.Option(
            "--at-once", help="Somebody else has the old key: nothing that it signed stands."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Add the next signing key; the old one stays published until what it signed has ended."""
    from diurnal.services import signing_keys

    with opened_context() as ctx:
        made = signing_keys.rotate(ctx, at_once=at_once)
    if json:
        print_json({"kid": made, "atOnce": at_once})
    else:
        typer.echo(f"{made} signs {'from now on' if at_once else 'in an hour'}")
