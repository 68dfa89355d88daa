"""An export in other people's formats, each with what fits into it.

What does not fit is left out; the whole is in the other formats. Nothing from the trash.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from diurnal.model.events import Event
from diurnal.model.measures import Measure
from diurnal.model.time import day_text, to_datetime
from diurnal.services.exports import Reading, Writer, created

_SPACE = uuid.UUID("6a6b3c0e-64a5-5f0e-9d57-2f2d0b0c9d11")
"""Names of data points are made of their ids, so that a second export names them alike."""


class Quantity(NamedTuple):
    """A value that was measured: of an event or a point."""

    id: str
    measure: Measure
    start: int
    end: int | None
    value: float
    source: str


def _events(reading: Reading) -> Iterator[Event]:
    return (e for e in reading.events() if not e.trashed)


def _hidden(reading: Reading, measure: Measure) -> bool:
    return reading.state.home(measure) in reading.state.trashed_streams


def _quantities(reading: Reading) -> Iterator[Quantity]:
    """Yield every single value; what lasts has an end."""
    for key, source, cols in reading.points():
        measure = reading.state.measure(key)
        if measure is None or _hidden(reading, measure):
            continue
        rows = zip(cols.start.tolist(), cols.end.tolist(), cols.value.tolist(), strict=True)
        for start, end, value in rows:
            id_ = uuid.uuid5(_SPACE, f"{key}|{source}|{start}|{end}").hex
            yield Quantity(id_, measure, start, end if end > start else None, value, source)
    for e in _events(reading):
        measure = reading.state.measure(e.measure) if e.measure else None
        if measure is None or e.value is None or _hidden(reading, measure):
            continue
        yield Quantity(e.id, measure, e.time, e.end if e.duration else None, e.value, e.source)


def _instant(at: int) -> str:
    return to_datetime(at).isoformat().replace("+00:00", "Z")


# iCalendar: what has an end, and notes


def write_ics(reading: Reading, out: Path) -> dict[str, int]:
    """Write what lasts, and what was written down, as a calendar (RFC 5545)."""
    from icalendar import Calendar
    from icalendar import Event as Entry

    n = 0
    with created(out / "diurnal.ics") as file:
        head = Calendar()
        head.add("prodid", "-//Diurnal//export//EN")
        head.add("version", "2.0")
        begin, end = head.to_ical().rsplit(b"END:VCALENDAR", 1)
        file.write(begin)
        for e in _events(reading):
            if not e.duration and not isinstance(e.content, str):
                continue
            entry = Entry()
            entry.add("uid", f"{e.id}@diurnal")
            entry.add("dtstamp", to_datetime(e.modified))
            entry.add("dtstart", to_datetime(e.time))
            if e.end is not None and e.end > e.time:
                entry.add("dtend", to_datetime(e.end))
            entry.add("summary", _summary(reading, e))
            if e.description:
                entry.add("description", e.description)
            if e.tags:
                entry.add("categories", list(e.tags))
            file.write(entry.to_ical())
            n += 1
        file.write(b"END:VCALENDAR" + end)
    return {"entries": n}


def _summary(reading: Reading, e: Event) -> str:
    if isinstance(e.content, str) and e.content.strip():
        return " ".join(e.content.split())[:200]
    if isinstance(e.content, Mapping):
        for name in ("title", "name", "summary", "activity"):
            if isinstance(e.content.get(name), str):
                return str(e.content[name])[:200]
    measure = reading.state.measure(e.measure) if e.measure else None
    stream = reading.state.tree.get(e.stream_ids[0])
    return measure.label if measure else stream.name if stream else e.type


# GPX: where somebody was

_GPX = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="Diurnal"'
    b' xmlns="http://www.topografix.com/GPX/1/1">\n'
)


def write_gpx(reading: Reading, out: Path) -> dict[str, int]:
    """Write positions as one track for each local day (GPX 1.1)."""
    n, day = 0, None
    with created(out / "diurnal.gpx") as file:
        file.write(_GPX)
        for e in _events(reading):
            point = _point(e)
            if point is None:
                continue
            if e.day != day:
                if day is not None:
                    file.write(b"</trkseg></trk>\n")
                day = e.day
                file.write(f"<trk><name>{day_text(day)}</name><trkseg>\n".encode())
            file.write(point.encode())
            n += 1
        if day is not None:
            file.write(b"</trkseg></trk>\n")
        file.write(b"</gpx>\n")
    return {"positions": n}


def _point(e: Event) -> str | None:
    place = e.content
    if e.type != "position/wgs84" or not isinstance(place, Mapping):
        return None
    lat, lon, height = (place.get(n) for n in ("latitude", "longitude", "altitude"))
    if not isinstance(lat, int | float) or not isinstance(lon, int | float):
        return None
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        return None
    above = f"<ele>{float(height):.2f}</ele>" if isinstance(height, int | float) else ""
    time = _instant(e.time)
    return f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}">{above}<time>{time}</time></trkpt>\n'


# FHIR: what has a LOINC code

_LOINC, _UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_PATIENT = "me"


def write_fhir(reading: Reading, out: Path) -> dict[str, int]:
    """Write Observations (FHIR R4), a resource a line as bulk data have it."""
    encode = msgspec.json.Encoder().encode
    with created(out / "Patient.ndjson") as file:
        file.write(encode({"resourceType": "Patient", "id": _PATIENT}) + b"\n")
    n = 0
    with created(out / "Observation.ndjson") as file:
        for q in _quantities(reading):
            if q.measure.loinc is not None:
                file.write(encode(_observation(q)) + b"\n")
                n += 1
        for e in _pressures(reading):
            file.write(encode(_pressure(e)) + b"\n")
            n += 1
    return {"observations": n}


_PERCENT = frozenset({"spo2", "body_fat"})
"""Fractions here; their LOINC codes are of percentages."""


def _observation(q: Quantity) -> dict[str, Any]:
    percent = q.measure.key in _PERCENT
    unit = "%" if percent else q.measure.unit
    value = round(q.value * 100, 12) if percent else q.value
    return {
        "resourceType": "Observation",
        "id": q.id,
        "status": "final",
        "code": _code(q.measure.loinc or "", q.measure.label),
        "subject": {"reference": f"Patient/{_PATIENT}"},
        **_effective(q.start, q.end),
        "device": {"display": q.source},
        "valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit},
    }


def _code(loinc: str, label: str) -> dict[str, Any]:
    return {"coding": [{"system": _LOINC, "code": loinc, "display": label}], "text": label}


def _effective(start: int, end: int | None) -> dict[str, Any]:
    if end is None:
        return {"effectiveDateTime": _instant(start)}
    return {"effectivePeriod": {"start": _instant(start), "end": _instant(end)}}


_PARTS = (("systolic", "8480-6", "Systolic"), ("diastolic", "8462-4", "Diastolic"))


def _pressures(reading: Reading) -> Iterator[Event]:
    for e in _events(reading):
        said = e.content if e.measure == "blood_pressure" else None
        if isinstance(said, Mapping) and all(
            isinstance(said.get(part), int | float) for part, *_ in _PARTS
        ):
            yield e


def _pressure(e: Event) -> dict[str, Any]:
    content: Any = e.content
    unit = {"unit": "mm[Hg]", "system": _UCUM, "code": "mm[Hg]"}
    return {
        "resourceType": "Observation",
        "id": e.id,
        "status": "final",
        "code": _code("85354-9", "Blood pressure"),
        "subject": {"reference": f"Patient/{_PATIENT}"},
        **_effective(e.time, None),
        "device": {"display": e.source},
        "component": [
            {
                "code": _code(loinc, f"{label} blood pressure"),
                "valueQuantity": {"value": content[part], **unit},
            }
            for part, loinc, label in _PARTS
        ],
    }


# Open mHealth: what has a schema there


class _Schema(NamedTuple):
    """A schema of Open mHealth: its body has `member`, in `unit`, our value times `factor`."""

    name: str
    version: str
    member: str
    unit: str
    factor: float = 1.0


_SCHEMAS = {
    "steps": _Schema("step-count", "3.0", "step_count", "steps"),
    "heart_rate": _Schema("heart-rate", "2.0", "heart_rate", "beats/min"),
    "respiratory_rate": _Schema("respiratory-rate", "2.0", "respiratory_rate", "breaths/min"),
    "spo2": _Schema("oxygen-saturation", "2.0", "oxygen_saturation", "%", 100.0),
    "glucose": _Schema("blood-glucose", "3.0", "blood_glucose", "mmol/L"),
    "weight": _Schema("body-weight", "2.0", "body_weight", "kg"),
    "height": _Schema("body-height", "1.0", "body_height", "m"),
    "bmi": _Schema("body-mass-index", "2.0", "body_mass_index", "kg/m2"),
    "body_fat": _Schema("body-fat-percentage", "1.0", "body_fat_percentage", "%", 100.0),
    "temperature_body": _Schema("body-temperature", "3.0", "body_temperature", "C"),
    "energy_active": _Schema("calories-burned", "2.0", "kcal_burned", "kcal"),
}
_INTERVALS = frozenset({"steps", "energy_active"})
"""Their schemas want an interval; an instant would be none."""


def write_omh(reading: Reading, out: Path) -> dict[str, int]:
    """Write data points of Open mHealth (IEEE 1752), one a line."""
    encode = msgspec.json.Encoder().encode
    n = 0
    with created(out / "datapoints.ndjson") as file:
        for q in _quantities(reading):
            schema = _SCHEMAS.get(q.measure.key)
            if schema is None or (q.end is None and q.measure.key in _INTERVALS):
                continue
            unit = {"value": round(q.value * schema.factor, 12), "unit": schema.unit}
            body = {schema.member: unit, "effective_time_frame": _frame(q.start, q.end)}
            file.write(encode(_data_point(reading, q.id, schema, q.source, q.start, body)) + b"\n")
            n += 1
        for e in _pressures(reading):
            content: Any = e.content
            schema = _Schema("blood-pressure", "3.0", "", "mmHg")
            body = {
                f"{part}_blood_pressure": {"value": content[part], "unit": "mmHg"}
                for part, *_ in _PARTS
            }
            body["effective_time_frame"] = _frame(e.time, None)
            file.write(encode(_data_point(reading, e.id, schema, e.source, e.time, body)) + b"\n")
            n += 1
    return {"data_points": n}


def _frame(start: int, end: int | None) -> dict[str, Any]:
    if end is None:
        return {"date_time": _instant(start)}
    return {"time_interval": {"start_date_time": _instant(start), "end_date_time": _instant(end)}}


def _data_point(
    reading: Reading, id_: str, schema: _Schema, source: str, at: int, body: dict[str, Any]
) -> dict[str, Any]:
    by_hand = reading.source_kind(source) == "manual"
    return {
        "header": {
            "id": str(uuid.uuid5(_SPACE, id_)),
            "creation_date_time": _instant(at),
            "schema_id": {"namespace": "omh", "name": schema.name, "version": schema.version},
            "acquisition_provenance": {
                "source_name": source,
                "modality": "self-reported" if by_hand else "sensed",
            },
        },
        "body": body,
    }


WRITERS: dict[str, Writer] = {
    "ics": write_ics,
    "gpx": write_gpx,
    "fhir": write_fhir,
    "omh": write_omh,
}
