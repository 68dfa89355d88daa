"""Nightscout and OpenAPS: saved entries and treatments of a glucose sensor and a pump."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry, Http, Key, Options, Pull, Setting, Window
from diurnal.connectors import _json as documents
from diurnal.connectors._health import value_event
from diurnal.connectors._points import Lanes
from diurnal.connectors._rows import rows
from diurnal.connectors._said import epoch, key, local, name, number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind, kind_of

_MARKS: Mapping[str, frozenset[str]] = {
    "entries": frozenset({"sgv", "date"}),
    "fingersticks": frozenset({"mbg", "date"}),
    "openaps": frozenset({"glucose", "date", "dateString"}),
    "treatments": frozenset({"eventType", "created_at"}),
    "food": frozenset({"carbs", "created_at"}),
    "pump": frozenset({"_type", "timestamp"}),
}
_WHERE = ("item", "result.item")
_TREATMENTS = (("carbs", "carbohydrates", "g"), ("insulin", "insulin", "[iU]"))
UNNAMED = "Nightscout"


def kind(entry: Entry) -> tuple[str, str]:
    """Return what a file holds and where, ("", "") for others."""
    there = documents.members(entry.head)
    for where in _WHERE:
        own = {m.removeprefix(f"{where}.") for m in there if m.startswith(f"{where}.")}
        for type_, marks in _MARKS.items():
            if marks <= own:
                return type_, where
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read saved entries or treatments."""
    type_, where = kind(entry)
    lanes = Lanes()
    yield from documents.read(entry, lambda row: record(type_, row, lanes), where)
    yield from lanes.flush(everything=True)


def record(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one entry (a reading of glucose) or treatment (food, insulin)."""
    if type_ in ("treatments", "food"):
        yield from _treatment(said)
    elif type_ == "pump":
        yield from _pump(said)
    else:
        reading = said.get("sgv", said.get("mbg", said.get("glucose")))
        # Sensors tell faults as readings below any that there can be.
        if reading is not None and number(reading) >= 20:
            glucose = catalog.get("glucose")
            value = catalog.to_canonical(glucose, number(reading), "mg/dL")
            lanes.add("glucose", _source(said), epoch(said["date"]), value, offset=_offset(said))
    yield from lanes.flush()


def _source(said: Any, said_by: str = "device") -> Source:
    found = name(said.get(said_by)) or UNNAMED
    known = kind_of(found)
    return Source(found, known if known is not Kind.DERIVED else Kind.DEDICATED)


def _offset(said: Any) -> int | None:
    given = said.get("utcOffset")
    if given is not None:
        return int(number(given))
    text = said.get("dateString") or ""
    return local(text)[1] if text[-6:-5] in ("+", "-") else None


def _treatment(said: Any) -> Iterator[Item]:
    at, offset = local(said["created_at"])
    offset = int(said["utcOffset"]) if said.get("utcOffset") is not None else offset
    source = _source(said, "enteredBy")
    id_ = said.get("_id") or said.get("identifier") or key(at, said.get("eventType"))
    for member, measure, unit in _TREATMENTS:
        if said.get(member):
            value = number(said[member])
            yield value_event(measure, source, f"{measure}:{id_}", at, value, unit, offset=offset)


def _pump(said: Any) -> Iterator[Item]:
    """Read the history of a pump: what it gave at once; rates are not a dose by themselves."""
    at, offset = local(said["timestamp"])
    source = Source("OpenAPS", Kind.DEDICATED)
    if said["_type"] == "Bolus" and said.get("amount"):
        id_, dose = f"insulin:{at}", number(said["amount"])
        yield value_event("insulin", source, id_, at, dose, "[iU]", offset=offset)


COUNT_MAX = 20_000


def _entries(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {
        "find[date][$gte]": window.start // 1_000,
        "find[date][$lt]": window.end // 1_000,
        "count": COUNT_MAX,
    }
    found = http.get("/api/v1/entries.json", asked) or []
    # Calibrations lie among the readings and have none.
    yield from rows(record, "entries", [e for e in found if "sgv" in e or "mbg" in e], "entries")


def _treatments(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {
        "find[created_at][$gte]": window.start_text,
        "find[created_at][$lt]": window.end_text,
        "count": COUNT_MAX,
    }
    found = http.get("/api/v1/treatments.json", asked) or []
    yield from rows(record, "treatments", found, "treatments")


CONNECTOR = Connector(
    name="nightscout",
    title="Nightscout",
    docs="https://nightscout.github.io/",
    emits=frozenset({"glucose", "carbohydrates", "insulin"}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Access token",
        help="Make a subject with the role readable in Nightscout's admin tools; open sites need "
        "none.",
        place="query",
        name="token",
        optional=True,
    ),
    settings=(Setting(key="url", label="Address of your Nightscout", kind="url", required=True),),
    pulls=(
        Pull(name="entries", fetch=_entries, slice_days=14, overlap_days=1, every_s=900),
        Pull(name="treatments", fetch=_treatments, slice_days=30, overlap_days=2, every_s=900),
    ),
)
