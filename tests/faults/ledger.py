"""What clients were told was done, and whether the database agrees."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from diurnal.model.events import EventQuery
from diurnal.services import accesses, events
from diurnal.services.context import Context, opened
from diurnal.settings import load
from diurnal.store import changes
from tests.faults.writer import ACCOUNT, size_of

EVERYTHING = EventQuery(state="all")
PAGE = 1_000_000


def reopened(url: str, data_dir: Path) -> Context:
    """Return a context manager: the database as the next start finds it."""
    return opened(load(data_dir=data_dir, database_url=url, environ={}))  # type: ignore[return-value]


def stored(ctx: Context) -> Counter[str]:
    """Return how often each event that a client named is there."""
    caller = accesses.personal(ACCOUNT, "alice")
    found = ctx.store.read(lambda tx: events.find(tx, ctx, caller, EVERYTHING))
    return Counter(json.loads(f.body)["description"] for f in found)


def lost(there: Counter[str], acknowledged: set[tuple[int, int]]) -> list[str]:
    """Return the events of acknowledged writes that are not there."""
    wanted = (f"{t}-{n}/{i}" for t, n in sorted(acknowledged) for i in range(size_of(n)))
    return [name for name in wanted if not there[name]]


def doubled(there: Counter[str]) -> list[str]:
    """Return the events that are there more than once."""
    return [name for name, times in there.items() if times > 1]


def torn(there: Counter[str]) -> list[str]:
    """Return the writes of which only a part is there."""
    parts = Counter(name.partition("/")[0] for name in there)
    return [key for key, n in parts.items() if n != size_of(int(key.partition("-")[2]))]


def gaps(ctx: Context) -> list[int]:
    """Return the change numbers that are missing."""
    rows = ctx.store.read(lambda tx: changes.since(tx, ACCOUNT, 0, PAGE))
    known = ctx.store.read(lambda tx: changes.revs(tx, ACCOUNT))
    assert known is not None
    return sorted(set(range(1, known[0] + 1)) - {row[0] for row in rows})
