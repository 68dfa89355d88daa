"""What holds for every connector that asks an API, whichever it is.

An author writes nothing here: a recorded answer (`tests/recordings/NAME.json`) is enough. The
service on this machine plays it back, well at first and then as badly as it can.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from diurnal import catalog, plugins
from diurnal.connectors import Connector, Key, OAuth2
from diurnal.model.access import Access
from diurnal.model.records import Datum, DayDatum, OwnMeasure, Points
from diurnal.model.time import DAY, HOUR, day_text, micros
from diurnal.services import connections, events, imports, series, source_http
from diurnal.services.arrivals import Arrivals
from diurnal.services.context import Context
from diurnal.services.upstreams import AppKeys
from diurnal.store import connections as store
from diurnal.store import days as day_store
from diurnal.store.connections import Stored
from tests.clock import Clock
from tests.connectors.reading import DATA
from tests.services.syncing import Asked, Said, Upstream, pointed, run, use

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)
RECORDED = sorted((DATA.parent / "recordings").glob("*.json"))
NAMES = [path.stem for path in RECORDED]
BACK = "http://127.0.0.1:8400/api/v1/connections/callback"


@pytest.fixture
def engine() -> str:
    """One: connectors know nothing of it."""
    return "sqlite"


class Recorded:
    """A source that answers what was recorded, whatever stretch it is asked for."""

    def __init__(self, connector: Connector, path: Path) -> None:
        self.said: dict[str, Any] = json.loads(path.read_text())
        self.connector, self.folder = connector, DATA / path.stem
        self.tokens = 0
        self.refuse = False
        auth = connector.auth
        self.token_path = urlsplit(auth.token_url).path if isinstance(auth, OAuth2) else None

    def __call__(self, asked: Asked) -> Said:
        if asked.path == self.token_path:
            return self.token()
        given = {
            **asked.query,
            **(asked.form if asked.method == "POST" and asked.body[:1] != b"{" else {}),
        }
        for answer in self.said["answers"]:
            wanted = answer.get("query", {})
            if answer["path"] in ("", asked.path) and all(
                given.get(k) == v for k, v in wanted.items()
            ):
                if "text" in answer:
                    return Said(answer["text"].encode())
                body = filled(answer["body"], str(self.folder))
                return Said(body, answer.get("status", 200))
        return Said({"error": f"nothing recorded of {asked.path}"}, 404)

    def token(self) -> Said:
        """Answer the token endpoint; a refresh token that was used is dead."""
        auth = self.connector.auth
        assert isinstance(auth, OAuth2)
        if self.refuse:
            told: Any = {"error": "invalid_grant"}
            return Said({"status": 401, **told}, 200 if auth.envelope else 400)
        self.tokens += 1
        told = {
            "access_token": f"a{self.tokens}",
            "refresh_token": f"r{self.tokens}",
            "expires_in": 86_400,
            **dict.fromkeys(auth.keep, 123),
        }
        return Said({"status": 0, auth.envelope: told} if auth.envelope else told)


def filled(value: Any, folder: str) -> Any:
    """Return a body with the files in it that it names."""
    if isinstance(value, str) and value.startswith("file:"):
        return named(folder, value.removeprefix("file:"))
    if isinstance(value, dict):
        return {k: filled(v, folder) for k, v in value.items()}
    return [filled(v, folder) for v in value] if isinstance(value, list) else value


@lru_cache
def named(folder: str, text: str) -> Any:
    """Return what `file.json`, `file.zip#member@path[first:last]` names."""
    where, _, part = text.partition("[")
    where, _, inner = where.partition("@")
    file, _, member = where.partition("#")
    path = Path(folder, file)
    if member:
        with zipfile.ZipFile(path) as archive:
            raw = archive.read(next(n for n in archive.namelist() if n.endswith(member)))
    else:
        raw = path.read_bytes()
    value = json.loads(raw)
    for name in inner.split(".") if inner else ():
        value = value[name]
    if part:
        first, _, last = part.rstrip("]").partition(":")
        value = value[int(first or 0) : int(last)]
    return value


@pytest.fixture(params=RECORDED, ids=NAMES)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Each connector with what was recorded of its source; quotas have their own tests."""
    connector = msgspec.structs.replace(CONNECTORS[request.param.stem], quotas=())
    use(monkeypatch, connector)
    return Recorded(connector, request.param)


