"""The network as a connector has it: one source, one credential, everything counted and bounded."""

from __future__ import annotations

import base64
import time as stopwatch
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import stamina
import stamina.instrumentation

from diurnal.connectors import Answer, Connector, Key, OAuth2, Options, Token
from diurnal.connectors._answers import decode
from diurnal.connectors._paging import pages
from diurnal.errors import InvalidInput, Upstream
from diurnal.outbound import Failed
from diurnal.services import jobs, source_tokens, upstreams
from diurnal.services.context import Context
from diurnal.services.source_tokens import Held, SignInAgain
from diurnal.services.upstreams import Enough, Later
from diurnal.store import connections
from diurnal.store import upstreams as upstream_store

if TYPE_CHECKING:
    from diurnal.outbound.client import Client

TRIES_MAX = 5
RETRY_FIRST_S = 0.5
RETRY_MAX_S = 10.0
WAIT_MAX_S = 20
"""A source that asks for more patience is asked again in a later run."""
RETRY_AFTER_MAX_S = 6 * 3_600
"""However long a source asks us to wait, it is tried again after this."""
REDIRECTS_MAX = 3
ANSWER_S_MAX = 60.0
SHORT_S = 10.0
SHOWN_MAX = 160
MORE = "there is more to fetch; it goes on in the next run"
_AGAIN = frozenset({429, 500, 502, 503, 504})


# What a source answers is its owner's; no log tells of it.
stamina.instrumentation.set_on_retry_hooks(())


class _Retry(Exception):
    """This attempt came to nothing; `wait_s` where the source said how long to wait."""

    def __init__(self, reason: Exception, wait_s: float | None = None) -> None:
        super().__init__(str(reason))
        self.reason, self.wait_s = reason, wait_s


