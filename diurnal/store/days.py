"""Day rows, cached day values, and the marks of what must be computed again."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import insert as upsert

from diurnal.model.time import DAY
from diurnal.store.database import Tx, WriteTx
from diurnal.store.sql import Sql, ordered
from diurnal.store.tables import chunk, day_dirty, source_day

_MARK = ordered(
    ("account_id", "measure", "day", "rev"),
    upsert(day_dirty).on_conflict_do_update(
        index_elements=["account_id", "measure", "day"],
        set_={"rev": literal_column("excluded.rev")},
    ),
)
_SEEN = ordered(
    ("account_id", "measure", "source", "day"), upsert(source_day).on_conflict_do_nothing()
)

_SPANS = Sql(
    select(chunk.c.measure, chunk.c.first_us, chunk.c.last_us)
    .where(
        chunk.c.account_id == bindparam("account"),
        chunk.c.last_us >= bindparam("start"),
        chunk.c.first_us < bindparam("end"),
    )
    .distinct()
)


def mark(tx: WriteTx, account_id: int, cells: Iterable[tuple[str, int]], rev: int) -> None:
    """Mark (measure, day) cells dirty as of change `rev`: the next read computes them."""
    tx.many(_MARK, [(account_id, measure, day, rev) for measure, day in sorted(cells)])


def saw(tx: WriteTx, account_id: int, cells: Iterable[tuple[str, str, int]]) -> None:
    """Remember that (measure, source, day) has data; ranks sources of equal kind."""
    tx.many(_SEEN, [(account_id, *cell) for cell in sorted(cells)])


def series_cells(tx: Tx, account_id: int, start: int, end: int) -> set[tuple[str, int]]:
    """Return the (measure, UTC day and its neighbours) that series chunks in [start, end) touch."""
    cells: set[tuple[str, int]] = set()
    for measure, first, last in tx.execute(
        _SPANS, {"account": account_id, "start": start, "end": end}
    ):
        cells.update((measure, d) for d in range(first // DAY - 1, last // DAY + 2))
    return cells
