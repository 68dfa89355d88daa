"""The signing key is replaced, and a client that knows nothing of it verifies on."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from diurnal import worker
from diurnal.auth import signing
from diurnal.auth.keys import SIGNING_FILE
from diurnal.auth.oauth2.server import ID_TOKEN_S
from diurnal.services import signing_keys
from diurnal.services.context import Context
from tests.clock import DAY, HOUR, SECOND, Clock
from tests.oauth.conftest import App

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def verified(app: App, token: str, path: str = "/oauth2/keys") -> dict[str, Any]:
    """What PyJWT makes of a token, with the keys that we publish now and nothing else."""
    known = jwt.PyJWKSet.from_dict(app.browser.client.get(path).json())
    key = known[jwt.get_unverified_header(token)["kid"]]
    skew = {"verify_exp": False, "verify_iat": False}  # the machine's clock is not the test's
    found: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=app.client.id,
        options=skew,  # type: ignore[arg-type]
    )
    return found


def id_token(app: App) -> str:
    token: str = app.tokens(scope="openid")["id_token"]
    return token


def published(app: App) -> list[str]:
    return [key["kid"] for key in app.browser.client.get("/oauth2/keys").json()["keys"]]


def kid(token: str) -> str:
    found: str = jwt.get_unverified_header(token)["kid"]
    return found


def test_an_id_token_of_the_key_before_verifies_until_it_ends(
    app: App, ctx: Context, clock: Clock
) -> None:
    old = id_token(app)
    new_kid = signing_keys.rotate(ctx)
    assert published(app) == [kid(old), new_kid]  # known before it is used
    still = id_token(app)
    assert kid(still) == kid(old)
    clock.tick(HOUR)
    fresh = id_token(app)
    assert kid(fresh) == new_kid
    for token in (old, still, fresh):
        assert verified(app, token)["sub"]
    clock.tick(ID_TOKEN_S * SECOND)
    assert verified(app, still)["sub"]  # to its last second
    clock.tick((signing.OVERLAP_S - ID_TOKEN_S) * SECOND)
    assert published(app) == [new_kid]
    with pytest.raises(KeyError):
        verified(app, old)
    assert verified(app, fresh)["sub"]


def test_a_key_that_somebody_else_has_verifies_nothing_more(app: App, ctx: Context) -> None:
    old = id_token(app)
    new_kid = signing_keys.rotate(ctx, at_once=True)
    assert published(app) == [new_kid]
    with pytest.raises(KeyError):
        verified(app, old)
    assert kid(id_token(app)) == new_kid


def test_a_receipt_verifies_for_good(app: App, ctx: Context, clock: Clock) -> None:
    app.tokens()
    [told] = app.browser.get("/api/v1/consents").json()["consents"]
    for _ in range(2):
        clock.tick(DAY)
        signing_keys.rotate(ctx)
    clock.tick(DAY)
    [again] = app.browser.get("/api/v1/consents").json()["consents"]
    assert again["consent"] == told["consent"]
    known = app.browser.client.get("/oauth2/keys?ever").json()
    assert all("d" not in key for key in known["keys"])
    key = jwt.PyJWKSet.from_dict(known)[kid(told["receipt"])]
    assert jwt.decode(told["receipt"], key, algorithms=["RS256"], options={"verify_iat": False})


def test_the_worker_replaces_it_by_the_calendar(ctx: Context, clock: Clock) -> None:
    folder = ctx.settings.data_dir
    first = signing.load(folder, clock.now() // SECOND).kid
    clock.tick(89 * DAY)
    worker.tidy(ctx)
    assert len(_kept(folder)) == 1
    clock.tick(DAY)
    worker.tidy(ctx)
    worker.tidy(ctx)
    assert len(_kept(folder)) == 2
    clock.tick(HOUR)
    assert signing.load(folder, clock.now() // SECOND).kid != first
    clock.tick(90 * DAY)
    worker.tidy(ctx)
    # Who signs no more cannot: of the first only the public half is there.
    assert ["d" in one["jwk"] for one in _kept(folder)] == [False, True, True]
    never = msgspec.structs.replace(ctx.settings, signing_key_days=0)
    assert (
        signing.renew(folder, clock.now() // SECOND + 400 * 86_400, never.signing_key_days) is None
    )
    assert stat.S_IMODE((folder / SIGNING_FILE).stat().st_mode) == 0o600


def test_those_who_rotate_at_once_lose_no_key(ctx: Context) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: signing_keys.rotate(ctx), range(4)))
    known = signing.load(ctx.settings.data_dir, ctx.now() // SECOND).public(ever=True)["keys"]
    assert made < {key["kid"] for key in known}
    assert len(known) == 5


def _kept(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode((folder / SIGNING_FILE).read_bytes())["keys"]
    return found
