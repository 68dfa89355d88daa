"""How connections stand: in words, day by day, and what came of their runs."""

from __future__ import annotations

from typing import Any

import msgspec

from diurnal.errors import InvalidInput, NotFound
from diurnal.model import ledger
from diurnal.model.access import Access
from diurnal.model.time import DAY, HOUR, MINUTE, SECOND
from diurnal.services import jobs, source_tokens, sources, upstreams
from diurnal.services.context import Context
from diurnal.services.schedule import ACTIVE, KIND, NEW, PAUSED, RECONNECT
from diurnal.services.sources import Declared
from diurnal.store import batches, deliveries
from diurnal.store import connections as store
from diurnal.store import ledger as ledger_store
from diurnal.store.batches import Stored as Batch
from diurnal.store.connections import Stored
from diurnal.store.database import Tx

STRIP_DAYS_MAX = 3_700
PROBLEMS_MAX = 50
LETTERS = {
    ledger.DONE: "d",
    "part": "p",
    ledger.FAILED: "f",
    ledger.REFUSED: "r",
    "missing": "m",
}
"""A day of the coverage strip as one letter."""


class Quota(msgspec.Struct, frozen=True):
    """How many requests are left of a quota that all connections to a source share."""

    calls: int
    per_s: int
    left: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A connection as its owner sees it; instants in microseconds.

    Attributes:
        state: `new`, `active`, `paused`, `reconnect`, or `running` while it fetches.
        words: the state in one sentence.
        has: secret settings that are there, by key; their values are not shown.
        last, next: the last run that went well, and when the next is due.
        waiting: deliveries that nobody has read yet.
        set_aside: of the last batch, what could not be read.
        batch: the last batch.
    """

    id: str
    connector: str
    title: str
    name: str
    state: str
    words: str
    options: dict[str, Any]
    has: tuple[str, ...]
    push: bool
    pull: bool
    created: int
    last: int | None
    next: int | None
    problem: str | None
    waiting: int
    set_aside: int
    batch: int | None
    quotas: tuple[Quota, ...] = ()


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """What one pull has fetched.

    Attributes:
        days: a letter for each UTC day from the first one asked for: `d` fetched, `p` in part,
            `f` failed and to be tried again, `r` refused by the source, `m` missing.
        stretches: the same to the microsecond, with reasons.
    """

    pull: str
    first: int
    days: str
    stretches: list[ledger.Stretch]


def find(tx: Tx, caller: Access, id_: str) -> Stored:
    """Return a connection of the caller's.

    Raises:
        NotFound: no such connection, or not the caller's.
    """
    found = store.get(tx, caller.account_id, id_) if caller.owner else None
    if found is None:
        raise NotFound(f"no connection {id_!r}")
    return found


def listed(tx: Tx, ctx: Context, caller: Access) -> list[Seen]:
    """Return the caller's connections, the oldest first."""
    if not caller.owner:
        return []
    running = _running(tx, ctx, caller)
    return [_seen(tx, ctx, c, running) for c in store.all_of(tx, caller.account_id)]


def get(tx: Tx, ctx: Context, caller: Access, id_: str) -> Seen:
    """Return one connection.

    Raises:
        NotFound: no such connection, or not the caller's.
    """
    return _seen(tx, ctx, find(tx, caller, id_), _running(tx, ctx, caller))


def _running(tx: Tx, ctx: Context, caller: Access) -> set[str]:
    now = ctx.now()
    return {
        str(msgspec.json.decode(job.args).get("connection"))
        for job in jobs.open_jobs(tx, caller.account_id, [KIND])
        if job.lease_until is not None and job.lease_until > now
    }


