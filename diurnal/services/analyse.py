"""Analyses of whole accounts: load the days, ask all questions, keep the answers.

NumPy and SciPy are imported when a run begins: the server itself only reads findings.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import HOUR, MINUTE
from diurnal.services import accesses, day_tables, findings, jobs
from diurnal.services.context import Context
from diurnal.services.findings import Batch
from diurnal.services.jobs import Lease
from diurnal.store import changes
from diurnal.store import findings as store
from diurnal.store.database import ROWS_PER_TURN, Tx, WriteTx
from diurnal.store.findings import Stored
from diurnal.store.jobs import Job

if TYPE_CHECKING:
    from diurnal.analysis import Days

KIND = "analyse"
"""The kind of job."""
ACTOR = "system"
VERSION = 2
"""Changes when the same analyses would be asked, or kept, in another way."""
WEEKS = 52
"""Averages at past Sundays, for clients that draw their course."""
KEPT = 12
"""Runs whose findings are kept."""
KEPT_LARGE = {findings.PEARSON: 4, findings.AVERAGE_WEEK: 1}
"""Of these only so many, for they are thousands of rows each."""
KINDS = (
    findings.BATCH,
    findings.AVERAGE,
    findings.AVERAGE_WEEK,
    findings.LINK,
    findings.LINK_WIDE,
    findings.PEARSON,
    findings.INSIGHT,
    findings.TREND,
    findings.CHANGE,
    findings.ANOMALY,
    findings.GOAL,
)
NO_DATA = {"access", "batch", "experiment", findings.CHANGED}
"""Changes after which the same is found again."""
LOOKED_MAX = 10_000
"""Of more changes at least one is of data."""
LAGS = 2
"""Days either way at which every run looks."""
LAGS_MAX = 7
"""What may be asked for; the charge for looking at so many hides weaker links."""
SOON = 2 * MINUTE
"""How long after an import everything is analysed: others may follow it."""
HOURLY = 60 * MINUTE
"""The same after a sync that brought only what is new: such come every few minutes."""
SUNDAY = 6
EARLY = 2 * HOUR
SPREAD = 4 * HOUR
"""The weekly run is at night, each account's at another minute."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did.

    Attributes:
        day: the last day looked at; None where there is nothing to look at.
        skipped: nothing had changed since the last run, whose findings stand.
        counts: what was found, by kind.
    """

    day: int | None
    skipped: bool
    counts: dict[str, int]


class _Table(msgspec.Struct, frozen=True):
    """What a run starts from."""

    days: Days
    own_goals: dict[str, float]
    rev: int
    created: int


# Running


def run(
    ctx: Context,
    account_id: int,
    *,
    lease: Lease | None = None,
    force: bool = False,
    lags: int = LAGS,
    stopping: Callable[[], bool] = lambda: False,
) -> Summary:
    """Analyse an account and keep what is found; does nothing where nothing has changed.

    Args:
        lease: of the job that this is; ended in the last transaction.
        force: even where nothing has changed.
        lags: with more than `LAGS`, links at so many days either way are found beside the others.

    Raises:
        LeaseLost: another worker has taken the job over.
        Stopped: told to stop; what was found so far is nobody's.
    """
    wide = lags if lags > LAGS else 0
    known, table = ctx.store.read(
        lambda tx: _load(tx, ctx, account_id, force=force or _widens(tx, account_id, wide))
    )
    if table is None:
        ctx.store.write(lambda tx: _end(tx, ctx, account_id, lease)).result()
        return Summary(
            day=known.day if known else None,
            skipped=known is not None,
            counts=known.counts if known else {},
        )
    rows: list[Stored] = []
    versions = {"run": VERSION}
    for kind, version, found in _ask(table, wide):
        if stopping():
            raise jobs.Stopped
        versions[kind] = version
        rows += [
            Stored(
                id=ctx.new_id(),
                kind=kind,
                measure=measure,
                measure2=measure2,
                day=day,
                version=version,
                body=msgspec.json.encode(body, enc_hook=_plain).decode(),
                created=table.created,
            )
            for measure, measure2, day, body in found
        ]
    counts = {kind: sum(row.kind == kind for row in rows) for kind in KINDS[1:]}
    for at in range(0, len(rows), ROWS_PER_TURN):
        if stopping():
            raise jobs.Stopped
        part = rows[at : at + ROWS_PER_TURN]
        turn = functools.partial(_add, ctx=ctx, account_id=account_id, lease=lease, rows=part)
        ctx.store.write(turn, bulk=True).result()
    batch = Batch(
        day=table.days.last_day,
        created=table.created,
        first=table.days.first_day,
        rev=table.rev,
        measures=len(table.days.measures),
        versions=versions,
        counts=counts,
        lags=wide,
    )
    stands = ctx.store.write(lambda tx: _publish(tx, ctx, account_id, lease, batch)).result()
    return Summary(day=stands.day, skipped=False, counts=stands.counts)


def _load(
    tx: Tx, ctx: Context, account_id: int, *, force: bool
) -> tuple[Batch | None, _Table | None]:
    """Return the last run, and what a new one starts from unless it would find the same."""
    state = ctx.state(tx, account_id)
    known = findings.latest(tx, account_id)
    revs = changes.revs(tx, account_id)
    rev = revs[0] if revs else 0
    spans = day_tables.spans_of(tx, ctx, accesses.personal(account_id, state.username), state)
    window = day_tables.window(ctx, state, spans)
    if known is not None and not force and _same(tx, account_id, known, rev, window):
        return known, None
    table = day_tables.matrix(tx, ctx, account_id)
    if not table.measures:
        return known, None
    created = max(ctx.now(), known.created + 1 if known else 0)
    return known, _Table(table, findings.own_goals(state), rev, created)


def _widens(tx: Tx, account_id: int, wide: int) -> bool:
    """Return whether the last run left lags out that are asked for now."""
    known = findings.latest(tx, account_id)
    return known is not None and known.lags < wide


def _same(tx: Tx, account_id: int, known: Batch, rev: int, window: tuple[int, int] | None) -> bool:
    if window is None or window[1] != known.day or known.versions != _versions():
        return False
    near = rev - known.rev <= LOOKED_MAX
    return near and changes.kinds(tx, account_id, known.rev, rev) <= NO_DATA


def _versions() -> dict[str, int]:
    return {"run": VERSION, **_asked()}


def _asked() -> dict[str, int]:
    """Return the version of the analysis behind each kind of finding."""
    from diurnal.analysis import (
        anomalies,
        averages,
        changepoints,
        correlations,
        exist_pearson,
        goals,
        insights,
        trends,
    )

    return {
        findings.AVERAGE: averages.ANALYSIS.version,
        findings.AVERAGE_WEEK: averages.ANALYSIS.version,
        findings.LINK: correlations.ANALYSIS.version,
        findings.PEARSON: exist_pearson.ANALYSIS.version,
        findings.TREND: trends.ANALYSIS.version,
        findings.CHANGE: changepoints.ANALYSIS.version,
        findings.ANOMALY: anomalies.ANALYSIS.version,
        findings.INSIGHT: insights.ANALYSIS.version,
        findings.GOAL: goals.ANALYSIS.version,
    }


_Row = tuple[str, str | None, int, Any]
"""Measure, second measure, day, body."""


def _ask(table: _Table, wide: int = 0) -> Iterator[tuple[str, int, list[_Row]]]:
    """Yield (kind, version, rows) of each question in turn."""
    from diurnal.analysis import (
        anomalies,
        averages,
        changepoints,
        correlations,
        exist_pearson,
        insights,
        trends,
    )

    of = _asked()
    all_days, day = table.days, table.days.last_day
    own = {m.key: table.own_goals[m.key] for m in all_days.measures if m.key in table.own_goals}
    made = averages.at(all_days, day)
    yield findings.AVERAGE, of[findings.AVERAGE], [(a.measure, None, a.day, a) for a in made]
    weekly = averages.weekly(all_days, WEEKS, day)
    yield (
        findings.AVERAGE_WEEK,
        of[findings.AVERAGE_WEEK],
        [
            (a.measure, None, a.day, {"n": a.n, "overall": a.overall, "weekdays": a.filled()})
            for a in weekly
        ],
    )
    links = correlations.run(all_days)
    yield findings.LINK, of[findings.LINK], _links(all_days, links)
    if wide:
        wider = correlations.run(all_days, lag_max=wide)
        yield findings.LINK_WIDE, of[findings.LINK], _links(all_days, wider)
    rows = exist_pearson.run(all_days)
    yield findings.PEARSON, of[findings.PEARSON], [_pearson(row, day) for row in rows]
    going = trends.run(all_days)
    yield findings.TREND, of[findings.TREND], [(t.measure, None, day, t) for t in going]
    turned = changepoints.run(all_days)
    yield findings.CHANGE, of[findings.CHANGE], [(c.measure, None, day, c) for c in turned]
    odd = anomalies.run(all_days)
    yield findings.ANOMALY, of[findings.ANOMALY], [(a.measure, None, day, a) for a in odd]
    told = insights.run(
        all_days,
        own_goals=own,
        trends=tuple(going),
        changes=tuple(turned),
        anomalies=tuple(odd),
    )
    outside = {m.key for m in all_days.measures if m.group in changepoints.OUTSIDE}
    shown = insights.surprising(told, outside=outside)
    yield (
        findings.INSIGHT,
        of[findings.INSIGHT],
        [
            (i.measure, None, day, msgspec.to_builtins(i, enc_hook=_plain) | {"shown": i in shown})
            for i in told
        ],
    )
    yield findings.GOAL, of[findings.GOAL], _goals(all_days, own)


def _plain(value: Any) -> Any:
    """Return one of NumPy's scalars as Python's own."""
    return value.item()


def _links(table: Days, links: Sequence[Any]) -> list[_Row]:
    from diurnal.analysis.sentences import sentence

    infos = {measure.key: measure for measure in table.measures}
    made: list[_Row] = []
    for link in links:
        body = msgspec.to_builtins(link, enc_hook=_plain)
        body["id"] = findings.pair_id(link.a, link.b)
        body["effect"] = None if link.effect is None else link.effect._asdict()
        body["sentence"] = sentence(link, infos)
        made.append((link.a, link.b, table.last_day, body))
    return made


def _pearson(row: Any, day: int) -> _Row:
    body = {
        "offset": row.offset,
        "value": row.value,
        "p": row.p,
        "percentage": row.percentage,
        "period": row.period,
        "stars": row.stars,
        "stars_description": row.stars_description,
        "strength_description": row.strength_description,
        "elements": row.told.elements,
        "text": row.told.text,
    }
    return row.attribute, row.attribute2, day, body


def _goals(table: Days, own: dict[str, float]) -> list[_Row]:
    """Return how far the last day was, and what each weekday of the next week has as its end."""
    import numpy as np

    from diurnal.analysis import Days as Table
    from diurnal.analysis import averages, goals

    recent = table.window(table.last_day - averages.WINDOW_DAYS, table.last_day)
    ahead = np.full((7, len(table.measures)), np.nan)
    longer = Table(recent.first_day, table.measures, np.concatenate([recent.values, ahead]))
    ends, weekdays = goals.ends(longer)[-7:], longer.weekdays()[-7:]
    made: list[_Row] = []
    for progress in goals.run(table, goals=own):
        of_week: list[float | None] = [None] * 7
        for end, weekday in zip(ends[:, table.column(progress.measure)], weekdays, strict=True):
            of_week[int(weekday)] = float(end) if np.isfinite(end) else None
        body = msgspec.to_builtins(progress, enc_hook=_plain) | {"weekdays": of_week}
        made.append((progress.measure, None, table.last_day, body))
    return made


# Keeping


def _add(
    tx: WriteTx, ctx: Context, account_id: int, lease: Lease | None, rows: Sequence[Stored]
) -> None:
    changes.reserve(tx, account_id, 0, ctx.now())
    jobs.check(tx, lease)
    store.add(tx, account_id, rows)


def _publish(
    tx: WriteTx, ctx: Context, account_id: int, lease: Lease | None, batch: Batch
) -> Batch:
    """Make a run the last one; what others see changes here, all at once."""
    changes.reserve(tx, account_id, 0, ctx.now())
    known = findings.batches(tx, account_id)
    if known and known[0].created >= batch.created:
        # Somebody began later and was faster.
        store.drop_batch(tx, account_id, KINDS, batch.created)
        _finish(tx, ctx, account_id, lease)
        return known[0]
    stamp = changes.reserve(tx, account_id, 1, ctx.now())
    row = Stored(
        id=ctx.new_id(),
        kind=findings.BATCH,
        measure="",
        measure2=None,
        day=batch.day,
        version=VERSION,
        body=msgspec.json.encode(batch).decode(),
        created=batch.created,
    )
    store.add(tx, account_id, [row])
    # Of each day the last run counts.
    stand = [batch, *(b for b in known if b.day != batch.day)]
    kept = [b.created for b in {b.day: b for b in reversed(stand)}.values()]
    kept.sort(reverse=True)
    for kind in KINDS:
        most = KEPT_LARGE.get(kind, KEPT)
        store.drop_others(tx, account_id, [kind], batch.created, kept[:most])
    changes.append(tx, account_id, stamp, ACTOR, [(findings.CHANGED, "write", str(batch.day))])
    _finish(tx, ctx, account_id, lease)
    return batch


def _end(tx: WriteTx, ctx: Context, account_id: int, lease: Lease | None) -> None:
    changes.reserve(tx, account_id, 0, ctx.now())
    _finish(tx, ctx, account_id, lease)


def _finish(tx: WriteTx, ctx: Context, account_id: int, lease: Lease | None) -> None:
    if lease is not None:
        jobs.finish(tx, ctx, lease)
        weekly(tx, ctx, account_id)


# Jobs


def ask(tx: WriteTx, ctx: Context, caller: Access, *, lags: int = LAGS) -> str:
    """Have the caller's account analysed now; return the job, the one that waits if one does.

    Args:
        lags: days either way at which links are looked for.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: more lags than may be asked for.
    """
    accesses.must_own(caller)
    if not LAGS <= lags <= LAGS_MAX:
        raise InvalidInput(f"{LAGS} to {LAGS_MAX} days", field="lags")
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    args = {} if lags == LAGS else {"lags": lags}
    waits = _waiting(tx, caller.account_id, ctx.now(), lags)
    return waits or jobs.enqueue(tx, ctx, caller.account_id, KIND, args)


def soon(tx: WriteTx, ctx: Context, account_id: int, *, within: int = SOON) -> str:
    """Have an account that got data analysed in a while; return the job, shared by all who ask.

    Args:
        within: microseconds from now at which it begins, where none waits that begins earlier.
    """
    changes.reserve(tx, account_id, 0, ctx.now())
    at = ctx.now() + within
    return _waiting(tx, account_id, at, LAGS) or jobs.enqueue(
        tx, ctx, account_id, KIND, {}, run_at=at
    )


def _waiting(tx: Tx, account_id: int, until: int, lags: int) -> str | None:
    """Return a job that is to begin by an instant and looks at as many lags."""
    for job in jobs.open_jobs(tx, account_id, [KIND]):
        asked = msgspec.json.decode(job.args).get("lags", LAGS)
        if job.run_at <= until and job.lease_token is None and asked >= lags:
            return job.id
    return None


def work(tx: Tx, caller: Access, id_: str) -> Job:
    """Return the job that analyses, or analysed, the caller's account.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is none, or it is about something else.
    """
    accesses.must_own(caller)
    job = jobs.get(tx, caller.account_id, id_)
    if job.kind != KIND:
        raise NotFound(f"no job {id_!r}")
    return job


def weekly(tx: WriteTx, ctx: Context, account_id: int) -> str:
    """Enqueue the run of next Sunday night unless it is; return the job."""
    zones = ctx.state(tx, account_id).zones
    sunday = zones.day_at(ctx.now()) + 1
    # 1970-01-01 was a Thursday.
    sunday += (SUNDAY - (sunday + 3)) % 7
    jitter = random.randrange(SPREAD // MINUTE) * MINUTE  # noqa: S311 - only to spread the load
    return jobs.enqueue(
        tx,
        ctx,
        account_id,
        KIND,
        {},
        run_at=zones.day_bounds(sunday)[0] + EARLY + jitter,
        idem_key=f"week-{sunday}",
    )


def plan(ctx: Context) -> int:
    """Enqueue the weekly run of every account that has none ahead; return of how many."""
    planned = 0
    for account_id in ctx.store.read(jobs.everyone):
        if not ctx.store.read(lambda tx, a=account_id: jobs.open_jobs(tx, a, [KIND])):  # type: ignore[misc]
            ctx.store.write(lambda tx, a=account_id: _plan(tx, ctx, a), bulk=True).result()  # type: ignore[misc]
            planned += 1
    return planned


def _plan(tx: WriteTx, ctx: Context, account_id: int) -> None:
    changes.reserve(tx, account_id, 0, ctx.now())
    weekly(tx, ctx, account_id)
