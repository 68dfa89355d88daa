"""Connections to sources: connect, sign in, look now, how they stand, leave.

What needs connectors is imported when it is asked for: the serving process stays lean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from diurnal import http
from diurnal.dialects.native import endpoint, wire
from diurnal.dialects.native.endpoint import Call, Endpoint, Who
from diurnal.errors import AppError, InvalidInput
from diurnal.model import time
from diurnal.model.events import seconds
from diurnal.store.database import Tx, WriteTx

if TYPE_CHECKING:
    from diurnal.connectors import Connector
    from diurnal.services.connections import Seen, Strip, Wish
    from diurnal.services.sources import Declared
    from diurnal.services.upstreams import AppKeys
    from diurnal.store.batches import Stored as Batch

CALLBACK = "/api/v1/connections/callback"
PAGE = "/sources"
RUNS_MAX = 100
STRIP_DAYS = 365
Text = Annotated[str, msgspec.Meta(max_length=8_000)]


class SettingOut(wire.Output):
    """One thing to be said when connecting.

    Attributes:
        kind: text, number, boolean, secret (never shown again), url (of an own server) or list.
    """

    key: str
    label: str
    kind: str
    help: str = ""
    required: bool = False
    default: Any = None
    choices: list[str] | None = None
    low: float | None = None
    high: float | None = None


class PullOut(wire.Output):
    """A kind of data that is fetched; `historyDays` is how far back the source gives it."""

    name: str
    by: str
    history_days: int | None = None


class ConnectorOut(wire.Output):
    """A source that can be connected, imported from, or that pushes.

    Attributes:
        auth: `none`, `key` (to be pasted) or `oauth2` (sign in there).
        app: whether this server has an application at the source already.
        emits: measures it may bring; absent where that depends on the data.
    """

    name: str
    title: str
    docs: str
    file: bool
    pull: bool
    push: bool
    auth: str
    app: bool
    settings: list[SettingOut]
    pulls: list[PullOut]
    key_label: str = ""
    key_optional: bool = False
    help: str = ""
    emits: list[str] | None = None
    every: int = 0


class ConnectorsOut(wire.Output):
    """Every source, by title."""

    connectors: list[ConnectorOut]


class AppIn(wire.Input):
    """An application that the owner made at the source."""

    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    client_secret: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class ConnectionNew(wire.Input):
    """A source to connect.

    Attributes:
        key: the pasted credential, where `auth` is `key`.
        app: an own application, where `auth` is `oauth2` and this server has none.
    """

    connector: wire.Key
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    key: Text | None = None
    app: AppIn | None = None


class ConnectionChanges(wire.Input):
    """What to change; secret settings that are left out stay."""

    name: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    settings: dict[str, Any] | None = None
    key: Text | None = None
    app: AppIn | None = None
    paused: bool | None = None


class QuotaOut(wire.Output):
    """Requests left of a quota that all connections to the source share."""

    calls: int
    per: int
    left: int


class PushOut(wire.Output):
    """Where the source posts to; the token is told this once and opens nothing else."""

    token: str
    url: str
    url_with_token: str


class ConnectionOut(wire.Output):
    """A connection; times in Unix seconds.

    Attributes:
        state: new (sign in), active, running, paused or reconnect (sign in again).
        words: the state in one sentence.
        has: secrets that are there: settings, `key`, `app`.
        waiting: deliveries not read yet.
        set_aside: of the last batch; read them at `/imports/{batch}/set-aside`.
        push: only in the answer that makes the connection or its token.
    """

    id: str
    connector: str
    title: str
    name: str
    state: str
    words: str
    settings: dict[str, Any]
    has: list[str]
    pulls: bool
    pushes: bool
    created: float
    waiting: int
    set_aside: int
    last: float | None = None
    next: float | None = None
    problem: str | None = None
    batch: int | None = None
    quotas: list[QuotaOut] | None = None
    push: PushOut | None = None


class ConnectionsOut(wire.Output):
    """The account's connections, the oldest first."""

    connections: list[ConnectionOut]


