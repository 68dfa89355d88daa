"""Of many who redeem one code, or one refresh token, at once exactly one has it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from diurnal.auth.oauth2.face import Face
from diurnal.auth.oauth2.records import Frame, Granted, Reply
from diurnal.dialects.oauth2 import FACE
from diurnal.model.access import Access
from diurnal.services import oauth2
from diurnal.services.context import Context
from diurnal.services.steps import Steps
from diurnal.store import accesses as rows
from diurnal.store.clients import Client
from tests.oauth.conftest import BACK, registered

RACERS = 16
TIMES = 40


class Race:
    """Steps as the edge gives them to the store, many at once."""

    def __init__(self, ctx: Context, owner: Access, client: Client, secret: str) -> None:
        self.ctx, self.owner, self.client, self.secret = ctx, owner, client, secret
        self.face: Face = FACE

    def code(self) -> str:
        granted = Granted(
            client_id=self.client.id,
            face=self.face.name,
            scope=("read:heart",),
            frame=Frame(),
            authenticated=0,
            redirect_uri=BACK,
        )
        made = self.ctx.store.write(
            lambda tx: Steps(
                tx, self.ctx, self.face, self.owner.account_id, "alice", self.client
            ).save_code(granted)
        )
        return made.result()

    def run(self, racers: int = RACERS, **fields: str) -> list[Reply]:
        form = {
            "client_id": [self.client.id],
            "client_secret": [self.secret],
            **{k: [v] for k, v in fields.items()},
        }

        def step(tx: Any) -> Reply:
            return oauth2.token(
                tx,
                self.ctx,
                self.face,
                "http://localhost",
                form,
                {},
                {self.client.id: self.client},
                account_id=self.owner.account_id,
            )

        waiting: list[Future[Reply]] = [self.ctx.store.write(step) for _ in range(racers)]
        return [f.result() for f in waiting]


@pytest.fixture
def race(ctx: Context, alice: Access, charlie: Access) -> Race:
    client, secret = registered(ctx, charlie)
    return Race(ctx, alice, client, secret or "")


def test_one_of_sixteen_redeems_a_code(race: Race) -> None:
    for _ in range(TIMES):
        told = race.run(grant_type="authorization_code", code=race.code(), redirect_uri=BACK)
        assert sorted(r.status for r in told) == [200] + [400] * (RACERS - 1)
    # Each winner's token died when the code was shown again.
    kept = race.ctx.store.read(lambda tx: rows.all_of(tx, race.owner.account_id))
    assert len([s for s in kept if s.access.client_id]) == TIMES
    assert all(s.deleted is not None for s in kept if s.access.client_id)


def test_one_of_sixteen_refreshes(race: Race) -> None:
    for _ in range(TIMES):
        fields = {"grant_type": "authorization_code", "code": race.code(), "redirect_uri": BACK}
        [first] = race.run(1, **fields)
        refresh = first.body["refresh_token"]
        told = race.run(grant_type="refresh_token", refresh_token=refresh)
        assert sorted(r.status for r in told) == [200] + [400] * (RACERS - 1)
