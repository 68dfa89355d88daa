"""Google's lists of what one did: My Activity, YouTube's history, Chrome's history.

JSON says UTC. HTML, which is what Takeout gives unless asked, says the clock of the account in
the language of the account; abbreviated zones mean several places and are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

from diurnal.connectors import Connector, Entry
from diurnal.connectors import _json as documents
from diurnal.connectors._dates import written
from diurnal.connectors._health import clock
from diurnal.connectors._said import key, number, some, utc
from diurnal.model.records import Datum, Item, Progress, Source
from diurnal.model.sources import Kind

STREAM = "diurnal-media"
TITLE_MAX = 1_000
BLOCK = 64 << 10
PART_MAX = 20_000
_WEBKIT_US = 11_644_473_600_000_000
"""From 1601, where Chrome's own clock begins, to 1970."""
_WEBKIT_FROM = 12_000_000_000_000_000
_CELL = re.compile(rb'class="outer-cell[^"]*mdl-cell')
_IS_UTC = re.compile(r"\b(?:UTC|GMT)\s*$|\dZ\s*$")
_TAG = re.compile(r"[^\w]+")


def kind(entry: Entry) -> tuple[str, str]:
    """Return what a file is and where its items are, ("", "") for others."""
    there = documents.members(entry.head)
    if {"item.header", "item.title", "item.time"} <= there:
        return "activity", "item"
    for member in there:
        # What holds the list is called in the account's language.
        where = member.removesuffix(".time_usec")
        if where != member and f"{where}.url" in there:
            return "history", where
    if _CELL.search(entry.head):
        return "html", ""
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read one list."""
    type_, where = kind(entry)
    if type_ == "html":
        yield from _html(entry)
    else:
        one = _activity if type_ == "activity" else _visit
        yield from documents.read(entry, one, where)


def _activity(said: Any) -> Iterator[Item]:
    by = next((s.get("name") for s in said.get("subtitles") or () if s.get("name")), None)
    at = utc(said["time"])
    yield _event(said["header"], at, said["title"], said.get("titleUrl"), by)


def _visit(said: Any) -> Iterator[Item]:
    at = round(number(said["time_usec"]))
    if at > _WEBKIT_FROM:
        at -= _WEBKIT_US
    yield _event("Chrome", at, said.get("title") or said["url"], said["url"], None)


def _event(
    product: str, at: int, title: str, url: str | None, by: str | None, *, local: bool = False
) -> Datum:
    header = " ".join(product.split())[:100] or "Google"
    return Datum(
        source=Source(header if header.startswith("YouTube") else f"Google {header}", Kind.DERIVED),
        source_id=key(at, title, url or ""),
        type="note/webclip",
        start=at,
        content=some(title=title[:TITLE_MAX], url=url, by=by),
        stream=STREAM,
        tags=(_TAG.sub("-", header.casefold()).strip("-"),),
        clock=local,
    )


def _html(entry: Entry) -> Iterator[Item]:
    total, done = max(entry.size, 1), 0
    yield Progress("reading", 0, total)
    page, count = _Page(), 0
    with entry.open() as stream:
        pending = b""
        while True:
            block = stream.read(BLOCK)
            done += len(block)
            text, _, pending = (pending + block).rpartition(b">") if block else (pending, b"", b"")
            page.feed((text + (b">" if block and text else b"")).decode("utf-8", "replace"))
            for cell in page.taken():
                count += 1
                yield from documents.careful(_read, cell, f"{entry.path}: entry {count}")
            if not block:
                break
            yield Progress("reading", min(done, total), total)
    yield Progress("reading", total, total)


def _read(cell: Mapping[str, Any]) -> Iterator[Item]:
    lines = [line for line in cell["lines"] if line]
    when = written(lines[-1])
    micros = clock(datetime.isoformat(when))
    local = not _IS_UTC.search(lines[-1])
    title = " ".join(" ".join(lines[:-1]).split())
    yield _event(
        cell["product"], micros, title or cell["url"] or "", cell["url"], None, local=local
    )


class _Page(HTMLParser):
    """Takes the entries of a page as they come: product, lines of text, first address."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._done: list[Mapping[str, Any]] = []
        self._depth = 0
        self._cell: dict[str, Any] | None = None
        self._at = 0
        self._part = ""

    def taken(self) -> list[Mapping[str, Any]]:
        """Return the entries that are whole."""
        done, self._done = self._done, []
        return done

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Follow where in an entry the page is."""
        said = dict(attrs)
        class_ = said.get("class") or ""
        if tag == "div":
            self._depth += 1
            if "outer-cell" in class_:
                self._finish()
                self._cell = {"product": "", "lines": [""], "url": None}
                self._at = self._depth
            elif "mdl-typography--body-1" in class_ and "text-right" not in class_:
                self._part = "lines"
            elif "header-cell" in class_:
                self._part = "product"
            else:
                self._part = ""
        elif tag == "br" and self._cell is not None and self._part == "lines":
            self._cell["lines"].append("")
        elif tag == "a" and self._cell is not None and self._part == "lines":
            self._cell["url"] = self._cell["url"] or said.get("href")

    def handle_endtag(self, tag: str) -> None:
        """Leave an entry with its element."""
        if tag == "div":
            if self._cell is not None and self._depth == self._at:
                self._finish()
            self._depth -= 1
            self._part = "" if self._part == "lines" else self._part

    def handle_data(self, data: str) -> None:
        """Keep the text of an entry."""
        cell = self._cell
        if cell is None:
            return
        if self._part == "product":
            cell["product"] = (cell["product"] + data)[:PART_MAX]
        elif self._part == "lines":
            cell["lines"][-1] = (cell["lines"][-1] + data)[:PART_MAX]

    def _finish(self) -> None:
        if self._cell is not None and any(self._cell["lines"]):
            self._done.append(self._cell)
        self._cell = None


CONNECTOR = Connector(
    name="google_activity",
    title="Google My Activity, YouTube and Chrome (Takeout)",
    docs="https://support.google.com/accounts/answer/7028918",
    emits=frozenset(),
    recognise=recognise,
    parse=parse,
)
