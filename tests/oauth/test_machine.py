"""Any order of granting, redeeming, refreshing, revoking and waiting, against a small model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from diurnal.errors import Unauthenticated
from diurnal.model.access import Access
from diurnal.services import authentication, oauth2
from diurnal.services.context import Context
from diurnal.services.steps import CODES_KEPT_US
from diurnal.store.clients import Client
from tests.clock import DAY, HOUR, MINUTE, Clock
from tests.oauth.conftest import BACK, registered
from tests.oauth.test_races import Race
from tests.properties.sizes import sized

CODE, TOKEN, GRANT = 10 * MINUTE, HOUR, 90 * DAY
pick = st.integers(0, 50)


@dataclass
class Family:
    """What came of one code."""

    code: str
    made: int
    redeemed: int | None = None
    dead: bool = False
    forgotten: bool = False  # a code is remembered for a day after its end
    access: list[tuple[str, int]] = field(default_factory=list)
    refresh: list[str] = field(default_factory=list)


def machine(ctx: Context, clock: Clock, owner: Access, client: Client, secret: str) -> Any:
    class Grants(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.families: list[Family] = []
            self.race = Race(ctx, owner, client, secret)

        def send(self, **fields: str) -> dict[str, Any] | None:
            [reply] = self.race.run(1, **fields)
            assert reply.status in (200, 400)
            return reply.body if reply.status == 200 else None

        @initialize()
        def begin(self) -> None:
            """Two grants in use: most of what may go wrong happens to those."""
            for n in range(2):
                self.grant()
                self.redeem_one(n)

        @rule()
        def grant(self) -> None:
            for known in self.families:
                known.forgotten |= known.made + CODE < clock.now() - CODES_KEPT_US
            self.families.append(Family(self.race.code(), clock.now()))

        @precondition(lambda self: self.families)
        @rule(n=pick)
        def redeem(self, n: int) -> None:
            self.redeem_one(n)

        def redeem_one(self, n: int) -> None:
            one = self.families[n % len(self.families)]
            told = self.send(grant_type="authorization_code", code=one.code, redirect_uri=BACK)
            fresh = clock.now() - one.made < CODE and one.redeemed is None
            assert (told is not None) == fresh
            if told is None:
                one.dead |= one.redeemed is not None and not one.forgotten
                return
            one.redeemed = clock.now()
            self.take(one, told)

        @precondition(lambda self: any(f.refresh for f in self.families))
        @rule(n=pick, back=st.sampled_from((0, 0, 1, 2)))
        def refresh(self, n: int, back: int) -> None:
            known = [f for f in self.families if f.refresh]
            one = known[n % len(known)]
            old = min(back, len(one.refresh) - 1)
            assert one.redeemed is not None
            live = not one.dead and clock.now() - one.redeemed < GRANT
            told = self.send(grant_type="refresh_token", refresh_token=one.refresh[-1 - old])
            assert (told is not None) == (live and old == 0)
            if told is not None:
                self.take(one, told)
            elif old and live:
                one.dead = True

        def take(self, one: Family, told: dict[str, Any]) -> None:
            one.access.append((told["access_token"], clock.now() + told["expires_in"] * 1_000_000))
            one.refresh.append(told["refresh_token"])

        @precondition(lambda self: any(f.refresh for f in self.families))
        @rule(n=pick, which=st.sampled_from(("access", "refresh")))
        def revoke(self, n: int, which: str) -> None:
            known = [f for f in self.families if f.refresh]
            one = known[n % len(known)]
            token, ends = one.access[-1]
            shown = token if which == "access" else one.refresh[-1]

            def step(tx: Any) -> Any:
                form = {"client_id": [client.id], "client_secret": [secret], "token": [shown]}
                return oauth2.about_token(
                    tx,
                    ctx,
                    self.race.face,
                    "",
                    form,
                    {},
                    {client.id: client},
                    account_id=owner.account_id,
                    endpoint="revocation",
                )

            assert ctx.store.write(step).result().status == 200
            assert one.redeemed is not None
            stands = clock.now() < (ends if which == "access" else one.redeemed + GRANT)
            one.dead = one.dead or stands

        @rule(wait=st.sampled_from((MINUTE, 11 * MINUTE, HOUR, 20 * DAY)))
        def wait(self, wait: int) -> None:
            clock.tick(wait)

        @invariant()
        def tokens_open_what_the_model_says(self) -> None:
            for one in self.families:
                for n, (token, ends) in enumerate(one.access):
                    last = n == len(one.access) - 1
                    assert self.opens(token) == (last and not one.dead and clock.now() < ends)

        def opens(self, token: str) -> bool:
            try:
                ctx.store.read(lambda tx: authentication.resolve(tx, ctx, token))
            except Unauthenticated:
                return False
            return True

    return Grants


@sized(40, 1_000)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_any_order_of_steps(
    ctx: Context, clock: Clock, alice: Access, charlie: Access, examples: int
) -> None:
    client, secret = registered(ctx, charlie)
    run_state_machine_as_test(
        machine(ctx, clock, alice, client, secret or ""),
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
