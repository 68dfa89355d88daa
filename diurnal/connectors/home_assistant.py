"""Home Assistant: history and long-term statistics of its entities, by API, push and file.

Numbers become own measures named like the entity, unless the connection says what they measure;
persons and trackers tell where somebody was. States that are words are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Receive,
    Setting,
    Window,
    _json,
    _places,
    _said,
)
from diurnal.connectors._values import Values, When
from diurnal.model.records import Item, Progress, Source
from diurnal.model.sources import Kind
from diurnal.model.time import HOUR

NOTHING = {"", "unknown", "unavailable", "none"}
_WHERE = ("person.", "device_tracker.")


class _Reader:
    def __init__(self, options: Options) -> None:
        self._values = Values(dense=True)
        self._meant = dict(_pair(said) for said in options.get("map") or ())
        self._about: dict[str, Any] = {}

    def states(self, states: Any) -> Iterator[Item]:
        """Read the history of an entity: only its first state need say which and what it is."""
        self._about = {}
        yield from _json.each(self.state, states, "history")

    def state(self, s: Mapping[str, Any]) -> Iterator[Item]:
        """Read one state."""
        self._about = {**self._about, **{k: v for k, v in s.items() if v is not None}}
        entity, about = self._about["entity_id"], self._about.get("attributes") or {}
        at = _said.utc(s.get("last_updated") or s["last_changed"])
        if entity.startswith(_WHERE):
            here = s.get("attributes") or {}
            if here.get("latitude") is not None:
                place = _places.position(
                    here["latitude"], here["longitude"], accuracy=here.get("gps_accuracy")
                )
                source = Source(f"Home Assistant {entity}", Kind.PHONE)
                yield _places.fix(source, _said.key(str(at)), at, place)
            return
        yield from self._number(entity, s.get("state"), at, at, about)

    def statistics(self, entity: str, rows: Any) -> Iterator[Item]:
        """Read the hourly statistics of an entity."""

        def one(row: Mapping[str, Any]) -> Iterator[Item]:
            start = _start(row["start"])
            said = next((row[k] for k in ("mean", "change", "state") if row.get(k) is not None), "")
            end = _start(row["end"]) if row.get("end") is not None else start + HOUR
            return self._number(entity, said, start, end, {})

        yield from _json.each(one, rows, f"statistics of {entity}")

    def _number(
        self, entity: str, said: Any, at: int, end: int, about: Mapping[str, Any]
    ) -> Iterator[Item]:
        if str(said).strip().casefold() in NOTHING:
            return
        try:
            value = _said.number(said)
        except ValueError:
            return
        meant = self._meant.get(entity)
        yield from self._values.take(
            meant or entity,
            value,
            When(at, end),
            Source(f"Home Assistant {entity}"[:200], Kind.DERIVED),
            unit=about.get("unit_of_measurement") if meant else None,
        )

    def flush(self) -> Iterator[Item]:
        """Yield what waits."""
        return self._values.flush()


def _pair(said: str) -> tuple[str, str]:
    entity, _, measure = said.partition("=")
    return entity.strip(), measure.strip()


def _start(said: Any) -> int:
    return _said.utc(said) if isinstance(said, str) else _said.epoch(said)


def rows_of(document: Any, options: Options | None = None) -> Iterator[Item]:
    """Yield what a document says: history, statistics by entity, or one state."""
    reader = _Reader(options or {})
    if isinstance(document, list):
        for states in document:
            yield from reader.states(states if isinstance(states, list) else [states])
    elif "entity_id" in document:
        yield from reader.states([document])
    else:
        for entity, rows in document.get("result", document).items():
            yield from reader.statistics(entity, rows)
    yield from reader.flush()


def _form(entry: Entry) -> str:
    seen = _json.members(entry.head)
    for dot in ("item.item.", "item.", ""):
        if {f"{dot}entity_id", f"{dot}state", f"{dot}last_changed"} <= seen:
            return "history"
    start = entry.head.lstrip()[:1] == b"{"
    found = [m.split(".") for m in seen if m.startswith(("sensor.", "result.sensor."))]
    if start and any(p[-1] == "start" for p in found) and any(p[-1] == "end" for p in found):
        return "statistics"
    return ""


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer of the history API, 0.9 for statistics."""
    return {"history": 0.95, "statistics": 0.9}.get(_form(entry), 0.0)


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer; a long history entity by entity."""
    if "item.item.entity_id" not in _json.members(entry.head):
        yield from _json.whole(entry, rows_of)
        return
    reader = _Reader({})
    total = max(entry.size, 1)
    yield Progress("reading", 0, total)
    for states, done in _json.elements(entry):
        yield from reader.states(states)
        yield Progress("reading", min(done, total), total)
    yield from reader.flush()
    yield Progress("reading", total, total)


def _history(http: Http, window: Window, options: Options) -> Iterator[Item]:
    if not options.get("entities"):
        return  # Home Assistant pushes.
    answer = http.get(
        f"/api/history/period/{window.start_text}",
        {
            "end_time": window.end_text,
            "filter_entity_id": ",".join(options["entities"]),
            "significant_changes_only": 0,
        },
    )
    yield from rows_of(answer, options)


def _receive(delivery: Delivery, options: Options) -> Iterator[Item]:
    return rows_of(_json.decode(delivery.body), options)


CONNECTOR = Connector(
    name="home_assistant",
    title="Home Assistant",
    docs="https://developers.home-assistant.io/docs/api/rest/",
    emits=None,
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Long-lived token",
        help="Your profile in Home Assistant, Security. Not needed where it only pushes.",
        optional=True,
    ),
    settings=(
        Setting(
            key="url", label="Address of Home Assistant", kind="url",
            help="Like http://homeassistant.local:8123; left empty, it only pushes.",
        ),
        Setting(
            key="entities", label="Entities to fetch", kind="list",
            help="Like sensor.scale_weight and person.alex.",
        ),
        Setting(
            key="map", label="What they measure", kind="list",
            help="Like sensor.scale_weight=weight; others become measures of your own.",
        ),
    ),
    # The recorder keeps ten days unless told otherwise.
    pulls=(Pull(name="history", fetch=_history, slice_days=2, overlap_days=1),),
    receive=Receive(read=_receive),
)  # fmt: skip