class SourceHttp:
    """`connectors.Http` of one connection, for one run.

    Args:
        deadline: monotonic seconds at which the run must have ended.
        share: of the quotas that this run may use up.
        keep: is told of every good answer.
    """

    def __init__(
        self,
        ctx: Context,
        connector: Connector,
        account_id: int,
        connection_id: str,
        options: Options,
        client: Client,
        *,
        deadline: float,
        stopping: Callable[[], bool] = lambda: False,
        keep: Callable[[str, Answer], None] = lambda _request, _answer: None,
    ) -> None:
        self.client = client
        self.share = 1.0
        self.keep = keep
        self._ctx, self._connector, self._options = ctx, connector, options
        self._account_id, self._id = account_id, connection_id
        self._deadline, self._stopping = deadline, stopping
        self._base = base_of(ctx, connector, options)
        self._hosts = {urlsplit(self._base).netloc, *connector.hosts}
        self._name = connector.name if connector.base_url else f"{connector.name} {self._base}"
        self._held: Held | None = None
        self._got = -1
        self._granted = 0
        self._key = ""
        if isinstance(connector.auth, Key):
            self._key = _key(ctx, account_id, connection_id)

    # As connectors see it

    @property
    def token(self) -> Token:
        """See `Http.token`."""
        auth = self._connector.auth
        if isinstance(auth, Key) and auth.exchange is None:
            return Token(access=self._key)
        return self._current().token

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Any:
        """See `Http.get`."""
        return decode(self.send("GET", path, params, headers=headers, accept=accept))

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
        """See `Http.send`."""
        sent, body = _encoded(headers, form=form, json=json, text=text)
        url = self._url(path)
        query = _plain(params or {})
        for _ in range(REDIRECTS_MAX + 1):
            answer = self._signed(method, url, query, sent, body)
            location = answer.headers.get("location")
            if not 300 <= answer.status < 400 or answer.status == 304 or not location:
                break
            if method != "GET":
                raise Upstream(f"{self._connector.title} sends us elsewhere", permanent=True)
            url, query = self._url(urljoin(url, location)), {}
        else:
            raise Upstream(f"{self._connector.title} sends us in circles", permanent=True)
        if answer.status >= 400 and answer.status not in accept:
            raise Upstream(self._words(answer), permanent=answer.status not in (408, 409, 425))
        self.keep(f"{method} {urlsplit(url).path}", answer)
        return answer

    def pages(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> Iterator[Any]:
        """See `Http.pages`."""
        if form is not None:
            return pages(
                lambda p, more: self.send("POST", p, params, form=more, headers=headers),
                path,
                form,
                **how,
            )
        return pages(
            lambda p, q: self.send("GET", p, q, headers=headers), path, params or {}, **how
        )

    # Addresses

    def _url(self, path: str) -> str:
        if path.startswith("/") and not path.startswith("//"):
            return self._base + path
        parts = urlsplit(path)
        own = urlsplit(self._connector.base_url).netloc
        if (
            parts.netloc == urlsplit(self._base).netloc
            and parts.scheme == urlsplit(self._base).scheme
        ):
            return path
        if parts.scheme != "https" or parts.netloc not in {*self._connector.hosts, own} - {""}:
            raise Upstream(
                f"{self._connector.title} names {parts.netloc or 'no host'!r}, which is none of "
                "its own",
                permanent=True,
            )
        return source_tokens.replaced(self._ctx, self._connector, path)

    # One request, until it is answered

    def _signed(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        """Send with the credential; once more with a new one where it is refused."""
        for last in (False, True):
            held = self._current() if self._rotates else None
            signed, params = self._sign(held, headers, query)
            answer = self._until_answered(method, url, params, signed, body)
            if answer.status != 401:
                return answer
            if last or held is None:
                break
            self._held = self._renewed(held.n)
        reason = f"{self._connector.title} does not take the credential any more"
        source_tokens.lose(self._ctx, self._account_id, self._id, reason)
        raise SignInAgain(reason)

    @property
    def _rotates(self) -> bool:
        auth = self._connector.auth
        return isinstance(auth, OAuth2) or (isinstance(auth, Key) and auth.exchange is not None)

    def _current(self) -> Held:
        if self._held is None:
            self._held = source_tokens.current(self._ctx, self._account_id, self._id)
        held = self._held
        if held is None:
            held = self._held = self._renewed(0)
        # One that we have just got is as good as it gets, however short its life.
        early = 0 if held.n == self._got else source_tokens.EARLY
        if source_tokens.stale(self._ctx, held, early=early):
            held = self._held = self._renewed(held.n)
        return held

    def _renewed(self, seen: int) -> Held:
        plain = _Unsigned(self)
        held = source_tokens.renew(
            self._ctx, self._account_id, self._id, self._connector, plain, seen
        )
        self._got = held.n
        return held

    def _sign(
        self, held: Held | None, headers: Mapping[str, str], query: Mapping[str, Any]
    ) -> tuple[dict[str, str], dict[str, Any]]:
        signed, params = dict(headers), dict(query)
        auth = self._connector.auth
        if held is not None:
            signed["Authorization"] = f"Bearer {held.token.access}"
        elif isinstance(auth, Key) and self._key:
            if auth.place == "bearer":
                signed["Authorization"] = f"Bearer {self._key}"
            elif auth.place == "header":
                signed[auth.name] = self._key
            elif auth.place == "query":
                params[auth.name] = self._key
            else:
                pair = f"{self._options.get(auth.name, '')}:{self._key}"
                signed["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return signed, params

    def _until_answered(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        left = self._left()
        try:
            for attempt in stamina.retry_context(
                on=_wait_of,
                attempts=TRIES_MAX,
                timeout=left,
                wait_initial=RETRY_FIRST_S,
                wait_max=RETRY_MAX_S,
                wait_jitter=RETRY_FIRST_S,
            ):
                with attempt:
                    return self._once(method, url, query, headers, body)
        except _Retry as error:
            if isinstance(error.reason, Later):
                raise error.reason from None
            raise Later(error.reason.args[0], retry_after_s=60) from error.reason
        raise Later("the source was not asked", retry_after_s=60)

    def _once(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        ctx, name = self._ctx, self._name
        seconds = min(self._left(), ANSWER_S_MAX)
        self._count()
        try:
            said = self.client.request(
                method, url, params=query, headers=headers, body=body, seconds_max=seconds
            )
        except Failed as error:
            if seconds < SHORT_S and self._deadline - stopwatch.monotonic() < RETRY_FIRST_S:
                # It was our time that was up, not the source's patience.
                raise Enough(MORE, retry_after_s=1) from error
            ctx.store.write(lambda tx: upstreams.failed(tx, ctx, name)).result()
            raise _Retry(error) from error
        answer = Answer(status=said.status, headers=said.headers, body=said.body)
        if self._connector.status_of is not None:
            answer = msgspec.structs.replace(answer, status=self._connector.status_of(answer))
        if answer.status >= 500:
            ctx.store.write(lambda tx: upstreams.failed(tx, ctx, name)).result()
        elif ctx.store.read(lambda tx: upstream_store.get(tx, name)).failures:
            ctx.store.write(lambda tx: upstreams.answered(tx, name)).result()
        if answer.status in _AGAIN or answer.status >= 500:
            wait = _retry_after(answer, ctx.now())
            reason: Exception = Upstream(self._words(answer))
            if answer.status == 429 or wait is not None:
                self._granted = 0
                reason = Later(
                    self._words(answer), retry_after_s=min(wait or 60, RETRY_AFTER_MAX_S)
                )
            if wait is not None and wait > min(WAIT_MAX_S, self._left()):
                raise reason
            raise _Retry(reason, wait)
        return answer

    def _count(self) -> None:
        """Let one request pass: the source answers at all, and its quota has room."""
        ctx = self._ctx
        if ctx.store.read(lambda tx: upstream_store.get(tx, self._name)).failures:
            ctx.store.write(lambda tx: upstreams.check(tx, ctx, self._name)).result()
        if not self._connector.quotas:
            return
        if self._granted < 1:
            self._granted = ctx.store.write(
                lambda tx: upstreams.take(
                    tx, ctx, self._name, self._connector.quotas, share=self.share
                )
            ).result()
        self._granted -= 1

    def release(self) -> None:
        """Give back what was taken of the quota and not used."""
        n, self._granted = self._granted, 0
        if n and self._connector.quotas:
            self._ctx.store.write(
                lambda tx: upstreams.give_back(tx, self._name, self._connector.quotas, n)
            ).result()

    def _left(self) -> float:
        if self._stopping():
            raise jobs.Stopped
        left = self._deadline - stopwatch.monotonic()
        if left <= 0:
            raise Enough(MORE, retry_after_s=1)
        return left

    def _words(self, answer: Answer) -> str:
        """Return what went wrong, without anything secret that the source may repeat."""
        text = " ".join(answer.body[:2_000].decode("utf-8", "replace").split())
        secret = [self._key, *([self._held.token.access] if self._held else [])]
        hidden = any(s and s in text for s in secret) or "<" in text[:20]
        shown = "" if hidden or not text else f": {text[:SHOWN_MAX]}"
        return f"{self._connector.title} answered {answer.status}{shown}"


class _Unsigned:
    """`Http` without a credential, for trading a key for a token."""

    def __init__(self, http: SourceHttp) -> None:
        self._http = http
        self.client = http.client

    @property
    def token(self) -> Token:
        raise SignInAgain("there is no token yet")

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        """Send once; a refusal is the owner's to hear."""
        sent, body = _encoded(headers, form=form, json=json)
        http = self._http
        answer = http._until_answered(method, http._url(path), _plain(params or {}), sent, body)
        if answer.status in (400, 401, 403) and answer.status not in accept:
            raise SignInAgain(f"{http._connector.title} does not take the key")
        if answer.status >= 400 and answer.status not in accept:
            raise Upstream(http._words(answer))
        return answer

    def get(self, path: str, params: Mapping[str, Any] | None = None, **how: Any) -> Any:
        """See `Http.get`."""
        return decode(self.send("GET", path, params, **how))

    def pages(self, *_: Any, **__: Any) -> Iterator[Any]:
        """Refuse: there is nothing to page through."""
        raise InvalidInput("a token has no pages")


def open_http(
    ctx: Context,
    connector: Connector,
    account_id: int,
    connection_id: str,
    options: Options,
    client: Client,
    *,
    seconds: float = 60.0,
) -> SourceHttp:
    """Return the client of a connection for a short call, outside of a run."""
    end = stopwatch.monotonic() + seconds
    return SourceHttp(ctx, connector, account_id, connection_id, options, client, deadline=end)


def base_of(ctx: Context, connector: Connector, options: Options) -> str:
    """Return scheme and host (and path, of an own server) that a connector's paths are asked of.

    Raises:
        InvalidInput: the owner has not said which server.
    """
    told = ctx.settings.connectors.get(connector.name)
    if told is not None and told.base_url:
        return told.base_url + urlsplit(connector.base_url).path.rstrip("/")
    base = connector.base_url or str(options.get("url") or "")
    if not base:
        raise InvalidInput("the address of the server is needed", field="url")
    return base.rstrip("/")


def _key(ctx: Context, account_id: int, id_: str) -> str:
    c = ctx.store.read(lambda tx: connections.get(tx, account_id, id_))
    return "" if c is None else str(source_tokens.secrets_of(ctx, c).get("key", ""))


def _wait_of(error: Exception) -> bool | float:
    if not isinstance(error, _Retry):
        return False
    return True if error.wait_s is None else error.wait_s


def _retry_after(answer: Answer, now: int) -> int | None:
    """Return seconds of `Retry-After`, as a number or a date."""
    told = answer.headers.get("retry-after", "").strip()
    if told.isascii() and told.isdigit():
        return min(int(told[:12]), RETRY_AFTER_MAX_S)
    try:
        until = parsedate_to_datetime(told) if told else None
    except ValueError:
        return None
    if until is None:
        return None
    moment = until if until.tzinfo else until.replace(tzinfo=UTC)
    wait = (moment - datetime.fromtimestamp(now / 1_000_000, UTC)).total_seconds()
    return min(max(int(wait), 0), RETRY_AFTER_MAX_S)


def _encoded(
    headers: Mapping[str, str] | None,
    *,
    form: Mapping[str, Any] | None = None,
    json: Any = None,
    text: str | None = None,
) -> tuple[dict[str, str], bytes | None]:
    """Return the headers and the body of a request."""
    sent = {"Accept": "application/json", **(headers or {})}
    if form is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        return sent, urlencode(_plain(form), doseq=True).encode()
    if json is not None:
        sent["Content-Type"] = "application/json"
        return sent, msgspec.json.encode(json)
    return sent, None if text is None else text.encode()


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are sent: none that is None, booleans in lower case."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in params.items()
        if value is not None
    }
