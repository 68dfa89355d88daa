"""What our own pages share: forms, templates, headers, who is signed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diurnal import http
from diurnal.errors import (
    AppError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from diurnal.http import templates
from diurnal.services.context import Context

FORM_BYTES_MAX = 16 << 10
FIELDS_MAX = 20

STATUSES: Mapping[type[AppError], tuple[int, str]] = {
    InvalidInput: (400, "This cannot be right"),
    Unauthenticated: (401, "Not signed in"),
    Forbidden: (403, "Not allowed"),
    NotFound: (404, "Not found"),
    Conflict: (409, "That clashes"),
    TooLarge: (413, "Too large"),
    TooMany: (429, "Too many attempts"),
    Unavailable: (503, "Not now"),
    AppError: (500, "Our fault"),
}
HEADERS = {
    **templates.HEADERS,
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_HERE = Path(__file__).parent

Page = Callable[[Context, Request], Awaitable[Response]]
Pages = dict[str, dict[str, Page]]
"""Path -> method -> page."""


def problem(error: AppError, status: int, title: str) -> Response:
    """Render an error as a page."""
    return html("problem.html", {"problem": error, "title": title}, status)


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form.

    Raises:
        InvalidInput: too many fields, or NUL in one.
        TooLarge: past `FORM_BYTES_MAX`.
    """
    raw = await http.body(request, FORM_BYTES_MAX)
    try:
        pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise InvalidInput("The form has too many fields.") from None
    if any("\0" in text for pair in pairs for text in pair):
        raise InvalidInput("The form has a NUL character.")
    return dict(pairs)


def inside(path: str) -> str:
    """Return a path of our own; anything that could lead elsewhere becomes the start."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    if not plain or parts.scheme or parts.netloc or not path.isprintable() or "\\" in path:
        return "/"
    return path


def go(path: str) -> Response:
    """Lead to another page."""
    # 303: what was posted is not posted again.
    return RedirectResponse(path, 303, HEADERS)


def ending_at(target: str | None) -> dict[str, str]:
    """Return the headers of a page whose form may end at `target`, and nowhere else outside."""
    parts = urlsplit(target or "")
    goes = ""
    if parts.scheme in ("http", "https"):
        goes = f" {parts.scheme}://{parts.netloc}"
    elif parts.scheme:
        goes = f" {parts.scheme}:"
    policy = HEADERS["Content-Security-Policy"]
    told = policy.replace("form-action 'self'", f"form-action 'self'{goes}")
    return {"Content-Security-Policy": told}


def status_of(problem: AppError | None) -> int:
    """Return the status of a page that may show a problem."""
    return 200 if problem is None else http.status_of(problem, STATUSES)[0]


def html(
    name: str,
    known: Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    *,
    scripted: bool = False,
) -> Response:
    """Render a template.

    Args:
        scripted: whether the page has a script of ours, which calls our API.
    """
    text = _templates().get_template(name).render(known)
    sent = {**HEADERS, **(headers or {})}
    if scripted:
        sent["Content-Security-Policy"] += "; script-src 'self'; connect-src 'self'"
    return HTMLResponse(text, status, sent)


@cache
def _templates() -> jinja2.Environment:
    return templates.environment(_HERE / "templates")
