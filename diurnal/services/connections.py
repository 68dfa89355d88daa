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
from diurnal.services import (
    accesses,
    imports,
    pushes,
    schedule,
    source_http,
    source_tokens,
    sources,
)
from diurnal.services.connection_views import find, words
from diurnal.services.context import Context
from diurnal.services.schedule import ACTIVE, NEW, PAUSED, RECONNECT
from diurnal.services.upstreams import AppKeys
from diurnal.store import batches, changes, deliveries
from diurnal.store import connections as store
from diurnal.store import ledger as ledger_store
from diurnal.store.connections import Stored
from diurnal.store.database import Tx, WriteTx

CONNECTIONS_MAX = 200
NAME_MAX = 100
KEY_MAX = 8_000
BATCHES_MAX = 100_000


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
        _ask_again(tx, c)
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
    from diurnal.outbound.client import Client

    with Client(ctx.settings.outbound_allow) as client:
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
        _ask_again(tx, known)
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
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    c = find(tx, caller, id_)
    if c.state != ACTIVE:
        raise Conflict(words(c, c.name, ctx.now()))
    _ask_again(tx, c)
    return schedule.enqueue(tx, ctx, c, ctx.now(), force=True)


def _ask_again(tx: WriteTx, c: Stored) -> None:
    """Have what was given up fetched after all: a person looked after the source."""
    for pull, known in ledger_store.all_of(tx, c.account_id, c.id).items():
        wanted = ledger.wanted_again(known)
        if len(wanted) < len(known):
            ledger_store.replace(tx, c.account_id, c.id, pull, wanted)


def retry(tx: WriteTx, ctx: Context, caller: Access, id_: str) -> str:
    """Have what could not be read tried again, from what was kept of it; return the job."""
    accesses.must_own(caller)
    changes.reserve(tx, caller.account_id, 0, ctx.now())
    c = find(tx, caller, id_)
    deliveries.again(tx, c.account_id, c.id)
    _ask_again(tx, c)
    return schedule.enqueue(tx, ctx, c, ctx.now(), replay=True)


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
    schedule.forget(tx, c)
    store.remove(tx, c)
    changes.append(tx, c.account_id, stamp, caller.id, [("connection", "delete", id_)])
    return n