def _seen(tx: Tx, ctx: Context, c: Stored, running: set[str]) -> Seen:
    try:
        source: Declared | None = sources.declared(c.connector)
    except NotFound:
        source = None
    title = source.title if source is not None else c.connector
    last = batches.of_connection(tx, c.account_id, c.id)
    state = "running" if c.id in running else c.state
    quotas: tuple[Quota, ...] = ()
    if source is not None and not source.own_server:
        quotas = tuple(
            Quota(quota.calls, quota.per_s, n)
            for quota, n in upstreams.left(tx, ctx, source.name, source.quotas)
        )
    hidden = source_tokens.secrets_of(ctx, c)
    return Seen(
        id=c.id,
        connector=c.connector,
        title=title,
        name=c.name,
        state=state,
        words="Fetches now." if c.id in running else words(c, title, ctx.now()),
        options=c.options,
        has=tuple(sorted(hidden)),
        push=c.push_hash is not None,
        pull=source is not None and source.pull,
        created=c.created,
        last=c.synced,
        next=c.next if c.state == ACTIVE else None,
        problem=c.problem,
        waiting=deliveries.backlog(tx, c.account_id, c.id)[0],
        set_aside=int(last[0].result.get("set_aside", 0)) if last else 0,
        batch=last[0].id if last else None,
        quotas=quotas,
    )


def words(c: Stored, title: str, now: int) -> str:
    """Return how a connection stands, in one sentence or two."""
    if c.state == NEW:
        return f"Sign in at {title} to begin."
    if c.state == RECONNECT:
        return f"Sign in at {title} again: {c.problem or 'it does not take the credential'}."
    if c.state == PAUSED:
        return "Paused."
    after = "" if c.next is None else f" Looks again {_in(c.next - now)}."
    if c.problem:
        return f"{_sentence(c.problem)}{after}"
    if c.synced is None:
        return "Nothing has come yet." if c.next is None else f"Not looked yet.{after}"
    if c.next is None:
        return f"Waits for deliveries; the last was read {_ago(now - c.synced)}."
    return f"All is well; last looked {_ago(now - c.synced)}.{after}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _in(us: int) -> str:
    return "now" if us < MINUTE // 2 else f"in {_span(us)}"


def _ago(us: int) -> str:
    return "just now" if us < MINUTE // 2 else f"{_span(us)} ago"


def _span(us: int) -> str:
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second")):
        if us >= unit * 0.95 or unit == SECOND:
            n = max(round(us / unit), 1)
            return f"{n} {name}" + ("s" if n != 1 else "")
    return "a moment"


def coverage(tx: Tx, ctx: Context, caller: Access, id_: str, first: int, last: int) -> list[Strip]:
    """Return what each pull of a connection has fetched of the days from `first` to `last`.

    Raises:
        InvalidInput: too many days.
    """
    c = find(tx, caller, id_)
    if not 0 < last - first + 1 <= STRIP_DAYS_MAX:
        raise InvalidInput(f"between 1 and {STRIP_DAYS_MAX} days", field="last")
    found = ledger_store.all_of(tx, c.account_id, c.id)
    start, end = first * DAY, (last + 1) * DAY
    strips = []
    for pull in sources.declared(c.connector).pulls:
        stretches = [
            msgspec.structs.replace(s, start=max(s.start, start), end=min(s.end, end))
            for s in found.get(pull.name, ())
            if s.end > start and s.start < end
        ]
        days = "".join(LETTERS[state] for _, state in ledger.days(stretches, first, last))
        strips.append(Strip(pull=pull.name, first=first, days=days, stretches=stretches))
    return strips


def runs(tx: Tx, caller: Access, id_: str, *, before: int = 2**62, most: int = 30) -> list[Batch]:
    """Return the batches that a connection brought in, newest first."""
    c = find(tx, caller, id_)
    return batches.of_connection(tx, c.account_id, c.id, before=before, most=most)


def refused_deliveries(tx: Tx, caller: Access, id_: str) -> list[tuple[str, str, int]]:
    """Return (id, reason, when) of deliveries that could not be read, newest first."""
    c = find(tx, caller, id_)
    return deliveries.problems(tx, c.account_id, c.id, PROBLEMS_MAX)
