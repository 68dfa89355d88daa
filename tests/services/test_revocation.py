"""Revocation: what was ended elsewhere is closed here within a second, whatever is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.services import accesses
from diurnal.services.authentication import RECHECK_US
from diurnal.services.context import Context
from diurnal.store.database import open_store
from tests import cases
from tests.clock import SECOND, Clock
from tests.dialects.native.client import opened

NOTE = {"streamIds": ["diurnal-note"], "type": "note/txt", "content": "x"}


@pytest.fixture
def elsewhere(ctx: Context, migrated_url: str) -> Iterator[Context]:
    """Another process on the same database."""
    store = open_store(migrated_url)
    yield dataclasses.replace(ctx, store=store, states={}, accesses={}, uses={}, edges={})
    store.close()


def test_what_another_process_ended_is_closed_within_a_second(
    ctx: Context, elsewhere: Context, alice: Access, clock: Clock
) -> None:
    assert RECHECK_US < SECOND
    app, token = _made(ctx, alice, Permission(Level.MANAGE))
    _, other = _made(ctx, app, Permission(Level.READ), kind=Kind.SHARED)
    asks: list[tuple[Any, ...]] = [
        ("GET", "/events"),
        ("POST", "/events", NOTE),
        ("POST", "/events", {"events": [NOTE, NOTE]}),
        ("GET", "/streams"),
        ("GET", "/live"),
    ]
    with opened(ctx, token) as api:
        shares = api.with_token(other)
        for ask in asks[:-1]:
            assert api(*ask).status_code < 300
        assert shares("GET", "/events").status_code == 200
        cases.write(elsewhere, accesses.revoke, alice, app.id)
        clock.tick(SECOND)
        for ask in asks:
            assert api(*ask).status_code == 401, ask
        assert shares("GET", "/events").status_code == 401


def test_what_another_process_narrowed_is_narrower_within_a_second(
    ctx: Context, elsewhere: Context, alice: Access, clock: Clock
) -> None:
    app, token = _made(ctx, alice, Permission(Level.MANAGE))
    with opened(ctx, token) as api:
        assert api("POST", "/events", NOTE).status_code == 201
        fields = {"permissions": (Permission(Level.READ, "diurnal-weight"),)}
        cases.write(elsewhere, accesses.update, alice, app.id, fields)
        clock.tick(SECOND)
        assert api("POST", "/events", NOTE).status_code == 400
        assert api.ok("GET", "/events")["events"] == []


def test_what_this_process_ended_is_closed_at_once(ctx: Context, alice: Access) -> None:
    app, token = _made(ctx, alice, Permission(Level.READ))
    with opened(ctx, token) as api:
        assert api("GET", "/events").status_code == 200
        cases.write(ctx, accesses.revoke, alice, app.id)
        assert api("GET", "/events").status_code == 401


def _made(ctx: Context, who: Access, *given: Permission, **more: Any) -> tuple[Access, str]:
    wanted = {"name": "app", "permissions": given, "kind": Kind.APP, **more}
    stored, token = cases.write(ctx, accesses.create, who, **wanted)
    return stored.access, token
