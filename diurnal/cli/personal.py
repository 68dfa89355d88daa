"""What the Personal API's public token may read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diurnal.cli.command import (
    Account,
    Json,
    group,
    opened_context,
    owner_of,
    plain,
    print_json,
    usage,
)

if TYPE_CHECKING:
    from diurnal.store.database import WriteTx

_personal = group("personal", "Publish resources of the Personal API, or take them back.")

Resources = Annotated[
    list[str] | None, typer.Argument(help="Resources: steps, places, …", show_default=False)
]


@_personal.command("publish")
@plain
def publish(
    account: Account,
    resources: Resources = None,
    every: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    json: Json = False,
) -> None:
    """Let anybody read resources by the public token."""
    _change(account, resources or [], every=every, take_back=False, json=json)


@_personal.command("unpublish")
@plain
def unpublish(
    account: Account,
    resources: Resources = None,
    every: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    json: Json = False,
) -> None:
    """Let nobody read them by the public token any more."""
    _change(account, resources or [], every=every, take_back=True, json=json)


def _change(account: str, names: list[str], *, every: bool, take_back: bool, json: bool) -> None:
    if every == bool(names):
        usage("say which resources, or --all")
    from diurnal.services import personal

    with opened_context(noted=True) as ctx:
        owner = owner_of(ctx, account)

        def change(tx: WriteTx) -> list[str]:
            state = ctx.state(tx, owner.account_id)
            chosen = [*personal.STANDARD, *personal.own_resources(state)] if every else names
            return personal.publish(tx, ctx, owner, chosen, take_back=take_back)

        open_ = ctx.store.write(change).result()
        _, public = ctx.store.write(lambda tx: personal.master_and_public(tx, ctx, owner)).result()
        token = personal.secret(ctx, public)
    if json:
        print_json({"published": open_, "public_token": token})
    else:
        typer.echo(f"published: {', '.join(open_) or 'nothing'}")
