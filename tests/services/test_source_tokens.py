"""Signing in at a source, and renewing a token exactly once, whatever happens."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from diurnal.connectors import Connector, Key, OAuth2, Pull, Token
from diurnal.errors import Conflict, InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.time import HOUR, MINUTE
from diurnal.outbound.client import Client
from diurnal.services import connection_views, connections, source_http, source_tokens, upstreams
from diurnal.services.context import Context
from diurnal.services.source_tokens import SignInAgain
from diurnal.services.upstreams import AppKeys
from diurnal.store import connections as store
from diurnal.store.connections import Stored
from tests.clock import Clock
from tests.services.syncing import (
    HERE,
    Asked,
    Said,
    Upstream,
    Weights,
    connect,
    fetch,
    pointed,
    run,
    use,
    with_,
)

APP = AppKeys("our-id", "our-secret")
BACK = "http://127.0.0.1:8400/api/v1/connections/callback"
OAUTH = with_(
    auth=OAuth2(
        authorize_url="https://testing.example.org/authorize",
        token_url="https://testing.example.org/token",
        scopes=("weights", "offline"),
        pkce=True,
    )
)


class Service:
    """A source with rotating tokens: an old one is dead as soon as the next is given."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.refresh = "r0"
        self.access = ""
        self.n = 0
        self.renewals = 0
        self.lock = threading.Lock()
        self.rotated = threading.Event()

    def __call__(self, asked: Asked) -> Said:
        if asked.path == "/token":
            return self.token(asked)
        if asked.headers.get("authorization") != f"Bearer {self.access}":
            return Said({"error": "expired"}, 401)
        return self.weights(asked)

    def token(self, asked: Asked) -> Said:
        form = asked.form
        with self.lock:
            if form["grant_type"] == "refresh_token":
                self.renewals += 1
                if form["refresh_token"] != self.refresh:
                    return Said({"error": "invalid_grant"}, 400)
            elif form["code"] != "the-code":
                return Said({"error": "invalid_grant"}, 400)
            self.n += 1
            self.access, self.refresh = f"a{self.n}", f"r{self.n}"
            told = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": 3600}
        self.rotated.set()
        return Said(told)


@pytest.fixture
def engine() -> str:
    """One engine for what is about the network; two races below run on both."""
    return "sqlite"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_http, "RETRY_FIRST_S", 0.01)
    use(monkeypatch, OAUTH)


