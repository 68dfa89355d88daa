"""Accounts: make, sign in to, change, delete."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.auth import passwords
from diurnal.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from diurnal.model import time, unit_choices
from diurnal.model.access import Access
from diurnal.services import uploads
from diurnal.services.context import Context
from diurnal.store import accounts, changes, streams
from diurnal.store.accounts import Account
from diurnal.store.database import Tx, WriteTx

USERNAME = re.compile(r"[a-z0-9_-]{3,60}")
EMAIL_MAX = 300
SETTINGS_BYTES_MAX = 64 * 1024
RESERVED = frozenset(
    [
        "about",
        "access",
        "account",
        "accounts",
        "admin",
        "api",
        "app",
        "assets",
        "auth",
        "consent",
        "developer",
        "device",
        "diurnal",
        "event-types",
        "exist",
        "favicon",
        "healthz",
        "help",
        "login",
        "logout",
        "mcp",
        "metrics",
        "mfa",
        "null",
        "oauth",
        "oauth2",
        "personal",
        "personicle",
        "personyze",
        "pryv",
        "pryv0",
        "pryv04",
        "readyz",
        "reg",
        "register",
        "root",
        "self",
        "series",
        "service",
        "settings",
        "setup",
        "share",
        "sign-in",
        "sign-out",
        "socket-io",
        "static",
        "status",
        "system",
        "terms",
        "undefined",
        "user",
        "users",
        "v0",
        "v1",
        "webhooks",
        "www",
    ]
)


def check_username(username: str) -> None:
    """Refuse a name that cannot be an account's.

    Raises:
        InvalidInput: its form, or a reserved word.
    """
    if not USERNAME.fullmatch(username):
        raise InvalidInput("a username has 3 to 60 of a-z 0-9 _ -", field="username")
    if username in RESERVED:
        raise InvalidInput("this username is reserved", field="username")


def check_email(email: str | None) -> None:
    """Refuse what cannot be an e-mail address.

    Raises:
        InvalidInput: it cannot.
    """
    if email is None:
        return
    local, at, domain = email.partition("@")
    # What separates or quotes addresses in a mail's header would make several of one.
    plain = (
        local and domain and not re.search(r"[\s\0<>()\[\]\\,;:\"]", email) and "@" not in domain
    )
    if not (at and plain and len(email) <= EMAIL_MAX):
        raise InvalidInput("not an e-mail address", field="email")


def create(
    ctx: Context,
    *,
    username: str,
    password: str,
    email: str | None = None,
    timezone: str | None = None,
    first_only: bool = False,
    rule: passwords.Rule = passwords.OURS,
    admin: bool | None = None,
) -> Account:
    """Create an account with the standard streams; blocks for the password hash.

    Args:
        timezone: home zone; None leaves it to what imports tell.
        first_only: only while there is no account at all (the first-run page).
        rule: for the password, where a dialect's contract has its own.
        admin: whether it runs the server; None: where it is the first.

    Raises:
        InvalidInput: a field cannot be right.
        Conflict: the name is taken, or there is an account already.
    """
    check_username(username)
    check_email(email)
    passwords.check_new(password, rule)
    if timezone is not None:
        time.zone(timezone)
    hashed = passwords.hashed(password)

    def make(tx: WriteTx) -> Account:
        now = ctx.now()
        account_id = accounts.create(
            tx,
            username=username,
            email=email,
            password_hash=hashed,
            timezone=timezone,
            settings={},
            admin=admin,
            now=now,
        )
        # After the counter is locked: of two who ask at once, the second sees the first.
        if first_only and accounts.count(tx) > 1:
            raise Conflict("this server has an account already")
        fresh = [
            msgspec.structs.replace(
                s, created=now, created_by="system", modified=now, modified_by="system"
            )
            for s in catalog.STANDARD_STREAMS
        ]
        streams.insert_all(tx, account_id, fresh)
        stamp = changes.reserve(tx, account_id, 1, now, meta=True)
        changes.append(tx, account_id, stamp, "system", [("account", "create", str(account_id))])
        return _existing(tx, account_id)

    return ctx.store.write(make).result()


def _existing(tx: Tx, account_id: int) -> Account:
    account = accounts.get(tx, account_id)
    if account is None:
        raise NotFound("no such account")
    return account


def find(tx: Tx, username: str) -> Account:
    """Return the account with this name.

    Raises:
        NotFound: there is none.
    """
    account_id = accounts.look_up(tx, "username", username)
    account = accounts.get(tx, account_id) if account_id is not None else None
    if account is None:
        raise NotFound(f"no account {username!r}")
    return account


def named(tx: Tx, name: str) -> int | None:
    """Return the account that a user name or an e-mail leads to, as it was typed."""
    kind = "email" if "@" in name else "username"
    return accounts.look_up(tx, kind, name.strip().casefold())


def check_password(ctx: Context, name: str, password: str) -> Account:
    """Return the account whose name or e-mail and password these are; blocks for the hash.

    Takes as long for a name that nobody has.

    Raises:
        Unauthenticated: they are not.
    """

    def look(tx: Tx) -> Account | None:
        account_id = named(tx, name)
        return accounts.get(tx, account_id) if account_id is not None else None

    account = ctx.store.read(look)
    if not passwords.fits(password, account.password_hash if account else None) or account is None:
        raise Unauthenticated("the name and the password do not belong together")
    return account


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    timezone: str | None = None,
    settings: dict[str, Any] | None = None,
) -> Account:
    """Change home zone and settings; settings merge by key, null deletes one.

    A new home zone dates anew what carries no zone of its own.

    Raises:
        InvalidInput: unknown zone, units that are none, or settings past their size.
    """
    from diurnal.services import events, marks, zones

    if settings and "legacy" in settings:
        raise InvalidInput("legacy ways in have switches of their own", field="settings.legacy")
    if settings and settings.get("units") is not None:
        unit_choices.check(settings["units"], "settings.units")
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now(), meta=True)
    account = _existing(tx, caller.account_id)
    merged = {k: v for k, v in {**account.settings, **(settings or {})}.items() if v is not None}
    events.check_json(merged, "settings")
    if len(msgspec.json.encode(merged)) > SETTINGS_BYTES_MAX:
        raise InvalidInput("settings are too large", field="settings")
    if timezone is not None:
        time.zone(timezone)
    changed = msgspec.structs.replace(
        account, timezone=timezone or account.timezone, settings=merged
    )
    before = ctx.state(tx, caller.account_id).zones
    accounts.save(tx, changed)
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("account", "update", str(caller.account_id))]
    )
    reordered = {
        key
        for listed in (account.settings.get("sources"), merged.get("sources"))
        for key in (listed if isinstance(listed, dict) else ())
        if marks.wished(account.settings, key) != marks.wished(merged, key)
    }
    marks.mark_all(tx, caller.account_id, reordered, stamp.rev)
    if changed.timezone != account.timezone:
        zones.date_anew(tx, ctx, caller.account_id, before, caller.id)
    return changed


def delete(ctx: Context, account_id: int) -> None:
    """Delete an account and all that is its: rows, files, names, work under way.

    Blocks. Whatever still runs for it fails at its next write, for its clock is gone.
    """
    from diurnal.services import clients, server_log, sharing

    account = ctx.store.read(lambda tx: accounts.get(tx, account_id))
    sharing.end_all(ctx, account_id)
    clients.end_all(ctx, account_id)
    ctx.store.write(lambda tx: accounts.erase(tx, account_id)).result()
    forget(ctx, account_id)
    erase_files(ctx, account_id)
    server_log.erase(ctx.settings.data_dir, account_id, account.username if account else "")
    if account is not None:
        ctx.attempts.forget(account.username)
        if account.email is not None:
            ctx.attempts.forget(account.email)
    ctx.store.scrub()


def forget(ctx: Context, account_id: int) -> None:
    """Drop what this process keeps in memory of an account."""
    ctx.states.pop(account_id, None)
    for key in [k for k, v in ctx.accesses.items() if v.access.account_id == account_id]:
        ctx.accesses.pop(key, None)
    for counted in (ctx.uses, ctx.ways):
        for use in [u for u in counted if u[0] == account_id]:
            counted.pop(use, None)


def erase_files(ctx: Context, account_id: int) -> None:
    """Remove the files of an account that is gone."""
    from diurnal.services import backups, export_jobs

    ctx.blobs.erase(account_id)
    uploads.erase(ctx, account_id)
    export_jobs.erase(ctx, account_id)
    backups.remove_leftovers(ctx)


def erase_leftovers(ctx: Context) -> None:
    """Remove files of accounts that are gone, put by what still ran when they went."""
    from diurnal.services import export_jobs

    # The folders first: an account is there before its files.
    found = {*ctx.blobs.accounts(), *uploads.owners(ctx), *export_jobs.owners(ctx)}
    there = set(ctx.store.read(lambda tx: [a.account_id for a in accounts.all_of(tx)]))
    for account_id in found - there:
        erase_files(ctx, account_id)


def first(tx: Tx) -> Account | None:
    """Return the account that was made first, None where there is none."""
    return accounts.first(tx)
