"""GPSLogger for Android: where a phone was, from its CSV logs and its custom URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Options,
    Receive,
    Reply,
    _csv,
    _json,
    _places,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

_NAMES = {
    "latitude": ("lat", "latitude"),
    "longitude": ("lon", "lng", "long", "longitude"),
    "altitude": ("alt", "elevation", "altitude"),
    "accuracy": ("acc", "accuracy"),
    "speed": ("spd", "speed", "s"),
    "bearing": ("dir", "bearing", "direction"),
}
_COLUMNS = ("time", "lat", "lon", "elevation", "accuracy", "bearing", "speed", "provider")


def one(said: Mapping[str, Any]) -> Iterator[Item]:
    """Read a fix: a row of a log, or what the address or body of a request says."""
    found = {
        ours: next((said[n] for n in theirs if said.get(n) not in (None, "")), None)
        for ours, theirs in _NAMES.items()
    }
    device = _said.name(said.get("ser") or said.get("device"))
    stamp = said.get("timestamp_ms") or said.get("timestamp")
    offset = None
    if "T" in str(said.get("time_offset", "")):
        at, offset = _said.local(said["time_offset"])
    elif stamp:
        at = _said.epoch(stamp)
    else:
        text = str(said["time"])
        if text.endswith("Z") or "T" not in text:
            at = _said.utc(text) if "T" in text else _said.epoch(text)
        else:
            at, offset = _said.local(text)
    place = _places.position(found.pop("latitude"), found.pop("longitude"), **found)
    source = Source(f"GPSLogger {device}".strip(), Kind.PHONE)
    # Logs have milliseconds that addresses leave out.
    yield _places.fix(source, _said.key(str(_said.seconds(at))), at, place, offset=offset)


def rows_of(document: Any) -> Iterator[Item]:
    """Yield the fix of a decoded body, or several."""
    return _json.each(one, document if isinstance(document, list) else [document], "message")


def recognise(entry: Entry) -> float:
    """Return 0.95 for a log in CSV."""
    return 0.95 if _csv.has(entry.head, *_COLUMNS) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a log."""
    return _csv.read(entry, one)


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    body = delivery.body.strip()
    if body[:1] in (b"{", b"["):
        return rows_of(_json.decode(body))
    said = {**delivery.query, **dict(parse_qsl(body.decode("utf-8", "replace")))}
    return rows_of(said)


CONNECTOR = Connector(
    name="gpslogger",
    title="GPSLogger",
    docs="https://gpslogger.app/#usingthecustomurlfeature",
    emits=frozenset({"location"}),
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive, reply=Reply(type="text/plain", body=b"OK")),
)
