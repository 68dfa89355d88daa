"""An application, a browser, and the way from one to the other."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from diurnal.model.access import Access
from diurnal.services import clients
from diurnal.services.context import Context
from diurnal.store.clients import Client
from tests.oauth.browser import Browser, answered, session

BACK = "https://app.example.org/back"
VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
SCOPE = "openid read:heart write:food"


class App:
    """An application and what it can do at our door."""

    def __init__(self, browser: Browser, client: Client, secret: str | None) -> None:
        self.browser, self.client, self.secret = browser, client, secret
        self.door = "/oauth2"

    def url(self, **given: Any) -> str:
        asked = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": BACK,
            "scope": SCOPE,
            "state": "s1",
            **given,
        }
        pairs = [(k, v) for k, v in asked.items() if v is not None]
        return f"{self.door}/authorize?{urlencode(pairs, doseq=True)}"

    def page(self, **given: Any) -> httpx2.Response:
        """Go where the application sends its user, and follow."""
        return self.browser.get(self.url(**given))

    def code(self, *, choose: dict[str, Any] | None = None, **given: Any) -> str:
        page = self.page(**given)
        assert page.status_code == 200, page.text
        return answered(self.browser.decide(page, **(choose or {})))["code"]

    def post(self, path: str, *, basic: bool = False, **fields: Any) -> httpx2.Response:
        form = {k: v for k, v in fields.items() if v is not None}
        auth = None
        if basic:
            auth = (self.client.id, self.secret or "")
        else:
            form = {"client_id": self.client.id, "client_secret": self.secret, **form}
        form = {k: v for k, v in form.items() if v is not None}
        return self.browser.client.post(self.door + path, data=form, auth=auth)

    def redeem(self, code: str, **given: Any) -> httpx2.Response:
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        return self.post("/token", **{**fields, **given})

    def refresh(self, token: str, **given: Any) -> httpx2.Response:
        return self.post("/token", grant_type="refresh_token", refresh_token=token, **given)

    def tokens(self, **given: Any) -> dict[str, Any]:
        answer = self.redeem(self.code(**given))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def opens(self, token: str) -> bool:
        """Whether a token opens anything."""
        answer = self.browser.client.get(
            "/api/v1/tokens", headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code in (200, 401)
        return answer.status_code == 200


def registered(ctx: Context, owner: Access, **given: Any) -> tuple[Client, str | None]:
    fields: dict[str, Any] = {
        "api": "native",
        "name": "Moodgraph",
        "redirect_uris": [BACK],
        "home": "https://app.example.org",
        **given,
    }
    return ctx.store.write(lambda tx: clients.create(tx, ctx, owner, **fields)).result()


@pytest.fixture
def browser(ctx: Context, alice: Access) -> Browser:
    """Alice's browser, signed in."""
    return Browser(ctx, session(ctx, alice))


@pytest.fixture
def app(ctx: Context, browser: Browser, charlie: Access) -> App:
    """An application of Charlie's that can keep a secret."""
    return App(browser, *registered(ctx, charlie))


@pytest.fixture
def public(ctx: Context, browser: Browser, charlie: Access) -> App:
    """One that cannot."""
    return App(browser, *registered(ctx, charlie, confidential=False, name="Pocket"))
