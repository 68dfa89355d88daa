"""Polar: saved answers of AccessLink; local times with their offset beside."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors import _json as documents
from diurnal.connectors._health import Stage, clock, day_value, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._rows import rows
from diurnal.connectors._said import local, number
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, MINUTE, SECOND, day_from_text

WATCH = Source("Polar", Kind.WRIST)

_LENGTH = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")
_STAGES = {0: "awake", 1: "rem", 2: "light", 3: "light", 4: "deep"}
"""5 is not known."""
_MARKS: Mapping[str, tuple[str, ...]] = {
    "exercise": ("start_time_utc_offset", "duration", "sport"),
    "sleep": ("sleep_start_time", "sleep_end_time", "light_sleep"),
    "activity": ("active_calories", "start_time", "steps"),
    "activity ": ("active-calories", "date", "active-steps"),
    "recharge": ("heart_rate_variability_avg", "ans_charge"),
    "hearts": ("heart_rate_samples.item.sample_time", "date"),
}
_WHERE = ("", "item", "nights.item", "recharges.item", "exercises.item", "heart_rates.item")


def kind(entry: Entry) -> tuple[str, str]:
    """Return what a file's documents are and where, ("", "") for others."""
    there = documents.members(entry.head)
    for where in _WHERE:
        prefix = f"{where}." if where else ""
        for type_, marks in _MARKS.items():
            if all(f"{prefix}{mark}" in there for mark in marks):
                return type_.strip(), where
    return "", ""


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.9 if kind(entry)[0] else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    type_, where = kind(entry)
    lanes = Lanes()
    yield from documents.read(entry, lambda said: record(type_, said, lanes), where)
    yield from lanes.flush(everything=True)


def record(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one document."""
    yield from _READERS[type_](said, lanes)
    yield from lanes.flush()


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
    for measure, names, unit in (
        ("steps", ("steps", "active-steps"), "1"),
        ("energy_active", ("active_calories", "active-calories"), "kcal"),
        ("distance_walk_run", ("distance_from_steps",), "m"),
    ):
        value = next((said[n] for n in names if said.get(n) is not None), None)
        if value is not None:
            yield day_value(measure, WATCH, day, value, unit)


def _recharge(said: Any, lanes: Lanes) -> Iterator[Item]:
    day = day_from_text(said["date"])
    for measure, member, unit in (
        ("hrv_rmssd", "heart_rate_variability_avg", "ms"),
        ("respiratory_rate", "breathing_rate_avg", "/min"),
    ):
        if said.get(member):
            yield day_value(measure, WATCH, day, said[member], unit)


def _hearts(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a day's heart rates; only the clock on the wall dates them."""
    day = clock(said["date"][:10])
    for sample in said["heart_rate_samples"]:
        hours, minutes, *rest = (int(part) for part in sample["sample_time"].split(":"))
        at = day + ((hours * 60 + minutes) * 60 + (rest[0] if rest else 0)) * SECOND
        id_ = f"heart_rate:{at // SECOND}"
        rate = number(sample["heart_rate"])
        yield value_event("heart_rate", WATCH, id_, at, rate, "/min", clock=True)


_READERS: Mapping[str, Callable[[Any, Lanes], Iterator[Item]]] = {
    "exercise": _exercise,
    "sleep": _sleep,
    "activity": _activity,
    "recharge": _recharge,
    "hearts": _hearts,
}


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
        yield from rows(record, type_, found, type_)

    return fetch


CONNECTOR = Connector(
    name="polar",
    title="Polar",
    docs="https://www.polar.com/accesslink-api/",
    emits=frozenset(
        {"sleep", "workout", "heart_rate", "hrv_rmssd", "respiratory_rate", "steps"}
        | {"energy_active", "distance_walk_run"}
    ),
    recognise=recognise,
    parse=parse,
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
