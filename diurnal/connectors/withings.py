"""Withings: saved answers of its API: scales, cuffs, sleep mats, watches.

Values are whole numbers with a power of ten; what a type number means is in `_TYPES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Answer,
    Connector,
    Cursor,
    Http,
    OAuth2,
    Options,
    Pull,
    Pulled,
    Quota,
    Window,
)
from diurnal.connectors import _json as documents
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import day_values, night, pressure, value_events, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, name, number, total
from diurnal.errors import InvalidInput
from diurnal.model.records import Item, Source, ZoneSeen
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND, day_from_text

APP = Source("Withings app", Kind.PHONE)
WATCH = Source("Withings watch", Kind.WRIST)
MAT = Source("Withings sleep", Kind.DEDICATED)
TYPED = Source("Withings (typed)", Kind.MANUAL)

_TYPES: Members = {
    "1": ("weight", "kg"),
    "4": ("height", "m"),
    "5": ("lean_mass", "kg"),
    "6": ("body_fat", "%"),
    "71": ("temperature_body", "Cel"),
    "76": ("muscle_mass", "kg"),
    "77": ("body_water", "kg"),
    "88": ("bone_mass", "kg"),
    "123": ("vo2max", "mL/kg/min"),
}
_POINTS: Members = {"11": ("heart_rate", "/min"), "54": ("spo2", "%")}
_SYSTOLIC, _DIASTOLIC, _PULSE = "10", "9", "11"
_COUNTED: Members = {
    "steps": ("steps", "1"),
    "distance": ("distance_walk_run", "m"),
    "calories": ("energy_active", "kcal"),
}
_BREATHS: Members = {"rr_average": ("respiratory_rate", "/min")}
_GOAL = 2
_BY_HAND = {2, 4}
"""Values of `attrib`: entered by hand."""
_STATES = {0: "awake", 1: "light", 2: "deep", 3: "rem"}
_WATCHES = {51, 52, 53, 54, 55, 58, 59, 90, 91, 92, 93, 94}
_CATEGORIES = {
    1: "walking", 2: "running", 3: "hiking", 4: "skating", 6: "cycling", 7: "swimming",
    12: "tennis", 16: "strength_training", 18: "elliptical", 28: "yoga", 34: "skiing",
    187: "rowing", 306: "indoor_walking", 307: "indoor_running", 308: "indoor_cycling",
}  # fmt: skip


def _measure(group: Any, lanes: Lanes) -> Iterator[Item]:
    if group["category"] == _GOAL:
        return  # what the person wants to weigh
    at, id_ = int(group["date"]) * SECOND, str(group["grpid"])
    model = name(group.get("model"))
    source = Source(f"Withings {model}".strip(), Kind.DEDICATED)
    if group.get("attrib") in _BY_HAND:
        source = TYPED
    values: dict[str, float] = {}
    for said in group["measures"]:
        # Parts of the body are told apart by a position; the whole has none.
        if said.get("position") in (None, 7, 12):
            type_ = str(int(said["type"]))
            values.setdefault(type_, number(said["value"]) * 10.0 ** int(said["unit"]))
    yield from value_events(source, id_, at, values, _TYPES)
    if _SYSTOLIC in values:
        if _DIASTOLIC in values:
            yield pressure(source, f"pressure:{id_}", at, values, (_SYSTOLIC, _DIASTOLIC, _PULSE))
        values.pop(_PULSE, None)
    lanes.take(source, at, values, _POINTS)


def _activity(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a day's totals; `is_tracker` says whether a watch of Withings counted."""
    source = WATCH if said.get("is_tracker") else APP
    return day_values(source, day_from_text(said["date"]), said, _COUNTED)


def _intraday(said: Any, lanes: Lanes) -> Iterable[Item]:
    for at, row in said["body"]["series"].items():
        start = int(at) * SECOND
        end = start + round(number(row["duration"]) * SECOND)
        lanes.take(WATCH, start, row, _COUNTED, end=end)
    return ()


def _slept(said: Any) -> tuple[Source, int, int]:
    """Return who measured a sleep or a part of one, its start and its end."""
    model = said.get("model_id", said.get("model"))
    source = WATCH if isinstance(model, int) and model in _WATCHES else MAT
    return source, int(said["startdate"]) * SECOND, int(said["enddate"]) * SECOND


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a night's summary; what Withings calls sleep time is its stages together."""
    data, zone = said["data"], said.get("timezone")
    source, start, end = _slept(said)
    asleep = data.get("total_sleep_time")
    if asleep is None:
        asleep = total(data, "lightsleepduration", "deepsleepduration", "remsleepduration")
    yield night(
        source,
        f"sleep:{said.get('id') or start // SECOND}",
        start,
        end,
        asleep_s=number(asleep),
        zone=zone,
        more={"score": data["sleep_score"]} if data.get("sleep_score") else None,
    )
    lanes.take(source, start, data, _BREATHS, end=end, positive=True)
    if zone:
        yield ZoneSeen(start, zone, end)


def _phase(said: Any, lanes: Lanes) -> Iterable[Item]:
    """Read a stretch of a night, and the samples in it; a night's summary tells of the same."""
    source, start, end = _slept(said)
    if said["state"] in _STATES:
        lanes.sleep(source, (_STATES[said["state"]], start, end), "phases")
    for member, measure in (("hr", "heart_rate"), ("rr", "respiratory_rate")):
        for at, value in (said.get(member) or {}).items():
            if value:
                lanes.add(measure, source, int(at) * SECOND, number(value))
    return ()


def _workout(said: Any, lanes: Lanes) -> Iterator[Item]:
    data, zone = said["data"], said.get("timezone")
    start, end = int(said["startdate"]) * SECOND, int(said["enddate"]) * SECOND
    yield workout(
        APP,
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


FORMS = Forms(
    (
        Form("measure", _measure, {"grpid", "category", "measures.item.type"}),
        Form("activity", _activity, {"soft", "moderate", "intense", "date", "steps"}),
        Form("sleep", _sleep, {"startdate", "enddate", "date", "data.wakeupduration"}),
        Form("workout", _workout, {"category", "startdate", "enddate", "data"}),
        Form("phase", _phase, {"state", "startdate", "enddate"}),
        Form("intraday", _intraday, {"status", "body.series.*.duration"}, where=("",)),
    ),
    where=("body.measuregrps.item", "body.activities.item", "body.series.item", "item"),
)


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
        yield from FORMS.answer("measure", page["body"]["measuregrps"], "measures")
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
            yield from FORMS.answer(type_, page["body"][member])

    return fetch


CONNECTOR = Connector(
    name="withings",
    title="Withings",
    docs="https://developer.withings.com/api-reference",
    emits=frozenset(
        {"sleep", "workout", "blood_pressure"}
        | {m for table in (_TYPES, _POINTS, _COUNTED, _BREATHS) for m, _ in table.values()}
    ),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
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
