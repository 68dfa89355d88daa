"""The authorization code flow at our own door."""

from __future__ import annotations

from tests.oauth.conftest import BACK, CHALLENGE, VERIFIER, App


def test_an_application_gets_tokens_for_a_code(app: App) -> None:
    page = app.page()
    assert page.status_code == 200
    assert "Moodgraph" in page.text
    assert "Read your heart rate" in page.text
    told = app.redeem(app.code())
    assert told.status_code == 200, told.text
    body = told.json()
    assert body["token_type"] == "Bearer"
    assert body["scope"] == "openid read:heart write:food"
    assert app.opens(body["access_token"])
    assert body["id_token"]
    assert "no-store" in told.headers["cache-control"]
    assert app.refresh(body["refresh_token"]).status_code == 200
    assert not app.opens(body["access_token"])


def test_public(public: App) -> None:
    tokens = public.redeem(
        public.code(code_challenge=CHALLENGE, code_challenge_method="S256"),
        code_verifier=VERIFIER,
    )
    assert tokens.status_code == 200, tokens.text
    assert BACK
