"""What one turn of an import writes: where one row cannot be right, the others all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from diurnal.errors import Conflict, InvalidInput
from diurnal.model import tellings, time
from diurnal.model.access import Access
from diurnal.model.events import Event, NewEvent
from diurnal.model.records import Bad, Datum
from diurnal.services import days, events, marks, series
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.services.series import Prepared
from diurnal.store import events as event_store
from diurnal.store.database import WriteTx

DAYS_OF_DATUM = 4
"""Day rows that cost as much as an event or a chunk."""
RAW_MAX = 2_000

Lane = tuple[str, str, str]
"""Measure, source, kind of source."""


@dataclass
class Outcome:
    """What came of a turn."""

    new: int = 0
    same: int = 0
    changed: int = 0
    bad: list[tuple[Bad, int]] = field(default_factory=list)
    """With how many data each stands for."""


class Given(NamedTuple):
    """A new event and the kind of its source."""

    event: NewEvent
    kind: str
    telling: str | None = None
    known_as: tuple[str, ...] = ()


@dataclass
class Turn:
    """What one transaction writes; not changed once it is given to the store."""

    events: list[Given] = field(default_factory=list)
    days: list[NewDay] = field(default_factory=list)
    series: dict[Lane, dict[int, Prepared]] = field(default_factory=dict)
    chunks: int = 0
    points: int = 0

    @property
    def data(self) -> float:
        """How much it is, in events."""
        return len(self.events) + len(self.days) / DAYS_OF_DATUM + self.chunks


def write_series(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    given: Mapping[Lane, Mapping[int, Prepared]],
    batch_id: int,
    outcome: Outcome,
) -> None:
    """Write points; where those of one lane cannot be right, the others all the same."""
    for (measure, source, kind), parts in given.items():
        try:
            counts = series.write(
                tx,
                ctx,
                caller,
                measure,
                source,
                list(parts.values()),
                kind=kind,
                batch_id=batch_id,
                replace=False,
            )
        except InvalidInput as error:
            n = sum(len(p.cols) for p in parts.values())
            outcome.bad.append((Bad(error.message, f"{measure} of {source}"), n))
            continue
        outcome.new += counts.new
        outcome.same += counts.same
        outcome.changed += counts.changed


def write_days(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    given: Sequence[NewDay],
    batch_id: int,
    outcome: Outcome,
) -> None:
    """Write day rows; where one cannot be right, the others all the same."""
    try:
        counts = days.write_rows(tx, ctx, caller, given, batch_id=batch_id)
    except InvalidInput as error:
        if len(given) == 1:
            [one] = given
            place = f"{one.measure} of {day_text(one.day * time.DAY)}"
            outcome.bad.append((Bad(error.message, place, one.raw or str(one.value)), 1))
            return
        for one in given:
            write_days(tx, ctx, caller, [one], batch_id, outcome)
        return
    outcome.new += counts.new
    outcome.same += counts.same
    outcome.changed += counts.changed


def untaken(
    tx: WriteTx, caller: Access, given: Sequence[Given], outcome: Outcome
) -> Sequence[Given]:
    """Leave out events whose id is here already: an own export that comes home."""
    ids = [g.event.id for g in given if g.event.id is not None]
    if not ids:
        return given
    taken = event_store.known(tx, caller.account_id, ids)
    left = []
    for g in given:
        if g.event.id in taken:
            if g.event.source_id is None:
                outcome.same += 1
                continue
            g = g._replace(event=msgspec.structs.replace(g.event, id=None))
        left.append(g)
    return left


def joined_tellings(tx: WriteTx, caller: Access, given: Sequence[Given]) -> Sequence[Given]:
    """Join tellings of one datum with what is there and with each other."""
    if all(g.telling is None for g in given):
        return given
    known: dict[tuple[str, str], Event | NewEvent] = {}
    wanted: dict[str, set[str]] = {}
    for g in given:
        if g.telling is not None:
            ids = wanted.setdefault(g.event.source or "", set())
            ids.update((g.event.source_id or "", *g.known_as))
    for source, ids in wanted.items():
        found_ids = event_store.by_source(tx, caller.account_id, source, sorted(ids))
        known |= {(source, id_): e for id_, e in found_ids.items()}
    found: list[Given] = []
    for g in given:
        if g.telling is not None:
            source = g.event.source or ""
            old = known.get((source, g.event.source_id or ""))
            if old is None:
                near = (known.get((source, name)) for name in g.known_as)
                old = next((e for e in near if e and tellings.same(e, g.event)), None)
            joined = tellings.join(old, g.event, g.telling)
            known[source, joined.source_id or ""] = joined
            g = g._replace(event=joined)
        found.append(g)
    return found


def write_events(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    given: Sequence[Given],
    batch_id: int,
    outcome: Outcome,
) -> None:
    """Write events; where one cannot be right, the others all the same."""
    try:
        written = events.create(tx, ctx, caller, [g.event for g in given], batch_id=batch_id)
    except (InvalidInput, Conflict) as error:
        # Events are checked before the first is written, so nothing stands yet.
        if len(given) == 1:
            [one] = given
            bad = Bad(error.message, one.event.source or "", raw_text(one.event))
            outcome.bad.append((bad, 1))
            return
        for one in given:
            write_events(tx, ctx, caller, [one], batch_id, outcome)
        return
    told = Counter(w.status for w in written)
    outcome.new += told["created"]
    outcome.changed += told["changed"]
    # What was deleted here for good stays deleted, and is no change.
    outcome.same += told["same"] + told["deleted"]
    if told["created"] or told["changed"]:
        kinds = {g.event.source or "": g.kind for g in given}
        marks.add_sources(tx, caller.account_id, kinds, ctx.now())


def event_of(d: Datum, stream: str) -> NewEvent:
    """Return a datum as an event in `stream`, where it names none itself."""
    # In their order, and no more than fifteen: else Python makes a dictionary of them first.
    event = NewEvent(
        stream_ids=d.streams or (stream,),
        type=d.type,
        time=d.start,
        duration=d.duration,
        content=d.content,
        id=d.id,
        tags=d.tags,
        description=d.description,
        client_data=d.client_data,
        trashed=d.trashed,
        zone=d.zone,
        offset=d.offset,
        source=d.source.name,
        source_id=d.source_id or None,
        files=d.files,
    )
    return msgspec.structs.replace(event, clock=d.start) if d.clock else event


def day_text(at: int) -> str:
    """Return the UTC day of an instant, the nearest there is."""
    return time.day_text(min(max(at, time.TIME_MIN), time.TIME_MAX) // time.DAY)


def raw_text(value: Any) -> str:
    """Return what is kept of something that could not be."""
    return msgspec.json.encode(value).decode()[:RAW_MAX]


def clean(text: str) -> str:
    """Return text that both engines can keep."""
    return text[:RAW_MAX].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
