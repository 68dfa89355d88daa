"""Rows of `event_version`: what events were before they were changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, delete, insert, literal_column, select

from diurnal.model.events import Event, File, body_json, tail_json
from diurnal.model.time import SECOND, day_from_text
from diurnal.store import events
from diurnal.store.database import Row, Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import RUNNING
from diurnal.store.tables import event_version as table

_KEEP = ordered(("account_id", "event_id", "rev", "body", "tail", "files"), insert(table))
_later = table.alias()
_TRIM = ordered(
    ("account", "event", "account", "event", "most"),
    delete(table).where(
        table.c.account_id == bindparam("account"),
        table.c.event_id == bindparam("event"),
        table.c.rev
        <= select(_later.c.rev)
        .where(_later.c.account_id == bindparam("account"), _later.c.event_id == bindparam("event"))
        .order_by(_later.c.rev.desc())
        .limit(literal_column("1"))
        .offset(bindparam("most"))
        .scalar_subquery(),
    ),
)
COLUMNS = (table.c.event_id, table.c.rev, table.c.body, table.c.tail, table.c.files)
"""What `version` reads."""
_OF = Sql(
    select(*COLUMNS)
    .where(table.c.account_id == bindparam("account"), table.c.event_id == bindparam("event"))
    .order_by(table.c.rev)
)


class Version(msgspec.Struct, frozen=True, gc=False):
    """What an event was until a change.

    Attributes:
        rev: the change that ended it.
        event: as it was stored.
    """

    rev: int
    event: Event


class _Body(msgspec.Struct):
    id: str
    time: float
    modified: float
    duration: float | None = 0


class _Tail(msgspec.Struct, rename="camel"):
    seq: int
    local_date: str
    offset: int
    source: str
    measure: str | None = None
    value: float | None = None
    source_id: str | None = None
    batch: int | None = None


_decode_body = msgspec.json.Decoder(_Body).decode
_decode_tail = msgspec.json.Decoder(_Tail).decode
_decode_files = msgspec.json.Decoder(tuple[File, ...]).decode


def keep(tx: WriteTx, account_id: int, ended: Sequence[tuple[Event, int]], *, most: int) -> None:
    """Keep what events were; of each the newest `most`.

    Args:
        ended: events as they were, each with the number of the change that ends it.
    """
    rows = [
        (
            account_id,
            e.id,
            rev,
            body_json(e).decode(),
            tail_json(e).decode(),
            msgspec.json.encode(e.files).decode() if e.files else None,
        )
        for e, rev in ended
    ]
    tx.many(_KEEP, rows)
    tx.many(_TRIM, [(account_id, e.id, account_id, e.id, most) for e, _ in ended])


def of(tx: Tx, account_id: int, event_id: str) -> list[Version]:
    """Return the earlier versions of an event, the oldest first."""
    return [version(row) for row in tx.execute(_OF, {"account": account_id, "event": event_id})]


def version(row: Row) -> Version:
    """Return a version from its row."""
    _, rev, body, tail, files = row
    b, t = _decode_body(body), _decode_tail("{" + tail)
    time = round(b.time * SECOND)
    was = events.Whole(
        id=b.id,
        seq=t.seq,
        offset_min=t.offset,
        own_zone=events.OWN_ZONE,  # `tail` tells whether it does
        day=day_from_text(t.local_date),
        measure=t.measure,
        value=t.value,
        source=t.source,
        source_id=t.source_id,
        batch_id=t.batch,
        time_us=time,
        end_us=RUNNING if b.duration is None else time + round(b.duration * SECOND),
        modified_us=round(b.modified * SECOND),
        body=body,
        tail=tail,
        files=files is not None,
    )
    return Version(rev, events.from_row(was, () if files is None else _decode_files(files)))