@pytest.fixture
def server(source: Recorded) -> Iterator[Upstream]:
    made = Upstream(source)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_http, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(source_http, "RETRY_MAX_S", 0.002)


@pytest.fixture
def here(ctx: Context, source: Recorded, server: Upstream, clock: Clock) -> Context:
    clock.set(micros(datetime.fromisoformat(source.said["now"])))
    return pointed(ctx, server.url, source.connector.name)


def connected(ctx: Context, owner: Access, source: Recorded, server: Upstream) -> Stored:
    """Connect and sign in, as the source wants it."""
    connector = source.connector
    since = day_text(ctx.now() // DAY - 12)
    given = {
        k: server.url if v == "SERVER" else v for k, v in source.said.get("options", {}).items()
    }
    if any(p.by != "latest" for p in connector.pulls):
        given["since"] = since
    auth = connector.auth
    wish = connections.prepare(
        ctx,
        connector,
        given,
        key="the-key" if isinstance(auth, Key) else None,
        app=AppKeys("id", "secret") if isinstance(auth, OAuth2) else None,
    )
    c = ctx.store.write(lambda tx: connections.create(tx, ctx, owner, connector, wish)).result()[0]
    if isinstance(auth, OAuth2):
        _, state = ctx.store.write(
            lambda tx: connections.authorize(tx, ctx, owner, c.id, BACK)
        ).result()
        c = connections.signed_in(ctx, owner, c.id, "code", state)
    return c


def dump(ctx: Context, owner: Access) -> Any:
    """Return all that is stored of an account."""
    found = ctx.store.read(lambda tx: events.find(tx, ctx, owner))
    rows = [json.loads(f"{e.body[:-1]},{e.tail}") for e in found]
    told = sorted(
        json.dumps({k: e.get(k) for k in ("type", "time", "duration", "content", "sourceId")})
        for e in rows
    )
    points = ctx.store.read(lambda tx: series.listed(tx, ctx, owner))
    measured = sorted((s.measure, s.source, s.n, s.first, s.last) for s in points)
    values = ctx.store.read(
        lambda tx: [
            (m, r.day, r.source, r.value)
            for m in sorted(catalog.MEASURES)
            for r in day_store.rows(tx, owner.account_id, m, 0, 40_000)
        ]
    )
    return told, measured, values


def until_calm(ctx: Context, c: Stored, clock: Clock) -> None:
    """Run until nothing is wrong; that takes a few looks, never many."""
    for _ in range(8):
        clock.tick(2 * HOUR)
        if run(ctx, c, force=True).problem is None:
            return
    raise AssertionError("it never recovers")


def test_every_source_that_is_asked_was_recorded() -> None:
    assert set(NAMES) == {name for name, c in CONNECTORS.items() if c.pulls}


def test_it_comes_once_however_often_it_is_fetched(
    here: Context,
    alice: Access,
    source: Recorded,
    server: Upstream,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Any] = []
    take = Arrivals.take
    monkeypatch.setattr(
        Arrivals, "take", lambda self, item: (taken.append(item), take(self, item))[1]
    )
    c = connected(here, alice, source, server)
    first = run(here, c)
    assert first.problem is None
    assert first.result is not None
    asides = here.store.read(lambda tx: imports.aside(tx, alice, first.result.batch))
    assert [(a.place, a.reason) for a in asides] == []
    assert first.result.new > 0
    before = dump(here, alice)
    clock.tick(2 * HOUR)
    second = run(here, c, force=True)
    assert second.result is not None
    assert (second.result.new, second.result.changed) == (0, 0)
    assert dump(here, alice) == before
    emits = source.connector.emits
    own = {i.key for i in taken if isinstance(i, OwnMeasure)}
    for item in taken:
        if isinstance(item, Points | Datum | DayDatum) and item.measure is not None:
            assert item.measure in catalog.MEASURES or item.measure in own
            assert emits is None or item.measure in emits | own


def faults() -> Iterator[Said]:
    """Yield what can go wrong, again and again."""
    return cycle(
        [
            Said(b"", 500),
            Said(b"slower", 429, headers={"Retry-After": "0"}),
            Said(b'{"data": [{"id": 1, "da', cut=15),
            Said(b'{"data": [{"id": 1, "da'),
            Said(b"<html><title>Sign in</title></html>"),
            Said(b"", 503, headers={"Retry-After": "0"}),
            Said(b'{"data": [{"x": NaN}]}'),
            Said(b'{"data": 1', length=4_000, cut=10),
        ]
    )


def test_a_storm_loses_nothing_and_doubles_nothing(
    here: Context, alice: Access, charlie: Access, source: Recorded, server: Upstream, clock: Clock
) -> None:
    calm = connected(here, alice, source, server)
    assert run(here, calm).problem is None
    c = connected(here, charlie, source, server)
    wrong, n = faults(), 0

    def stormy(asked: Asked) -> Said:
        nonlocal n
        n += 1
        if asked.path == source.token_path or n % 2:
            return source(asked)
        return next(wrong)

    server.answer = stormy
    for _ in range(3):
        run(here, c, force=True)
        clock.tick(2 * HOUR)
    server.answer = source
    until_calm(here, c, clock)
    until_calm(here, calm, clock)
    assert dump(here, charlie) == dump(here, alice)


@pytest.mark.parametrize(
    "source",
    [p for p in RECORDED if isinstance(CONNECTORS[p.stem].auth, OAuth2)],
    ids=lambda p: p.stem,
    indirect=True,
)
def test_a_credential_that_ends_is_renewed_or_asked_for(
    here: Context, alice: Access, source: Recorded, server: Upstream, clock: Clock
) -> None:
    auth = source.connector.auth
    assert isinstance(auth, OAuth2)
    c = connected(here, alice, source, server)
    dead = {"a1"}

    def strict(asked: Asked) -> Said:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") in dead:
            body = {"status": 401} if auth.envelope else {"error": "expired"}
            return Said(body, 200 if auth.envelope else 401)
        return source(asked)

    server.answer = strict
    assert run(here, c).problem is None
    assert source.tokens == 2
    dead.add("a2")
    source.refuse = True
    clock.tick(2 * HOUR)
    outcome = run(here, c, force=True)
    assert outcome.next is None
    row = here.store.read(lambda tx: store.get(tx, c.account_id, c.id))
    assert row is not None
    assert row.state == "reconnect"
    asked = len(server.asked)
    run(here, c, force=True)
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    "source",
    [p for p in RECORDED if isinstance(CONNECTORS[p.stem].auth, Key)],
    ids=lambda p: p.stem,
    indirect=True,
)
def test_a_key_that_is_not_taken_any_more_is_asked_for(
    here: Context, alice: Access, source: Recorded, server: Upstream, clock: Clock
) -> None:
    c = connected(here, alice, source, server)
    assert run(here, c).problem is None
    before = dump(here, alice)
    server.answer = lambda _: Said({"error": "revoked"}, 401)
    clock.tick(2 * HOUR)
    outcome = run(here, c, force=True)
    assert outcome.next is None
    assert outcome.problem is not None
    assert "the-key" not in outcome.problem
    row = here.store.read(lambda tx: store.get(tx, c.account_id, c.id))
    assert row is not None
    assert row.state == "reconnect"
    assert dump(here, alice) == before
    asked = len(server.asked)
    run(here, c, force=True)
    assert len(server.asked) == asked


def test_nobody_is_asked_in_the_clear() -> None:
    for connector in CONNECTORS.values():
        assert connector.base_url == "" or connector.base_url.startswith("https://")
        if isinstance(connector.auth, OAuth2):
            assert connector.auth.token_url.startswith("https://")
        if connector.pulls:
            names = [p.name for p in connector.pulls]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "source", [p for p in RECORDED if p.stem == "garmin"], ids=lambda p: p.stem, indirect=True
)
def test_garmin_s_activities_come_page_by_page(
    here: Context, alice: Access, source: Recorded, server: Upstream
) -> None:
    first: list[Any] = json.loads((source.folder / "connect_activities.json").read_text())[:1]

    def many(asked: Asked) -> Said:
        if not asked.path.startswith("/activitylist-service/"):
            return source(asked)
        start, limit = int(asked.query["start"]), int(asked.query["limit"])
        ids = range(130)[start : start + limit]
        return Said([{**first[0], "activityId": id_} for id_ in ids])

    server.answer = many
    c = connected(here, alice, source, server)
    assert run(here, c).problem is None
    found = here.store.read(lambda tx: events.find(tx, here, alice))
    assert sum('"type":"activity/workout"' in str(e.body) for e in found) == 130
