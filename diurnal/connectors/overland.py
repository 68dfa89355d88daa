"""Overland: where a phone was, as the app sends it (GeoJSON), live or saved.

The names of wireless networks are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Options,
    Receive,
    Reply,
    _json,
    _places,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind


def one(feature: Mapping[str, Any]) -> Iterator[Item]:
    """Read a location."""
    about = feature["properties"]
    longitude, latitude = feature["geometry"]["coordinates"][:2]
    at, offset = _said.local(about["timestamp"])
    device = _said.name(about.get("device_id"))
    yield _places.fix(
        Source(f"Overland {device}".strip(), Kind.PHONE),
        _said.key(str(at)),
        at,
        _places.position(
            latitude,
            longitude,
            altitude=about.get("altitude"),
            accuracy=about.get("horizontal_accuracy"),
            vertical_accuracy=about.get("vertical_accuracy"),
            speed=about.get("speed"),
            bearing=about.get("course"),
        ),
        offset=offset,
    )


def rows_of(document: Any) -> Iterator[Item]:
    """Yield the locations of a batch."""
    return _json.each(one, document["locations"], "the batch")


def recognise(entry: Entry) -> float:
    """Return 0.95 for a saved batch."""
    wanted = {
        "locations.item.properties.timestamp",
        "locations.item.geometry.coordinates",
    }
    return 0.95 if wanted <= _json.members(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved batch."""
    return _json.read(entry, one, "locations.item", unit="location")


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    return rows_of(_json.decode(delivery.body))


CONNECTOR = Connector(
    name="overland",
    title="Overland",
    docs="https://github.com/aaronpk/Overland-iOS",
    emits=frozenset({"location"}),
    recognise=recognise,
    parse=parse,
    receive=Receive(read=_receive, reply=Reply(body=b'{"result":"ok"}')),
)
