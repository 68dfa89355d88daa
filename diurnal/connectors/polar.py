"""Polar: saved answers of AccessLink; local times with their offset beside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import Stage, clock, day_values, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, local, number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, MINUTE, SECOND, day_from_text

WATCH = Source("Polar", Kind.WRIST)

_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_STAGES = {0: "awake", 1: "rem", 2: "light", 3: "light", 4: "deep"}
"""5 is not known."""
_ACTIVITY: Members = {
    "steps": ("steps", "1"),
    "active-steps": ("steps", "1"),
    "active_calories": ("energy_active", "kcal"),
    "active-calories": ("energy_active", "kcal"),
    "distance_from_steps": ("distance_walk_run", "m"),
}
_RECHARGE: Members = {
    "heart_rate_variability_avg": ("hrv_rmssd", "ms"),
    "breathing_rate_avg": ("respiratory_rate", "/min"),
}


def seconds(text: str) -> float:
    """Return the length that an ISO 8601 text says.

    Raises:
        ValueError: none.
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ValueError(f"no length of time: {text[:40]!r}")
    days, hours, minutes, rest = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def _exercise(said: Any, lanes: Lanes) -> Iterator[Item]:
    offset = int(said["start_time_utc_offset"])
    start = clock(said["start_time"]) - offset * MINUTE
    rate = said.get("heart_rate") or {}
    yield workout(
        WATCH,
        f"exercise:{said['id']}",
        start,
        start + round(seconds(said["duration"]) * SECOND),
        str(said.get("detailed_sport_info") or said["sport"]).lower(),
        {
            "device": said.get("device"),
            "distance": said.get("distance"),
            "energy": said.get("calories"),
            "heart_rate": rate.get("average"),
            "heart_rate_max": rate.get("maximum"),
        },
        offset=offset,
    )


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    start, offset = local(said["sleep_start_time"])
    end, _ = local(said["sleep_end_time"])
    asleep = sum(number(said[f"{s}_sleep"]) for s in ("light", "deep", "rem"))
    begun = [
        (_after(start, offset, t), level) for t, level in (said.get("hypnogram") or {}).items()
    ]
    begun.sort()
    ends = [at for at, _ in begun[1:]] + [end]
    stages: list[Stage] = [
        (_STAGES[level], at, stop)
        for (at, level), stop in zip(begun, ends, strict=True)
        if level in _STAGES
    ]
    yield night(
        WATCH,
        f"sleep:{said['date']}",
        start,
        end,
        asleep_s=asleep,
        stages=stages,
        offset=offset,
        more={"score": said["sleep_score"]} if said.get("sleep_score") else None,
    )
    for text, value in (said.get("heart_rate_samples") or {}).items():
        at = _after(start, offset, text)
        lanes.add("heart_rate", WATCH, at, number(value), offset=offset)


def _after(start: int, offset: int | None, text: str) -> int:
    """Return the first instant from `start` on at which the clock shows `HH:MM`."""
    hours, _, minutes = text.partition(":")
    shown = (int(hours) * 60 + int(minutes)) * MINUTE
    midnight = (start + (offset or 0) * MINUTE) // DAY * DAY - (offset or 0) * MINUTE
    at = midnight + shown
    return at if at >= start - MINUTE else at + DAY


def _activity(said: Any, lanes: Lanes) -> Iterator[Item]:
    day = day_from_text(str(said.get("date") or said["start_time"])[:10])
    return day_values(WATCH, day, said, _ACTIVITY)


def _recharge(said: Any, lanes: Lanes) -> Iterator[Item]:
    day = day_from_text(said["date"])
    return day_values(WATCH, day, said, _RECHARGE, positive=True)


def _hearts(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a day's heart rates; only the clock on the wall dates them."""
    day = clock(said["date"][:10])
    for sample in said["heart_rate_samples"]:
        hours, minutes, *rest = (int(part) for part in sample["sample_time"].split(":"))
        at = day + ((hours * 60 + minutes) * 60 + (rest[0] if rest else 0)) * SECOND
        id_ = f"heart_rate:{at // SECOND}"
        rate = number(sample["heart_rate"])
        yield value_event("heart_rate", WATCH, id_, at, rate, "/min", clock=True)


FORMS = Forms(
    (
        Form("exercise", _exercise, {"start_time_utc_offset", "duration", "sport"}),
        Form("sleep", _sleep, {"sleep_start_time", "sleep_end_time", "light_sleep"}),
        Form("activity", _activity, {"active_calories", "start_time", "steps"}),
        Form("activity", _activity, {"active-calories", "date", "active-steps"}),
        Form("recharge", _recharge, {"heart_rate_variability_avg", "ans_charge"}),
        Form("hearts", _hearts, {"heart_rate_samples.item.sample_time", "date"}),
    ),
    where=("", "item", "nights.item", "recharges.item", "exercises.item", "heart_rates.item"),
)


_PULLS: Mapping[str, tuple[str, str]] = {
    "exercise": ("/v3/exercises", ""),
    "sleep": ("/v3/users/sleep", "nights"),
    "recharge": ("/v3/users/nightly-recharge", "recharges"),
    "activity": ("/v3/users/activities", ""),
    "hearts": ("/v3/users/continuous-heart-rate", "heart_rates"),
}
"""Type -> path, and the member of the answer that holds the list."""
_RANGED = frozenset({"activity", "hearts"})
"""Asked for days; the others give the last month and no more."""


def _register(http: Http, _options: Options) -> None:
    """Tell Polar that its user is ours; 409 says that it knows."""
    user = str(http.token.extra["x_user_id"])
    http.send("POST", "/v3/users", json={"member-id": user}, accept=(409,))


def _documents(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    path, member = _PULLS[type_]

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        ranged = {"from": window.first_day, "to": window.last_day}
        # Nothing recorded is told as no content.
        told = http.get(path, ranged if type_ in _RANGED else None)
        found = [] if told is None else told[member] if member else told
        yield from FORMS.answer(type_, found)

    return fetch


CONNECTOR = Connector(
    name="polar",
    title="Polar",
    docs="https://www.polar.com/accesslink-api/",
    emits=frozenset(
        {"sleep", "workout", "heart_rate"}
        | {measure for table in (_ACTIVITY, _RECHARGE) for measure, _ in table.values()}
    ),
    recognise=FORMS.recognise,
    parse=FORMS.parse,
    auth=OAuth2(
        authorize_url="https://flow.polar.com/oauth2/authorization",
        token_url="https://polarremote.com/v2/oauth2/token",  # noqa: S106 - an address
        scopes=("accesslink.read_all",),
        client_auth="basic",
        keep=("x_user_id",),
        register=_register,
        help="Make an application at https://admin.polaraccesslink.com.",
    ),
    base_url="https://www.polaraccesslink.com",
    pulls=tuple(
        Pull(
            name=type_,
            fetch=_documents(type_),
            by="window" if type_ in _RANGED else "latest",
            slice_days=28,
            history_days=28 if type_ == "hearts" else 365,
        )
        for type_ in _PULLS
    ),
    quotas=(Quota(500, 900),),
)
