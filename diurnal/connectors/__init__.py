"""Connectors: one file per source, found by scanning for `CONNECTOR`.

A connector declares itself on top and gives functions; the host owns files, network, tokens,
retries, quotas, schedule, progress and storage. Whatever the way in (`parse` a file, `pull` an
API, `receive` a push), it yields the same `model.records` items, so that all ways of one source
meet in the same rows. It gets no database, and no network but `Http`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Literal, Protocol

import msgspec

from diurnal.errors import InvalidInput
from diurnal.model.records import Item
from diurnal.model.time import DAY, SECOND, day_text

Options = Mapping[str, Any]
"""The connection's settings by `Setting.key`; defaults filled in."""


class Tables(Protocol):
    """The tables of a SQLite file; a file made to do harm does none."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all tables."""
        ...

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the names of a table's columns; none where there is no such table."""
        ...

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table as they lie there; None for a column that it has not.

        Raises:
            InvalidInput: the file is damaged.
        """
        ...


def _no_tables() -> AbstractContextManager[Tables]:
    raise InvalidInput("databases are not read here")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file, or one member of an archive, that somebody dropped.

    Attributes:
        path: name with folders, `/`-separated, as in the archive.
        size: bytes when unpacked.
        head: the first 64 KiB.
        open: open the whole from its beginning; each call gives a new reader. Readers enforce
            the host's size limits and raise `TooLarge`.
        siblings: every entry of the same drop by path, this one included.
        tables: open it as a SQLite file.
    """

    path: str
    size: int
    head: bytes
    open: Callable[[], BinaryIO]
    siblings: Mapping[str, Entry]
    tables: Callable[[], AbstractContextManager[Tables]] = _no_tables

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


