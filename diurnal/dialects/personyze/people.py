"""Users: the owner, number 1, with the newest value of each measure; and whom the owner knows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from diurnal import catalog
from diurnal.dialects.personyze import selecting
from diurnal.dialects.personyze.grammar import Asked
from diurnal.dialects.personyze.stored import Stored, candidates, whole
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.model.measures import Measure, ValueKind
from diurnal.services import accounts, changelog, entries, records
from diurnal.services.context import AccountState, Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

OWNER = 1
OWNER_ID = "owner"
"""Id of the record that keeps what is said of the owner beside their data."""
NUMBER = "user_id"
KEYS = ("internal_id", "email", "fb_id")
FOLDED = frozenset({"email"})
INDEXED = frozenset({NUMBER, *KEYS, "last_session_time", "data_last_modified"})
KEPT_BY_US = ("data_last_modified",)
OF_ACCOUNT = ("internal_id", "email", "timezone")
"""What the account itself says of its owner."""
USUAL = frozenset(
    {
        "first_name",
        "middle_name",
        "last_name",
        "sex",
        "birthday",
        "phone",
        "timezone",
        "current_city",
        "current_state",
        "current_country",
        "religion",
        "political",
        "interests",
        "relationship_status",
        "education_year",
        *(f"custom_t_{n}" for n in range(1, 7)),
        *(f"custom_i_{n}" for n in range(1, 5)),
        *(f"custom_f_{n}" for n in (1, 2)),
        *(f"custom_d_{n}" for n in (1, 2)),
    }
)
"""Columns that there are, whether anybody has filled them or not."""
ALWAYS = {
    "internal_id": None,
    "fb_id": None,
    "email": None,
    "last_session_time": None,
    "data_last_modified": None,
    "session_counter": 0,
}
USERS = Stored(name="users", columns=ALWAYS, keys=KEYS, dynamic=True, number=NUMBER, folded=FOLDED)
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,99}")


def rows(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[Row]:
    """Return the users that a path may select, the owner first."""
    return [row for row, _ in chosen(tx, ctx, caller, asked)]


def chosen(tx: Tx, ctx: Context, caller: Access, asked: Asked) -> list[tuple[Row, Record | None]]:
    """Return users with their records; the owner may have none."""
    found: list[tuple[Row, Record | None]] = []
    known = [r for r in candidates(tx, caller, USERS, asked) if r.id != OWNER_ID]
    if asked.id in (None, OWNER):
        said = records.numbered(tx, caller, "users", [OWNER])
        record = said[0] if said else None
        found.append((owner(tx, ctx, caller, record), record))
    found += [(_row(r), r) for r in known]
    return found


def _row(record: Record) -> Row:
    row: Row = {NUMBER: record.seq, **ALWAYS}
    row.update(record.values)
    row["data_last_modified"] = record.modified // 1_000_000
    return row


def owner(tx: Tx, ctx: Context, caller: Access, record: Record | None) -> Row:
    """Return the owner's columns."""
    account = accounts.find(tx, caller.username)
    state = ctx.state(tx, caller.account_id)
    said = record.values if record is not None else {}
    times = [account.created, changelog.newest(tx, caller)]
    times += [record.modified] if record is not None else []
    return {
        NUMBER: OWNER,
        **ALWAYS,
        **said,
        "data_last_modified": max(times) // 1_000_000,
        "internal_id": account.username,
        "email": account.email,
        "timezone": state.zones.zone_at(ctx.now()),
        **entries.newest(tx, ctx, caller),
    }


def known(column: str, state: AccountState, rows: Sequence[Row]) -> bool:
    """Return whether there is such a column."""
    return (
        column in ALWAYS
        or column == NUMBER
        or column in USUAL
        or state.measure(column) is not None
        or any(column in r for r in rows)
    )


def columns_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given under the columns' own names.

    Raises:
        InvalidInput: a column that cannot be, or a value that no column holds.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        column = selecting.snake(name)
        if not _COLUMN.fullmatch(column):
            raise InvalidInput(f"no column can be called {name!r}", field=name)
        if isinstance(value, dict):
            raise InvalidInput(f"{name} is no text or number", field=name)
        if column == "session_counter":
            value = whole(name, value)
        if column not in KEPT_BY_US:
            values[column] = value
    return values