@pytest.fixture
def service(ctx: Context) -> Service:
    return Service(Weights({i: (ctx.now() // (24 * HOUR) - i, 70.0) for i in range(5)}))


@pytest.fixture
def server(service: Service) -> Iterator[Upstream]:
    made = Upstream(service)
    yield made
    made.close()


@pytest.fixture
def here(ctx: Context, server: Upstream) -> Context:
    return pointed(ctx, server.url)


def begun(ctx: Context, owner: Access, connector: Connector = OAUTH) -> tuple[Stored, str, str]:
    """Return a connection whose sign-in is under way, its address and state."""
    wish = connections.prepare(ctx, connector, {}, app=APP)
    c = ctx.store.write(lambda tx: connections.create(tx, ctx, owner, connector, wish)).result()[0]
    url, state = ctx.store.write(
        lambda tx: connections.authorize(tx, ctx, owner, c.id, BACK)
    ).result()
    return c, url, state


def signed(ctx: Context, owner: Access) -> Stored:
    c, _, state = begun(ctx, owner)
    return connections.signed_in(ctx, owner, c.id, "the-code", state)


def test_signing_in_sends_what_the_source_wants_and_begins_to_fetch(
    here: Context, alice: Access, server: Upstream
) -> None:
    c, url, state = begun(here, alice)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{server.url}/authorize?")
    assert asked["client_id"] == "our-id"
    assert asked["redirect_uri"] == BACK
    assert asked["scope"] == "weights offline"
    assert asked["state"] == state
    assert asked["code_challenge_method"] == "S256"
    done = connections.signed_in(here, alice, c.id, "the-code", state)
    form = server.asked[-1].form
    assert form["client_secret"] == "our-secret"
    assert form["redirect_uri"] == BACK
    verifier = form["code_verifier"]
    assert source_tokens.create_s256_code_challenge(verifier) == asked["code_challenge"]
    assert done.state == "active"
    assert run(here, done).problem is None


def test_an_application_may_name_itself_by_basic(
    here: Context, alice: Access, server: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    basic = with_(auth=_auth(client_auth="basic", scope_separator=","))
    use(monkeypatch, basic)
    c, url, state = begun(here, alice, basic)
    assert "scope=weights%2Coffline" in url
    connections.signed_in(here, alice, c.id, "the-code", state)
    told = server.asked[-1].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(told) == b"our-id:our-secret"
    assert "client_secret" not in server.asked[-1].form


def _auth(**changes: Any) -> OAuth2:
    import msgspec

    assert isinstance(OAUTH.auth, OAuth2)
    return msgspec.structs.replace(OAUTH.auth, **changes)


def test_the_answer_of_another_sign_in_is_refused(
    here: Context, alice: Access, charlie: Access
) -> None:
    c, _, state = begun(here, alice)
    with pytest.raises(Conflict):
        connections.signed_in(here, alice, c.id, "the-code", "another")
    with pytest.raises(NotFound):
        here.store.read(lambda tx: connections.by_state(tx, here, charlie, state))
    with pytest.raises(NotFound):
        connections.signed_in(here, charlie, c.id, "the-code", state)


def test_a_sign_in_that_was_left_lying_is_over(here: Context, alice: Access, clock: Clock) -> None:
    c, _, state = begun(here, alice)
    clock.tick(20 * MINUTE)
    with pytest.raises(Conflict):
        connections.signed_in(here, alice, c.id, "the-code", state)


def test_a_code_that_the_source_does_not_take_says_so(here: Context, alice: Access) -> None:
    c, _, state = begun(here, alice)
    with pytest.raises(SignInAgain, match="invalid_grant"):
        connections.signed_in(here, alice, c.id, "another code", state)
    assert here.store.read(lambda tx: store.get(tx, c.account_id, c.id)).state == "new"


@pytest.mark.parametrize(
    ("text", "code", "state"),
    [
        ("abc", "abc", None),
        (" https://localhost/cb?code=abc&state=s ", "abc", "s"),
        ("?code=abc", "abc", None),
    ],
)
def test_a_code_is_pasted_bare_or_in_its_address(text: str, code: str, state: str | None) -> None:
    assert source_tokens.pasted(text) == (code, state)


@pytest.mark.parametrize("text", ["", "https://localhost/?error=access_denied", "https://a/?x=1"])
def test_what_is_no_code_is_told(text: str) -> None:
    with pytest.raises(InvalidInput):
        source_tokens.pasted(text)


def test_the_household_has_one_application_for_all(
    here: Context, alice: Access, server: Upstream
) -> None:
    wish = connections.prepare(here, OAUTH, {})
    c = here.store.write(lambda tx: connections.create(tx, here, alice, OAUTH, wish)).result()[0]
    with pytest.raises(InvalidInput, match="application"):
        here.store.write(lambda tx: connections.authorize(tx, here, alice, c.id, BACK)).result()
    here.store.write(lambda tx: upstreams.set_app(tx, here, "testing", APP)).result()
    url, _ = here.store.write(
        lambda tx: connections.authorize(tx, here, alice, c.id, BACK)
    ).result()
    assert "client_id=our-id" in url
    raw = here.store.read(lambda tx: upstreams.store.get(tx, "testing"))
    assert b"our-secret" not in (raw.app or b"")
    named = pointed(here, server.url, client_id="theirs")
    assert here.store.read(lambda tx: upstreams.app(tx, named, "testing")) == AppKeys("theirs")


class TestManyAtOnce:
    """What needs both engines."""

    @pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
    def engine(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_fifty_that_find_the_token_expired_renew_it_once(
        self, here: Context, alice: Access, service: Service, clock: Clock
    ) -> None:
        c = signed(here, alice)
        clock.tick(2 * HOUR)
        start = threading.Barrier(50)

        def work(_: int) -> str:
            with Client(HERE) as client:
                http = source_http.open_http(here, OAUTH, c.account_id, c.id, {}, client)
                start.wait(30)
                return http.token.access

        with ThreadPoolExecutor(50) as pool:
            told = set(pool.map(work, range(50)))
        assert service.renewals == 1
        assert told == {"a2"}


def test_a_token_that_the_source_forgot_is_renewed_and_the_request_repeated(
    here: Context, alice: Access, service: Service
) -> None:
    c = signed(here, alice)
    service.access = "revoked meanwhile"
    outcome = run(here, c)
    assert outcome.problem is None
    assert service.renewals == 1


def test_dying_between_rotation_and_our_commit_asks_the_owner_and_never_loops(
    here: Context,
    alice: Access,
    service: Service,
    server: Upstream,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    c = signed(here, alice)
    clock.tick(2 * HOUR)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(source_tokens, "_store", die)
        patch.setattr(source_tokens, "_let_go", lambda *_: None)
        with pytest.raises(Killed):
            run(here, c)
    assert service.renewals == 1
    clock.tick(2 * MINUTE)
    outcome = run(here, c)
    assert outcome.next is None
    assert "sign in again" in (outcome.problem or "")
    seen = here.store.read(lambda tx: connection_views.get(tx, here, alice, c.id))
    assert seen.state == "reconnect"
    asked = len(server.asked)
    for _ in range(5):
        clock.tick(HOUR)
        run(here, c)
    assert len(server.asked) == asked
    state = here.store.write(
        lambda tx: connections.authorize(tx, here, alice, c.id, BACK)
    ).result()[1]
    again = connections.signed_in(here, alice, c.id, "the-code", state)
    assert run(here, again).problem is None


def test_a_token_endpoint_that_is_away_loses_nothing(
    here: Context, alice: Access, service: Service, server: Upstream, clock: Clock
) -> None:
    c = signed(here, alice)
    clock.tick(2 * HOUR)
    for said in (
        Said(b"", 500),
        Said(b"", 429, headers={"Retry-After": "5"}),
        Said(b"<html>"),
        Said(b'{"access_to', cut=5),
    ):
        server.answer = lambda asked, said=said: said if asked.path == "/token" else service(asked)
        outcome = run(here, c)
        assert outcome.next is not None
        clock.tick(HOUR)
    server.answer = service
    assert run(here, c).problem is None


def test_a_key_is_traded_for_a_token_and_again_when_that_ends(
    here: Context,
    alice: Access,
    service: Service,
    server: Upstream,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exchange(http: Any, key: str) -> Token:
        told = http.send("POST", "/trade", json={"key": key}).json()
        return Token(access=told["token"], expires_s=60)

    n = 0

    def answer(asked: Asked) -> Said:
        nonlocal n
        if asked.path == "/trade":
            if b"the-key" not in asked.body:
                return Said(b"", 403)
            n += 1
            service.access = f"t{n}"
            return Said({"token": f"t{n}"})
        return service(asked)

    server.answer = answer
    traded = with_(
        auth=Key(label="Key", exchange=exchange), pulls=(Pull(name="weights", fetch=fetch),)
    )
    use(monkeypatch, traded)
    c = connect(here, alice, traded)
    assert run(here, c).problem is None
    clock.tick(2 * HOUR)
    assert run(here, c).problem is None
    assert n == 2
    bad = connect(here, alice, traded, key="wrong")
    assert "does not take the key" in (run(here, bad).problem or "")


def test_no_token_is_in_the_log_or_readable_in_the_database(
    here: Context, alice: Access, service: Service, server: Upstream, data_dir: Any
) -> None:
    with capture_logs() as logs:
        c = signed(here, alice)
        service.refresh, service.access = "x", "y"
        with Client(HERE) as client:
            http = source_http.open_http(here, OAUTH, c.account_id, c.id, {}, client)
            with pytest.raises(SignInAgain):
                http.get("/weights", {"from": "2026-01-01", "to": "2026-01-02"})
    said = repr(logs)
    secrets = ("our-secret", "the-code")
    assert not [s for s in secrets if s in said]
    row = here.store.read(lambda tx: store.get(tx, c.account_id, c.id))
    assert not [s for s in (*secrets, '"a1"', '"r1"') if s in repr(row)]
    moved = source_tokens.unseal(here, c.account_id, "another row", row.token, Token)
    assert moved is None
