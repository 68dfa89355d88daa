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
    with opened_context(noted=True) as ctx:
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

    with opened_context(noted=True) as ctx:
        found = ctx.store.read(accounts.all_of)
    listed = [
        {
            "account": a.username,
            "email": a.email,
            "timezone": a.timezone,
            "created": to_datetime(a.created).isoformat(timespec="seconds"),
            "admin": a.admin,
            "disabled": a.disabled is not None,
        }
        for a in found
    ]
    if json:
        print_json({"accounts": listed})
        return
    for row in listed:
        flags = ",".join(flag for flag in ("admin", "disabled") if row[flag])
        texts = (row["account"], row["email"], row["timezone"], row["created"], flags)
        typer.echo("\t".join(str(value or "-") for value in texts))


@_accounts.command("delete")
@plain
def account_delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete an account with all its data."""
    from diurnal.services import accounts

    with opened_context(noted=True) as ctx:
        owner = owner_of(ctx, name)
        if not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {name} and all its data for good?", abort=True, err=True)
        accounts.delete(ctx, owner.account_id)
    if json:
        print_json({"account": name, "deleted": True})
    else:
        typer.echo(f"deleted the account {name}")


@_accounts.command("reset-password")
@plain
def account_reset_password(
    name: Name,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Set the one on standard input; print no link."),
    ] = False,
    drop_second_factor: Annotated[
        bool,
        typer.Option("--drop-second-factor", help="Ask for no code any more: the phone is lost."),
    ] = False,
    json: Json = False,
) -> None:
    """Print a link that sets a new password once, within an hour; or set it from stdin."""
    from diurnal.auth import passwords as hashes
    from diurnal.services import accounts, mail_links, passwords, second_factor

    password = _password() if password_stdin else None
    if password is not None:
        hashes.check_new(password)
    with opened_context(noted=True) as ctx:
        account = ctx.store.read(lambda tx: accounts.find(tx, name))
        owner = owner_of(ctx, name)
        if drop_second_factor:
            ctx.store.write(lambda tx: second_factor.drop(tx, ctx, owner)).result()
        link = None
        if password is None:
            link = ctx.store.write(lambda tx: mail_links.issue_reset(tx, ctx, account)).result()
        else:
            hashed = hashes.hashed(password)
            ctx.store.write(lambda tx: passwords.put(tx, ctx, account.account_id, hashed)).result()
    if json:
        print_json({"account": name, "link": link})
    elif link is None:
        typer.echo(f"set the password of {name}; all its sessions have ended")
    else:
        typer.echo(link)


@_accounts.command("invite")
@plain
def account_invite(
    by: Annotated[
        str | None, typer.Option("--by", help="The admin who invites; the first one otherwise.")
    ] = None,
    note: Annotated[str, typer.Option(help="Whom it is for.")] = "",
    json: Json = False,
) -> None:
    """Print a link that makes one account, within two weeks, where `sign_up` is `invite`."""
    from diurnal.errors import NotFound
    from diurnal.services import accesses, sign_up
    from diurnal.store import accounts

    with opened_context(noted=True) as ctx:
        admins = [
            a for a in ctx.store.read(accounts.all_of) if a.admin and by in (None, a.username)
        ]
        if not admins:
            raise NotFound(f"{by} is no admin" if by else "no account is an admin's")
        owner = accesses.personal(admins[0].account_id, admins[0].username)
        _, token = ctx.store.write(lambda tx: sign_up.invite(tx, ctx, owner, note=note)).result()
        link = sign_up.link(ctx, token)
        if ctx.settings.sign_up == "closed":
            typer.echo("sign_up is closed: the link works once it is invite or open", err=True)
    if json:
        print_json({"by": owner.username, "link": link})
    else:
        typer.echo(link)


@_accounts.command("admin")
@plain
def account_admin(
    name: Name,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the right instead.")] = False,
    json: Json = False,
) -> None:
    """Let an account invite others and manage their accounts; it sees nothing of their data."""
    _set_flags(name, json, admin=not revoke)


@_accounts.command("disable")
@plain
def account_disable(name: Name, json: Json = False) -> None:
    """Close an account: its data stay, nobody signs in, its tokens open nothing."""
    _set_flags(name, json, disabled=True)


@_accounts.command("enable")
@plain
def account_enable(name: Name, json: Json = False) -> None:
    """Open a closed account again."""
    _set_flags(name, json, disabled=False)


def _set_flags(
    name: str, json: bool, *, admin: bool | None = None, disabled: bool | None = None
) -> None:
    from diurnal.services.admin import set_flags

    with opened_context(noted=True) as ctx:
        owner = owner_of(ctx, name)
        changed = set_flags(ctx, owner.account_id, admin=admin, disabled=disabled)
    told = {"account": name, "admin": changed.admin, "disabled": changed.disabled is not None}
    if json:
        print_json(told)
    else:
        is_admin = "an admin" if changed.admin else "no admin"
        closed = "disabled" if changed.disabled is not None else "open"
        typer.echo(f"{name} is {is_admin}, and {closed}")
