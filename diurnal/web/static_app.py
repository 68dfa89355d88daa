"""Send the built web app: its pages, and the hashed files that they are made of."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from diurnal.errors import NotFound

PAGES = {
    "/": "index.html",
    "/day/{date}": "index.html",
    "/insights": "index.html",
    "/insights/method": "index.html",
    "/explore": "index.html",
    "/experiments": "index.html",
    "/sources": "index.html",
    "/sharing": "index.html",
    "/shared/{id}": "index.html",
    "/apps": "index.html",
    "/tokens": "index.html",
    "/assistants": "index.html",
    "/audit": "index.html",
    "/settings": "index.html",
    "/admin": "index.html",
    "/developer": "index.html",
    "/developer/placeholders": "index.html",
    "/developer/webhooks": "index.html",
    "/developer/api": "explorer.html",
}
"""Addresses of the app, as `web/src/routes.ts` has them; only who is signed in gets them."""
FILES = ("/theme.js", "/LICENSES.txt", "/assets/{name}", "/vendor/{name}")
"""Addresses of what the pages load; there is nothing of anybody in them."""

_DIST = Path(__file__).parent / "dist"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_PACKED = (("br", ".br"), ("gzip", ".gz"))
"""Encodings by preference, and how the packed file beside the plain one ends."""
_HASHED = ("assets/", "vendor/")
"""What lies there changes its name with its content."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
# The explorer writes its styles into the page and draws small pictures from data.
_EXPLORER_POLICY = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'").replace(
    "img-src 'self' blob:", "img-src 'self' blob: data:"
)
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}


class _File(NamedTuple):
    path: Path
    packed: tuple[tuple[str, Path], ...]


def _files() -> dict[str, _File]:
    try:
        built = (_DIST / "index.html").stat().st_mtime_ns
    except FileNotFoundError:
        raise NotFound("The web app is not built: run make web.") from None
    return _listed(built)


@lru_cache(maxsize=1)
def _listed(_built: int) -> dict[str, _File]:
    """Return what was built, by name; names outside of it lead nowhere."""
    found = {p.relative_to(_DIST).as_posix(): p for p in _DIST.rglob("*") if p.is_file()}
    return {
        name: _File(
            path,
            tuple((coding, found[name + end]) for coding, end in _PACKED if name + end in found),
        )
        for name, path in found.items()
        if not name.endswith(tuple(end for _, end in _PACKED))
    }


def page(request: Request) -> Response:
    """Send the page of an address in `PAGES`."""
    name = PAGES.get(request.scope["route"].path, "index.html")
    policy = _EXPLORER_POLICY if name == "explorer.html" else _POLICY
    return _send(request, name, {**_PAGE_HEADERS, "Content-Security-Policy": policy})


def file(request: Request) -> Response:
    """Send a file that pages load; a hashed one is kept for good.

    Raises:
        NotFound: nothing of this name was built.
    """
    name = request.url.path.lstrip("/")
    kept = "public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache"
    return _send(request, name, {"Cache-Control": kept})


def _send(request: Request, name: str, headers: dict[str, str]) -> Response:
    known = _files().get(name)
    if known is None:
        raise NotFound("There is no such file.")
    path = known.path
    taken = _accepted(request.headers.get("accept-encoding", ""))
    for coding, packed in known.packed:
        if coding in taken:
            path = packed
            headers["Content-Encoding"] = coding
            break
    headers["Vary"] = "Accept-Encoding"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Content-Type"] = _TYPES.get(known.path.suffix, "application/octet-stream")
    return FileResponse(path, headers=headers)


def _accepted(told: str) -> set[str]:
    taken = set()
    for part in told.lower().split(","):
        coding, _, quality = part.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            taken.add(coding.strip())
    return taken
