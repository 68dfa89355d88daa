"""An account's links to sources: connect, sign in, look now, see how it stands, disconnect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal import outbound
from diurnal.connectors import Connector, Key, OAuth2
from diurnal.errors import Conflict, InvalidInput, NotFound, TooMany
from diurnal.model import ledger
from diurnal.model.access import Access
from diurnal.model.time import DAY, HOUR, MINUTE, SECOND
from diurnal.services import (
    accesses,
    imports,
    jobs,
    pushes,
    schedule,
    source_http,
    source_tokens,
    sources,
    upstreams,
)
from diurnal.services.context import Context
from diurnal.services.schedule import ACTIVE, KIND, NEW, PAUSED, RECONNECT
from diurnal.services.upstreams import AppKeys
from diurnal.store import batches, changes, deliveries
from diurnal.store import connections as store
from diurnal.store import ledger as ledger_store
from diurnal.store.batches import Stored as Batch
from diurnal.store.connections import Stored
from diurnal.store.database import Tx, WriteTx

CONNECTIONS_MAX = 200
NAME_MAX = 100
KEY_MAX = 8_000
STRIP_DAYS_MAX = 3_700
PROBLEMS_MAX = 50
BATCHES_MAX = 100_000
LETTERS = {
    ledger.DONE: "d",
    "part": "p",
    ledger.FAILED: "f",
    ledger.REFUSED: "r",
    "missing": "m",
}
"""A day of the coverage strip as one letter."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner says of a connection, checked; secrets apart.

    Attributes:
        key: pasted credential; None leaves the one that is there.
        app: an own application at the source; None leaves what is there.
    """

    shown: dict[str, Any]
    hidden: dict[str, Any]
    key: str | None = None
    app: AppKeys | None = None


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


def prepare(
    ctx: Context,
    connector: Connector,
    given: Mapping[str, Any],
    *,
    key: str | None = None,
    app: AppKeys | None = None,
) -> Wish:
    """Check what an owner says, the address of an own server too. Not in a turn of the store.

    Raises:
        InvalidInput: something missing, unknown, of the wrong kind, or not to be reached.
    """
    shown, hidden = sources.check(connector, given)
    if sources.asks(connector, shown):
        source_http.base_of(ctx, connector, shown)
    for setting in sources.settings_of(connector):
        if setting.kind == "url" and setting.key in shown:
            outbound.check_url(str(shown[setting.key]), ctx.settings.outbound_allow)
    if key is not None and not (0 < len(key.strip()) <= KEY_MAX and key.isprintable()):
        raise InvalidInput("the key is one line of text", field="key")
    return Wish(shown=shown, hidden=hidden, key=key.strip() if key else None, app=app)


def with_secrets(
    ctx: Context, c: Stored, connector: Connector, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return settings with the secret ones that are there and were not said again."""
    hidden = source_tokens.secrets_of(ctx, c)
    secret = {s.key for s in sources.settings_of(connector) if s.kind == "secret"}
    return {**{k: v for k, v in hidden.items() if k in secret}, **given}


