"""Make, list and delete accounts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from diurnal.cli.command import (
    Json,
    Name,
    group,
    opened_context,
    owner_of,
    plain,
    print_json,
    usage,
)
from diurnal.errors import InvalidInput

_accounts = group("account", "Make, list and delete accounts.")
PASSWORD_BYTES_MAX = 4_096


@_accounts.command("create")
@plain
def account_create(
    name: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Home zone, like Europe/Berlin.")] = None,
    json: Json = False,
) -> None:
    """Make an account."""
    from diurnal.services import accounts

    if not password_stdin:
        usage("account create needs --password-stdin: give the password on standard input")
    password = _password()
    with opened_context() as ctx:
        made = accounts.create(
            ctx, username=name, password=password, email=email, timezone=timezone
        )
    if json:
        print_json({"account": made.username})
    else:
        typer.echo(f"made the account {made.username}")


def _password() -> str:
    raw = sys.stdin.buffer.read(PASSWORD_BYTES_MAX + 1)
    if len(raw) > PASSWORD_BYTES_MAX:
        raise InvalidInput("the password is too long", field="password")
    try:
        # One line end is the terminal's or echo's, not the password's.
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise InvalidInput("the password is not UTF-8", field="password") from None


@_accounts.command("list")
@plain
def account_list(json: Json = False) -> None:
    """List the accounts."""
    from diurnal.model.time import to_datetime
    from diurnal.store import accounts

    with opened_context() as ctx:
        found = ctx.store.read(accounts.all_of)
    listed = [
        {
            "account": a.username,
            "email": a.email,
            "timezone": a.timezone,
            "created": to_datetime(a.created).isoformat(timespec="seconds"),
        }
        for a in found
    ]
    if json:
        print_json({"accounts": listed})
        return
    for row in listed:
        typer.echo("\t".join(str(value or "-") for value in row.values()))


@_accounts.command("delete")
@plain
def account_delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete an account with all its data."""
    from diurnal.services import accounts

    with opened_context() as ctx:
        owner = owner_of(ctx, name)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {name} and all its data for good?", abort=True, err=True)
        accounts.delete(ctx, owner.account_id)
    if json:
        print_json({"account": name, "deleted": True})
    else:
        typer.echo(f"deleted the account {name}")
