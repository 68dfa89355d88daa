"""Accounts, the directory that leads to them, and their zones and own measures."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.errors import Conflict
from diurnal.store import changes
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import (
    account,
    account_clock,
    counter,
    directory,
    metadata,
    own_measure,
    source,
    zone,
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `account`; `settings` and `profile` are JSON objects.

    Attributes:
        email_verified, disabled: since when, None for not.
        admin: may invite, and manage other accounts; sees nothing of their data.
        attachment_quota: bytes of its own; None for what the server gives everybody.
    """

    account_id: int
    username: str
    email: str | None
    password_hash: str | None
    timezone: str | None
    settings: dict[str, Any]
    created: int
    profile: dict[str, Any] = {}
    admin: bool = False
    email_verified: int | None = None
    disabled: int | None = None
    attachment_quota: int | None = None


_NEXT = Sql(
    upsert(counter)
    .values(name=bindparam("name"), value=1)
    .on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + 1})
    .returning(counter.c.value)
)
_CLAIM = Sql(
    upsert(directory)
    .values(
        kind=bindparam("kind"),
        key=bindparam("key"),
        account_id=bindparam("account"),
        created_us=bindparam("now"),
    )
    .on_conflict_do_nothing()
    .returning(directory.c.account_id)
)
_RELEASE = Sql(
    delete(directory).where(
        directory.c.kind == bindparam("kind"),
        directory.c.key == bindparam("key"),
        directory.c.account_id == bindparam("account"),
    )
)
_LOOK_UP = Sql(
    select(directory.c.account_id).where(
        directory.c.kind == bindparam("kind"), directory.c.key == bindparam("key")
    )
)
_ENTRIES = Sql(
    select(directory.c.key, directory.c.account_id)
    .where(directory.c.kind == bindparam("kind"))
    .order_by(directory.c.key)
    .limit(10_000)
)
_INSERT = Sql(
    insert(account).values(
        account_id=bindparam("account"),
        username=bindparam("username"),
        email=bindparam("email"),
        password_hash=bindparam("password_hash"),
        timezone=bindparam("timezone"),
        settings=bindparam("settings"),
        profile="{}",
        admin=bindparam("admin"),
        created_us=bindparam("now"),
    )
)
_FIELDS = (
    account.c.account_id,
    account.c.username,
    account.c.email,
    account.c.password_hash,
    account.c.timezone,
    account.c.settings,
    account.c.created_us,
    account.c.profile,
    account.c.admin,
    account.c.email_verified_us,
    account.c.disabled_us,
    account.c.attachment_quota,
)
_GET = Sql(select(*_FIELDS).where(account.c.account_id == bindparam("account")))
_LIST = Sql(select(*_FIELDS).order_by(account.c.account_id))
_FIRST = Sql(select(*_FIELDS).order_by(account.c.account_id).limit(1))
_COUNT = Sql(select(func.count()).select_from(account))
_UPDATE = Sql(
    update(account)
    .where(account.c.account_id == bindparam("account"))
    .values(
        email=bindparam("email_new"),
        password_hash=bindparam("password_new"),
        timezone=bindparam("timezone_new"),
        settings=bindparam("settings_new"),
        profile=bindparam("profile_new"),
        admin=bindparam("admin_new"),
        email_verified_us=bindparam("verified_new"),
        disabled_us=bindparam("disabled_new"),
        attachment_quota=bindparam("quota_new"),
    )
)
_ZONES = Sql(
    select(zone.c.start_us, zone.c.zone, zone.c.batch_id)
    .where(zone.c.account_id == bindparam("account"))
    .order_by(zone.c.start_us, zone.c.batch_id)
)
_ADD_ZONE = ordered(
    ("account_id", "start_us", "batch_id", "zone"),
    upsert(zone).on_conflict_do_update(
        index_elements=["account_id", "start_us", "batch_id"],
        set_={"zone": literal_column("excluded.zone")},
    ),
)
_DROP_ZONES = Sql(
    delete(zone).where(
        zone.c.account_id == bindparam("account"), zone.c.batch_id == bindparam("batch")
    )
)
_OWN = Sql(
    select(
        own_measure.c.key,
        own_measure.c.label,
        own_measure.c.grp,
        own_measure.c.unit,
        own_measure.c.value_kind,
        own_measure.c.daily,
        own_measure.c.stream_id,
    )
    .where(own_measure.c.account_id == bindparam("account"))
    .order_by(own_measure.c.key)
)
_ADD_OWN = ordered(
    (
        "account_id",
        "key",
        "label",
        "grp",
        "unit",
        "value_kind",
        "daily",
        "stream_id",
        "batch_id",
        "created_us",
    ),
    upsert(own_measure).on_conflict_do_nothing(),
)
_SOURCES = Sql(
    select(source.c.name, source.c.kind).where(source.c.account_id == bindparam("account"))
)
_ADD_SOURCE = ordered(
    ("account_id", "name", "kind", "created_us"), upsert(source).on_conflict_do_nothing()
)
_ERASE = tuple(
    Sql(delete(t).where(t.c.account_id == bindparam("account")))
    # The clock first: who holds it ends before the rest is looked for, and nobody begins.
    for t in sorted(metadata.sorted_tables, key=lambda t: t is not account_clock)
    if "account_id" in t.c
)


