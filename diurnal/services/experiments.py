"""Experiments with one person: plan, remind, look, end.

The worker draws the schedule and says what comes of it, since both need NumPy; it looks again
every morning while a trial runs, and some days after it, for what sources tell late.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from diurnal.errors import InvalidInput, NotFound, TooLarge, UnknownReference
from diurnal.model.access import Access
from diurnal.model.time import HOUR
from diurnal.services import accesses, day_tables, days, events, findings, jobs
from diurnal.services.context import AccountState, Context
from diurnal.services.jobs import Lease
from diurnal.store import changes
from diurnal.store import experiments as store
from diurnal.store.database import Tx, WriteTx
from diurnal.store.experiments import Stored

if TYPE_CHECKING:
    from diurnal.analysis.experiments import Plan

KIND = "experiment"
"""The kind of job, and of change."""
ACTOR = "system"
TEXT_MAX = 100
MEASURES_MAX = 5
OPEN_MAX = 100
"""Trials of one account that have not ended."""
KEPT_MAX = 500
PAIRS_MIN = 3
PAIRS_MAX = 60
BLOCK_DAYS_MAX = 90
SEED_BITS = 53
"""Seeds travel as JSON numbers."""
DAYS_MAX = 100_000
AHEAD_MAX = 366
"""Days until a trial begins."""
MORNING = 7 * HOUR
AFTER = 7
"""Days after the last one on which it is looked at again."""


class Turn(NamedTuple):
    """What a day asks of the person.

    Attributes:
        begins: the arm is another than the day before.
        washout: the day does not count yet.
        until: the last day of this arm.
    """

    arm: str
    begins: bool
    washout: bool
    until: int


def create(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    *,
    name: str,
    arm_a: str,
    arm_b: str,
    measures: Sequence[str],
    first_day: int,
    pairs: int,
    block_days: int,
    washout_days: int,
    seed: int,
) -> Stored:
    """Plan a trial; the worker draws its schedule at once.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: a text, a number or a day that cannot be.
        UnknownReference: a measure is not there.
        TooLarge: too many trials are open, or kept.
    """
    accesses.must_own(caller)
    for field, text in (("name", name), ("a", arm_a), ("b", arm_b)):
        if not text.strip() or len(text) > TEXT_MAX:
            raise InvalidInput(f"1 to {TEXT_MAX} characters are needed", field=field)
        events.check_json(text, field)
    if arm_a.strip().casefold() == arm_b.strip().casefold():
        raise InvalidInput("the two are the same", field="b")
    if not PAIRS_MIN <= pairs <= PAIRS_MAX:
        raise InvalidInput(f"{PAIRS_MIN} to {PAIRS_MAX} pairs of blocks", field="pairs")
    if not 1 <= block_days <= BLOCK_DAYS_MAX:
        raise InvalidInput(f"a block has 1 to {BLOCK_DAYS_MAX} days", field="blockDays")
    if not 0 <= washout_days < block_days:
        raise InvalidInput("fewer days than a block has", field="washoutDays")
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    state = ctx.state(tx, caller.account_id)
    _check_measures(state, measures)
    today = state.zones.day_at(ctx.now())
    if not today <= first_day <= today + AHEAD_MAX:
        raise InvalidInput("it begins today or within a year", field="from")
    known = store.all_of(tx, caller.account_id)
    if len(known) >= KEPT_MAX or sum(_ends(e) >= today for e in known) >= OPEN_MAX:
        raise TooLarge("too many experiments are open; end or delete one", limit=OPEN_MAX)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    made = Stored(
        id=ctx.new_id(),
        name=name.strip(),
        arm_a=arm_a.strip(),
        arm_b=arm_b.strip(),
        measures=list(measures),
        seed=seed,
        first_day=first_day,
        pairs=pairs,
        block_days=block_days,
        washout_days=washout_days,
        blocks=None,
        verdicts=None,
        looked=None,
        cancelled=None,
        created=stamp.at,
        modified=stamp.at,
    )
    store.add(tx, caller.account_id, made)
    changes.append(tx, caller.account_id, stamp, caller.id, [(KIND, "create", made.id)])
    _enqueue(tx, ctx, caller.account_id, made.id)
    return made


def new_seed() -> int:
    """Return what a schedule is drawn from; call it outside of the turn, which may be rerun."""
    return secrets.randbits(SEED_BITS)


def _check_measures(state: AccountState, measures: Sequence[str]) -> None:
    if not 1 <= len(measures) <= MEASURES_MAX or len(set(measures)) != len(measures):
        raise InvalidInput(f"1 to {MEASURES_MAX} different measures", field="measures")
    for key in measures:
        measure = state.measure(key)
        if measure is None:
            raise UnknownReference(f"unknown measure {key!r}", field="measures")
        if not findings.numeric(measure):
            raise InvalidInput(f"{key} has no numbers to compare", field="measures")


def listed(tx: Tx, caller: Access) -> list[Stored]:
    """Return the account's trials, the latest first.

    Raises:
        Forbidden: the caller is not the owner.
    """
    accesses.must_own(caller)
    return store.all_of(tx, caller.account_id)


def get(tx: Tx, caller: Access, id_: str) -> Stored:
    """Return one trial.

    Raises:
        Forbidden: the caller is not the owner.
        NotFound: there is none.
    """
    accesses.must_own(caller)
    found = store.get(tx, caller.account_id, id_)
    if found is None:
        raise NotFound(f"no experiment {id_!r}")
    return found


def cancel(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> Stored:
    """End a trial before its time; what came of it so far stays. A second time changes nothing.

    Raises:
        Forbidden, NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    found = get(tx, caller, id_)
    if found.cancelled is not None:
        return found
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    changed = msgspec.structs.replace(found, cancelled=stamp.at, modified=stamp.at)
    store.save(tx, caller.account_id, changed)
    changes.append(tx, caller.account_id, stamp, caller.id, [(KIND, "update", id_)])
    return changed


