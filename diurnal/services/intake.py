"""Read what was dropped: open it, recognise each entry, and hand what its connector yields on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from diurnal.connectors import NOT_UNDERSTOOD, Connector, Entry
from diurnal.connectors._drop import drop
from diurnal.errors import InvalidInput, TooLarge
from diurnal.model import days as _days  # noqa: F401 - no turn may wait for its import
from diurnal.model.access import Access
from diurnal.model.records import (
    Bad,
    Item,
)
from diurnal.model.records import Progress as Parsed
from diurnal.services import (
    demo,
    uploads,
)
from diurnal.services.context import Context
from diurnal.services.hand import Hand
from diurnal.services.imports import Progress, Result
from diurnal.services.jobs import Lease
from diurnal.services.recognition import MAPPED, Found, nothing, recognise
from diurnal.store import foreign
from diurnal.store.batches import Stored

log = structlog.get_logger(__name__)


def run(
    ctx: Context,
    caller: Access,
    batch: Stored,
    *,
    lease: Lease | None,
    progress: Callable[[Progress], None],
    stopping: Callable[[], bool],
    bulk: bool,
) -> Result:
    """Do one import; see `imports.run`."""
    if batch.dry_run:
        # What a turn that is rolled back has cached must not be taken for true elsewhere.
        ctx = replace(ctx, states={}, accesses={})
    hand = Hand(ctx, caller, batch, lease, progress, stopping, bulk=bulk)
    lived = demo.life(batch)
    if lived is not None:
        return _invented(hand, demo.items(ctx, caller, batch, lived))
    with ExitStack() as stack:
        found = Found()
        hand.tell("recognising", 0, 0)
        for path, name in _paths(ctx, batch):
            opened = stack.enter_context(drop(path, name, foreign.tables))
            found.bad += opened.bad
            recognise(opened.entries, batch.options, found)
        if not found.chosen:
            raise InvalidInput(nothing(found))
        hand.begin()
        for bad in found.bad:
            hand.take(bad)
        _read(hand, found, batch.options.get("map") or {})
        if found.failed and len(found.failed) == len(found.chosen) and not hand.counts.read:
            raise found.failed[0]
        return hand.finish(found)


def _invented(hand: Hand, items: Iterator[Item]) -> Result:
    """Take the records of demo data, month by month: each is there when it is told."""
    hand.begin()
    hand.tell("inventing", 0, 0)
    for item in items:
        if isinstance(item, Parsed):
            hand.flush()
        hand.take(item)
    return hand.finish(Found(read={demo.CONNECTOR: hand.counts.read}))


def _paths(ctx: Context, batch: Stored) -> list[tuple[Path, str | None]]:
    if batch.upload_id is not None:
        path = uploads.path_of(ctx, batch.account_id, batch.upload_id)
        if not path.exists():
            raise InvalidInput("the uploaded file is not there any more")
        return [(path, batch.name)]
    return [(Path(path), None) for path in batch.options["paths"]]


def _read(hand: Hand, found: Found, mapping: Mapping[str, Any]) -> None:
    total = sum(entry.size for _, _, entry in found.chosen)
    before = 0
    for name, connector, entry in found.chosen:
        read = hand.counts.read
        hand.file(entry.path, before, total)
        try:
            for item in _understood(name, _items(connector, entry, mapping)):
                hand.take(item)
        except (InvalidInput, TooLarge) as error:
            found.failed.append(error)
            hand.take(Bad(error.message, entry.path))
        hand.flush()
        before += entry.size
        found.read[name] = found.read.get(name, 0) + hand.counts.read - read


def _understood(name: str, items: Iterator[Item]) -> Iterator[Item]:
    """Yield items; what a connector stumbles over costs the rest of its file and no other.

    Raises:
        InvalidInput: it stumbled.
    """
    try:
        yield from items
    except NOT_UNDERSTOOD as error:
        log.warning("file not understood", connector=name, error=type(error).__name__)
        said = f"{type(error).__name__}: {str(error)[:100]}"
        raise InvalidInput(f"damaged, or of a form that is not known ({said})") from error


def _items(connector: Connector, entry: Entry, mapping: Mapping[str, Any]) -> Iterator[Item]:
    if connector.parse is not None:
        yield from connector.parse(entry, mapping if connector.name == MAPPED else {})
