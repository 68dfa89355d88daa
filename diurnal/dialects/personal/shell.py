"""What the pages have in common: their frame, forms, and whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from diurnal import http
from diurnal.errors import InvalidInput
from diurnal.http import templates
from diurnal.http.templates import HEADERS
from diurnal.model.access import Access

FORM_BYTES_MAX = 16 << 10
FIELDS_MAX = 100
PAGES = (
    ("index.php", "Overview"),
    ("modules.php", "Modules"),
    ("tokens.php", "Tokens"),
    ("update.php", "Update"),
    ("user.php", "User"),
    ("log.php", "Log"),
    ("docs.php", "Docs"),
)


@cache
def _templates() -> jinja2.Environment:
    return templates.environment(Path(__file__).parent / "templates")


def html(request: Request, name: str, known: Mapping[str, Any], status: int = 200) -> Response:
    """Return a page."""
    root = request.scope.get("root_path", "")
    base = f"{http.base_url(request, None)}{root}"
    told = {"name": "Personal API", "root": root, "base": base, "problem": None, **known}
    return HTMLResponse(_templates().get_template(name).render(told), status, HEADERS)


def admin_html(
    request: Request, caller: Access, name: str, known: Mapping[str, Any], status: int = 200
) -> Response:
    """Return a page of the owner's."""
    told = {"name": caller.username, "pages": PAGES, "done": None, **known}
    return html(request, name, told, status)


def go(request: Request, path: str) -> Response:
    """Send the browser to another page."""
    return RedirectResponse(request.scope.get("root_path", "") + path, 303, HEADERS)


async def form_of(request: Request) -> dict[str, str]:
    """Read a form.

    Raises:
        InvalidInput: it is none.
    """
    raw = await http.body(request, FORM_BYTES_MAX)
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise InvalidInput("this is no form") from None
