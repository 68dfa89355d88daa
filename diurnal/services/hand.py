"""Take what a connector yields, item by item, and write it in turns.

Parsing and turns alternate: a turn holds the store for milliseconds, and every write of the server
finds its place between two of them.
"""

from __future__ import annotations

import time as stopwatch
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.errors import Conflict, InvalidInput
from diurnal.model import days as _days  # noqa: F401 - no turn may wait for its import
from diurnal.model import time
from diurnal.model.access import Access
from diurnal.model.records import (
    Attached,
    Bad,
    Before,
    Datum,
    DayDatum,
    Item,
    OwnMeasure,
    OwnRows,
    Points,
    StreamSeen,
    ZoneSeen,
    ZonesKnown,
)
from diurnal.model.records import Progress as Parsed
from diurnal.services import (
    audit,
    authentication,
    events,
    imports,
    jobs,
    measures,
    own_export,
    own_rows,
)
from diurnal.services.asides import Asides
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.services.import_progress import Counts, Telling
from diurnal.services.imports import Progress, Result
from diurnal.services.jobs import Lease, Stopped
from diurnal.services.lanes import Lanes
from diurnal.services.recognition import Found
from diurnal.services.series import Prepared
from diurnal.services.turns import (
    Given,
    Lane,
    Outcome,
    Turn,
    event_of,
    joined_tellings,
    raw_text,
    untaken,
    write_days,
    write_events,
    write_series,
)
from diurnal.store import batches, changes
from diurnal.store.batches import Stored
from diurnal.store.database import ROWS_PER_TURN, WriteTx

TURN_S = 0.001
"""The server's writes wait for a turn to end; the next turn takes as many rows as fit into this."""
DATA_MIN, DATA_MAX = 10, ROWS_PER_TURN // 10
"""Data of a turn: each also brings its change, the marks of its days and its source's days."""
POINTS_PER_TURN = 20_000
UNKNOWN_MAX = 100
ZONES_MAX = 100_000
SAVE_EVERY_S = 1.0


class _Rollback(Exception):
    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _Homes(Exception):
    def __init__(self, homes: dict[str, str]) -> None:
        super().__init__()
        self.homes = homes


