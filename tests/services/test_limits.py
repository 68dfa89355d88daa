"""Rate limits: a contract's is kept, a generous one is not felt, and headers tell what is left."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import msgspec
import pytest
from limits import parse
from structlog.testing import capture_logs

from diurnal.errors import TooMany
from diurnal.http import limits
from diurnal.model.access import Access
from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.dialects.client import simple_token
from tests.dialects.native.client import opened, owner_token


def limited(ctx: Context, address: str = "60000/minute", **rates: str) -> Context:
    chosen = {name: DialectSettings(rate=rate) for name, rate in rates.items()}
    settings = msgspec.structs.replace(ctx.settings, dialects=chosen, address_rate=address)
    return dataclasses.replace(ctx, settings=settings, edges={})


@pytest.fixture
def engine() -> str:
    """No engine has to do with it."""
    return "sqlite"


def test_past_the_limit_the_answer_says_when_to_come_back(ctx: Context, alice: Access) -> None:
    with opened(limited(ctx, native="3/hour"), owner_token(ctx, alice)) as api:
        for left in (2, 1, 0):
            answer = api("GET", "/account")
            assert answer.status_code == 200
            assert answer.headers["ratelimit-policy"] == '"token";q=3;w=3600'
            assert answer.headers["ratelimit"].startswith(f'"token";r={left};t=')
        refused = api("GET", "/account")
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:diurnal:error:too-many"
        assert 3_500 < int(refused.headers["retry-after"]) <= 3_600
        assert api("POST", "/events", {}).status_code == 429
        # Another token has calls of its own.
        assert api.with_token(owner_token(ctx, alice))("GET", "/account").status_code == 200


def test_exist_answers_300_an_hour_in_its_own_words(ctx: Context, alice: Access) -> None:
    where, token = "/exist/api/1/users/$self/attributes/", simple_token(ctx, alice)
    asked = {"headers": {"Authorization": f"Token {token}"}}
    with opened(limited(ctx)) as api:
        statuses = [api.page("GET", where, **asked).status_code for _ in range(300)]
        assert set(statuses) == {200}
        refused = api.page("GET", where, **asked)
        assert refused.status_code == 429
        assert set(refused.json()) == {"detail"}
        assert int(refused.headers["retry-after"]) > 0


def test_a_limit_of_an_address_holds_for_all_tokens_and_none(ctx: Context, alice: Access) -> None:
    with opened(limited(ctx, address="3/minute"), owner_token(ctx, alice)) as api:
        nobody = api.with_token(None)
        assert [api("GET", "/account").status_code for _ in range(2)] == [200, 200]
        assert nobody("GET", "/account").status_code == 401
        assert nobody("GET", "/account").status_code == 429
        assert api("GET", "/account").status_code == 429


def test_a_client_that_calls_a_lot_is_not_slowed_and_none_turns_limits_off(
    ctx: Context, alice: Access
) -> None:
    token = owner_token(ctx, alice)
    for made in (limited(ctx), limited(ctx, address="none", native="none")):
        with opened(made, token) as api:
            answers = [api("GET", "/account") for _ in range(150)]
        assert {a.status_code for a in answers} == {200}
        assert ("ratelimit" in answers[0].headers) == (made.settings.address_rate != "none")


def test_what_is_left_of_a_generous_limit_is_told_once_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(limits.time, "monotonic", lambda: now)
    limit = limits.Limit("native:token", "30000/minute", limits.Storage(None))

    def told(calls: int) -> list[dict[bytes, bytes]]:
        async def taken() -> list[limits.Headers]:
            return [await limit.take("one") for _ in range(calls)]

        return [dict(headers) for headers in asyncio.run(taken()) if headers]

    [first] = told(200)
    assert first[b"ratelimit-policy"] == b'"token";q=30000;w=60'
    assert first[b"ratelimit"].startswith(b'"token";r=29999;t=')
    now += 0.9
    assert told(50) == []
    now += 0.2
    [again] = told(40)
    assert again == first  # known in lumps of 300
    # Each lump is told when it is taken.
    [later] = told(20)
    assert later[b"ratelimit"].startswith(b'"token";r=29699;t=')


def test_refusals_in_a_row_are_noted_once(ctx: Context, alice: Access) -> None:
    made = limited(ctx, native="1/hour")
    with opened(made, owner_token(ctx, alice)) as api:
        for _ in range(6):
            api("GET", "/account")
    audit.flush(made)
    found = ctx.store.read(lambda tx: audit.find(tx, alice, audit.Query(allowed=False)))
    assert [e.line.error for e in found] == ["too-many"]


def test_lumps_take_no_more_than_the_limit() -> None:
    async def taken() -> int:
        limit = limits.Limit("native:token", "5000/hour", limits.Storage(None))
        for n in range(6_000):
            try:
                await limit.take("one")
            except TooMany:
                return n
        return -1

    assert asyncio.run(taken()) == 5_000


def test_without_redis_the_process_counts_by_itself(ctx: Context, alice: Access) -> None:
    settings: Any = msgspec.structs.replace(
        ctx.settings,
        redis_url="redis://127.0.0.1:1/0",
        dialects={"native": DialectSettings(rate="2/hour")},
    )
    alone = dataclasses.replace(ctx, settings=settings, edges={})
    with opened(alone, owner_token(ctx, alice)) as api:
        assert [api("GET", "/account").status_code for _ in range(3)] == [200, 200, 429]


def test_a_redis_that_is_away_is_not_asked_at_every_call() -> None:
    async def hits() -> list[bool]:
        storage = limits.Storage("redis://127.0.0.1:1/0")
        item = parse("100/hour")
        return [(await storage.hit(item, "n", "k", 1)).taken for _ in range(5)]

    with capture_logs() as logs:
        assert asyncio.run(hits()) == [True] * 5
    assert [entry["event"] for entry in logs] == ["rate limits count alone"]


def test_a_household_of_ipv6_is_one_address(ctx: Context, alice: Access) -> None:
    made = limited(ctx, address="2/minute")
    statuses = []
    for n in range(3):
        with opened(made, owner_token(ctx, alice), address=f"2001:db8::{n + 1}") as api:
            statuses.append(api("GET", "/account").status_code)
    assert statuses == [200, 200, 429]