class SignIn(wire.Input):
    """Where the source is to send the owner: an address registered there; ours if left out."""

    redirect_uri: Annotated[str, msgspec.Meta(max_length=1_000)] | None = None


class SignInOut(wire.Output):
    """Where to send the owner. The state comes back with the code."""

    url: str
    state: str
    redirect_uri: str


class CodeIn(wire.Input):
    """The code, or the whole address that the owner was sent to."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]


class JobOut(wire.Output):
    """Work that was asked for; the connection tells how it stands."""

    job: str


class StripQuery(wire.Input):
    """Which days; the last year by default."""

    first: wire.DateText | None = None
    last: wire.DateText | None = None


class StretchOut(wire.Output):
    """A stretch of time, and what became of it: done, failed or refused (why)."""

    start: float = msgspec.field(name="from")
    end: float = msgspec.field(name="to")
    state: str
    reason: str | None = None


class StripOut(wire.Output):
    """What one kind of data covers.

    Attributes:
        days: a letter for each UTC day from `first`: d fetched, p in part, f failed (tried
            again), r refused by the source, m missing.
    """

    pull: str
    first: str
    days: str
    stretches: list[StretchOut]


class CoverageOut(wire.Output):
    """What has been fetched, what is missing, and what the source will not give."""

    coverage: list[StripOut]


class RunsQuery(wire.Input):
    """Which page: batches before this one."""

    before: Annotated[int, msgspec.Meta(ge=1, le=2**53)] = 2**53
    limit: Annotated[int, msgspec.Meta(ge=1, le=RUNS_MAX)] = 30


class RunOut(wire.Output):
    """What a connection brought in on one day."""

    id: int
    state: str
    created: float
    result: dict[str, Any]
    finished: float | None = None


class RefusedOut(wire.Output):
    """A delivery that could not be read, and why."""

    id: str
    reason: str
    time: float


class RunsOut(wire.Output):
    """What a connection brought in, newest first; and deliveries that could not be read."""

    runs: list[RunOut]
    refused: list[RefusedOut]
    next: int | None = None


class DisconnectQuery(wire.Input):
    """Whether what it brought in goes, too."""

    data: Literal["keep", "delete"] = "keep"


class Disconnected(wire.Output):
    """The connection that is gone; `undoing` batches are being taken back."""

    id: str
    undoing: int


# Shapes


def _connector(d: Declared, apps: set[str]) -> ConnectorOut:
    return ConnectorOut(
        name=d.name,
        title=d.title,
        docs=d.docs,
        file=d.file,
        pull=d.pull,
        push=d.push,
        auth=d.auth,
        app=d.name in apps,
        settings=[
            SettingOut(
                key=s.key,
                label=s.label,
                kind=s.kind,
                help=s.help,
                required=s.required,
                default=s.default,
                choices=list(s.choices) or None,
                low=s.low,
                high=s.high,
            )
            for s in d.settings
        ],
        pulls=[PullOut(name=p.name, by=p.by, history_days=p.history_days) for p in d.pulls],
        key_label=d.key_label,
        key_optional=d.key_optional,
        help=d.help,
        emits=None if d.emits is None else list(d.emits),
        every=d.every_s,
    )


def _maybe(at: int | None) -> float | None:
    return None if at is None else seconds(at)


def _shape(s: Seen, push: PushOut | None = None) -> ConnectionOut:
    return ConnectionOut(
        id=s.id,
        connector=s.connector,
        title=s.title,
        name=s.name,
        state=s.state,
        words=s.words,
        settings=s.options,
        has=list(s.has),
        pulls=s.pull,
        pushes=s.push,
        created=seconds(s.created),
        last=_maybe(s.last),
        next=_maybe(s.next),
        problem=s.problem,
        waiting=s.waiting,
        set_aside=s.set_aside,
        batch=s.batch,
        quotas=[QuotaOut(calls=q.calls, per=q.per_s, left=q.left) for q in s.quotas] or None,
        push=push,
    )


def _push(call: Call, connector: str, token: str | None) -> PushOut | None:
    if token is None:
        return None
    base = http.base_url(call.request, call.ctx.settings.public_url)
    url = f"{base}/api/v1/push/{connector}"
    return PushOut(token=token, url=url, url_with_token=f"{url}?token={token}")


def _run(b: Batch) -> RunOut:
    return RunOut(
        id=b.id,
        state=b.state,
        created=seconds(b.created),
        result=b.result,
        finished=_maybe(b.finished),
    )


def _strip(s: Strip) -> StripOut:
    return StripOut(
        pull=s.pull,
        first=time.day_text(s.first),
        days=s.days,
        stretches=[
            StretchOut(start=seconds(x.start), end=seconds(x.end), state=x.state, reason=x.reason)
            for x in s.stretches
        ],
    )


# Handlers


async def connectors(call: Call) -> Response:
    """Answer every source there is."""
    from diurnal.services import sources, upstreams

    declared = await http.blocking(sources.listed)

    def apps(tx: Tx) -> set[str]:
        return {d.name for d in declared if upstreams.app(tx, call.ctx, d.name) is not None}

    known = await http.read(call.ctx, apps)
    return endpoint.answer(ConnectorsOut(connectors=[_connector(d, known) for d in declared]))


async def get_many(call: Call) -> Response:
    """Answer the connections."""
    from diurnal.services import connections

    found = await http.read(call.ctx, lambda tx: connections.listed(tx, call.ctx, call.caller))
    return endpoint.answer(ConnectionsOut(connections=[_shape(s) for s in found]))


async def get_one(call: Call) -> Response:
    """Answer one connection."""
    return endpoint.answer(_shape(await _seen(call, call.path["id"])))


async def _seen(call: Call, id_: str) -> Seen:
    from diurnal.services import connections

    return await http.read(call.ctx, lambda tx: connections.get(tx, call.ctx, call.caller, id_))


async def _wish(
    call: Call,
    connector: Connector,
    settings: dict[str, Any],
    key: str | None,
    app: AppIn | None,
) -> Wish:
    from diurnal.services import connections

    own = _app(app)
    # Names are resolved: off the loop.
    return await http.blocking(
        lambda: connections.prepare(call.ctx, connector, settings, key=key, app=own)
    )


def _app(app: AppIn | None) -> AppKeys | None:
    from diurnal.services.upstreams import AppKeys

    return None if app is None else AppKeys(app.client_id, app.client_secret)


async def create(call: Call) -> Response:
    """Connect a source."""
    from diurnal.services import connections, sources
    from diurnal.store.connections import Stored

    new: ConnectionNew = call.body
    connector = await http.blocking(lambda: sources.find(new.connector))
    wish = await _wish(call, connector, new.settings, new.key, new.app)

    def do(tx: WriteTx) -> tuple[Stored, str | None]:
        return connections.create(tx, call.ctx, call.caller, connector, wish, name=new.name)

    made, token = await http.write(call.ctx, do)
    push = _push(call, connector.name, token)
    return endpoint.answer(_shape(await _seen(call, made.id), push), 201)


async def update(call: Call) -> Response:
    """Change a connection."""
    from diurnal.services import connections, sources

    id_, new = call.path["id"], call.body
    wish = None
    if new.settings is not None or new.key is not None or new.app is not None:
        known = await http.read(call.ctx, lambda tx: connections.find(tx, call.caller, id_))
        connector = await http.blocking(lambda: sources.find(known.connector))
        given = known.options if new.settings is None else new.settings
        kept = await http.blocking(
            lambda: connections.with_secrets(call.ctx, known, connector, given)
        )
        wish = await _wish(call, connector, kept, new.key, new.app)
    await http.write(
        call.ctx,
        lambda tx: connections.update(
            tx, call.ctx, call.caller, id_, name=new.name, wish=wish, paused=new.paused
        ),
    )
    return endpoint.answer(_shape(await _seen(call, id_)))


async def authorize(call: Call) -> Response:
    """Begin to sign in at the source."""
    from diurnal.services import connections

    wanted: SignIn = call.body
    base = http.base_url(call.request, call.ctx.settings.public_url)
    redirect_uri = wanted.redirect_uri or f"{base}{CALLBACK}"
    if not redirect_uri.startswith(("https://", "http://")):
        raise InvalidInput("an address of the web is needed", field="redirectUri")
    id_ = call.path["id"]
    url, state = await http.write(
        call.ctx,
        lambda tx: connections.authorize(tx, call.ctx, call.caller, id_, redirect_uri),
    )
    return endpoint.answer(SignInOut(url=url, state=state, redirect_uri=redirect_uri))


async def callback(call: Call) -> Response:
    """Take the owner back from the source, and go on at the page of sources."""
    from diurnal.services import connections

    # Sources send members of their own along.
    told = call.request.query_params
    code, state, error = (told.get(name, "") for name in ("code", "state", "error"))
    found = None
    problem = ""
    try:
        found = await http.read(
            call.ctx, lambda tx: connections.by_state(tx, call.ctx, call.caller, state)
        )
        id_ = found.id
        if error or not code:
            problem = f"the source refused: {(error or 'no code')[:80]}"
        else:
            await http.blocking(
                lambda: connections.signed_in(call.ctx, call.caller, id_, code, state)
            )
    except AppError as failed:
        problem = failed.message
    query = {"connection": found.id if found else None, "problem": problem or None}
    said = urlencode({k: v for k, v in query.items() if v})
    headers = {"Location": f"{PAGE}?{said}" if said else PAGE, "Cache-Control": "no-store"}
    return Response(status_code=303, headers=headers, media_type="text/html")


async def code(call: Call) -> Response:
    """Take a code that the owner pasted."""
    from diurnal.services import connections, source_tokens

    text, state = source_tokens.pasted(call.body.code)
    id_ = call.path["id"]
    await http.blocking(lambda: connections.signed_in(call.ctx, call.caller, id_, text, state))
    return endpoint.answer(_shape(await _seen(call, id_)))


async def sync(call: Call) -> Response:
    """Have a connection look for news now."""
    from diurnal.services import connections

    job = await http.write(
        call.ctx,
        lambda tx: connections.sync_now(tx, call.ctx, call.caller, call.path["id"]),
    )
    return endpoint.answer(JobOut(job=job), 202)


async def retry(call: Call) -> Response:
    """Have what was set aside read again."""
    from diurnal.services import connections

    job = await http.write(
        call.ctx, lambda tx: connections.retry(tx, call.ctx, call.caller, call.path["id"])
    )
    return endpoint.answer(JobOut(job=job), 202)


async def push_token(call: Call) -> Response:
    """Replace the push token."""
    from diurnal.services import connections

    id_ = call.path["id"]
    token = await http.write(
        call.ctx, lambda tx: connections.new_push_token(tx, call.ctx, call.caller, id_)
    )
    seen = await _seen(call, id_)
    return endpoint.answer(_shape(seen, _push(call, seen.connector, token)))


async def coverage(call: Call) -> Response:
    """Answer which days are there."""
    from diurnal.services import connections

    asked: StripQuery = call.query
    today = call.ctx.now() // time.DAY
    last = today if asked.last is None else time.day_from_text(asked.last, field="last")
    first = (
        last - STRIP_DAYS + 1
        if asked.first is None
        else time.day_from_text(asked.first, field="first")
    )
    found = await http.read(
        call.ctx,
        lambda tx: connections.coverage(tx, call.ctx, call.caller, call.path["id"], first, last),
    )
    return endpoint.answer(CoverageOut(coverage=[_strip(s) for s in found]))


async def runs(call: Call) -> Response:
    """Answer what a connection brought in, and what it could not."""
    from diurnal.services import connections

    id_, asked = call.path["id"], call.query

    def do(tx: Tx) -> RunsOut:
        found = connections.runs(tx, call.caller, id_, before=asked.before, most=asked.limit)
        refused = connections.refused_deliveries(tx, call.caller, id_)
        return RunsOut(
            runs=[_run(b) for b in found],
            refused=[RefusedOut(id=i, reason=r, time=seconds(at)) for i, r, at in refused],
            next=found[-1].id if len(found) == asked.limit else None,
        )

    return endpoint.answer(await http.read(call.ctx, do))


async def disconnect(call: Call) -> Response:
    """Forget a connection."""
    from diurnal.services import connections

    id_, delete = call.path["id"], call.query.data == "delete"
    n = await http.write(
        call.ctx,
        lambda tx: connections.disconnect(tx, call.ctx, call.caller, id_, with_data=delete),
    )
    return endpoint.answer(Disconnected(id=id_, undoing=n))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/connectors",
        name="connectors.list",
        summary="Read which sources there are, with the form of each",
        who=Who.OWNER,
        answer=(ConnectorsOut,),
        handler=connectors,
    ),
    Endpoint(
        method="GET",
        path="/connections",
        name="connections.list",
        summary="Read the connections, and how they stand",
        who=Who.OWNER,
        answer=(ConnectionsOut,),
        handler=get_many,
    ),
    Endpoint(
        method="POST",
        path="/connections",
        name="connections.create",
        summary="Connect a source",
        who=Who.OWNER,
        body=(ConnectionNew,),
        answer=(ConnectionOut,),
        status=201,
        handler=create,
    ),
    Endpoint(
        method="GET",
        path="/connections/callback",
        name="connections.callback",
        summary="Come back from signing in at a source",
        description="The source sends the owner's browser here; it goes on to the page of sources.",
        who=Who.OWNER,
        any_query=True,
        status=303,
        answer_media="text/html",
        handler=callback,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}",
        name="connections.get",
        summary="Read a connection",
        who=Who.OWNER,
        answer=(ConnectionOut,),
        handler=get_one,
    ),
    Endpoint(
        method="PATCH",
        path="/connections/{id}",
        name="connections.update",
        summary="Change a connection, pause it, or give it another credential",
        who=Who.OWNER,
        body=(ConnectionChanges,),
        answer=(ConnectionOut,),
        handler=update,
    ),
    Endpoint(
        method="DELETE",
        path="/connections/{id}",
        name="connections.delete",
        summary="Disconnect a source",
        description="What it brought in stays, unless `data=delete`.",
        who=Who.OWNER,
        query=DisconnectQuery,
        answer=(Disconnected,),
        handler=disconnect,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/authorize",
        name="connections.authorize",
        summary="Begin to sign in at the source",
        who=Who.OWNER,
        body=(SignIn,),
        answer=(SignInOut,),
        handler=authorize,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/code",
        name="connections.code",
        summary="Finish signing in with a pasted code or address",
        who=Who.OWNER,
        body=(CodeIn,),
        answer=(ConnectionOut,),
        handler=code,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/sync",
        name="connections.sync",
        summary="Look for news now",
        who=Who.OWNER,
        answer=(JobOut,),
        status=202,
        handler=sync,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/retry",
        name="connections.retry",
        summary="Read again what was set aside, without asking the source",
        who=Who.OWNER,
        answer=(JobOut,),
        status=202,
        handler=retry,
    ),
    Endpoint(
        method="POST",
        path="/connections/{id}/push-token",
        name="connections.push_token",
        summary="Replace the push token",
        who=Who.OWNER,
        answer=(ConnectionOut,),
        handler=push_token,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}/coverage",
        name="connections.coverage",
        summary="Read which days have been fetched",
        who=Who.OWNER,
        query=StripQuery,
        answer=(CoverageOut,),
        handler=coverage,
    ),
    Endpoint(
        method="GET",
        path="/connections/{id}/runs",
        name="connections.runs",
        summary="Read what a connection brought in, and what could not be read",
        who=Who.OWNER,
        query=RunsQuery,
        answer=(RunsOut,),
        handler=runs,
    ),
)
