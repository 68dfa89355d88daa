"""Records: JSON objects in collections, found by number and by the keys of their collection.

Who may read or change them: the owner, and whoever has that right on the whole account, with
nothing held back; a permission on streams, measures or a time frame tells nothing of records.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from diurnal.errors import Forbidden, InvalidInput, NotFound, TooLarge
from diurnal.model.access import ALL_RIGHTS, EVERY, Access, Rights
from diurnal.services import events
from diurnal.services.context import Context
from diurnal.store import changes
from diurnal.store import records as store
from diurnal.store.database import Tx, WriteTx

COLLECTION = re.compile(r"[a-z][a-z0-9_]{0,59}")
BODY_BYTES_MAX = 64 << 10
NAME_MAX = 100
COLUMNS_MAX = 500
KEY_MAX = 400
"""Characters of a value by which a record is found."""
RECORDS_MAX = 1_000_000
"""Of one collection."""


class Record(msgspec.Struct, frozen=True):
    """One record.

    Attributes:
        seq: its number for APIs that number, never given twice in its collection: the account's
            change number at its creation, or more.
    """

    id: str
    seq: int
    values: dict[str, Any]
    created: int
    modified: int


def rights(caller: Access) -> Rights:
    """Return what the caller may do with records."""
    if caller.owner:
        return ALL_RIGHTS
    whole = [
        p.allows
        for p in caller.permissions
        if p.stream == EVERY
        and p.measures is None
        and p.tags is None
        and p.start is None
        and p.end is None
        and not p.reduced
    ]
    return Rights(*(any(each) for each in zip(*whole, strict=True))) if whole else Rights()


def may_read(caller: Access) -> None:
    """Refuse whoever may not read records.

    Raises:
        Forbidden: the caller may not.
    """
    if not rights(caller).reads:
        raise Forbidden("this key may not read here")


_values = msgspec.json.Decoder(dict[str, Any]).decode


def _record(row: store.Stored) -> Record:
    return Record(row.id, row.seq, _values(row.body), row.created, row.modified)


def listed(tx: Tx, caller: Access, collection: str) -> list[Record]:
    """Return every record of a collection, oldest first.

    Raises:
        Forbidden: the caller may not.
    """
    may_read(caller)
    return [_record(row) for row in store.all_of(tx, caller.account_id, collection)]


def page(tx: Tx, caller: Access, collection: str, limit: int, offset: int = 0) -> list[Record]:
    """Return some records, oldest first.

    Raises:
        Forbidden: the caller may not.
    """
    may_read(caller)
    return [_record(r) for r in store.page(tx, caller.account_id, collection, limit, offset)]


def numbered(tx: Tx, caller: Access, collection: str, seqs: Iterable[int]) -> list[Record]:
    """Return the records of these numbers that are there.

    Raises:
        Forbidden: the caller may not.
    """
    may_read(caller)
    return [_record(r) for r in store.by_seq(tx, caller.account_id, collection, seqs)]


def keyed(
    tx: Tx, caller: Access, collection: str, name: str, values: Iterable[str]
) -> list[Record]:
    """Return the records that are found by one of these values of a key.

    Raises:
        Forbidden: the caller may not.
    """
    may_read(caller)
    wanted = [v[:KEY_MAX] for v in values]
    return [_record(r) for r in store.by_key(tx, caller.account_id, collection, name, wanted)]


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    collection: str,
    given: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str] = (),
    number: str = "id",
    fold: frozenset[str] = frozenset(),
) -> list[Record]:
    """Store new records, all or none.

    Args:
        keys: members by which records are found.
        number: the member that gets the record's number.
        fold: keys that are found whatever their case.

    Raises:
        Forbidden: the caller may not.
        InvalidInput, TooLarge: a record that cannot be.
    """
    if not COLLECTION.fullmatch(collection):
        raise InvalidInput(f"no collection can be called {collection!r}", field="collection")
    stamp = changes.reserve(tx, caller.account_id, len(given), ctx.now())
    if not rights(caller).creates:
        raise Forbidden("this key may not add here")
    if store.count(tx, caller.account_id, collection) + len(given) > RECORDS_MAX:
        raise TooLarge(f"a collection has at most {RECORDS_MAX} records", limit=RECORDS_MAX)
    # Records that an export brought along keep their numbers, which may be ahead of ours.
    first = max(stamp.rev, store.top(tx, caller.account_id, collection) + 1)
    made = [
        Record(
            id=ctx.new_id(),
            seq=first + n,
            values={number: first + n, **_checked(values)},
            created=stamp.at + n,
            modified=stamp.at + n,
        )
        for n, values in enumerate(given)
    ]
    _save(tx, caller, collection, made, keys, fold)
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("record", "create", r.id) for r in made]
    )
    return made


def put(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    collection: str,
    id_: str,
    values: Mapping[str, Any],
    *,
    seq: int,
) -> Record:
    """Store a record of a known id, new or not: for what stands for something else.

    Raises:
        Forbidden: the caller may not.
        InvalidInput, TooLarge: a record that cannot be.
    """
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    if not rights(caller).changes:
        raise Forbidden("this key may not change anything here")
    made = Record(id=id_, seq=seq, values=_checked(values), created=stamp.at, modified=stamp.at)
    _save(tx, caller, collection, [made], (), frozenset())
    changes.append(tx, caller.account_id, stamp, caller.id, [("record", "update", id_)])
    return made


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    collection: str,
    changed: Sequence[tuple[Record, Mapping[str, Any]]],
    *,
    keys: Sequence[str] = (),
    fold: frozenset[str] = frozenset(),
) -> list[Record]:
    """Change members of records; the others stay.

    Raises:
        Forbidden: the caller may not.
        InvalidInput, TooLarge: a record that cannot be.
    """
    stamp = changes.reserve(tx, caller.account_id, len(changed), ctx.now())
    if not rights(caller).changes:
        raise Forbidden("this key may not change anything here")
    made = [
        msgspec.structs.replace(
            old, values={**old.values, **_checked(values)}, modified=stamp.at + n
        )
        for n, (old, values) in enumerate(changed)
    ]
    _save(tx, caller, collection, made, keys, fold)
    changes.append(
        tx, caller.account_id, stamp, caller.id, [("record", "update", r.id) for r in made]
    )
    return made


def delete(tx: WriteTx, ctx: Context, caller: Access, collection: str, ids: Sequence[str]) -> None:
    """Delete records for good.

    Raises:
        Forbidden: the caller may not.
    """
    stamp = changes.reserve(tx, caller.account_id, len(ids), ctx.now())
    if not rights(caller).deletes:
        raise Forbidden("this key may not delete anything here")
    store.remove(tx, caller.account_id, collection, ids)
    changes.append(tx, caller.account_id, stamp, caller.id, [("record", "delete", i) for i in ids])


def get(tx: Tx, caller: Access, collection: str, seq: int) -> Record:
    """Return one record.

    Raises:
        Forbidden: the caller may not read.
        NotFound: it is not there.
    """
    found = numbered(tx, caller, collection, [seq])
    if not found:
        raise NotFound(f"no record {seq}")
    return found[0]


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    if len(values) > COLUMNS_MAX:
        raise InvalidInput(f"a record has at most {COLUMNS_MAX} members")
    for name, value in values.items():
        if not name or len(name) > NAME_MAX:
            raise InvalidInput(f"a name has 1 to {NAME_MAX} characters", field=name[:NAME_MAX])
        events.check_json(name, "name")
        events.check_json(value, name)
    return dict(values)


def check_body(body: str) -> None:
    """Refuse the text of a record that cannot be.

    Raises:
        InvalidInput, TooLarge: it cannot be.
    """
    if len(body.encode()) > BODY_BYTES_MAX:
        raise TooLarge(f"a record has at most {BODY_BYTES_MAX} bytes", limit=BODY_BYTES_MAX)
    _checked(_values(body))


def _save(
    tx: WriteTx,
    caller: Access,
    collection: str,
    made: Sequence[Record],
    keys: Sequence[str],
    fold: frozenset[str],
) -> None:
    rows = []
    for r in made:
        body = msgspec.json.encode(r.values)
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(f"a record has at most {BODY_BYTES_MAX} bytes", limit=BODY_BYTES_MAX)
        named = {
            k: key_of(r.values[k], folded=k in fold) for k in keys if r.values.get(k) is not None
        }
        stored = store.Stored(
            id=r.id, seq=r.seq, body=body.decode(), created=r.created, modified=r.modified
        )
        rows.append((stored, named))
    store.save(tx, caller.account_id, collection, rows)


def key_of(value: Any, *, folded: bool = False) -> str:
    """Return a value as the text by which it is found."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return (text.casefold() if folded else text)[:KEY_MAX]


def hold(tx: WriteTx, ctx: Context, caller: Access) -> None:
    """Let nobody else change the account in this turn: for who looks first and writes then."""
    changes.reserve(tx, caller.account_id, 0, ctx.now())