# Declarations


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the owner says when connecting; all of them make a form.

    Attributes:
        key: name in `Options`.
        kind: `secret` is sealed and never shown again; `url` is an address of the owner's own
            server (with the key `url` it becomes what `Http` asks); `list` is a list of texts.
        default: taken when the owner says nothing; None leaves the key out.
        choices: the only values, if given.
    """

    key: str
    label: str
    kind: Literal["text", "number", "boolean", "secret", "url", "list"] = "text"
    help: str = ""
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What opens an API.

    Attributes:
        access: sent with each request.
        expires_s: seconds from now; None where it does not expire.
        refresh: gets the next one.
        extra: what else the answer told and later requests need (a user id); sealed, too.
    """

    access: str
    refresh: str | None = None
    expires_s: int | None = None
    extra: dict[str, Any] = {}


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A credential that the owner makes at the source and pastes.

    Attributes:
        label, help: for the form: what it is called there, and where to get it.
        place: where requests carry it: `bearer`, a `header` or `query` member called `name`,
            or the password of `basic` whose user is the option called `name`.
        optional: the source also answers without.
        exchange: turns the key into a token of short life (called anew when that ends).
    """

    label: str
    help: str = ""
    place: Literal["bearer", "header", "query", "basic"] = "bearer"
    name: str = ""
    optional: bool = False
    exchange: Callable[[Http, str], Token] | None = None


class OAuth2(msgspec.Struct, frozen=True, kw_only=True):
    """The authorization code grant, as this source has it.

    Attributes:
        scope_separator: between scopes in the address.
        pkce: whether it takes a challenge (S256).
        client_auth: how the application names itself at `token_url`: members of the body, or
            HTTP Basic.
        authorize_params, token_params: sent besides the standard members.
        envelope: member of the answer that holds the token, where it is not the answer itself.
        refresh_url: where it is not `token_url`.
        keep: members of the answer that later requests need (`Http.token.extra`).
        register: called once with the first token (Polar wants its users registered).
        help: where and how the owner makes an application, one sentence and an address.
    """

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    pkce: bool = False
    client_auth: Literal["body", "basic"] = "body"
    authorize_params: Mapping[str, str] = {}
    token_params: Mapping[str, str] = {}
    envelope: str = ""
    refresh_url: str = ""
    keep: tuple[str, ...] = ()
    register: Callable[[Http, Options], None] | None = None
    help: str = ""


class Quota(msgspec.Struct, frozen=True):
    """At most `calls` requests in any `per_s` seconds; the host waits, or goes on later."""

    calls: int
    per_s: int


# Pulling


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What one call of a pull is to bring: instants from `start` up to, not including, `end`.

    The host makes windows of whole UTC days, newest first, and looks again a few days back for
    what was re-scored. Fetch all local days that touch it; more than it holds does no harm.

    Attributes:
        start, end: microseconds UTC.
        cursor: of pulls by cursor: what the last call yielded as `Cursor`, None the first time.
    """

    start: int
    end: int
    cursor: str | None = None

    @property
    def first_day(self) -> str:
        """The first day, like 2026-11-21."""
        return day_text(self.start // DAY)

    @property
    def last_day(self) -> str:
        """The last day, which still belongs to the window."""
        return day_text(max(self.end - 1, self.start) // DAY)

    @property
    def end_day(self) -> str:
        """The day after the last, for APIs whose end is exclusive."""
        return day_text(max(self.end - 1, self.start) // DAY + 1)

    @property
    def days(self) -> Iterator[str]:
        """All its days, the newest first, for APIs that are asked day by day."""
        for day in range(max(self.end - 1, self.start) // DAY, self.start // DAY - 1, -1):
            yield day_text(day)

    @property
    def start_s(self) -> int:
        """The start, Unix seconds."""
        return self.start // SECOND

    @property
    def end_s(self) -> int:
        """The end, Unix seconds."""
        return self.end // SECOND

    @property
    def start_text(self) -> str:
        """The start like 2026-11-21T00:00:00Z."""
        return _instant(self.start)

    @property
    def end_text(self) -> str:
        """The end like 2026-11-22T00:00:00Z."""
        return _instant(self.end)


def _instant(at: int) -> str:
    day, rest = divmod(at // SECOND, 86_400)
    return f"{day_text(day)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the source, whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            Upstream: it is no JSON.
        """
        from diurnal.connectors._answers import decode

        return decode(self)


class Http(Protocol):
    """The network as a connector has it: one source's hosts, with the connection's credential.

    Every call retries what may be retried (429 and 503 by `Retry-After`), counts against the
    quotas, refreshes the token when it is refused, keeps the answer for replay, and ends by the
    job's deadline. A path begins with `/` and is asked of the connector's `base_url`; a whole
    address must be of one of its `hosts`. None in `params` is left out; a list is repeated.

    A status of 400 or more raises `errors.Upstream`, but for those named in `accept`.
    """

    @property
    def token(self) -> Token:
        """The credential of this connection; needed only where a path or body carries it."""
        ...

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Any:
        """Return the JSON that GET answers; None where it is empty (204)."""
        ...

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """Send any request and return its answer as it is.

        Args:
            text: a body that is neither a form nor JSON; the headers say what it is.
        """
        ...

    def pages(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        token: tuple[str, str] | None = None,
        offset: tuple[str, str, str] | None = None,
        page: tuple[str, int] | None = None,
        skip: str | None = None,
        size: int | None = None,
        items: str = "",
        link: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """Yield the JSON of every page: GET, or POST where there is a `form`.

        Exactly one of these says how to go on; a page that comes again ends the job with an
        error, for it would never end.

        Args:
            token: (member of the answer, parameter to send it as), until it is empty.
            offset: (member with the next offset, parameter, member that says there is more).
            page: (parameter, first number): counts pages until `items` holds fewer than `size`.
            skip: parameter that says after how many items to begin; until the same.
            size: how many items a full page has.
            items: member that holds the items, dotted; "" where the answer is the list.
            link: follow `Link: <…>; rel="next"`.
        """
        ...


class Cursor(msgspec.Struct, frozen=True):
    """Yielded by a pull by cursor, last: where the next call begins. Kept with the records."""

    value: str


class Missing(msgspec.Struct, frozen=True):
    """Yielded by a pull: the source will not give what lies between, and why; microseconds."""

    start: int
    end: int
    reason: str


class Gone(msgspec.Struct, frozen=True):
    """The source says that it deleted a datum; `source` is the name of its `Source`."""

    source: str
    source_id: str


class Refetch(msgspec.Struct, frozen=True):
    """Yielded by `receive`: something changed between two instants; pull it (again).

    Attributes:
        pull: name of the `Pull`, "" for all.
    """

    start: int
    end: int
    pull: str = ""


Pulled = Item | Cursor | Missing | Gone
Received = Item | Gone | Refetch


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of data of an API: it has a ledger of what has been fetched.

    Attributes:
        fetch: yields the records of a window. What it raises while reading an answer
            (`KeyError`, `TypeError`, `ValueError`) counts as an answer that was not understood:
            the window stays open and the reason is shown. A bad row is better yielded as `Bad`.
        by: `window`: asks for a stretch of time. `cursor`: the source knows what changed since
            (`Cursor`). `latest`: the source gives only its newest; a stretch that fell between
            two calls is lost and shows as a gap.
        slice_days: the longest window.
        overlap_days: how far back every run looks again, for what was re-scored.
        history_days: how far back the source gives anything; None for all.
        complete: a fetched window is whole: what it no longer holds is deleted here, too.
        every_s: how often at best; the connector's `every_s` where None.
        places: `options["places"]` is to hold where the person was: (day, latitude, longitude)
            of the window's days, as far as they are known.
    """

    name: str
    fetch: Callable[[Http, Window, Options], Iterator[Pulled]]
    by: Literal["window", "cursor", "latest"] = "window"
    slice_days: int = 30
    overlap_days: int = 3
    history_days: int | None = None
    complete: bool = False
    every_s: int | None = None
    places: bool = False


# Being pushed to


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender posted.

    Attributes:
        headers: by name in lower case, without credentials.
        query: the address's parameters, without the token.
        at: when it came, microseconds UTC.
    """

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    at: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender expects to hear."""

    status: int = 200
    type: str = "application/json"
    body: bytes = b"{}"


class Receive(msgspec.Struct, frozen=True, kw_only=True):
    """A push door. The host checks the token, keeps the body, answers, and reads it in the worker.

    Attributes:
        read: yields what a delivery holds; what it raises (`ValueError`, `KeyError`, `TypeError`,
            `InvalidInput`) sets the delivery aside with its reason.
        reply: said once the delivery is durable.
        greet: answers GET or HEAD (the challenge of a webhook); None answers them with `reply`.
        check: refuses at once what can never be read, with `InvalidInput`; it must be quick.
    """

    read: Callable[[Delivery, Options], Iterator[Received]]
    reply: Reply = Reply()
    greet: Callable[[Delivery, Options], Reply] | None = None
    check: Callable[[Delivery, Options], None] | None = None


NOT_UNDERSTOOD = (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError)
"""What a connector raises where data are not what it expects."""


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """Code for one source.

    Attributes:
        name: the module's name; `--source` takes it.
        docs: address of the source's own page about the format or the API.
        emits: keys of the measures it may yield; a test compares.
        recognise: how sure it is that it can read an entry, 0 (no) to 1; sees names and heads.
        parse: read one recognised entry; options are the guided mapping's or {}.
        members: whether other entries of the drop are read through the recognised one and must
            not be reported as unknown (`path -> bool`).
        auth: how `pull` signs in; None where the source is open.
        base_url: what paths are asked of; "" where the owner says it (`Setting` called `url`).
        hosts: other hosts that it may ask.
        settings: what the owner says when connecting; for `pull` and `receive`.
        pulls: the kinds of data of its API.
        quotas: of the API, for one application; all connections of the server share them.
        every_s: how often to look for news.
        status_of: the status that an answer means, where the source says it in the body.
        receive: a push door.
    """

    name: str
    title: str
    docs: str
    emits: frozenset[str] | None = None
    recognise: Callable[[Entry], float] | None = None
    parse: Callable[[Entry, Mapping[str, Any]], Iterator[Item]] | None = None
    members: Callable[[str], bool] | None = None
    auth: Key | OAuth2 | None = None
    base_url: str = ""
    hosts: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    pulls: tuple[Pull, ...] = ()
    quotas: tuple[Quota, ...] = ()
    every_s: int = 3_600
    status_of: Callable[[Answer], int] | None = None
    receive: Receive | None = None