def create(
    tx: WriteTx, ctx: Context, caller: Access, connector: Connector, wish: Wish, *, name: str = ""
) -> tuple[Stored, str | None]:
    """Connect a source; return the connection, and its push token where it has a push door.

    Raises:
        Forbidden: the caller is not the owner.
        InvalidInput: the source is only read from files, or its key is missing.
        TooMany: too many connections.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    if not connector.pulls and connector.receive is None:
        raise InvalidInput(f"{connector.title} is read from files; import one", field="connector")
    auth = connector.auth
    if isinstance(auth, Key) and connector.pulls and not auth.optional and not wish.key:
        raise InvalidInput(f"{auth.label} is needed", field="key")
    if len(store.all_of(tx, caller.account_id)) >= CONNECTIONS_MAX:
        raise TooMany(f"at most {CONNECTIONS_MAX} connections", retry_after_s=3_600)
    token, hash_ = pushes.new_token() if connector.receive is not None else (None, None)
    id_ = ctx.new_id()
    c = Stored(
        account_id=caller.account_id,
        id=id_,
        connector=connector.name,
        name=_name(name) or connector.title,
        state=NEW if isinstance(auth, OAuth2) and connector.pulls else ACTIVE,
        options=wish.shown,
        secret=_sealed(ctx, caller.account_id, id_, {}, wish),
        token=None,
        token_n=0,
        token_expires=None,
        refresh_until=None,
        pending=None,
        push_hash=hash_,
        problem=None,
        failures=0,
        created=ctx.now(),
        synced=None,
        next=None,
        access_id=caller.id,
    )
    store.add(tx, c)
    changes.append(tx, caller.account_id, stamp, caller.id, [("connection", "create", id_)])
    if c.state == ACTIVE and sources.asks(connector, wish.shown):
        schedule.enqueue(tx, ctx, c, ctx.now())
    return c, token


def _name(text: str) -> str:
    if len(text) > NAME_MAX or (text and not text.isprintable()):
        raise InvalidInput(f"a name has at most {NAME_MAX} characters", field="name")
    return text.strip()


def _sealed(
    ctx: Context, account_id: int, id_: str, before: Mapping[str, Any], wish: Wish
) -> bytes | None:
    kept = {k: v for k, v in before.items() if k in ("key", "app")}
    found = {**kept, **wish.hidden}
    if wish.key:
        found["key"] = wish.key
    if wish.app is not None:
        found["app"] = msgspec.to_builtins(wish.app)
    return source_tokens.seal(ctx, account_id, id_, found) if found else None


def find(tx: Tx, caller: Access, id_: str) -> Stored:
    """Return a connection of the caller's.

    Raises:
        NotFound: no such connection, or not the caller's.
    """
    found = store.get(tx, caller.account_id, id_) if caller.owner else None
    if found is None:
        raise NotFound(f"no connection {id_!r}")
    return found


def update(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    id_: str,
    *,
    name: str | None = None,
    wish: Wish | None = None,
    paused: bool | None = None,
) -> Stored:
    """Change name, settings or credential; pause or go on.

    A new credential takes the connection out of `reconnect`.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    c = find(tx, caller, id_)
    state, problem = c.state, c.problem
    secret, options = c.secret, c.options
    if wish is not None:
        before = source_tokens.secrets_of(ctx, c)
        secret, options = _sealed(ctx, c.account_id, c.id, before, wish), wish.shown
        if wish.key and state == RECONNECT:
            state, problem = ACTIVE, None
    if paused is not None and state in (ACTIVE, PAUSED):
        state = PAUSED if paused else ACTIVE
    changed = msgspec.structs.replace(
        c,
        name=_name(name) or c.name if name is not None else c.name,
        state=state,
        options=options,
        secret=secret,
        problem=problem,
    )
    store.save(tx, changed)
    changes.append(tx, c.account_id, stamp, caller.id, [("connection", "update", id_)])
    if state == ACTIVE and (c.state != ACTIVE or wish is not None):
        schedule.enqueue(tx, ctx, changed, ctx.now())
    return changed


