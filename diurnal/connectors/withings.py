"""Withings: saved answers of its API: scales, cuffs, sleep mats, watches.

Values are whole numbers with a power of ten; what a type number means is in `_TYPES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Answer,
    Connector,
    Cursor,
    Entry,
    Http,
    OAuth2,
    Options,
    Pull,
    Pulled,
    Quota,
    Window,
)
from diurnal.connectors import _json as documents
from diurnal.connectors._health import day_value, night, nights, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._rows import rows
from diurnal.connectors._said import name, number
from diurnal.errors import InvalidInput
from diurnal.model.records import Datum, Item, Source, ZoneSeen
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND, day_from_text

_TYPES: Mapping[int, tuple[str, str]] = {
    1: ("weight", "kg"),
    4: ("height", "m"),
    5: ("lean_mass", "kg"),
    6: ("body_fat", "%"),
    71: ("temperature_body", "Cel"),
    76: ("muscle_mass", "kg"),
    77: ("body_water", "kg"),
    88: ("bone_mass", "kg"),
    123: ("vo2max", "mL/kg/min"),
}
_POINTS: Mapping[int, tuple[str, float]] = {11: ("heart_rate", 1.0), 54: ("spo2", 0.01)}
_SYSTOLIC, _DIASTOLIC, _PULSE = 10, 9, 11
_GOAL = 2
_TYPED = {2, 4}
"""Values of `attrib`: entered by hand."""
_STATES = {0: "awake", 1: "light", 2: "deep", 3: "rem"}
_WATCHES = {51, 52, 53, 54, 55, 58, 59, 90, 91, 92, 93, 94}
_CATEGORIES = {
    1: "walking", 2: "running", 3: "hiking", 4: "skating", 6: "cycling", 7: "swimming",
    12: "tennis", 16: "strength_training", 18: "elliptical", 28: "yoga", 34: "skiing",
    187: "rowing", 306: "indoor_walking", 307: "indoor_running", 308: "indoor_cycling",
}  # fmt: skip
_MARKS: Mapping[str, tuple[str, ...]] = {
    "measure": ("grpid", "category", "measures.item.type"),
    "activity": ("soft", "moderate", "intense", "date", "steps"),
    "sleep": ("startdate", "enddate", "date", "data.wakeupduration"),
    "workout": ("category", "startdate", "enddate", "data"),
    "phase": ("state", "startdate", "enddate"),
}
_WHERE = ("body.measuregrps.item", "body.activities.item", "body.series.item", "item")


def kind(entry: Entry) -> tuple[str, str]:
    """Return what a file's items are and where, ("", "") for others."""
    there = documents.members(entry.head)
    for where in _WHERE:
        for type_, marks in _MARKS.items():
            if all(f"{where}.{mark}" in there for mark in marks):
                return type_, where
    if {"status", "body.series"} <= there and any(m.endswith(".duration") for m in there):
        return "intraday", ""
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer, or the list in one."""
    type_, where = kind(entry)
    lanes = Lanes()
    if type_ == "phase":
        phases: list[Any] = []
        yield from documents.read(entry, lambda said: phase(said, phases, lanes), where)
        yield from asleep(phases)
    else:
        yield from documents.read(entry, lambda said: record(type_, said, lanes), where)
    yield from lanes.flush(everything=True)


def record(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one group of measures, day of activity, sleep or workout."""
    yield from _READERS[type_](said, lanes)
    yield from lanes.flush()


