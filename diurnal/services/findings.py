"""Findings as they are read: of the last run, and only on measures that the reader may know.

What computes them is `services.analyse`; nothing here needs NumPy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from diurnal import catalog
from diurnal.errors import InvalidInput, NotFound, UnknownReference
from diurnal.model.access import Access
from diurnal.model.measures import Daily, Measure, ValueKind
from diurnal.services import accesses, accounts, audit, days
from diurnal.services.context import AccountState, Context
from diurnal.store import changes
from diurnal.store import findings as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.findings import Stored

BATCH, FEEDBACK = "batch", "feedback"
AVERAGE, AVERAGE_WEEK, LINK, PEARSON = "average", "average_week", "link", "pearson"
LINK_WIDE = "link_wide"
"""Links over more lags than the weekly run asks, found when somebody asked for them."""
INSIGHT, TREND, CHANGE, ANOMALY, GOAL = "insight", "trend", "change", "anomaly", "goal"
OPINIONS = ("useful", "obvious", "not")
"""What the owner may say of a link."""
GOALS_MAX = 500
LESS_IS_BETTER = frozenset(
    {"alcoholic_drinks", "awakenings", "distracting_time", "heart_rate_resting", "stress_level"}
)
"""Measures whose goal is not to be passed."""
CHANGED = "finding"
"""The kind of change that a run, or an opinion, is in the change log."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One run of all analyses over an account.

    Attributes:
        day: the last day looked at, the first being `first`.
        created: instant; what was found has the same one.
        lags: days either way that its wide links look at; 0 where nobody asked for any.
        rev: number of the account's last change that it saw.
        versions: of each analysis.
        counts: what was found, by kind.
    """

    day: int
    created: int
    first: int
    rev: int
    measures: int
    versions: dict[str, int]
    counts: dict[str, int]
    lags: int = 0


class Found(NamedTuple):
    """One finding; `body` is what its analysis says, ready for JSON."""

    kind: str
    measure: str
    measure2: str | None
    day: int
    body: dict[str, Any]


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """How far today is.

    Attributes:
        goal: the owner's own; `end` is that, or the median of this weekday.
        streak, best: rows of days that reached it, as of the last run.
    """

    measure: str
    day: int
    goal: float | None
    end: float | None
    value: float | None
    share: float | None
    reached: bool | None
    streak: int
    best: int
    best_day: int | None


def numeric(measure: Measure) -> bool:
    """Return whether the days of a measure are numbers."""
    return measure.daily is not Daily.NONE and catalog.day_kind(measure) not in (
        ValueKind.TEXT,
        ValueKind.OBJECT,
    )


def is_tag(measure: Measure) -> bool:
    """Return whether the days of a measure say only that something was, or was not."""
    return measure.daily is Daily.ANY or measure.value is ValueKind.BOOLEAN


def wire_name(measure: Measure, *, own: bool) -> str:
    """Return what people call a measure: Exist's name, an own one's label, or the key."""
    name = measure.name_in("exist")
    return measure.label if own else measure.key if name is None else name.name


def pair_id(first: str, second: str) -> str:
    """Return the id of whatever links two measures; the same in every run."""
    both = "\0".join(sorted((first, second))).encode()
    return hashlib.blake2b(both, digest_size=8).hexdigest()


def batches(tx: Tx, account_id: int) -> list[Batch]:
    """Return the runs that are kept, newest first."""
    found = [
        msgspec.json.decode(row.body, type=Batch) for row in store.of_kind(tx, account_id, BATCH)
    ]
    return sorted(found, key=lambda batch: -batch.created)


def latest(tx: Tx, account_id: int) -> Batch | None:
    """Return the last run."""
    return next(iter(batches(tx, account_id)), None)


def latest_wide(tx: Tx, account_id: int, lags: int) -> Batch | None:
    """Return the last run that looked at so many lags, or at more."""
    return next((b for b in batches(tx, account_id) if b.lags >= lags), None)


def of_kind(
    tx: Tx,
    ctx: Context,
    caller: Access,
    kind: str,
    *,
    measures: Sequence[str] = (),
    batch: Batch | None = None,
    limit: int | None = None,
) -> list[Found]:
    """Return what a run found, the last one where none is given, as far as the caller may read.

    Args:
        measures: only what is about one of these.

    Raises:
        UnknownReference: a measure is not there, or not the caller's to read.
    """
    state = ctx.state(tx, caller.account_id)
    batch = batch or latest(tx, caller.account_id)
    may = Readable(tx, ctx, state, caller, batch)
    for key in measures:
        known = state.measure(key)
        if known is None or not days.may_read(state, caller, known):
            raise UnknownReference(f"unknown measure {key!r}", field="measure")
    if batch is None:
        return []
    made: list[Found] = []
    for row in store.of_batch(tx, caller.account_id, kind, batch.created):
        about = (row.measure,) if row.measure2 is None else (row.measure, row.measure2)
        if (measures and not {*measures} & {*about}) or not all(map(may, about)):
            continue
        made.append(_found(row, may))
        if len(made) == limit:
            break
    audit.tell(tx, len(made), *measures)
    return made


class Readable:
    """Tells which measures a caller may read whole, looking once at each.

    A finding rests on all days and all data of its measures: part of them opens none of it.
    """

    def __init__(
        self,
        tx: Tx,
        ctx: Context,
        state: AccountState,
        caller: Access,
        batch: Batch | None = None,
    ) -> None:
        self._tx, self._ctx, self._state, self._caller = tx, ctx, state, caller
        self._batch = batch
        self._known: dict[str, bool] = {"weekend": True}

    def __call__(self, key: str) -> bool:
        """Return whether the caller may read all of a measure."""
        if self._caller.owner:
            return True
        if key not in self._known:
            measure = self._state.measure(key)
            self._known[key] = (
                measure is not None
                and self._batch is not None
                and days.reads_all(
                    self._tx,
                    self._ctx,
                    self._state,
                    self._caller,
                    measure,
                    self._batch.first,
                    self._batch.day,
                )
            )
        return self._known[key]


def _found(row: Stored, may: Readable) -> Found:
    body: dict[str, Any] = msgspec.json.decode(row.body)
    if row.kind in (LINK, LINK_WIDE):
        # What it goes by way of, or stands for, may be another's secret.
        if body.get("through") is not None and not may(body["through"]):
            body["through"] = None
        body["folded"] = [pair for pair in body.get("folded", ()) if all(map(may, pair))]
    return Found(row.kind, row.measure, row.measure2, row.day, body)


# What the owner thinks of a link


def opinions(tx: Tx, account_id: int) -> dict[str, str]:
    """Return what the owner said of links, by their id."""
    return {
        pair_id(row.measure, row.measure2 or ""): msgspec.json.decode(row.body)["opinion"]
        for row in store.of_kind(tx, account_id, FEEDBACK)
    }


def say(tx: WriteTx, ctx: Context, caller: Access, id_: str, opinion: str | None) -> None:
    """Keep what the owner thinks of a link, for all runs to come; None takes it back.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: no such opinion.
        NotFound: there is no such link.
    """
    accesses.must_own(caller)
    if opinion is not None and opinion not in OPINIONS:
        raise InvalidInput(f"one of {', '.join(OPINIONS)}", field="opinion")
    account_id = caller.account_id
    changes.reserve(tx, account_id, 0, ctx.now())
    pair = _pair(tx, account_id, id_)
    if pair is None:
        raise NotFound(f"no link {id_!r}")
    stamp = changes.reserve(tx, account_id, 1, ctx.now())
    first, second = sorted(pair)
    store.drop_pair(tx, account_id, FEEDBACK, first, second)
    if opinion is not None:
        row = Stored(
            id=ctx.new_id(),
            kind=FEEDBACK,
            measure=first,
            measure2=second,
            day=0,
            version=1,
            body=msgspec.json.encode({"opinion": opinion}).decode(),
            created=stamp.at,
        )
        store.add(tx, account_id, [row])
    changes.append(tx, account_id, stamp, caller.id, [(CHANGED, "update", id_)])


def _pair(tx: Tx, account_id: int, id_: str) -> tuple[str, str] | None:
    for kind in (LINK, LINK_WIDE, FEEDBACK):
        for row in store.of_kind(tx, account_id, kind):
            if row.measure2 is not None and pair_id(row.measure, row.measure2) == id_:
                return row.measure, row.measure2
    return None


# Goals


def own_goals(state: AccountState) -> dict[str, float]:
    """Return the goals that the owner has set, by measure."""
    listed = state.settings.get("goals")
    return {
        key: float(value)
        for key, value in (listed.items() if isinstance(listed, dict) else ())
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def set_goal(tx: WriteTx, ctx: Context, caller: Access, measure: str, value: float | None) -> None:
    """Set the owner's goal for a measure; None takes it back.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: no such measure.
        InvalidInput: it has no numbers to reach, or there are too many goals.
    """
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    known = state.measure(measure)
    if known is None:
        raise NotFound(f"no measure {measure!r}")
    if not numeric(known) or is_tag(known):
        raise InvalidInput(f"{measure} has no numbers to reach", field="measure")
    if value is not None and not math.isfinite(value):
        raise InvalidInput("not a finite number", field="value")
    goals = own_goals(state)
    if value is None:
        goals.pop(measure, None)
    else:
        goals[measure] = value
    if len(goals) > GOALS_MAX:
        raise InvalidInput(f"at most {GOALS_MAX} goals", field="measure")
    accounts.update(tx, ctx, caller, settings={"goals": goals or None})


def goals(tx: Tx, ctx: Context, caller: Access, measures: Iterable[str] = ()) -> list[Goal]:
    """Return how far today is, for measures with a goal of their own or with a usual value.

    Raises:
        UnknownReference: a measure is not there, or not the caller's to read.
    """
    state = ctx.state(tx, caller.account_id)
    wanted = tuple(measures)
    usual = {one.measure: one.body for one in of_kind(tx, ctx, caller, GOAL, measures=wanted)}
    own = {k: v for k, v in own_goals(state).items() if not wanted or k in wanted}
    if not caller.owner:
        may = Readable(tx, ctx, state, caller, latest(tx, caller.account_id))
        own = {key: value for key, value in own.items() if may(key)}
    keys = [key for key in sorted({*usual, *own}) if state.measure(key) is not None]
    today = state.zones.day_at(ctx.now())
    there = days.values(tx, ctx, caller, keys, today, today)
    return [_goal(state, key, today, there[key][0], own.get(key), usual.get(key)) for key in keys]


def _goal(
    state: AccountState,
    key: str,
    today: int,
    now: days.Day,
    own: float | None,
    usual: dict[str, Any] | None,
) -> Goal:
    known = usual or {}
    weekdays = known.get("weekdays") or [None] * 7
    # 1970-01-01 was a Thursday.
    end = own if own is not None else weekdays[(today + 3) % 7]
    value = now.value if isinstance(now.value, (int, float)) else None
    share = reached = None
    if value is not None and end is not None:
        share = value / end if end > 0 else None
        reached = value <= end if key in LESS_IS_BETTER else value >= end
    return Goal(
        measure=key,
        day=today,
        goal=own,
        end=end,
        value=value,
        share=share,
        reached=reached,
        streak=known.get("streak", 0),
        best=known.get("best", 0),
        best_day=known.get("best_day"),
    )
