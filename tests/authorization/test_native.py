"""What the native API lists of an account, to another one: nothing."""

from __future__ import annotations

import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.authorization.table import TABLE, Aim, Row
from tests.authorization.world import World
from tests.clock import Clock
from tests.dialects.native.client import opened


@pytest.fixture
def world(ctx: Context, clock: Clock, alice: Access, charlie: Access) -> World:
    return World(ctx, clock, alice, charlie)


def test_nothing_of_another_account_is_ever_shown(world: World) -> None:
    with opened(world.ctx) as nobody:
        mine = world.aim(
            Aim.INSIDE, "", Row(TABLE["GET /events/{id}"].expected, {"id": "{event}{node}{token}"})
        )
        other = nobody.with_token(world.tokens["other"])
        for path in ("/events?state=all", "/series", "/days", "/streams?state=all", "/tokens"):
            shown = other("GET", path)
            assert shown.status_code == 200
            for name in ("event", "node", "token"):
                assert mine[name] not in shown.text
        changes = other.ok("GET", "/changes")["changes"]
        assert mine["event"] not in {c["id"] for c in changes}
