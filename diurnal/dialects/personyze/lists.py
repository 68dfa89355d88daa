"""Who is in which list of users; and the notification that waits for the owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diurnal.dialects.personyze import people
from diurnal.dialects.personyze.derived import number
from diurnal.errors import InvalidInput
from diurnal.model.access import Access
from diurnal.services import accounts, findings, records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]

MEMBERS = "user_list_users"
COLUMNS = frozenset({"id", "user_list_id", "user_id", "user_email", "user_internal_id"})
INDEXED = frozenset({"id"})
_NAMED = {"user_email": "email", "user_internal_id": "internal_id", "user_id": "user_id"}
READ = "notifications_read"
_PLAIN = {
    "badge": "",
    "icon": "",
    "image": "",
    "tag": "",
    "vibrate": "",
    "silent": False,
    "renotify": False,
    "actions": [],
}
"""What else the vendor's library for phones reads of a notification, and fails without."""


def pairs(tx: Tx, caller: Access) -> list[tuple[Row, Record]]:
    """Return who is in which list, with the records behind it."""
    account = accounts.find(tx, caller.username)
    known = {r.seq: r.values for r in records.listed(tx, caller, "users")}
    known[people.OWNER] = {"email": account.email, "internal_id": account.username}
    found = []
    for record in records.listed(tx, caller, MEMBERS):
        user = known.get(record.values["user_id"], {})
        row = {
            "id": record.seq,
            "user_list_id": record.values["user_list_id"],
            "user_id": record.values["user_id"],
            "user_email": user.get("email"),
            "user_internal_id": user.get("internal_id"),
        }
        found.append((row, record))
    return found


def join(tx: WriteTx, ctx: Context, caller: Access, given: Mapping[str, Any]) -> int:
    """Put a user into a list; return the number of that membership.

    Raises:
        InvalidInput: no such list or user.
    """
    unknown = [name for name in given if name not in (*_NAMED, "user_list_id", "id")]
    if unknown:
        raise InvalidInput(f"{MEMBERS} have no column {unknown[0]!r}", field=unknown[0])
    list_id = given.get("user_list_id")
    if isinstance(list_id, str) and list_id.isdigit() and len(list_id) < 19:
        list_id = int(list_id)
    if not isinstance(list_id, int) or not records.numbered(tx, caller, "user_lists", [list_id]):
        raise InvalidInput(f"no user list {list_id!r}", field="user_list_id")
    name = next((n for n in _NAMED if given.get(n) not in (None, "")), None)
    if name is None:
        raise InvalidInput("user_email, user_internal_id or user_id says who", field="user_id")
    user = people.find(tx, ctx, caller, _NAMED[name], given[name])
    if user is None:
        raise InvalidInput(f"User not found by {_NAMED[name]}", field=name)
    for row, record in pairs(tx, caller):
        if (row["user_list_id"], row["user_id"]) == (list_id, user[0]):
            return record.seq
    [made] = records.create(
        tx, ctx, caller, MEMBERS, [{"user_list_id": list_id, "user_id": user[0]}]
    )
    return made.seq


def notification(tx: Tx, ctx: Context, caller: Access) -> Row | None:
    """Return the newest insight that has not been put away."""
    records.may_read(caller)
    gone = {r.values.get("message_id") for r in records.listed(tx, caller, READ)}
    for found in findings.of_kind(tx, ctx, caller, findings.INSIGHT):
        text = str(found.body.get("text", ""))
        message = number(f"{found.measure} {found.day} {text}")
        if message not in gone:
            measure = ctx.state(tx, caller.account_id).measure(found.measure)
            return {
                "message_id": message,
                "user_id": people.OWNER,
                "text": text,
                "title": measure.label if measure is not None else "Diurnal",
                "body": text,
                **_PLAIN,
            }
    return None


def put_away(tx: WriteTx, ctx: Context, caller: Access, message: int) -> int:
    """Mark a notification as read; return how many that were."""
    waiting = notification(tx, ctx, caller)
    if waiting is None or waiting["message_id"] != message:
        return 0
    records.create(tx, ctx, caller, READ, [{"message_id": message}])
    return 1
