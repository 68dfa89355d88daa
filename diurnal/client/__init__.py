"""A client of a Diurnal server: `Client`, and `AsyncClient` for asyncio.

It knows nothing of the server's own code, and needs only `httpx2`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from diurnal.client import asks
from diurnal.client.asks import Ask, Day, When
from diurnal.client.frames import Days, Events, Links, Series

__all__ = ["AsyncClient", "Client", "Days", "Events", "Links", "Refused", "Series"]

T = TypeVar("T")

TRIES = 3
WAIT_MAX_S = 30.0
PAGE = 1_000
LINKS = 1_000
_LATER = frozenset({429, 503})


class Refused(Exception):
    """The server said no.

    Attributes:
        code: the last part of the problem's type: `not-found`, `invalid-input`, …
        field: the member of the request that is to blame.
    """

    def __init__(self, status: int, code: str, detail: str, field: str | None) -> None:
        super().__init__(f"{status} {code}: {detail}" + (f" ({field})" if field else ""))
        self.status, self.code, self.detail, self.field = status, code, detail, field


def _request(ask: Ask[Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"params": dict(ask.params)}
    if ask.body is not None:
        given["json"] = ask.body
    return given


def _wait(ask: Ask[Any], answer: httpx2.Response, tried: int) -> float | None:
    """Return how long to wait before it is tried again, None where it is not.

    What writes is repeated only where the server took nothing of it.
    """
    if answer.status_code not in _LATER or tried >= TRIES:
        return None
    if answer.status_code == 503 and ask.method != "GET":
        return None
    told = answer.headers.get("retry-after", "1")
    return min(float(told), WAIT_MAX_S) if told.isdigit() else 1.0


def _read(ask: Ask[T], answer: httpx2.Response) -> T:
    if answer.is_success:
        plain = answer.headers.get("content-type", "").startswith("application/json")
        return ask.read(answer.json() if plain else answer.content)
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    code = str(problem.get("type", "")).rpartition(":")[2] or "unknown"
    raise Refused(answer.status_code, code, problem.get("detail", ""), problem.get("field"))


def _settings(url: str, token: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "base_url": f"{url.rstrip('/')}/api/v1",
        "headers": {"Authorization": f"Bearer {token}", "User-Agent": "diurnal-client"},
        "timeout": 60.0,
        **given,
    }


class Client:
    """Talks to a server with one token.

    Args:
        url: of the server, "https://diurnal.example.org".
        given: what `httpx2.Client` takes beside: `timeout`, `verify`, `transport`, …
    """

    def __init__(self, url: str, token: str, **given: Any) -> None:
        self._http = httpx2.Client(**_settings(url, token, given))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _run(self, ask: Ask[T]) -> T:
        tried = 0
        while True:
            tried += 1
            answer = self._http.request(ask.method, ask.path, **_request(ask))
            wait = _wait(ask, answer, tried)
            if wait is None:
                return _read(ask, answer)
            time.sleep(wait)

    def call(self, name: str, body: Any = None, **given: Any) -> Any:
        """Call any operation of the API by its name, as `client.call("goals.list")`.

        Raises:
            Refused: the server said no.
        """
        return self._run(asks.operation(name, body, **given))

    def days(
        self, measures: Iterable[str], start: Day | None = None, to: Day | None = None
    ) -> Days:
        """Return day values; today's where no days are given."""
        return self._run(asks.days(measures, start, to))

    def series(
        self,
        measure: str,
        start: When | None = None,
        to: When | None = None,
        *,
        width: str | None = None,
        buckets: int | None = None,
        source: str | None = None,
    ) -> Series:
        """Return points, or buckets of them; of the last day where no times are given."""
        return self._run(asks.series(measure, start, to, width, buckets, source))

    def events(
        self,
        start: When | None = None,
        to: When | None = None,
        *,
        measures: Iterable[str] = (),
        streams: Iterable[str] = (),
        types: Iterable[str] = (),
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Events:
        """Return a page of events, newest first."""
        return self._run(asks.events(start, to, measures, streams, types, limit, cursor))

    def every_event(self, **given: Any) -> Iterator[Mapping[str, Any]]:
        """Yield events of all pages; takes what `events` takes."""
        cursor: str | None = None
        while True:
            page = self.events(**given, cursor=cursor)
            yield from page
            cursor = page.next
            if cursor is None:
                return

    def links(self, measures: Iterable[str] = (), limit: int = LINKS) -> Links:
        """Return what goes with what."""
        return self._run(asks.links(measures, limit))

    def measures(self) -> dict[str, dict[str, Any]]:
        """Return what can be measured, by key."""
        return self._run(asks.measures())

    def say_day(self, measure: str, day: Day, value: float | str | bool) -> None:
        """Store the person's own word on a day, which counts before all else."""
        self._run(asks.say_day(measure, day, value))

    def add_events(self, new: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Store events; return them as they are kept."""
        return self._run(asks.add_events(new))

    def add_points(
        self, measure: str, source: str, points: Iterable[tuple[float, float]]
    ) -> dict[str, int]:
        """Store points (Unix seconds, value) of a series; return how many were new."""
        return self._run(asks.add_points(measure, source, points))


class AsyncClient:
    """The same for asyncio.

    Args:
        url: of the server, "https://diurnal.example.org".
        given: what `httpx2.AsyncClient` takes beside: `timeout`, `verify`, `transport`, …
    """

    def __init__(self, url: str, token: str, **given: Any) -> None:
        self._http = httpx2.AsyncClient(**_settings(url, token, given))

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _run(self, ask: Ask[T]) -> T:
        tried = 0
        while True:
            tried += 1
            answer = await self._http.request(ask.method, ask.path, **_request(ask))
            wait = _wait(ask, answer, tried)
            if wait is None:
                return _read(ask, answer)
            await asyncio.sleep(wait)

    async def call(self, name: str, body: Any = None, **given: Any) -> Any:
        """See `Client.call`."""
        return await self._run(asks.operation(name, body, **given))

    async def days(
        self, measures: Iterable[str], start: Day | None = None, to: Day | None = None
    ) -> Days:
        """See `Client.days`."""
        return await self._run(asks.days(measures, start, to))

    async def series(
        self,
        measure: str,
        start: When | None = None,
        to: When | None = None,
        *,
        width: str | None = None,
        buckets: int | None = None,
        source: str | None = None,
    ) -> Series:
        """See `Client.series`."""
        return await self._run(asks.series(measure, start, to, width, buckets, source))

    async def events(
        self,
        start: When | None = None,
        to: When | None = None,
        *,
        measures: Iterable[str] = (),
        streams: Iterable[str] = (),
        types: Iterable[str] = (),
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Events:
        """See `Client.events`."""
        return await self._run(asks.events(start, to, measures, streams, types, limit, cursor))

    async def every_event(self, **given: Any) -> AsyncIterator[Mapping[str, Any]]:
        """See `Client.every_event`."""
        cursor: str | None = None
        while True:
            page = await self.events(**given, cursor=cursor)
            for event in page:
                yield event
            cursor = page.next
            if cursor is None:
                return

    async def links(self, measures: Iterable[str] = (), limit: int = LINKS) -> Links:
        """See `Client.links`."""
        return await self._run(asks.links(measures, limit))

    async def measures(self) -> dict[str, dict[str, Any]]:
        """See `Client.measures`."""
        return await self._run(asks.measures())

    async def say_day(self, measure: str, day: Day, value: float | str | bool) -> None:
        """See `Client.say_day`."""
        await self._run(asks.say_day(measure, day, value))

    async def add_events(self, new: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """See `Client.add_events`."""
        return await self._run(asks.add_events(new))

    async def add_points(
        self, measure: str, source: str, points: Iterable[tuple[float, float]]
    ) -> dict[str, int]:
        """See `Client.add_points`."""
        return await self._run(asks.add_points(measure, source, points))