class Hand:
    """Takes items one by one, writes them in turns, and keeps count."""

    def __init__(
        self,
        ctx: Context,
        caller: Access,
        batch: Stored,
        lease: Lease | None,
        progress: Callable[[Progress], None],
        stopping: Callable[[], bool],
        *,
        bulk: bool,
    ) -> None:
        self._telling = Telling(progress)
        self.counts = self._telling.counts
        self._ctx, self._caller, self._batch, self._lease = ctx, caller, batch, lease
        self._stopping, self._bulk = stopping, bulk
        self._resumed = batch.state == imports.RUNNING
        self._turn = Turn()
        self._most = DATA_MIN
        self._lanes = Lanes(self._chunk, self._set_aside)
        self._zones: dict[tuple[int, str, bool], ZoneSeen] = {}
        self._own: dict[str, OwnMeasure] = {}
        self._versions: list[Before] = []
        self._streams: dict[str, str] = {}
        self._seen: list[StreamSeen] = []
        self._made: set[str] = set()
        self._asides = Asides()
        self._before = self._total = 0
        self._saved = stopwatch.monotonic()
        self._takers: dict[type, Callable[[Any], None]] = {
            Points: self._lanes.add,
            Datum: self._datum,
            DayDatum: self._day,
            OwnMeasure: self._own_measure,
            StreamSeen: self._stream,
            Attached: self._attached,
            Before: self._version,
            OwnRows: self._own_rows,
            ZonesKnown: self._zones_known,
            ZoneSeen: self._zone,
            Bad: self._bad,
            Parsed: self._parsed,
        }

    # Taking

    def begin(self) -> None:
        """Note that the import is under way."""
        batch = self._batch

        def mark(tx: WriteTx) -> None:
            stamp = changes.reserve(tx, batch.account_id, 1, self._ctx.now())
            jobs.check(tx, self._lease)
            batches.set_state(tx, batch.account_id, batch.id, imports.RUNNING)
            batches.clear_aside(tx, batch.account_id, batch.id)
            told = [("batch", "start", str(batch.id))]
            changes.append(tx, batch.account_id, stamp, batch.access_id, told)

        self._write(mark).result()

    def file(self, path: str, before: int, total: int) -> None:
        """Begin with another file."""
        self._telling.path, self._before, self._total = path, before, total
        self.tell("reading", before, total)

    def take(self, item: Item) -> None:
        """Take one item that a connector yields."""
        self._takers[type(item)](item)

    def _chunk(self, lane: Lane, part: Prepared) -> None:
        if part.span_start in self._turn.series.get(lane, ()):
            self._submit()
        self._turn.series.setdefault(lane, {})[part.span_start] = part
        self._turn.chunks += 1
        self._turn.points += len(part.cols)
        self._telling.spread(
            lane[0], len(part.cols), int(part.cols.start[0]), int(part.cols.start[-1])
        )
        self._when_full()

    def _datum(self, d: Datum) -> None:
        stream = d.stream or (d.streams[0] if d.streams else self._home(d.measure))
        if stream is None:
            self._set_aside(
                Bad(f"unknown measure {d.measure!r}", self._telling.path, raw_text(d)), 1
            )
            return
        self._turn.events.append(Given(event_of(d, stream), d.source.kind, d.telling, d.known_as))
        self._telling.spread(d.measure or "", 1, d.start, d.start)
        self._when_full()

    def _version(self, before: Before) -> None:
        if self._batch.dry_run:
            return
        self._versions.append(before)
        if len(self._versions) >= DATA_MIN:
            self.flush()

    def _put_versions(self) -> None:
        """Add what events were, once the events are there."""
        given, self._versions = self._versions, []

        def put(tx: WriteTx) -> Outcome:
            changes.reserve(tx, self._caller.account_id, 0, self._ctx.now())
            jobs.check(tx, self._lease)
            told = [(event_of(b.was, b.was.streams[0]), b.created, b.modified) for b in given]
            new, same, bad = events.restore(
                tx, self._ctx, self._caller, told, batch_id=self._batch.id
            )
            aside = [(Bad(why, self._telling.path, raw_text(one)), 1) for why, one in bad]
            return Outcome(new=new, same=same, bad=aside)

        if given:
            self._count(self._write(put))

    def _home(self, measure: str | None) -> str | None:
        """Return the home stream of a measure."""
        if measure is None:
            return None
        known = catalog.find(measure)
        return known.stream if known is not None else self._streams.get(measure)

    def _day(self, d: DayDatum) -> None:
        self._turn.days.append(
            NewDay(
                measure=d.measure,
                day=d.day,
                value=d.value,
                source=d.source.name,
                kind=d.source.kind,
                raw=d.raw,
                written_by=d.written_by,
            )
        )
        self._telling.spread(d.measure, 1, d.day * time.DAY, d.day * time.DAY)
        self._when_full()

    def _own_measure(self, own: OwnMeasure) -> None:
        """Make the measure before any datum of it."""
        self._own[own.key] = own
        self.flush()

        def make(tx: WriteTx) -> dict[str, str]:
            jobs.check(tx, self._lease)
            self._make_own(tx, [own])
            state = self._ctx.state(tx, self._caller.account_id)
            homes = {key: m.stream for key, m in state.measures.items()}
            if self._batch.dry_run:
                raise _Homes(homes)
            return homes

        try:
            self._streams = self._write(make).result()
        except _Homes as rolled_back:
            self._streams = rolled_back.homes

    def _make_own(self, tx: WriteTx, wanted: Sequence[OwnMeasure]) -> None:
        if self._batch.dry_run:
            self._ctx.states.clear()
        for own in wanted:
            measures.ensure_own(tx, self._ctx, self._caller, own, self._batch.id)

    def _stream(self, seen: StreamSeen) -> None:
        """Make a stream before any datum in it, or put it into the trash after them."""
        account_id = self._caller.account_id
        tree = self._ctx.store.read(lambda tx: self._ctx.state(tx, account_id)).tree
        if seen.id in tree and not (seen.trashed and seen.id in self._made):
            return
        self.flush()

        def make(tx: WriteTx) -> bool:
            jobs.check(tx, self._lease)
            return own_export.make_stream(tx, self._ctx, self._caller, seen)

        if self._batch.dry_run:
            self._seen.append(seen)
            return
        try:
            made = bool(self._write(make).result())
        except (InvalidInput, Conflict) as error:
            self._set_aside(Bad(error.message, self._telling.path, seen.id), 1)
            return
        if made:
            self._made.add(seen.id)

    def _attached(self, attached: Attached) -> None:
        if self._batch.dry_run:
            return
        problem = own_export.keep_file(self._ctx, self._caller, attached)
        if problem is not None:
            self._set_aside(Bad(problem, self._telling.path, attached.hash), 1)

    def _own_rows(self, rows: OwnRows) -> None:
        """Add rows after the events that they hang on."""
        self.flush()

        def put(tx: WriteTx) -> Outcome:
            jobs.check(tx, self._lease)
            outcome = own_rows.put(tx, self._ctx, self._caller, rows, batch_id=self._batch.id)
            if self._batch.dry_run:
                raise _Rollback(outcome)
            return outcome

        self._count(self._write(put))

    def _zones_known(self, known: ZonesKnown) -> None:
        self.flush()
        if not self._batch.dry_run:
            imports.apply_zones(
                self._ctx,
                self._caller,
                self._batch.id,
                known.changes,
                home=known.home,
                stopping=self._stopping,
            )

    def _zone(self, seen: ZoneSeen) -> None:
        key = (seen.at // time.DAY, seen.zone, seen.night_end is not None)
        known = self._zones.get(key)
        if known is None:
            if len(self._zones) < ZONES_MAX:
                self._zones[key] = seen
        elif seen.at < known.at:
            self._zones[key] = seen

    def _bad(self, bad: Bad) -> None:
        self._set_aside(bad, 1)

    def _set_aside(self, bad: Bad, n: int) -> None:
        self.counts.aside += n
        self._asides.add(bad, n)
        if len(self._asides.waiting) >= ROWS_PER_TURN:
            self._save()

    def _parsed(self, parsed: Parsed) -> None:
        if parsed.phase == "reading":
            self.tell("reading", self._before + parsed.done, self._total)
        else:
            self.tell(parsed.phase, parsed.done, parsed.total)

    # Turns

    def _when_full(self) -> None:
        if self._turn.data >= self._most or self._turn.points >= POINTS_PER_TURN:
            self._submit()

    def _submit(self) -> None:
        if self._stopping():
            raise Stopped
        turn, self._turn = self._turn, Turn()
        if turn.data:
            # Nothing is parsed meanwhile: a turn that has to share the interpreter takes several
            # times as long, and the server's writes wait for it.
            self._count(self._write(lambda tx: self._do(tx, turn)))
        self._tell_again()

    def _write(self, fn: Callable[[WriteTx], Any]) -> Future[Any]:
        return self._ctx.store.write(fn, bulk=self._bulk)

    def _count(self, written: Future[Outcome]) -> None:
        try:
            outcome = written.result()
        except _Rollback as dry:
            outcome = dry.outcome
        self.counts.new += outcome.new
        self.counts.same += outcome.same
        self.counts.changed += outcome.changed
        for bad, n in outcome.bad:
            self._set_aside(bad, n)

    def flush(self) -> None:
        """Write all that was taken, and wait until it is durable."""
        self._lanes.drain()
        self._submit()
        self._put_versions()

    def _do(self, tx: WriteTx, turn: Turn) -> Outcome:
        begun = stopwatch.thread_time()
        ctx, caller, batch_id = self._ctx, self._caller, self._batch.id
        changes.reserve(tx, caller.account_id, 0, ctx.now())
        jobs.check(tx, self._lease)
        authentication.refuse_ended(tx, ctx, caller.account_id, self._batch.access_id)
        if self._batch.dry_run:
            self._make_own(tx, list(self._own.values()))
            for seen in self._seen:
                with suppress(InvalidInput, Conflict):
                    own_export.make_stream(tx, ctx, caller, seen)
        outcome = Outcome()
        write_series(tx, ctx, caller, turn.series, batch_id, outcome)
        if turn.days:
            write_days(tx, ctx, caller, turn.days, batch_id, outcome)
        if turn.events:
            joined = joined_tellings(tx, caller, untaken(tx, caller, turn.events, outcome))
            write_events(tx, ctx, caller, joined, batch_id, outcome)
        self._pace(turn, stopwatch.thread_time() - begun)
        if self._batch.dry_run:
            raise _Rollback(outcome)
        return outcome

    def _pace(self, turn: Turn, took_s: float) -> None:
        """Let the next turn be as large as this one shows."""
        fits = int(turn.data * TURN_S / max(took_s, TURN_S / 10))
        self._most = min(max(fits, DATA_MIN), DATA_MAX, 2 * self._most)

    # Telling

    def tell(self, phase: str, done: int, total: int) -> None:
        """Say how far the import is: to whoever waits, and, once a second, in its row."""
        if self._stopping():
            raise Stopped
        self._telling.show(phase, done, total)
        self._tell_again()

    def _tell_again(self) -> None:
        self._telling.tell()
        if stopwatch.monotonic() - self._saved >= SAVE_EVERY_S:
            self._save()

    def _save(self) -> None:
        self._saved = stopwatch.monotonic()
        account_id, id_ = self._batch.account_id, self._batch.id
        rows = self._asides.take()
        shown: dict[str, Any] = msgspec.to_builtins(self._telling.now())

        def keep(tx: WriteTx) -> None:
            stamp = changes.reserve(tx, account_id, 1, self._ctx.now())
            jobs.check(tx, self._lease)
            batches.put_aside(tx, account_id, id_, rows)
            batches.set_progress(tx, account_id, id_, shown)
            told = [("batch", "progress", str(id_))]
            changes.append(tx, account_id, stamp, self._batch.access_id, told)

        self._write(keep).result()

    # Ending

    def finish(self, found: Found) -> Result:
        """Apply what is known only at the end, and store the result."""
        self.flush()
        if self._zones and not self._batch.dry_run:
            self.tell("dating", 0, 1)
            history = time.zone_history_from_seen("", _known_zones(self._zones.values()))
            if history.zones:
                imports.apply_zones(
                    self._ctx,
                    self._caller,
                    self._batch.id,
                    list(zip(history.starts, history.zones, strict=True)),
                    home=history.zones[0],
                    stopping=self._stopping,
                    told=lambda done, total: self.tell("dating", done, total),
                )
        self.tell("done", 1, 1)
        result = self._store_result(found)
        self._telling.tell(at_once=True)
        return result

    def _store_result(self, found: Found) -> Result:
        ctx, batch = self._ctx, self._batch

        def end(tx: WriteTx) -> Result:
            stamp = changes.reserve(tx, batch.account_id, 1, ctx.now())
            jobs.check(tx, self._lease)
            counts = self.counts
            if self._resumed and not batch.dry_run:
                # What an earlier run of this batch wrote is new all the same.
                new = min(batches.written(tx, batch.account_id, batch.id), counts.read)
                changed = min(counts.changed, counts.read - new)
                counts = Counts(new, counts.read - new - changed, changed, counts.aside)
            result = Result(
                batch=batch.id,
                read=counts.read,
                new=counts.new,
                same=counts.same,
                changed=counts.changed,
                set_aside=counts.aside,
                kinds=found.read,
                unknown=tuple(found.unknown[:UNKNOWN_MAX]),
                unmapped=tuple(found.unsure[:UNKNOWN_MAX]),
            )
            batches.put_aside(tx, batch.account_id, batch.id, self._asides.waiting)
            batches.set_result(
                tx,
                batch.account_id,
                batch.id,
                ",".join(found.read),
                msgspec.to_builtins(result),
                msgspec.to_builtins(self._telling.now()),
            )
            batches.set_state(tx, batch.account_id, batch.id, imports.DONE, finished=ctx.now())
            changes.append(
                tx, batch.account_id, stamp, batch.access_id, [("batch", "finish", str(batch.id))]
            )
            audit.append(tx, ctx, batch.account_id, [_line(ctx, batch, counts)])
            if self._lease is not None:
                jobs.finish(tx, ctx, self._lease)
            return result

        result: Result = self._write(end).result()
        return result


def _line(ctx: Context, batch: Stored, counts: Counts) -> audit.Line:
    """Return what the audit holds of an import: who began it, and what it wrote."""
    doing = audit.Doing("worker", "imports.run")
    doing.access, doing.account_id = batch.access_id, batch.account_id
    doing.n = 0 if batch.dry_run else counts.new + counts.changed
    doing.about(f"import {batch.id}")
    return doing.line(ctx.now())


def _known_zones(seen: Sequence[ZoneSeen] | Any) -> Iterator[ZoneSeen]:
    """Yield what names a zone that there is."""
    for one in seen:
        try:
            time.zone(one.zone)
        except InvalidInput:
            continue
        yield one
