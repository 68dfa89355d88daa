"""Make tokens."""

from __future__ import annotations

from collections.abc import Sequence
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
from diurnal.errors import InvalidInput

if TYPE_CHECKING:
    from diurnal.model.access import Access, Permission
    from diurnal.services.context import Context

_tokens = group("token", "Make tokens.")
RIGHTS = ("create", "read", "update", "delete")
TOKEN_APIS = ("exist", "native", "personal", "personicle", "personyze", "pryv", "pryv0")


@_tokens.command("create")
@plain
def token_create(
    account: Account,
    api: Annotated[str, typer.Option(help=f"One of {', '.join(TOKEN_APIS)}.", show_default=False)],
    right: Annotated[
        list[str] | None,
        typer.Option(help=f"Of {', '.join(RIGHTS)}; comma-separated or repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a token of an account."""
    from diurnal import plugins

    if api not in TOKEN_APIS:
        usage(f"--api is one of {', '.join(TOKEN_APIS)}")
    rights = _rights(right or [])
    if api not in plugins.names("diurnal.dialects"):
        raise InvalidInput(f"this version does not serve the API {api!r}", field="api")
    with opened_context(noted=True) as ctx:
        owner = owner_of(ctx, account)
        token = _make_token(ctx, owner, api, rights)
    if json:
        print_json({"token": token})
    else:
        typer.echo(token)


def _rights(said: Sequence[str]) -> frozenset[str]:
    rights = frozenset(name.strip() for part in said for name in part.split(",") if name.strip())
    unknown = sorted(rights - set(RIGHTS))
    if unknown:
        usage(f"no right is called {unknown[0]!r} (there are {', '.join(RIGHTS)})")
    return rights


def _permission(rights: frozenset[str]) -> Permission:
    """Return the permission that is exactly these rights, on everything; all four where none."""
    from diurnal.model.access import Level, Permission

    levels = {
        frozenset(): Level.MANAGE,
        frozenset(RIGHTS): Level.MANAGE,
        frozenset({"read"}): Level.READ,
        frozenset({"create"}): Level.CREATE_ONLY,
    }
    level = levels.get(rights)
    if level is not None:
        return Permission(level)
    return Permission(Level.MANAGE, rights=tuple(r for r in RIGHTS if r in rights))


def _make_token(ctx: Context, owner: Access, api: str, rights: frozenset[str]) -> str:
    from diurnal.auth import tokens
    from diurnal.model.access import Kind
    from diurnal.services import accesses, simple_tokens

    if api == "exist":
        if rights - {"read"}:
            raise InvalidInput("Exist's simple token only reads", field="right")
        return ctx.store.write(lambda tx: simple_tokens.simple_token(tx, ctx, owner)).result()
    if api == "personal":
        from diurnal.services import personal

        made = ctx.store.write(
            lambda tx: personal.make(tx, ctx, owner, "Command line", sorted(rights or RIGHTS))
        ).result()
        return personal.secret(ctx, made)
    # What they do for the owner alone, no permission gives.
    whole = api in ("native", "personicle") and not rights
    permission = _permission(rights)
    _, token = ctx.store.write(
        lambda tx: accesses.issue(
            tx,
            ctx,
            account_id=owner.account_id,
            username=owner.username,
            kind=Kind.PERSONAL if whole else Kind.APP,
            name="Command line",
            permissions=() if whole else (permission,),
            api=api,
            token=tokens.make_hex(owner.account_id, upper=True) if api == "personyze" else None,
            seal=api in ("pryv", "pryv0", "personyze"),
        )
    ).result()
    return token
