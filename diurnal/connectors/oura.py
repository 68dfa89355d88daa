"""Oura Ring: saved pages of the API, version 2; a sleep's day is that of waking up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from diurnal.connectors import Connector, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import Stage, day_value, night, session, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import local, number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import SECOND, day_from_text

RING = Source("Oura Ring", Kind.DEDICATED)

_STAGE = {"1": "deep", "2": "light", "3": "rem", "4": "awake"}
_DAYS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "daily_activity": (
        ("steps", "steps", "1"),
        ("active_calories", "energy_active", "kcal"),
        ("total_calories", "energy_total", "kcal"),
        ("equivalent_walking_distance", "distance_walk_run", "m"),
    ),
    "daily_readiness": (("temperature_deviation", "temperature_skin_delta", "delta:Cel"),),
    "daily_spo2": (("spo2_percentage", "spo2", "%"),),
}


def _day(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    day = day_from_text(said["day"])
    for member, measure, unit in _DAYS[type_]:
        value = said.get(member)
        if isinstance(value, dict):
            value = value.get("average")
        if value is not None:
            yield day_value(measure, RING, day, value, unit)


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    if said.get("type") in ("rest", "deleted"):
        return
    start, offset = local(said["bedtime_start"])
    end, _ = local(said["bedtime_end"])
    total = said.get("total_sleep_duration")
    yield night(
        RING,
        f"sleep:{said['id']}",
        start,
        end,
        asleep_s=None if total is None else number(total),
        stages=_phases(said, start, end),
        offset=offset,
        more={"efficiency": said["efficiency"]} if said.get("efficiency") is not None else None,
    )
    for member, mean, measure in (
        ("heart_rate", "", "heart_rate"),
        ("hrv", "average_hrv", "hrv_rmssd"),
    ):
        samples = said.get(member)
        if isinstance(samples, dict):
            at, _ = local(samples["timestamp"])
            step = round(number(samples["interval"]) * SECOND)
            for i, value in enumerate(samples["items"]):
                if value is not None:
                    lanes.add(measure, RING, at + i * step, number(value), offset=offset)
        elif mean and said.get(mean):
            lanes.add(measure, RING, start, number(said[mean]), end=end, offset=offset)
    if said.get("average_breath"):
        breath = number(said["average_breath"])
        lanes.add("respiratory_rate", RING, start, breath, end=end, offset=offset)


def _phases(said: Any, start: int, end: int) -> Iterator[Stage]:
    """Yield the stages: a digit for each five minutes, the same ones together."""
    digits, step = said.get("sleep_phase_5_min") or "", 300 * SECOND
    begun = 0
    for i in range(1, len(digits) + 1):
        if i == len(digits) or digits[i] != digits[begun]:
            if digits[begun] in _STAGE:
                yield _STAGE[digits[begun]], start + begun * step, min(start + i * step, end)
            begun = i


def _heart_rate(said: Any, lanes: Lanes) -> Iterable[Item]:
    at, offset = local(said["timestamp"])
    lanes.add("heart_rate", RING, at, number(said["bpm"]), offset=offset)
    return ()


def _workout(said: Any, lanes: Lanes) -> Iterator[Item]:
    start, offset = local(said["start_datetime"])
    yield workout(
        RING,
        f"workout:{said['id']}",
        start,
        local(said["end_datetime"])[0],
        str(said["activity"]),
        {"energy": said.get("calories"), "distance": said.get("distance")},
        offset=offset,
    )


def _session(said: Any, lanes: Lanes) -> Iterator[Item]:
    if said.get("type") not in ("breathing", "meditation", "relaxation"):
        raise ValueError(f"a session of type {said.get('type')} is not read")
    start, offset = local(said["start_datetime"])
    end, id_ = local(said["end_datetime"])[0], f"session:{said['id']}"
    yield session("meditation", RING, id_, start, end, offset=offset)


def _vo2max(said: Any, lanes: Lanes) -> Iterator[Item]:
    if said["vo2_max"] is not None:
        at, offset = local(said["timestamp"])
        id_, value = f"vo2max:{said['id']}", number(said["vo2_max"])
        yield value_event("vo2max", RING, id_, at, value, "mL/kg/min", offset=offset)


FORMS = Forms(
    (
        Form("sleep", _sleep, {"bedtime_start", "bedtime_end", "total_sleep_duration"}),
        Form(
            "daily_activity",
            partial(_day, "daily_activity"),
            {"equivalent_walking_distance", "day", "steps"},
        ),
        Form(
            "daily_readiness",
            partial(_day, "daily_readiness"),
            {"temperature_deviation", "day", "score"},
        ),
        Form("daily_spo2", partial(_day, "daily_spo2"), {"spo2_percentage", "day"}),
        Form("heartrate", _heart_rate, {"bpm", "source", "timestamp"}),
        Form("workout", _workout, {"intensity", "activity", "start_datetime", "end_datetime"}),
        Form("session", _session, {"start_datetime", "end_datetime", "mood"}),
        Form("vO2_max", _vo2max, {"vo2_max", "day", "timestamp"}),
    ),
    where=("data.item", "item", ""),
)


def _documents(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    """Return what fetches the documents of a type; their days are those of the ring's clock."""

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        if type_ == "heartrate":
            asked = {"start_datetime": window.start_text, "end_datetime": window.end_text}
        else:
            # Of some types the last day is exclusive.
            asked = {"start_date": window.first_day, "end_date": window.end_day}
        path = f"/v2/usercollection/{type_}"
        for page in http.pages(path, asked, token=("next_token", "next_token")):
            yield from FORMS.answer(type_, page["data"])

    return fetch


def _pull(type_: str) -> Pull:
    # Sleep is scored anew for days; the samples of the heart come at most a month at a time.
    return Pull(
        name=type_,
        fetch=_documents(type_),
        slice_days=30,
        overlap_days=7 if "sleep" in type_ else 3,
        complete=type_ in ("sleep", "workout"),
    )


CONNECTOR = Connector(
    name="oura",
    title="Oura Ring",
    docs="https://cloud.ouraring.com/v2/docs",
    emits=frozenset(
        {"sleep", "hrv_rmssd", "heart_rate", "respiratory_rate", "workout", "meditation", "vo2max"}
        | {measure for values in _DAYS.values() for _, measure, _ in values}
    ),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
    auth=OAuth2(
        authorize_url="https://cloud.ouraring.com/oauth/authorize",
        token_url="https://api.ouraring.com/oauth/token",  # noqa: S106 - an address
        scopes=("daily", "heartrate", "workout", "session", "spo2"),
        help="Make an application at https://cloud.ouraring.com/oauth/applications.",
    ),
    base_url="https://api.ouraring.com",
    pulls=tuple(_pull(form.name) for form in FORMS.forms),
    quotas=(Quota(5_000, 300),),
)
