"""A browser without JavaScript: follows redirects within the server, fills in forms."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from diurnal import http
from diurnal.model.access import Access
from diurnal.services import sessions
from diurnal.services.context import Context
from diurnal.services.sign_in import Pending
from tests.conftest import PASSWORD
from tests.dialects.client import BASE, Client


class Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form" and not self.action:
            self.action = given.get("action") or ""
        elif tag == "input" and name:
            if given.get("type") != "checkbox" or "checked" in given:
                self.fields.append((name, value))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            self.fields.append((self._select, value))
            self._select = ""


class Browser:
    """One person's browser; `cookie` is their session."""

    def __init__(self, ctx: Context, cookie: str | None = None) -> None:
        self.client = Client(ctx)
        self.cookie = cookie

    def request(self, method: str, url: str, **given: Any) -> httpx2.Response:
        headers = dict(given.pop("headers", {}))
        if self.cookie:
            headers["Cookie"] = f"{http.COOKIE}={self.cookie}"
        return self.client.request(method, url, headers=headers, **given)

    def get(self, url: str, **given: Any) -> httpx2.Response:
        """Follow redirects as far as they stay here."""
        answer = self.request("GET", url, **given)
        while answer.is_redirect and here(answer.headers["location"]):
            answer = self.request("GET", answer.headers["location"])
        return answer

    def decide(
        self, page: httpx2.Response, decision: str = "allow", **changed: Any
    ) -> httpx2.Response:
        """Answer a consent page; `changed` replaces fields, a list for several."""
        form = Form(page.text)
        kept = [(k, v) for k, v in form.fields if k not in changed]
        more = [
            (k, v)
            for k, value in changed.items()
            for v in (value if isinstance(value, list) else [value])
            if v is not None
        ]
        body = httpx2.QueryParams([*kept, *more, ("decision", decision)])
        return self.request(
            "POST",
            form.action,
            content=str(body),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )


def here(location: str) -> bool:
    return location.startswith(("/", BASE))


def session(ctx: Context, owner: Access) -> str:
    """Sign in."""
    found = sessions.sign_in(ctx, name=owner.username, password=PASSWORD, address="")
    assert not isinstance(found, Pending)
    return found[1]


def answered(response: httpx2.Response) -> dict[str, str]:
    """Return what a redirect to an application carries, in query or fragment."""
    assert response.is_redirect, response.text
    parts = urlsplit(response.headers["location"])
    told = parse_qs(parts.query) | parse_qs(parts.fragment)
    assert all(len(v) == 1 for v in told.values())
    return {k: v[0] for k, v in told.items()}
