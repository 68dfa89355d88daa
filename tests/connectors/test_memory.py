"""What a parser keeps of a file does not grow with the file.

Each connector's own sample is repeated until it is large, in the way of its format; an author
writes nothing here.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diurnal import plugins
from diurnal.connectors import Connector
from diurnal.connectors._drop import drop
from diurnal.errors import AppError
from diurnal.store import foreign
from tests.connectors.reading import DATA

CONNECTORS = plugins.load("diurnal.connectors", "CONNECTOR", Connector)
READERS = {name: c for name, c in CONNECTORS.items() if c.recognise and c.parse}
SIZE = 12_000_000
GROWN_KB_MAX = 96 << 10
"""Columns of points, open nights and the like are held, whatever the file's size."""
MARK = Path("/proc/self/clear_refs")
"""Written to, the high-water mark of this process begins anew."""

pytestmark = pytest.mark.slow


def _status(name: str) -> int:
    """Return a figure of this process, KB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


# Repeating a sample


def _lists(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield how long the lists of a document are, and where."""
    if isinstance(value, list):
        yield len(json.dumps(value)), path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, (*path, key))


def _json_parts(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return what comes before the elements of the longest list, they, and what comes after."""
    lead = b""
    if data[:1] not in b"[{":  # an archive's page of JavaScript
        lead, data = data[: data.index(b"[")], data[data.index(b"[") :]
    try:
        value = json.loads(data)
    except ValueError:
        return None
    found = max(_lists(value), default=None)
    if found is None:
        return None
    marker = "\0here\0"
    *way, last = ("", *found[1])
    if not found[1]:
        elements, value = value, marker
    else:
        at = value
        for key in way[1:]:
            at = at[key]
        elements, at[last] = at[last], marker
    if not elements:
        return None
    before, after = json.dumps(value).split(json.dumps(marker))
    body = ",".join(map(json.dumps, elements))
    return lead + before.encode() + b"[", body.encode(), b"]" + after.encode()


def _text_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the first line or root, what can come again, and the end."""
    text = data.lstrip(b"\xef\xbb\xbf \r\n")
    if text.startswith(b"BEGIN:VCALENDAR"):
        at, end = text.index(b"BEGIN:VEVENT"), text.rindex(b"END:VEVENT") + len(b"END:VEVENT\r\n")
        return text[:at], text[at:end], text[end:]
    if text.startswith(b"<"):
        root = re.search(rb"<(?!\?|!)[^>]*>", text)
        assert root is not None
        end = text.rindex(b"</")
        return text[: root.end()], text[root.end() : end], text[end:]
    head, _, body = data.partition(b"\n")
    return head + b"\n", body.rstrip(b"\r\n") + b"\n", b""


def _grown(data: bytes) -> Iterator[bytes]:
    """Yield a file made of a sample that comes again and again."""
    if data[8:12] == b".FIT":
        yield from itertools.repeat(data, SIZE // 12 // len(data) + 1)  # Each byte costs much.
        return
    between = b""
    parts = _json_parts(data) if data.lstrip()[:1] in b"[{" or b"= [" in data[:200] else None
    if parts is None:
        parts = _text_parts(data)
    else:
        between = b","
    head, body, tail = parts
    yield head
    for n in range(SIZE // max(len(body), 1) + 1):
        yield (between if n else b"") + body
    yield tail


def _large(tmp_path: Path, connector: Connector) -> Path | None:
    """Write the largest sample of a connector, repeated, beside what lay beside it."""
    assert connector.recognise
    best: tuple[int, Path, str] | None = None
    for path in sorted(DATA.glob(f"{connector.name.replace('csv_file', 'csv')}/*")):
        with drop(path, tables=foreign.tables) as dropped:
            for inner, entry in dropped.entries.items():
                plain = not entry.head.startswith(b"SQLite format 3")
                if plain and connector.recognise(entry) >= 0.5:
                    best = max(best or (0, path, ""), (entry.size, path, inner))
    if best is None:
        return None
    with drop(best[1], tables=foreign.tables) as dropped:
        for inner, entry in dropped.entries.items():
            out = tmp_path / inner
            out.parent.mkdir(parents=True, exist_ok=True)
            with entry.open() as stream:
                data = stream.read()
            with out.open("wb") as written:
                for block in _grown(data) if inner == best[2] else (data,):
                    written.write(block)
    return tmp_path / best[2]


@pytest.mark.parametrize("name", READERS)
def test_memory_does_not_grow_with_the_file(name: str, tmp_path: Path) -> None:
    connector = READERS[name]
    large = _large(tmp_path, connector)
    if large is None:
        assert name in {"health_connect"}, "a database; its rows come one by one"
        return
    assert connector.parse
    with drop(tmp_path, tables=foreign.tables) as dropped:
        entry = dropped.entries[large.relative_to(tmp_path).as_posix()]
        MARK.write_text("5")
        before, said = _status("VmRSS"), 0
        try:
            for _item in connector.parse(entry, {}):
                said += 1
        except AppError:  # Too large, or what comes again contradicts itself.
            said += 1
        grown = _status("VmHWM") - before
    assert said
    assert grown < GROWN_KB_MAX, f"{grown >> 10} MB of a file of {entry.size >> 20} MB"
