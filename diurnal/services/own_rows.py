"""What an account's own export holds of each table, and the rows that it holds as they are.

A table that is not in `HELD` is in `NOT_HELD` with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import AppError, InvalidInput
from diurnal.model.access import Access
from diurnal.model.records import Bad, OwnRows
from diurnal.services import experiments, findings, records
from diurnal.services.context import Context
from diurnal.services.turns import Outcome
from diurnal.store import batches, changes, own_rows
from diurnal.store import experiments as experiment_rows
from diurnal.store import records as record_rows
from diurnal.store.database import Tx, WriteTx

ROWS_PER_LINE = 200
TEXT_BYTES_MAX = 1 << 20
"""Of one text of a row; those of the services are smaller."""

_RIGHTS = "who may come in and what they did belongs to a server; backups hold it"
_SECRET = "secrets do not leave the server but in a backup"  # noqa: S105 - a sentence
_COMPUTED = "computed anew from what is held"
_FETCHED = "how far sources were read; a source that is connected anew is read anew"
_WORK = "work of this server"

HELD: Mapping[str, str] = {
    "account": "the first line: name, e-mail, zone, settings, profile",
    "zone": "zones",
    "own_measure": "measure",
    "stream": "stream",
    "source": "sourceKind of the lines",
    "day_row": "day",
    "chunk": "points",
    "event": "event",
    "event_stream": "event",
    "event_tag": "event",
    "event_version": "version",
    "file": "event, file",
    "blob": "file",
    "record": "rows",
    "record_key": "rows",
    "experiment": "rows",
    "track": "rows",
    "finding": "rows: the owner's opinions; what was found is computed anew",
}
"""Table -> the kind of line that holds it."""

NOT_HELD: Mapping[str, str] = {
    "access": _RIGHTS,
    "access_request": _RIGHTS,
    "access_use": _RIGHTS,
    "access_version": _RIGHTS,
    "app_grant": _RIGHTS,
    "attempt": _RIGHTS,
    "attribute": _RIGHTS,
    "attribute_offer": _RIGHTS,
    "audit": "has an export of its own, with its chain",
    "audit_checkpoint": "has an export of its own, with its chain",
    "authorization_code": _SECRET,
    "client": _RIGHTS,
    "consent": _RIGHTS,
    "device_request": _RIGHTS,
    "idempotency": _WORK,
    "invitation": _RIGHTS,
    "legacy_use": _RIGHTS,
    "one_time": _SECRET,
    "passkey": _SECRET,
    "recovery_code": _SECRET,
    "session": _RIGHTS,
    "share": _RIGHTS,
    "totp": _SECRET,
    "webhook": "addresses with their secrets; backups hold them",
    "webhook_delivery": _WORK,
    "answer": _FETCHED,
    "connection": _SECRET,
    "delivery": _FETCHED,
    "fetched": _FETCHED,
    "pull_state": _FETCHED,
    "pulled": _FETCHED,
    "upstream": _WORK,
    "batch": "imports as such; what they brought is held",
    "batch_row": "imports as such; what they brought is held",
    "set_aside": "imports as such; what they brought is held",
    "job": _WORK,
    "upload": _WORK,
    "account_clock": "a server counts its own changes",
    "change": "a server counts its own changes",
    "counter": _WORK,
    "directory": _WORK,
    "alembic_version": _WORK,
    "tombstone": "what is deleted is gone",
    "day_dirty": _COMPUTED,
    "day_number": _COMPUTED,
    "day_value": _COMPUTED,
    "source_day": _COMPUTED,
    "source_measure": _COMPUTED,
}
"""Table -> why an export does not hold it."""


def lines(tx: Tx, account_id: int) -> Iterator[tuple[str, Sequence[str], list[list[Any]]]]:
    """Yield (table, columns, rows) of the tables that are held row by row."""
    for name in own_rows.TABLES:
        names = own_rows.columns(name)
        for page in own_rows.pages(tx, account_id, name):
            held = page
            if name == "finding":
                at = names.index("kind")
                held = [row for row in page if row[at] == findings.FEEDBACK]
            for i in range(0, len(held), ROWS_PER_LINE):
                yield name, names, held[i : i + ROWS_PER_LINE]


def put(tx: WriteTx, ctx: Context, caller: Access, given: OwnRows, *, batch_id: int) -> Outcome:
    """Add rows where there are none with their key; what is there stays as it is."""
    outcome = Outcome()
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    check = _CHECKS.get(given.table)
    where = f"rows of {given.table}"[:100]
    if check is None or set(given.columns) != set(own_rows.columns(given.table)):
        outcome.bad.append((Bad("rows that this version does not know", where), len(given.rows)))
        return outcome
    made: list[tuple[str, str]] = []
    added: list[tuple[str, str]] = []
    for cells in given.rows:
        try:
            (row,) = own_rows.read(given.table, given.columns, [cells])
            told = dict(zip(own_rows.columns(given.table), row, strict=True))
            _plain(told)
            what = check(tx, caller, told)
        except (AppError, ValueError, TypeError, KeyError, msgspec.MsgspecError) as error:
            outcome.bad.append((Bad(f"a row that cannot be: {error}", where), 1))
            continue
        if own_rows.add(tx, caller.account_id, given.table, row):
            outcome.new += 1
            added.append((given.table, own_rows.key(given.table, row)))
            if what is not None:
                made.append(what)
        else:
            outcome.same += 1
    if added:
        batches.brought(tx, caller.account_id, batch_id, added)
    if made:
        stamp = changes.reserve(tx, caller.account_id, len(made), ctx.now())
        told_of = [(kind, "create", id_) for kind, id_ in made]
        changes.append(tx, caller.account_id, stamp, caller.id, told_of)
    for kind, id_ in made:
        if kind == experiments.KIND:
            experiments.go_on(tx, ctx, caller.account_id, id_)
    return outcome


def drop_batch(tx: WriteTx, ctx: Context, caller: Access, batch_id: int, most: int) -> int:
    """Delete up to `most` rows that a batch added; return how many, 0 when none is left."""
    account_id = caller.account_id
    changes.reserve(tx, account_id, 0, ctx.now())
    rows = batches.rows_brought(tx, account_id, batch_id, most)
    told = [
        (kind, "delete", id_) for name, key in rows for kind, id_ in _dropped(tx, caller, name, key)
    ]
    if rows:
        batches.forget_rows(tx, account_id, batch_id, rows)
    if told:
        stamp = changes.reserve(tx, account_id, len(told), ctx.now())
        changes.append(tx, account_id, stamp, caller.id, told)
    return len(rows)


def _dropped(tx: WriteTx, caller: Access, name: str, key: str) -> Iterator[tuple[str, str]]:
    """Delete a row; yield (kind, id) of what others are told of."""
    values = own_rows.key_values(name, key)
    if not own_rows.drop(tx, caller.account_id, name, key):
        return
    if name == "record":
        # With the keys that it was given since.
        record_rows.remove(tx, caller.account_id, values["collection"], [values["id"]])
        yield "record", values["id"]
    elif name == "experiment":
        yield experiments.KIND, values["id"]
    elif name == "finding":
        yield findings.CHANGED, values["id"]


def _plain(told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        if isinstance(value, str):
            if "\0" in value or len(value) > TEXT_BYTES_MAX:
                raise InvalidInput(f"no text of {name}")
        elif not isinstance(value, int | float | bytes | None):
            raise InvalidInput(f"no value of {name}")


def _record(tx: Tx, caller: Access, told: dict[str, Any]) -> tuple[str, str]:
    collection, seq = told["collection"], told["seq"]
    if not records.COLLECTION.fullmatch(collection) or not told["id"]:
        raise InvalidInput(f"no collection can be called {collection!r}")
    if not 0 <= seq < 2**53:
        raise InvalidInput(f"no record has the number {seq}")
    records.check_body(told["body"])
    there = record_rows.by_seq(tx, caller.account_id, collection, [seq])
    if any(row.id != told["id"] for row in there):
        raise InvalidInput(f"another record of {collection} has the number {seq}")
    return "record", told["id"]


def _record_key(_tx: Tx, _caller: Access, told: dict[str, Any]) -> None:
    if len(told["value"]) > records.KEY_MAX or len(told["name"]) > records.NAME_MAX:
        raise InvalidInput("a key is too long")


def _experiment(_tx: Tx, _caller: Access, told: dict[str, Any]) -> tuple[str, str]:
    values = {
        field: msgspec.json.decode(told[column])
        if column in ("measures", "blocks", "verdicts") and told[column] is not None
        else told[column]
        for field, column in zip(
            experiment_rows.Stored.__struct_fields__, own_rows.columns("experiment"), strict=True
        )
    }
    one = msgspec.convert(values, experiment_rows.Stored)
    experiments.check_whole(one)
    return experiments.KIND, one.id


def _track(_tx: Tx, _caller: Access, told: dict[str, Any]) -> None:
    import zstandard

    from diurnal.model import tracks  # numpy: only processes that import need it

    try:
        n = len(tracks.decode(told["data"]))
    except zstandard.ZstdError:
        raise InvalidInput("points that cannot be read") from None
    if n != told["n"]:
        raise InvalidInput("not as many points as it says")


def _finding(_tx: Tx, _caller: Access, told: dict[str, Any]) -> None:
    if told["kind"] != findings.FEEDBACK:
        raise InvalidInput("findings are computed")
    if msgspec.json.decode(told["body"], type=dict[str, Any]).get("opinion") not in (
        findings.OPINIONS
    ):
        raise InvalidInput("no such opinion")


_Check = Callable[[Tx, Access, dict[str, Any]], "tuple[str, str] | None"]
_CHECKS: Mapping[str, _Check] = {
    "record": _record,
    "record_key": _record_key,
    "experiment": _experiment,
    "track": _track,
    "finding": _finding,
}