def drop(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> None:
    """Delete a trial; the days that it looked at stay.

    Raises:
        Forbidden, NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    get(tx, caller, id_)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    store.drop(tx, caller.account_id, id_)
    changes.append(tx, caller.account_id, stamp, caller.id, [(KIND, "delete", id_)])


def look(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> Stored:
    """Have the verdicts made anew.

    Raises:
        Forbidden, NotFound: as `get`.
    """
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    found = get(tx, caller, id_)
    _enqueue(tx, ctx, caller.account_id, id_)
    return found


def check_whole(one: Stored) -> None:
    """Refuse a trial of somebody's export that cannot be one.

    Raises:
        InvalidInput: it cannot be.
    """
    fits = (
        all(0 < len(text.strip()) <= TEXT_MAX for text in (one.name, one.arm_a, one.arm_b))
        and one.id
        and 1 <= len(one.measures) <= MEASURES_MAX
        and all(isinstance(key, str) for key in one.measures)
        and PAIRS_MIN <= one.pairs <= PAIRS_MAX
        and 1 <= one.block_days <= BLOCK_DAYS_MAX
        and 0 <= one.washout_days < one.block_days
        and 0 <= one.seed < 2**SEED_BITS
        and abs(one.first_day) < DAYS_MAX
    )
    if not fits:
        raise InvalidInput("no experiment can be like this")
    try:
        blocks = [int(b["last_day"]) + int(b["washout_days"]) for b in one.blocks or ()]
        fits = all({"arm", "first_day"} <= b.keys() for b in one.blocks or ())
        fits = fits and all({"measure", "last_day"} <= v.keys() for v in one.verdicts or ())
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidInput("a schedule that cannot be read") from None
    if not fits or (one.blocks is not None and len(blocks) != 2 * one.pairs):
        raise InvalidInput("a schedule of another plan")


def go_on(tx: WriteTx, ctx: Context, account_id: int, id_: str) -> None:
    """Have the worker look at a trial that came with an import, unless it has long ended."""
    one = store.get(tx, account_id, id_)
    today = ctx.state(tx, account_id).zones.day_at(ctx.now())
    if one is not None and one.cancelled is None and today <= last_day(one) + AFTER:
        _enqueue(tx, ctx, account_id, id_)


def _enqueue(tx: WriteTx, ctx: Context, account_id: int, id_: str) -> None:
    for job in jobs.open_jobs(tx, account_id, [KIND]):
        told = msgspec.json.decode(job.args)
        if job.lease_token is None and job.run_at <= ctx.now() and told["id"] == id_:
            return
    jobs.enqueue(tx, ctx, account_id, KIND, {"id": id_})


# Days of a trial


def _ends(one: Stored) -> int:
    """Return the last day as planned, or -1 where it was cancelled."""
    return -1 if one.cancelled is not None else one.first_day + 2 * one.pairs * one.block_days - 1


def last_day(one: Stored) -> int:
    """Return the last day as planned."""
    return one.first_day + 2 * one.pairs * one.block_days - 1


def state_of(one: Stored, today: int) -> str:
    """Return drawing, planned, running, done or cancelled."""
    if one.cancelled is not None:
        return "cancelled"
    if one.blocks is None:
        return "drawing"
    if today < one.first_day:
        return "planned"
    return "running" if today <= last_day(one) else "done"


def turn_on(one: Stored, day: int) -> Turn | None:
    """Return what a day asks; None before, after, and once it was cancelled."""
    if one.blocks is None or one.cancelled is not None or not one.first_day <= day <= last_day(one):
        return None
    at = (day - one.first_day) // one.block_days
    block = one.blocks[at]
    arm, until = block["arm"], block["last_day"]
    for later in one.blocks[at + 1 :]:
        if later["arm"] != arm:
            break
        until = later["last_day"]
    fresh = at == 0 or one.blocks[at - 1]["arm"] != arm
    return Turn(
        arm=arm,
        begins=fresh and day == block["first_day"],
        washout=day < block["first_day"] + block["washout_days"],
        until=until,
    )


# In the worker


def run(ctx: Context, lease: Lease) -> None:
    """Draw the schedule if it is not, say what the days show, remind, and come back tomorrow.

    Raises:
        LeaseLost: another worker has taken the job over.
    """
    account_id, id_ = lease.account_id, lease.args["id"]
    found, verdicts = ctx.store.read(lambda tx: _look(tx, ctx, account_id, id_))
    end = functools.partial(_keep, ctx=ctx, lease=lease, found=found, verdicts=verdicts)
    ctx.store.write(end).result()


def _look(
    tx: Tx, ctx: Context, account_id: int, id_: str
) -> tuple[Stored | None, list[dict[str, Any]] | None]:
    from diurnal.analysis import experiments

    one = store.get(tx, account_id, id_)
    if one is None:
        return None, None
    drawn = experiments.plan(
        seed=one.seed,
        first_day=one.first_day,
        pairs=one.pairs,
        block_days=one.block_days,
        washout_days=one.washout_days,
    )
    if one.blocks is None:
        blocks = [msgspec.to_builtins(block) for block in drawn.blocks]
        one = msgspec.structs.replace(one, blocks=blocks)
    state = ctx.state(tx, account_id)
    until = state.zones.day_at(ctx.now()) - 1
    if one.cancelled is not None:
        until = min(until, state.zones.day_at(one.cancelled) - 1)
    return one, _verdicts(tx, ctx, account_id, one, drawn, until)


def _verdicts(
    tx: Tx, ctx: Context, account_id: int, one: Stored, plan: Plan, until: int
) -> list[dict[str, Any]] | None:
    import numpy as np

    from diurnal.analysis import Days, experiments

    until = min(until, plan.last_day)
    if until < one.first_day:
        return None
    state = ctx.state(tx, account_id)
    owner = accesses.personal(account_id, state.username)
    made = []
    for key in one.measures:
        measure = state.measure(key)
        if measure is None:
            continue
        read = days.values(tx, ctx, owner, [key], one.first_day, until)[key]
        column = np.array(
            [d.value if isinstance(d.value, (int, float)) else np.nan for d in read],
            dtype=np.float64,
        )
        info = day_tables.info(measure, own=key in state.measures)
        table = Days(one.first_day, (info,), column[:, None])
        said = experiments.verdict(plan, table, key, last_day=until)
        made.append({"measure": key, "last_day": until, **msgspec.to_builtins(said)})
    return made


def _keep(
    tx: WriteTx,
    ctx: Context,
    lease: Lease,
    found: Stored | None,
    verdicts: list[dict[str, Any]] | None,
) -> None:
    account_id = lease.account_id
    changes.reserve(tx, account_id, 0, ctx.now())
    now = store.get(tx, account_id, found.id) if found is not None else None
    if now is None or found is None:
        jobs.finish(tx, ctx, lease)
        return
    zones = ctx.state(tx, account_id).zones
    today = zones.day_at(ctx.now())
    turn = turn_on(msgspec.structs.replace(now, blocks=found.blocks), today)
    remind = lease.args.get("morning") is not None and turn is not None and turn.begins
    if remind or now.blocks is None or verdicts != now.verdicts:
        stamp = changes.reserve(tx, account_id, 1, ctx.now())
        changed = msgspec.structs.replace(
            now, blocks=found.blocks, verdicts=verdicts, looked=stamp.at, modified=stamp.at
        )
        store.save(tx, account_id, changed)
        op = "remind" if remind else "update"
        changes.append(tx, account_id, stamp, ACTOR, [(KIND, op, now.id)])
    jobs.finish(tx, ctx, lease)
    ahead = max(today + 1, now.first_day)
    if now.cancelled is None and ahead <= last_day(now) + AFTER:
        jobs.enqueue(
            tx,
            ctx,
            account_id,
            KIND,
            {"id": now.id, "morning": ahead},
            run_at=zones.day_bounds(ahead)[0] + MORNING,
            idem_key=f"{now.id}-{ahead}",
        )
