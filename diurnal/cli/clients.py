"""Register applications."""

from __future__ import annotations

from typing import Annotated

import typer

from diurnal.cli.command import Json, group, opened_context, owner_of, plain, print_json, usage

_clients = group("client", "Register, list and delete applications.")
CLIENT_APIS = ("exist", "mcp", "native", "personicle", "pryv")
Owner = Annotated[str, typer.Option(help="The account that it belongs to.", show_default=False)]


@_clients.command("create")
@plain
def client_create(
    owner: Owner,
    api: Annotated[str, typer.Option(help=f"One of {', '.join(CLIENT_APIS)}.", show_default=False)],
    name: Annotated[str, typer.Option(help="What its users see.", show_default=False)],
    redirect_uri: Annotated[
        list[str], typer.Option(help="Where its users come back to; may be repeated.")
    ],
    scope: Annotated[
        list[str] | None, typer.Option(help="The most that it may ask for; may be repeated.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="What it may write; may be repeated. All if not given.")
    ] = None,
    home: Annotated[str | None, typer.Option(help="Address of a page about it.")] = None,
    public: Annotated[
        bool, typer.Option("--public", help="It cannot keep a secret, and uses PKCE.")
    ] = False,
    json: Json = False,
) -> None:
    """Register an application and print its id and its secret, which is shown this once."""
    from diurnal.catalog import scopes
    from diurnal.services import clients

    if api not in CLIENT_APIS:
        usage(f"--api is one of {', '.join(CLIENT_APIS)}")
    # `--scope "read write"` and `--scope read,write` are what people type, too.
    asked = [s for text in scope or [] for s in scopes.of(api).split(text.replace(",", " "))]
    with opened_context(noted=True) as ctx:
        caller = owner_of(ctx, owner)
        made, secret = ctx.store.write(
            lambda tx: clients.create(
                tx,
                ctx,
                caller,
                api=api,
                name=name,
                redirect_uris=redirect_uri,
                scope=asked,
                attributes=attribute or None,
                home=home,
                confidential=not public,
            )
        ).result()
    if json:
        print_json({"client_id": made.id, "client_secret": secret})
        return
    typer.echo(f"client id      {made.id}")
    if secret is not None:
        typer.echo(f"client secret  {secret}")


@_clients.command("list")
@plain
def client_list(owner: Owner, json: Json = False) -> None:
    """List an account's applications."""
    from diurnal.services import clients

    with opened_context(noted=True) as ctx:
        caller = owner_of(ctx, owner)
        found = ctx.store.read(lambda tx: clients.listed(tx, caller))
    if json:
        shown = [
            {"client_id": c.id, "api": c.api, "name": c.name, "redirect_uris": c.redirect_uris}
            for c in found
        ]
        print_json({"clients": shown})
        return
    for client in found:
        typer.echo(f"{client.id}  {client.api:10}  {client.name}")


@_clients.command("delete")
@plain
def client_delete(
    client_id: Annotated[str, typer.Argument(help="Its id.", show_default=False)],
    owner: Owner,
    json: Json = False,
) -> None:
    """Delete an application and revoke all that it was granted."""
    from diurnal.services import clients

    with opened_context(noted=True) as ctx:
        caller = owner_of(ctx, owner)
        clients.delete(ctx, caller, client_id)
    if json:
        print_json({"deleted": client_id})
    else:
        typer.echo(f"deleted the application {client_id}")
