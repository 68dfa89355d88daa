"""ActivityWatch: time at the computer and the phone, from its export and its local API.

ActivityWatch knows windows, not what they are worth: two lists of words, which the owner can
change, tell productive and distracting ones; the rest is neutral. Away from keyboard nothing
counts. Titles and addresses of windows are not kept.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Options,
    Pull,
    Setting,
    Window,
    _json,
    _said,
)
from diurnal.connectors._points import Lanes
from diurnal.model.records import Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE, SECOND

PRODUCTIVE = (
    "code", "vim", "emacs", "pycharm", "intellij", "xcode", "eclipse", "terminal", "konsole",
    "word", "excel", "writer", "calc", "latex", "jupyter", "github", "gitlab",
)  # fmt: skip
DISTRACTING = (
    "youtube", "netflix", "twitch", "reddit", "facebook", "instagram", "tiktok", "twitter",
    "steam",
)  # fmt: skip
WINDOW, AWAY = "currentwindow", "afkstatus"


@dataclass(slots=True)
class _Host:
    """The events of one machine, as columns."""

    start: array[int] = field(default_factory=lambda: array("q"))
    end: array[int] = field(default_factory=lambda: array("q"))
    measure: list[str] = field(default_factory=list)
    there: list[tuple[int, int]] = field(default_factory=list)
    watched: bool = False
    """Whether something tells when nobody is there."""


class _Reader:
    """Takes events of buckets, and tells intervals once all are known."""

    def __init__(self, options: Options) -> None:
        self._hosts: dict[str, _Host] = defaultdict(_Host)
        self._productive = _words(options.get("productive") or PRODUCTIVE)
        self._distracting = _words(options.get("distracting") or DISTRACTING)

    def take(self, bucket: Mapping[str, Any], event: Any, where: str) -> Iterator[Item]:
        """Take one event; one that cannot be read is set aside."""
        return _json.careful(partial(self._take, bucket), event, where)

    def _take(self, bucket: Mapping[str, Any], event: Mapping[str, Any]) -> Iterable[Item]:
        if bucket["type"] not in (WINDOW, AWAY):
            return ()
        host = self._hosts[_said.name(bucket.get("hostname"))]
        start = _said.utc(event["timestamp"])
        end = start + max(round(_said.number(event["duration"]) * SECOND), 0)
        data = event["data"]
        if bucket["type"] == AWAY:
            host.watched = True
            if data["status"] == "not-afk":
                host.there.append((start, end))
            return ()
        measure = self._measure(bucket, data)
        host.start.append(start)
        host.end.append(end)
        host.measure.append(measure)
        return ()

    def _measure(self, bucket: Mapping[str, Any], data: Mapping[str, Any]) -> str:
        if "android" in bucket["id"]:
            return "screen_mobile"
        said = f"{data.get('app', '')} {data.get('title', '')}"
        # A page to waste time on is one in whatever program shows it.
        if self._distracting.search(said):
            return "distracting_time"
        return "productive_time" if self._productive.search(said) else "neutral_time"

    def told(self) -> Iterator[Item]:
        """Yield the intervals in which somebody was there."""
        lanes = Lanes()
        for name, host in self._hosts.items():
            source = Source(f"ActivityWatch {name}".strip(), Kind.DERIVED)
            there = _union(host.there)
            starts = [a for a, _ in there]
            for start, end, measure in zip(host.start, host.end, host.measure, strict=True):
                spans: Iterable[tuple[int, int]] = [(start, end)]
                if host.watched and measure != "screen_mobile":
                    spans = _within(start, end, there, starts)
                for a, b in spans:
                    if b > a:
                        lanes.add(measure, source, a, (b - a) / MINUTE, end=b)
                yield from lanes.flush()
        yield from lanes.flush(everything=True)


def _words(said: Iterable[str]) -> re.Pattern[str]:
    plain = "|".join(re.escape(w.strip()) for w in said if w.strip())
    return re.compile(rf"\b(?:{plain})\b" if plain else r"(?!)", re.IGNORECASE)


def _union(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if found and a <= found[-1][1]:
            found[-1] = found[-1][0], max(b, found[-1][1])
        else:
            found.append((a, b))
    return found


def _within(
    start: int, end: int, there: list[tuple[int, int]], starts: list[int]
) -> Iterator[tuple[int, int]]:
    for a, b in there[max(bisect_right(starts, start) - 1, 0) :]:
        if a >= end:
            return
        if b > start:
            yield max(a, start), min(b, end)


def rows_of(document: Any, options: Options | None = None) -> Iterator[Item]:
    """Yield the intervals of a decoded export: `buckets`, each with its `events`."""
    reader = _Reader(options or {})
    buckets = document["buckets"]
    for bucket in buckets.values() if isinstance(buckets, dict) else buckets:
        for n, event in enumerate(bucket["events"], 1):
            yield from reader.take(bucket, event, f"{bucket['id']}: event {n}")
    yield from reader.told()


def recognise(entry: Entry) -> float:
    """Return 0.95 for an export."""
    seen = _json.members(entry.head)
    own = any(m.startswith("buckets.") and m.endswith((".hostname", ".client")) for m in seen)
    return 0.95 if own else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export, bucket by bucket."""
    total = max(entry.size, 1)
    reader = _Reader({})
    yield Progress("reading", 0, total)
    for n, (bucket, event, done) in enumerate(_json.children(entry, "buckets", "events"), 1):
        yield from reader.take(bucket, event, f"{entry.path}: event {n}")
        if n % 10_000 == 0:
            yield Progress("reading", min(done, total), total)
    yield from reader.told()
    yield Progress("reading", total, total)


def _events(http: Http, window: Window, options: Options) -> Iterator[Item]:
    buckets = http.get("/api/0/buckets/")
    for bucket in buckets.values():
        if bucket["type"] in (WINDOW, AWAY):
            path = f"/api/0/buckets/{quote(bucket['id'], safe='')}/events"
            asked = {"start": window.start_text, "end": window.end_text, "limit": -1}
            bucket["events"] = http.get(path, asked)
        else:
            bucket["events"] = []
    yield from rows_of({"buckets": buckets}, options)


CONNECTOR = Connector(
    name="activitywatch",
    title="ActivityWatch",
    docs="https://docs.activitywatch.net/en/latest/api/rest.html",
    emits=frozenset({"productive_time", "neutral_time", "distracting_time", "screen_mobile"}),
    recognise=recognise,
    parse=parse,
    settings=(
        Setting(
            key="url",
            label="Address of ActivityWatch",
            kind="url",
            default="http://localhost:5600",
            required=True,
        ),
        Setting(key="productive", label="Productive words", kind="list", default=PRODUCTIVE),
        Setting(key="distracting", label="Distracting words", kind="list", default=DISTRACTING),
    ),
    pulls=(Pull(name="events", fetch=_events, slice_days=7, overlap_days=1),),
)