def _account(row: Row) -> Account:
    return Account(
        account_id=row[0],
        username=row[1],
        email=row[2],
        password_hash=row[3],
        timezone=row[4],
        settings=msgspec.json.decode(row[5]),
        created=row[6],
        profile=msgspec.json.decode(row[7]),
        admin=bool(row[8]),
        email_verified=row[9],
        disabled=row[10],
        attachment_quota=row[11],
    )


def create(
    tx: WriteTx,
    *,
    username: str,
    email: str | None,
    password_hash: str | None,
    timezone: str | None,
    settings: dict[str, Any],
    now: int,
    admin: bool | None = None,
) -> int:
    """Create an account, its clock and its names in the directory; return its id.

    Args:
        admin: None where the first account is one.

    Raises:
        Conflict: the name or the e-mail is taken.
    """
    account_id = int(tx.execute(_NEXT, {"name": "account"})[0][0])
    claims = [("username", username), *([("email", email.casefold())] if email else [])]
    for kind, key in claims:
        if not claim(tx, kind, key, account_id, now):
            raise Conflict(f"this {kind} is taken", data={kind: key})
    tx.execute(
        _INSERT,
        {
            "account": account_id,
            "username": username,
            "email": email,
            "password_hash": password_hash,
            "timezone": timezone,
            "settings": msgspec.json.encode(settings).decode(),
            "admin": int(count(tx) == 0 if admin is None else admin),
            "now": now,
        },
    )
    changes.start(tx, account_id, now)
    return account_id


def claim(tx: WriteTx, kind: str, key: str, account_id: int, now: int) -> bool:
    """Put (kind, key) into the directory; False where it is taken."""
    values = {"kind": kind, "key": key, "account": account_id, "now": now}
    return bool(tx.execute(_CLAIM, values))


def release(tx: WriteTx, kind: str, key: str, account_id: int) -> None:
    """Take (kind, key) of this account out of the directory."""
    tx.execute(_RELEASE, {"kind": kind, "key": key, "account": account_id})


def look_up(tx: Tx, kind: str, key: str) -> int | None:
    """Return the account that a name of `kind` leads to."""
    row = tx.one(_LOOK_UP, {"kind": kind, "key": key})
    return int(row[0]) if row else None


def entries(tx: Tx, kind: str) -> list[tuple[str, int]]:
    """Return (key, account) of the directory's entries of a kind, 10,000 at most."""
    return [(row[0], row[1]) for row in tx.execute(_ENTRIES, {"kind": kind})]


def get(tx: Tx, account_id: int) -> Account | None:
    """Return the account."""
    row = tx.one(_GET, {"account": account_id})
    return _account(row) if row else None


def all_of(tx: Tx) -> list[Account]:
    """Return every account, oldest first."""
    return [_account(row) for row in tx.execute(_LIST, {})]


def first(tx: Tx) -> Account | None:
    """Return the account that was made first, None where there is none."""
    row = tx.one(_FIRST, {})
    return _account(row) if row else None


def count(tx: Tx) -> int:
    """Return the number of accounts."""
    row = tx.one(_COUNT, {})
    return int(row[0]) if row else 0


def save(tx: WriteTx, changed: Account) -> None:
    """Store all of an account that can change; names in the directory stay."""
    tx.execute(
        _UPDATE,
        {
            "account": changed.account_id,
            "email_new": changed.email,
            "password_new": changed.password_hash,
            "timezone_new": changed.timezone,
            "settings_new": msgspec.json.encode(changed.settings).decode(),
            "profile_new": msgspec.json.encode(changed.profile).decode(),
            "admin_new": int(changed.admin),
            "verified_new": changed.email_verified,
            "disabled_new": changed.disabled,
            "quota_new": changed.attachment_quota,
        },
    )


def erase(tx: WriteTx, account_id: int) -> None:
    """Delete every row of the account from every table."""
    for sql in _ERASE:
        tx.execute(sql, {"account": account_id})


def zones(tx: Tx, account_id: int) -> list[Row]:
    """Return (start_us, zone, batch_id) in order."""
    return tx.execute(_ZONES, {"account": account_id})


def set_zones(tx: WriteTx, account_id: int, batch_id: int, found: list[tuple[int, str]]) -> None:
    """Replace the zone changes of one batch (0: the owner's own)."""
    tx.execute(_DROP_ZONES, {"account": account_id, "batch": batch_id})
    tx.many(_ADD_ZONE, [(account_id, start, batch_id, name) for start, name in found])


def own_measures(tx: Tx, account_id: int) -> list[Row]:
    """Return (key, label, group, unit, value kind, daily, stream) of the account's own measures."""
    return tx.execute(_OWN, {"account": account_id})


def add_own_measure(tx: WriteTx, account_id: int, row: Row) -> None:
    """Add (key, label, group, unit, kind, daily, stream, batch, us) unless its key is there."""
    tx.many(_ADD_OWN, [(account_id, *row)])


def sources(tx: Tx, account_id: int) -> dict[str, str]:
    """Return name -> kind of the account's sources."""
    return dict(tx.execute(_SOURCES, {"account": account_id}))


def add_sources(tx: WriteTx, account_id: int, found: dict[str, str], now: int) -> None:
    """Remember sources; a known one keeps its kind."""
    tx.many(_ADD_SOURCE, [(account_id, name, kind, now) for name, kind in found.items()])
