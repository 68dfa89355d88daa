"""Nightscout and OpenAPS: saved entries and treatments of a glucose sensor and a pump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Http, Key, Options, Pull, Setting, Window
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import value_event
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import epoch, key, local, name, number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind, kind_of

_TREATMENTS = (("carbs", "carbohydrates", "g"), ("insulin", "insulin", "[iU]"))
UNNAMED = "Nightscout"


def _reading(said: Any, lanes: Lanes) -> Iterable[Item]:
    """Read an entry: a reading of glucose."""
    reading = said.get("sgv", said.get("mbg", said.get("glucose")))
    # Sensors tell faults as readings below any that there can be.
    if reading is not None and number(reading) >= 20:
        value = catalog.to_canonical(catalog.get("glucose"), number(reading), "mg/dL")
        lanes.add("glucose", _source(said), epoch(said["date"]), value, offset=_offset(said))
    return ()


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


def _treatment(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a treatment: food, insulin."""
    at, offset = local(said["created_at"])
    offset = int(said["utcOffset"]) if said.get("utcOffset") is not None else offset
    source = _source(said, "enteredBy")
    id_ = said.get("_id") or said.get("identifier") or key(at, said.get("eventType"))
    for member, measure, unit in _TREATMENTS:
        if said.get(member):
            value = number(said[member])
            yield value_event(measure, source, f"{measure}:{id_}", at, value, unit, offset=offset)


def _pump(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read the history of a pump: what it gave at once; rates are not a dose by themselves."""
    at, offset = local(said["timestamp"])
    source = Source("OpenAPS", Kind.DEDICATED)
    if said["_type"] == "Bolus" and said.get("amount"):
        id_, dose = f"insulin:{at}", number(said["amount"])
        yield value_event("insulin", source, id_, at, dose, "[iU]", offset=offset)


FORMS = Forms(
    (
        Form("entries", _reading, {"sgv", "date"}),
        Form("fingersticks", _reading, {"mbg", "date"}),
        Form("openaps", _reading, {"glucose", "date", "dateString"}),
        Form("treatments", _treatment, {"eventType", "created_at"}),
        Form("food", _treatment, {"carbs", "created_at"}),
        Form("pump", _pump, {"_type", "timestamp"}),
    ),
    where=("item", "result.item"),
)
COUNT_MAX = 20_000


def _entries(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {
        "find[date][$gte]": window.start // 1_000,
        "find[date][$lt]": window.end // 1_000,
        "count": COUNT_MAX,
    }
    found = http.get("/api/v1/entries.json", asked) or []
    # Calibrations lie among the readings and have none.
    yield from FORMS.answer("entries", [e for e in found if "sgv" in e or "mbg" in e])


def _treatments(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {
        "find[created_at][$gte]": window.start_text,
        "find[created_at][$lt]": window.end_text,
        "count": COUNT_MAX,
    }
    found = http.get("/api/v1/treatments.json", asked) or []
    yield from FORMS.answer("treatments", found)


CONNECTOR = Connector(
    name="nightscout",
    title="Nightscout",
    docs="https://nightscout.github.io/",
    emits=frozenset({"glucose", "carbohydrates", "insulin"}),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
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
