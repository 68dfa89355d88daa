"""The shapes of connections: what callers send and what we send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from diurnal.dialects.native import wire
from diurnal.model import time
from diurnal.model.events import seconds

if TYPE_CHECKING:
    from diurnal.services.connection_views import Seen, Strip
    from diurnal.services.sources import Declared
    from diurnal.store.batches import Stored as Batch

RUNS_MAX = 100
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
        set_aside: of the last batch; read them at `/imports/{batch}/aside`.
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


def connector(d: Declared, apps: set[str]) -> ConnectorOut:
    """Return a source in our shape."""
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


def connection(s: Seen, push: PushOut | None = None) -> ConnectionOut:
    """Return a connection in our shape."""
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


def run(b: Batch) -> RunOut:
    """Return what came on a day in our shape."""
    return RunOut(
        id=b.id,
        state=b.state,
        created=seconds(b.created),
        result=b.result,
        finished=_maybe(b.finished),
    )


def strip(s: Strip) -> StripOut:
    """Return what one pull covers in our shape."""
    return StripOut(
        pull=s.pull,
        first=time.day_text(s.first),
        days=s.days,
        stretches=[
            StretchOut(start=seconds(x.start), end=seconds(x.end), state=x.state, reason=x.reason)
            for x in s.stretches
        ],
    )
