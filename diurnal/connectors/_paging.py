"""Page by page, in the ways that sources have; what asks is given, so that replay is the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from diurnal.connectors import Answer
from diurnal.connectors._answers import at, decode
from diurnal.errors import Upstream

PAGES_MAX = 5_000
Ask = Callable[[str, Mapping[str, Any]], Answer]

_LINK = re.compile(r'<([^>]*)>\s*;[^,]*?\brel="?next"?', re.IGNORECASE)


def pages(
    ask: Ask,
    path: str,
    params: Mapping[str, Any],
    *,
    token: tuple[str, str] | None = None,
    offset: tuple[str, str, str] | None = None,
    page: tuple[str, int] | None = None,
    skip: str | None = None,
    size: int | None = None,
    items: str = "",
    link: bool = False,
) -> Iterator[Any]:
    """Yield the JSON of every page; see `Http.pages`.

    Raises:
        Upstream: a page comes again, or there are too many.
        ValueError: not exactly one way to go on.
    """
    if sum((token is not None, offset is not None, page is not None, skip is not None, link)) != 1:
        raise ValueError("exactly one of token, offset, page, skip and link is needed")
    asked = dict(params)
    if page is not None:
        asked[page[0]] = page[1]
    if skip is not None:
        asked[skip] = 0
    seen: set[Any] = set()
    last = b""
    for n in range(PAGES_MAX):
        answer = ask(path, asked)
        # Two empty pages are alike, and end the reading anyway.
        if n and answer.body == last and len(last) > 2:
            raise Upstream("the source sends the same page again and again")
        last = answer.body
        value = decode(answer)
        yield value
        following: Any = None
        if token is not None:
            following = at(value, token[0])
            asked = {**asked, token[1]: following}
        elif offset is not None:
            following = at(value, offset[0]) if at(value, offset[2]) else None
            asked = {**asked, offset[1]: following}
        elif page is not None:
            following = page[1] + n + 1 if _items(value, items) >= (size or 1) else None
            asked = {**asked, page[0]: following}
        elif skip is not None:
            count = _items(value, items)
            following = asked[skip] + count if count >= (size or 1) else None
            asked = {**asked, skip: following}
        else:
            found = _LINK.search(answer.headers.get("link", ""))
            following = urljoin(path, found[1]) if found else None
            path, asked = following or path, {}
        if following is None or following == "":
            return
        if not isinstance(following, str | int) or following in seen:
            raise Upstream("the source leads back to a page that was read")
        seen.add(following)
    raise Upstream(f"more than {PAGES_MAX} pages")


def _items(value: Any, items: str) -> int:
    found = at(value, items)
    return len(found) if isinstance(found, list) else 0