def create(tx: WriteTx, ctx: Context, caller: Access, given: Mapping[str, Any]) -> int:
    """Store a user, or add to the one that is known by number, own id, e-mail or Facebook id."""
    values = columns_of(given)
    same = _same(tx, ctx, caller, values)
    values.pop(NUMBER, None)
    if same is None:
        kept = {k: v for k, v in values.items() if v not in (None, "")}
        [made] = records.create(
            tx, ctx, caller, "users", [kept], keys=KEYS, number=NUMBER, fold=FOLDED
        )
        return made.seq
    # What is empty tells nothing: it does not blank what is known.
    said = {k: v for k, v in values.items() if v not in (None, "")}
    number, record = same
    if number == OWNER:
        said = {k: v for k, v in said.items() if k not in OF_ACCOUNT}
        change_owner(tx, ctx, caller, record, said)
    elif record is not None:
        records.update(tx, ctx, caller, "users", [(record, said)], keys=KEYS, fold=FOLDED)
    return number


def _same(
    tx: Tx, ctx: Context, caller: Access, values: Mapping[str, Any]
) -> tuple[int, Record | None] | None:
    number = values.get(NUMBER)
    if isinstance(number, int) and not isinstance(number, bool):
        found = records.numbered(tx, caller, "users", [number])
        if number == OWNER:
            return OWNER, found[0] if found else None
        if found:
            return found[0].seq, found[0]
    account = accounts.find(tx, caller.username)
    email = str(values.get("email") or "").casefold()
    owners = (account.email or "").casefold()
    if values.get("internal_id") == account.username or (email and email == owners):
        found = records.numbered(tx, caller, "users", [OWNER])
        return OWNER, found[0] if found else None
    for key in KEYS:
        if values.get(key) not in (None, ""):
            wanted = records.key_of(values[key], folded=key in FOLDED)
            found = records.keyed(tx, caller, "users", key, [wanted])
            if found:
                return found[0].seq, found[0]
    return None


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    picked: Sequence[tuple[Row, Record | None]],
    given: Mapping[str, Any],
) -> int:
    """Change columns of users; return of how many."""
    values = columns_of(given)
    if NUMBER in values:
        raise InvalidInput("a user's number does not change", field=NUMBER)
    others = [(r, values) for row, r in picked if r is not None and row[NUMBER] != OWNER]
    if others:
        records.update(tx, ctx, caller, "users", others, keys=KEYS, fold=FOLDED)
    for row, record in picked:
        if row[NUMBER] == OWNER:
            change_owner(tx, ctx, caller, record, values)
    return len(picked)


def change_owner(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    record: Record | None,
    values: Mapping[str, Any],
) -> None:
    """Store what is said of the owner; a value of a measure is a datum of this moment."""
    state = ctx.state(tx, caller.account_id)
    said: dict[str, Any] = {}
    for name, value in values.items():
        if name in OF_ACCOUNT:
            raise InvalidInput(f"the owner's {name} is changed in Settings", field=name)
        measure = state.measure(name)
        if measure is None:
            said[name] = value
        elif value is not None:
            entries.enter(tx, ctx, caller, name, _value(measure, value))
    if said or record is None:
        before = record.values if record is not None else {}
        records.put(tx, ctx, caller, "users", OWNER_ID, {**before, **said}, seq=OWNER)


def _value(measure: Measure, value: Any) -> float | str:
    """Return a value as its measure has it; numbers often come as texts.

    Raises:
        InvalidInput: it is neither.
    """
    if catalog.day_kind(measure) is ValueKind.TEXT:
        return value if isinstance(value, str) else str(value)
    if isinstance(value, str) and (number := selecting.number(value)) is not None:
        return number
    if not isinstance(value, int | float | str):
        raise InvalidInput(f"{measure.key} is a number or a text", field=measure.key)
    return float(value) if isinstance(value, bool) else value


def delete(
    tx: WriteTx, ctx: Context, caller: Access, picked: Sequence[tuple[Row, Record | None]]
) -> int:
    """Delete users; return how many.

    Raises:
        InvalidInput: the owner is among them.
    """
    if any(row[NUMBER] == OWNER for row, _ in picked):
        raise InvalidInput("user 1 is the owner of the account and stays")
    ids = [r.id for _, r in picked if r is not None]
    if ids:
        records.delete(tx, ctx, caller, "users", ids)
    return len(ids)


def find(
    tx: Tx, ctx: Context, caller: Access, kind: str, value: Any
) -> tuple[int, Record | None] | None:
    """Return a user's number and record by `user_id`, `internal_id` or `email`."""
    if kind == NUMBER and isinstance(value, str) and value.isdigit() and len(value) < 19:
        value = int(value)
    return _same(tx, ctx, caller, {kind: value})