def _measure(group: Any, lanes: Lanes) -> Iterator[Item]:
    if group["category"] == _GOAL:
        return  # what the person wants to weigh
    at, id_ = int(group["date"]) * SECOND, group["grpid"]
    model = name(group.get("model"))
    source = Source(f"Withings {model}".strip(), Kind.DEDICATED)
    if group.get("attrib") in _TYPED:
        source = Source("Withings (typed)", Kind.MANUAL)
    values: dict[int, float] = {}
    for said in group["measures"]:
        # Parts of the body are told apart by a position; the whole has none.
        if said.get("position") in (None, 7, 12):
            values.setdefault(int(said["type"]), number(said["value"]) * 10.0 ** int(said["unit"]))
    for type_, value in values.items():
        if type_ in _TYPES:
            measure, unit = _TYPES[type_]
            yield value_event(measure, source, f"{measure}:{id_}", at, round(value, 6), unit)
        elif type_ in _POINTS and not (type_ == _PULSE and _SYSTOLIC in values):
            measure, factor = _POINTS[type_]
            lanes.add(measure, source, at, value * factor)
    if _SYSTOLIC in values and _DIASTOLIC in values:
        content = {"systolic": values[_SYSTOLIC], "diastolic": values[_DIASTOLIC]}
        if _PULSE in values:
            content["rate"] = values[_PULSE]
        yield Datum(
            source=source,
            source_id=f"pressure:{id_}",
            type="blood-pressure/mmhg-bpm",
            start=at,
            content=content,
            measure="blood_pressure",
        )


