"""Ask a source window by window: what is new first, then the past, and note what was fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from diurnal.connectors import (
    NOT_UNDERSTOOD,
    Answer,
    Connector,
    Cursor,
    Gone,
    Http,
    Missing,
    Options,
    Pull,
    Pulled,
    Window,
)
from diurnal.errors import InvalidInput, Unavailable, Upstream
from diurnal.model import ledger, time
from diurnal.model.ledger import DONE, FAILED, REFUSED, Stretch
from diurnal.model.records import Bad, Datum, DayDatum, Points
from diurnal.model.time import DAY, SECOND
from diurnal.outbound import NotAllowed
from diurnal.services import jobs, whereabouts
from diurnal.services.arrivals import Arrivals
from diurnal.services.context import Context
from diurnal.services.jobs import LeaseLost, Stopped
from diurnal.services.source_http import SourceHttp
from diurnal.services.source_tokens import SignInAgain
from diurnal.store import changes, connections, deliveries
from diurnal.store import ledger as ledger_store
from diurnal.store.connections import Stored
from diurnal.store.database import WriteTx
from diurnal.store.deliveries import Kept

log = structlog.get_logger(__name__)

HISTORY_DAYS = 3_653
BACKFILL_SHARE = 0.8
"""Of a quota: filling up the past leaves some for what is new."""
FAILED_MAX = 2
"""Windows of one pull that may fail in a run before it waits for the next."""
ANSWERS_BYTES_MAX = 16 << 20
ANSWER_BYTES_MAX = 2 << 20
ANSWERS_KEPT = 30 * DAY
SLACK = 0.1
"""A pull is due this much of its interval early, or every second run would just miss it."""


@dataclass
class Run:
    """A run under way.

    Attributes:
        windows: fetched whole.
        filled: whether some of them were of the past, or all that a source has.
    """

    ctx: Context
    c: Stored
    connector: Connector
    options: Options
    http: SourceHttp
    hand: Arrivals
    windows: int = 0
    filled: bool = False
    removed: int = 0
    wait_s: int | None = None
    problem: str | None = None
    failed: dict[str, int] = field(default_factory=dict)


def pull_all(run_: Run, *, force: bool) -> None:
    """Fetch what is new of every pull, then fill up the past, the newest first."""
    fresh: list[tuple[Pull, Window]] = []
    older: list[tuple[Pull, Window]] = []
    for pull in run_.connector.pulls:
        for i, window in enumerate(_windows(run_, pull, force=force)):
            (fresh if i == 0 and _is_fresh(run_, window) else older).append((pull, window))
    older.sort(key=lambda row: -row[1].end)
    total, done = len(fresh) + len(older), 0
    for share, wanted in ((1.0, fresh), (BACKFILL_SHARE, older)):
        run_.http.share = share
        for pull, window in wanted:
            run_.hand.look_at(f"{pull.name}, {window.first_day} to {window.last_day}", done, total)
            if run_.failed.get(pull.name, 0) < FAILED_MAX:
                long = pull.by != "window" and window.end - window.start > DAY
                run_.filled = run_.filled or wanted is older or long
                _pull_one(run_, pull, window)
            done += 1


def _is_fresh(run_: Run, window: Window) -> bool:
    return window.end >= run_.ctx.now()


def _windows(run_: Run, pull: Pull, *, force: bool) -> Iterator[Window]:
    ctx, c = run_.ctx, run_.c
    now = ctx.now()
    known = ctx.store.read(lambda tx: ledger_store.of(tx, c.account_id, c.id, pull.name))
    state = ctx.store.read(lambda tx: ledger_store.cursor(tx, c.account_id, c.id, pull.name))
    every = (pull.every_s or run_.connector.every_s) * SECOND
    # A look in the future was made while the clock was wrong.
    due = force or state is None or not 0 <= now - state[1] < every * (1 - SLACK)
    # What the source said has changed since is not left until it is time.
    due = due or any(s.state == FAILED and s.end > state[1] for s in known if state)
    horizon = horizon_of(pull, run_.options, now)
    if pull.by != "window":
        if due:
            start = horizon if state is None else max(_last(known, horizon), horizon)
            yield Window(start=start, end=now, cursor=state[0] if state else None)
        return
    until = now if due or state is None else state[1]
    for start, end in ledger.windows(
        known,
        until,
        horizon=horizon,
        slice_days=pull.slice_days,
        overlap_days=pull.overlap_days if due else 0,
    ):
        yield Window(start=start, end=end)


def horizon_of(pull: Pull, options: Options, now: int) -> int:
    """Return the oldest instant that a pull asks for."""
    days = min(pull.history_days or HISTORY_DAYS, 36_600)
    horizon = (now // DAY - days) * DAY
    since = options.get("since")
    if since is None:
        return horizon
    told = time.day_from_text(str(since)) * DAY
    limit = (now // DAY - pull.history_days) * DAY if pull.history_days else 0
    return max(told, limit)


def _last(known: list[Stretch], otherwise: int) -> int:
    ends = [s.end for s in known if s.state == DONE]
    return max(ends) if ends else otherwise


@dataclass
class _Seen:
    """What one window held."""

    cursor: str | None = None
    missing: list[Missing] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    keys: set[tuple[int, str, str]] = field(default_factory=set)
    oldest: int | None = None
    answers: list[Kept] = field(default_factory=list)


def _pull_one(run_: Run, pull: Pull, window: Window) -> None:
    """Fetch one window; what it holds is stored before the ledger says so."""
    seen = _Seen(cursor=window.cursor)
    run_.http.keep = _keeper(run_, pull, window, seen)
    reason, permanent = "", False
    try:
        for item in pull.fetch(run_.http, window, _options(run_, pull, window)):
            _take(run_, pull, item, seen)
    except Unavailable:
        run_.hand.flush()
        if seen.answers:
            _note_failure(run_, pull, window, seen, "cut off; it goes on", most=None)
        raise
    except (SignInAgain, NotAllowed, Stopped, LeaseLost):
        run_.hand.flush()
        raise
    except Upstream as error:
        reason, permanent = error.message, error.permanent
    except InvalidInput as error:
        reason = f"an answer was not understood: {error.message}"
    except NOT_UNDERSTOOD as error:
        reason = f"an answer was not understood ({type(error).__name__}: {str(error)[:100]})"
        log.warning("answer not understood", connector=run_.connector.name, pull=pull.name)
    run_.hand.flush()
    if reason:
        place = f"{pull.name}, {window.first_day} to {window.last_day}"
        run_.hand.take(Bad(reason, place))
        run_.problem = run_.problem or f"{place}: {reason}"
        run_.failed[pull.name] = run_.failed.get(pull.name, 0) + 1
        most = ledger.TRIES_MAX if permanent else ledger.TRIES_MAX * 2
        _note_failure(run_, pull, window, seen, reason, most=most)
        return
    if pull.complete and pull.by == "window":
        seen.gone += _vanished(run_, pull, window, seen)
    if seen.gone:
        run_.removed += run_.hand.remove(seen.gone)
    _note(run_, pull, window, seen)
    run_.windows += 1


def _options(run_: Run, pull: Pull, window: Window) -> Options:
    """Return the settings that a fetch gets, with where the person was if it wants to know."""
    if not pull.places:
        return run_.options
    first, last = window.start // DAY, max(window.end - 1, window.start) // DAY
    known = whereabouts.places(run_.ctx, run_.c.account_id, first, last)
    return {**run_.options, "places": known}


def _take(run_: Run, pull: Pull, item: Pulled, seen: _Seen) -> None:
    if isinstance(item, Cursor):
        seen.cursor = item.value
    elif isinstance(item, Missing):
        seen.missing.append(item)
    elif isinstance(item, Gone):
        seen.gone.append((item.source, item.source_id))
    else:
        start = _start(item)
        if start is not None and (seen.oldest is None or start < seen.oldest):
            seen.oldest = start
        if isinstance(item, Datum) and pull.complete:
            seen.keys.add((item.start, item.source.name, item.source_id))
        run_.hand.take(item)


def _start(item: Any) -> int | None:
    if isinstance(item, Datum):
        return item.start
    if isinstance(item, Points):
        return min(item.start, default=None)
    return item.day * DAY if isinstance(item, DayDatum) else None


def _keeper(run_: Run, pull: Pull, window: Window, seen: _Seen) -> Callable[[str, Answer], None]:
    """Return what keeps the answers of one window, for replay."""
    id_ = run_.ctx.new_id()
    size = 0

    def keep(request: str, answer: Answer) -> None:
        nonlocal size
        packed = deliveries.pack(answer.body)
        size += len(packed)
        if size > ANSWER_BYTES_MAX:
            return
        seen.answers.append(
            Kept(
                run=id_,
                n=len(seen.answers),
                pull=pull.name,
                start=window.start,
                end=window.end,
                cursor=window.cursor,
                request=request,
                status=answer.status,
                headers={k: v for k, v in answer.headers.items() if k == "link"},
                body=packed,
                at=run_.ctx.now(),
            )
        )

    return keep


# Noting


def _note(run_: Run, pull: Pull, window: Window, seen: _Seen) -> None:
    """Store that a window is fetched, with all that goes with it."""
    ctx, c, now = run_.ctx, run_.c, run_.ctx.now()
    end = min(window.end, now)
    fresh = end >= now

    def turn(tx: WriteTx) -> None:
        changes.reserve(tx, c.account_id, 0, now)
        jobs.check(tx, run_.hand.lease)
        if connections.get(tx, c.account_id, c.id) is None:
            return  # disconnected meanwhile: nothing of it is kept
        known = ledger_store.of(tx, c.account_id, c.id, pull.name)
        for stretch in _found(pull, window, seen, known, end, now):
            known = ledger.put(known, stretch)
        ledger_store.replace(tx, c.account_id, c.id, pull.name, known)
        if fresh or pull.by != "window":
            ledger_store.set_cursor(tx, c.account_id, c.id, pull.name, seen.cursor, now)
        ledger_store.hold(tx, c.account_id, c.id, pull.name, sorted(seen.keys))
        _keep_answers(tx, ctx, c, pull, window, seen)

    ctx.store.write(turn, bulk=True).result()


def _found(
    pull: Pull, window: Window, seen: _Seen, known: list[Stretch], end: int, now: int
) -> Iterator[Stretch]:
    start = window.start
    if pull.by == "latest" and seen.oldest is not None and seen.oldest > start:
        # The source gives only its newest: what fell between two calls is lost, and the first
        # call says nothing of the time before it.
        start = min(seen.oldest, end)
        if any(s.state == DONE for s in known):
            yield Stretch(
                start=window.start,
                end=start,
                state=REFUSED,
                reason="the source gives only its newest",
                at=now,
            )
    yield Stretch(start=start, end=end, state=DONE, at=now)
    for missing in seen.missing:
        if missing.end > missing.start:
            yield Stretch(
                start=max(missing.start, 0),
                end=min(missing.end, now),
                state=REFUSED,
                reason=missing.reason[:200],
                at=now,
            )


def _note_failure(
    run_: Run, pull: Pull, window: Window, seen: _Seen, reason: str, *, most: int | None
) -> None:
    """Store that a window could not be read.

    Args:
        most: after so many tries a stretch of the past counts as refused; None for never.
    """
    ctx, c, now = run_.ctx, run_.c, run_.ctx.now()

    def turn(tx: WriteTx) -> None:
        changes.reserve(tx, c.account_id, 0, now)
        jobs.check(tx, run_.hand.lease)
        if connections.get(tx, c.account_id, c.id) is None:
            return
        if pull.by == "window":
            known = ledger_store.of(tx, c.account_id, c.id, pull.name)
            end = min(window.end, now)
            tries = 1 + max(
                (s.tries for s in known if s.start < end and s.end > window.start), default=0
            )
            past = window.end < now - pull.overlap_days * DAY
            state = REFUSED if most is not None and past and tries >= most else FAILED
            for start, stop in ledger.gaps(known, window.start, end):
                stretch = Stretch(
                    start=start, end=stop, state=state, reason=reason[:200], tries=tries, at=now
                )
                known = ledger.put(known, stretch)
            ledger_store.replace(tx, c.account_id, c.id, pull.name, known)
        _keep_answers(tx, ctx, c, pull, window, seen)

    ctx.store.write(turn, bulk=True).result()


def _keep_answers(
    tx: WriteTx, ctx: Context, c: Stored, pull: Pull, window: Window, seen: _Seen
) -> None:
    """Keep the answers of a window in place of those that it had before, within bounds."""
    if not seen.answers:
        return
    total = sum(len(a.body) for a in seen.answers)
    runs = deliveries.runs(tx, c.account_id, c.id)
    held = total + sum(r.size for r in runs)
    for old in runs:
        replaced = (old.pull, old.start, old.cursor) == (pull.name, window.start, window.cursor)
        if replaced or held > ANSWERS_BYTES_MAX or old.at < ctx.now() - ANSWERS_KEPT:
            deliveries.drop(tx, c.account_id, c.id, old.run)
            held -= old.size
    for one in seen.answers:
        deliveries.keep(tx, c.account_id, c.id, one)


def _vanished(run_: Run, pull: Pull, window: Window, seen: _Seen) -> list[tuple[str, str]]:
    """Return what an earlier fetch of this window held and this one does not.

    A day at both ends is left out: the source counts days where the person was.
    """
    ctx, c = run_.ctx, run_.c
    first, last = window.start + DAY, min(window.end - DAY, ctx.now())
    if last <= first:
        return []
    known = ctx.store.read(
        lambda tx: ledger_store.held(tx, c.account_id, c.id, pull.name, first, last)
    )
    there = {key[1:] for key in seen.keys}
    if not there:
        # A source that has nothing at all is more likely ill than emptied.
        return []
    gone = [key for key in known if key[1:] not in there]
    moved = [key for key in known - seen.keys if key[1:] in there]

    def turn(tx: WriteTx) -> None:
        changes.reserve(tx, c.account_id, 0, ctx.now())
        jobs.check(tx, run_.hand.lease)
        ledger_store.forget(tx, c.account_id, c.id, pull.name, [*gone, *moved])

    if gone or moved:
        ctx.store.write(turn, bulk=True).result()
    return [key[1:] for key in gone]


# Replay


class _Kept:
    """`Http` that answers what was kept, in its order."""

    def __init__(self, answers: list[Kept]) -> None:
        self._answers = iter(answers)

    def next(self, method: str, path: str) -> Answer:
        """Return the next answer.

        Raises:
            Upstream: there is none, or it was to something else.
        """
        kept = next(self._answers, None)
        wanted = path.partition("?")[0].rpartition("://")[2]
        if kept is None or not kept.request.startswith(f"{method} "):
            raise Upstream("the answer to this was not kept")
        if not wanted.endswith(kept.request.partition(" ")[2]):
            raise Upstream("the answer to this was not kept")
        return Answer(status=kept.status, headers=kept.headers, body=kept.body)


class _ReplayHttp(SourceHttp):
    """The host's client without the network."""

    def __init__(self, like: SourceHttp, kept: _Kept) -> None:
        self.__dict__.update(like.__dict__)
        self.keep = lambda _request, _answer: None
        self._kept = kept

    def send(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, **_: Any
    ) -> Answer:
        """Return what was answered then."""
        return self._kept.next(method, path)


def replay(run_: Run) -> None:
    """Read kept answers again: a better reader gets more out of them, without asking anybody."""
    ctx, c = run_.ctx, run_.c
    pulls = {pull.name: pull for pull in run_.connector.pulls}
    for old in ctx.store.read(lambda tx: deliveries.runs(tx, c.account_id, c.id)):
        pull = pulls.get(old.pull)
        if pull is None:
            continue
        answers = ctx.store.read(
            lambda tx, id_=old.run: deliveries.of_run(tx, c.account_id, c.id, id_)  # type: ignore[misc]
        )
        http: Http = _ReplayHttp(run_.http, _Kept(answers))
        window = Window(start=old.start, end=old.end, cursor=old.cursor)
        try:
            for item in pull.fetch(http, window, _options(run_, pull, window)):
                if not isinstance(item, Cursor | Missing | Gone):
                    run_.hand.take(item)
        except (Upstream, InvalidInput, *NOT_UNDERSTOOD) as error:
            place = f"{pull.name}, {window.first_day} to {window.last_day}"
            run_.hand.take(Bad(f"still not understood: {str(error)[:200]}", place))
        run_.hand.flush()
        run_.windows += 1
