"""Clients that others wrote go through our flows, over real sockets."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from requests_oauthlib import OAuth2Session

from diurnal.model.access import Access
from diurnal.services import clients
from diurnal.services.context import Context
from tests.conftest import PASSWORD
from tests.live.following import Server, serving
from tests.oauth.browser import Form

HERE = Path(__file__).parent / "npm"
BACK = "http://127.0.0.1:1/back"
SCOPE = ["openid", "read:heart"]

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


class Person:
    """Somebody at a browser, with real cookies over real sockets."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = requests.Session()
        form = {"name": "alice", "password": PASSWORD, "next": "/plain"}
        assert self.http.post(f"{base}/sign-in", data=form).status_code == 200

    def allow(self, url: str) -> str:
        """Visit an address and press the button of each page; return where one ends up."""
        page = self.http.get(url)
        while True:
            assert page.status_code == 200, page.text
            form = Form(page.text)
            if not form.action:
                return ""
            answer = self.http.post(
                self.base + form.action,
                data=[*form.fields, ("decision", "allow")],
                allow_redirects=False,
            )
            target = answer.headers.get("location", "")
            if not answer.is_redirect:
                return ""
            if not target.startswith("/"):
                return target
            page = self.http.get(self.base + target)


@pytest.fixture
def server(ctx: Context, alice: Access, charlie: Access) -> Iterator[Server]:
    with serving(ctx) as running:
        yield running


@pytest.fixture
def base(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture
def registered(server: Server, charlie: Access) -> tuple[str, str]:
    made, secret = server.ctx.store.write(
        lambda tx: clients.create(
            tx, server.ctx, charlie, api="native", name="Elsewhere", redirect_uris=[BACK]
        )
    ).result()
    return made.id, secret or ""


def opens(base: str, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{base}/api/v1/tokens", headers=headers, timeout=10).status_code == 200


def test_requests_oauthlib(
    base: str, registered: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    id_, secret = registered
    session = OAuth2Session(id_, redirect_uri=BACK, scope=SCOPE)
    url, _ = session.authorization_url(f"{base}/oauth2/authorize")
    landed = Person(base).allow(url)
    token = session.fetch_token(
        f"{base}/oauth2/token", authorization_response=landed, client_secret=secret
    )
    assert token["scope"] == SCOPE
    assert session.get(f"{base}/api/v1/account").json()["username"] == "alice"
    newer = session.refresh_token(
        f"{base}/oauth2/token", auth=(id_, secret), refresh_token=token["refresh_token"]
    )
    assert opens(base, newer["access_token"])
    assert not opens(base, token["access_token"])


def test_authlib(base: str, registered: tuple[str, str]) -> None:
    id_, secret = registered
    session = AuthlibSession(
        id_, secret, redirect_uri=BACK, scope=SCOPE, code_challenge_method="S256"
    )
    verifier = "x" * 48
    url, _ = session.create_authorization_url(f"{base}/oauth2/authorize", code_verifier=verifier)
    landed = Person(base).allow(url)
    token = session.fetch_token(
        f"{base}/oauth2/token", authorization_response=landed, code_verifier=verifier
    )
    assert opens(base, token["access_token"])
    told = session.introspect_token(f"{base}/oauth2/introspect", token=token["access_token"])
    assert told.json()["active"] is True
    newer = session.refresh_token(f"{base}/oauth2/token")
    session.revoke_token(f"{base}/oauth2/revoke", token=newer["access_token"])
    assert not opens(base, newer["access_token"])


def test_openid_client_of_npm(base: str, registered: tuple[str, str]) -> None:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "openid-client").is_dir():
        pytest.skip("needs node, and `npm ci` in tests/oauth/npm, which scripts/test does")
    person = Person(base)
    program = subprocess.Popen(
        [node, "client.mjs", base, *registered, BACK],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: list[dict[str, Any]] = []
    assert program.stdin is not None
    assert program.stdout is not None
    with program:
        for line in program.stdout:
            said = json.loads(line)
            if "visit" in said:
                program.stdin.write(f"{person.allow(said['visit'])}\n")
                program.stdin.flush()
            else:
                told.append(said)
    assert program.returncode == 0
    first, second = told
    assert first["claims"]["iss"] == base
    assert first["claims"]["aud"] == registered[0]
    assert first["info"]["preferred_username"] == "alice"
    assert first["info"]["sub"] == first["claims"]["sub"]
    assert first["scope"] == "openid profile read:heart"
    assert (first["known"], first["gone"]) == (True, False)
    assert second == {"public": "openid profile read:heart", "device": "read:heart"}