def _activity(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a day's totals; `is_tracker` says whether a watch of Withings counted."""
    kind_ = Kind.WRIST if said.get("is_tracker") else Kind.PHONE
    named = "Withings watch" if said.get("is_tracker") else "Withings app"
    source, day = Source(named, kind_), day_from_text(said["date"])
    for measure, member, unit in (
        ("steps", "steps", "1"),
        ("distance_walk_run", "distance", "m"),
        ("energy_active", "calories", "kcal"),
    ):
        if said.get(member) is not None:
            yield day_value(measure, source, day, said[member], unit)


def _intraday(said: Any, lanes: Lanes) -> Iterator[Item]:
    source = Source("Withings watch", Kind.WRIST)
    for at, row in said["body"]["series"].items():
        start = int(at) * SECOND
        end = start + round(number(row["duration"]) * SECOND)
        for measure, member in (
            ("steps", "steps"),
            ("distance_walk_run", "distance"),
            ("energy_active", "calories"),
        ):
            if row.get(member) is not None:
                lanes.add(measure, source, start, number(row[member]), end=end)
    yield from ()


def _mat(model: Any) -> Source:
    if isinstance(model, int) and model in _WATCHES:
        return Source("Withings watch", Kind.WRIST)
    return Source("Withings sleep", Kind.DEDICATED)


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a night's summary; what Withings calls sleep time is its stages together."""
    data, zone = said["data"], said.get("timezone")
    start, end = int(said["startdate"]) * SECOND, int(said["enddate"]) * SECOND
    source = _mat(said.get("model_id", said.get("model")))
    stated = data.get("total_sleep_time")
    if stated is None:
        parts = (data.get(f"{s}sleepduration") for s in ("light", "deep", "rem"))
        stated = sum(number(p) for p in parts if p is not None)
    yield night(
        source,
        f"sleep:{said.get('id') or start // SECOND}",
        start,
        end,
        asleep_s=number(stated),
        zone=zone,
        more={"score": data["sleep_score"]} if data.get("sleep_score") else None,
    )
    if data.get("rr_average"):
        lanes.add("respiratory_rate", source, start, number(data["rr_average"]), end=end)
    if zone:
        yield ZoneSeen(start, zone, end)


def phase(said: Any, found: list[Any], lanes: Lanes) -> Iterator[Item]:
    """Keep one stretch of a night, and read the samples in it."""
    start, end = int(said["startdate"]) * SECOND, int(said["enddate"]) * SECOND
    source = _mat(said.get("model_id", said.get("model")))
    if said["state"] in _STATES:
        found.append((source, _STATES[said["state"]], start, end))
    for member, measure in (("hr", "heart_rate"), ("rr", "respiratory_rate")):
        for at, value in (said.get(member) or {}).items():
            if value:
                lanes.add(measure, source, int(at) * SECOND, number(value))
    yield from lanes.flush()


def asleep(found: list[Any]) -> Iterator[Item]:
    """Yield the nights that stretches make, by source; a night's summary tells of the same."""
    for source in sorted({f[0] for f in found}, key=lambda s: s.name):
        yield from nights(source, [f[1:] for f in found if f[0] == source], "phases")


def _workout(said: Any, lanes: Lanes) -> Iterator[Item]:
    data, zone = said["data"], said.get("timezone")
    start, end = int(said["startdate"]) * SECOND, int(said["enddate"]) * SECOND
    yield workout(
        Source("Withings app", Kind.PHONE),
        f"workout:{said['id']}",
        start,
        end,
        _CATEGORIES.get(said["category"], f"type_{said['category']}"),
        {
            "distance": data.get("distance"),
            "energy": data.get("calories"),
            "steps": data.get("steps"),
            "elevation": data.get("elevation"),
            "heart_rate": data.get("hr_average") or None,
            "heart_rate_max": data.get("hr_max") or None,
        },
        zone=zone,
    )
    if zone:
        yield ZoneSeen(start, zone)


_READERS: Mapping[str, Callable[[Any, Lanes], Iterator[Item]]] = {
    "measure": _measure,
    "activity": _activity,
    "intraday": _intraday,
    "sleep": _sleep,
    "workout": _workout,
}


_PAGED = ("body.offset", "offset", "body.more")
_NIGHT = "wakeupduration,lightsleepduration,deepsleepduration,remsleepduration,rr_average,"
_RANGES: Mapping[str, tuple[str, str, str, str]] = {
    "activity": ("/v2/measure", "getactivity", "activities", "steps,distance,calories,elevation"),
    "sleep": ("/v2/sleep", "getsummary", "series", f"{_NIGHT}total_sleep_time,sleep_score"),
    "workout": (
        "/v2/measure",
        "getworkouts",
        "series",
        "calories,distance,elevation,steps,hr_average,hr_max",
    ),
}
"""Type -> path, action, the list's name and the fields that are asked for."""
_STATUS = {0: 200, 401: 401, 601: 429, 2554: 503, 2555: 503, 2556: 503}


def meant(answer: Answer) -> int:
    """Return the status that an answer means; Withings says it in the body of a 200."""
    try:
        told = documents.decode(answer.body) if answer.status == 200 else None
    except InvalidInput:
        return answer.status
    status = told.get("status") if isinstance(told, dict) else None
    return answer.status if status is None else _STATUS.get(status, 400)


def _measures(http: Http, window: Window, _options: Options) -> Iterator[Pulled]:
    """Fetch what was measured or changed since the last time; Withings says when that was."""
    since = window.cursor or str(window.start_s)
    asked = {"action": "getmeas", "category": 1, "lastupdate": since}
    newest = since
    for n, page in enumerate(http.pages("/measure", form=asked, offset=_PAGED)):
        if not n:
            newest = str(page["body"]["updatetime"])
        yield from rows(record, "measure", page["body"]["measuregrps"], "measures")
    yield Cursor(newest)


def _days(type_: str) -> Callable[[Http, Window, Options], Iterator[Pulled]]:
    path, action, member, fields = _RANGES[type_]

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Pulled]:
        asked = {
            "action": action,
            "startdateymd": window.first_day,
            "enddateymd": window.last_day,
            "data_fields": fields,
        }
        for page in http.pages(path, form=asked, offset=_PAGED):
            yield from rows(record, type_, page["body"][member], type_)

    return fetch


CONNECTOR = Connector(
    name="withings",
    title="Withings",
    docs="https://developer.withings.com/api-reference",
    emits=frozenset(
        {"sleep", "workout", "blood_pressure", "respiratory_rate", "steps"}
        | {"distance_walk_run", "energy_active"}
        | {measure for measure, _ in (*_TYPES.values(), *_POINTS.values())}
    ),
    recognise=recognise,
    parse=parse,
    auth=OAuth2(
        authorize_url="https://account.withings.com/oauth2_user/authorize2",
        token_url="https://wbsapi.withings.net/v2/oauth2",  # noqa: S106 - an address
        scopes=("user.info", "user.metrics", "user.activity"),
        scope_separator=",",
        token_params={"action": "requesttoken"},
        envelope="body",
        help="Make a public cloud application at https://developer.withings.com/dashboard.",
    ),
    base_url="https://wbsapi.withings.net",
    status_of=meant,
    pulls=(
        Pull(name="measures", fetch=_measures, by="cursor"),
        *(
            Pull(name=type_, fetch=_days(type_), overlap_days=7 if type_ == "sleep" else 3)
            for type_ in _RANGES
        ),
    ),
    quotas=(Quota(120, 60),),
)