def new_push_token(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> str:
    """Replace the push token; the old one opens nothing any more.

    Raises:
        Conflict: this source does not push.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    c = find(tx, caller, id_)
    if c.push_hash is None:
        raise Conflict("this source does not push")
    token, hash_ = pushes.new_token()
    store.set_push(tx, c, hash_, ctx.now())
    changes.append(tx, c.account_id, stamp, caller.id, [("connection", "update", id_)])
    return token


# Signing in


def authorize(
    tx: WriteTx, ctx: Context, caller: Access, id_: str, redirect_uri: str
) -> tuple[str, str]:
    """Begin to sign in; return the address to send the owner to, and the sign-in's state."""
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    c = find(tx, caller, id_)
    return source_tokens.begin(tx, ctx, c, sources.find(c.connector), redirect_uri)


def by_state(tx: Tx, ctx: Context, caller: Access, state: str) -> Stored:
    """Return the caller's connection whose sign-in has this state.

    Raises:
        NotFound: none, or another person's: theirs is not to be tied to what they see.
    """
    for c in store.all_of(tx, caller.account_id) if caller.owner else ():
        if c.pending is not None and source_tokens.check_state(ctx, c, state):
            return c
    raise NotFound("no sign-in with this state is under way")


def signed_in(ctx: Context, caller: Access, id_: str, code: str, state: str | None) -> Stored:
    """Finish a sign-in with the code, and begin to fetch. Not in a turn of the store.

    Args:
        state: as the source gave it back; None where a person pasted the bare code.

    Raises:
        Conflict: no sign-in is under way.
        Upstream: the source does not take the code.
    """
    accesses.must_own(caller)
    c = ctx.store.read(lambda tx: find(tx, caller, id_))
    connector = sources.find(c.connector)
    if state is not None and not source_tokens.check_state(ctx, c, state):
        raise Conflict("this belongs to another sign-in; begin again")
    with outbound.Client(ctx.settings.outbound_allow) as client:
        source_tokens.finish(ctx, c, connector, client, code)
        auth = connector.auth
        if isinstance(auth, OAuth2) and auth.register is not None:
            hidden = source_tokens.secrets_of(ctx, c)
            options = sources.options(connector, c.options, hidden)
            auth.register(
                source_http.open_http(ctx, connector, c.account_id, c.id, options, client), options
            )

    def begin(tx: WriteTx) -> Stored:
        changes.reserve(tx, c.account_id, 0, ctx.now())
        known = find(tx, caller, id_)
        schedule.enqueue(tx, ctx, known, ctx.now())
        return known

    return ctx.store.write(begin).result()


# Looking


def sync_now(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> str:
    """Have a connection look for news now; return the job.

    Raises:
        Conflict: it is not signed in, or paused.
    """
    accesses.must_own(caller)
    c = find(tx, caller, id_)
    if c.state != ACTIVE:
        raise Conflict(words(c, c.name, ctx.now()))
    return schedule.enqueue(tx, ctx, c, ctx.now(), force=True)


def retry(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> str:
    """Have what could not be read tried again, from what was kept of it; return the job."""
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    c = find(tx, caller, id_)
    deliveries.again(tx, c.account_id, c.id)
    return schedule.enqueue(tx, ctx, c, ctx.now(), replay=True)


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
        connector: Connector | None = sources.find(c.connector)
    except NotFound:
        connector = None
    title = connector.title if connector is not None else c.connector
    last = batches.of_connection(tx, c.account_id, c.id)
    state = "running" if c.id in running else c.state
    quotas: tuple[Quota, ...] = ()
    if connector is not None and connector.base_url:
        quotas = tuple(
            Quota(quota.calls, quota.per_s, n)
            for quota, n in upstreams.left(tx, ctx, connector.name, connector.quotas)
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
        pull=connector is not None and bool(connector.pulls),
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
    for pull in sources.find(c.connector).pulls:
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


# Leaving


def disconnect(
    tx: WriteTx, ctx: Context, caller: Access, id_: str, *, with_data: bool = False
) -> int:
    """Forget a connection with its credentials, ledger and kept answers.

    Args:
        with_data: have what it brought in undone, too; the worker does it.

    Returns:
        How many batches are being undone.
    """
    accesses.must_own(caller)
    stamp = changes.reserve(tx, caller.account_id, 1, ctx.now())
    c = find(tx, caller, id_)
    n = 0
    if with_data:
        for batch in batches.of_connection(tx, c.account_id, c.id, most=BATCHES_MAX):
            if batch.state in (imports.RUNNING, imports.WAITING):
                raise Conflict("it is fetching now; try again in a moment")
            if batch.state != imports.UNDONE:
                imports.request_undo(tx, ctx, caller, batch.id)
                n += 1
    # What stays is the owner's to undo, as any import.
    batches.release(tx, c.account_id, c.id)
    store.remove(tx, c)
    changes.append(tx, c.account_id, stamp, caller.id, [("connection", "delete", id_)])
    return n
