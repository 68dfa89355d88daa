"""Whoop: saved pages of the API, version 2. What is not scored yet is left for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import Connector, Entry, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors import _json as documents
from diurnal.connectors._health import night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._rows import rows
from diurnal.connectors._said import number, utc
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind
from diurnal.model.units import convert

BAND = Source("Whoop", Kind.WRIST)

_MARKS: Mapping[str, frozenset[str]] = {
    "recovery": frozenset({"cycle_id", "sleep_id", "score_state"}),
    "sleep": frozenset({"nap", "score_state", "start", "end"}),
    "workout": frozenset({"sport_name", "score_state", "start", "end"}),
}
_WHERE = ("records.item", "item")


def kind(entry: Entry) -> tuple[str, str]:
    """Return the type of the records in a file and where they are, ("", "") for others."""
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
    """Read a saved page of records of one type."""
    type_, where = kind(entry)
    lanes = Lanes()
    yield from documents.read(entry, lambda r: record(type_, r, lanes), where)
    yield from lanes.flush(everything=True)


def record(type_: str, said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read one recovery, sleep or workout; one whose score is pending says nothing yet."""
    if said["score_state"] != "SCORED":
        return
    if type_ == "recovery":
        yield from _recovery(said, lanes)
    elif type_ == "sleep":
        yield from _sleep(said, lanes)
    else:
        yield _workout(said)
    yield from lanes.flush()


def _recovery(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a recovery: made when the sleep that it tells of ends; it names no zone."""
    at, score = utc(said["created_at"]), said["score"]
    if score.get("resting_heart_rate"):
        id_, rate = f"resting:{said['sleep_id']}", number(score["resting_heart_rate"])
        yield value_event("heart_rate_resting", BAND, id_, at, rate, "/min")
    for member, measure, factor in (
        ("hrv_rmssd_milli", "hrv_rmssd", 1.0),
        ("spo2_percentage", "spo2", 0.01),
        ("skin_temp_celsius", "temperature_wrist", 1.0),
    ):
        if score.get(member):
            lanes.add(measure, BAND, at, number(score[member]) * factor)


def _sleep(said: Any, lanes: Lanes) -> Iterator[Item]:
    start, end, offset = utc(said["start"]), utc(said["end"]), _offset(said)
    parts = said["score"]["stage_summary"]
    asleep = {
        stage: number(parts[f"total_{member}_time_milli"]) / 60_000
        for stage, member in (
            ("light", "light_sleep"),
            ("deep", "slow_wave_sleep"),
            ("rem", "rem_sleep"),
        )
    }
    yield night(
        BAND,
        f"sleep:{said['id']}",
        start,
        end,
        asleep_s=sum(asleep.values()) * 60,
        offset=offset,
        more={"minutes": asleep, "nap": bool(said.get("nap"))},
    )
    if said["score"].get("respiratory_rate"):
        rate = number(said["score"]["respiratory_rate"])
        lanes.add("respiratory_rate", BAND, start, rate, end=end, offset=offset)


def _workout(said: Any) -> Item:
    score = said["score"]
    energy = score.get("kilojoule")
    return workout(
        BAND,
        f"workout:{said['id']}",
        utc(said["start"]),
        utc(said["end"]),
        str(said["sport_name"]).lower(),
        {
            "energy": None if energy is None else convert(number(energy), "kJ", "kcal"),
            "distance": score.get("distance_meter"),
            "elevation": score.get("altitude_gain_meter"),
            "heart_rate": score.get("average_heart_rate"),
            "heart_rate_max": score.get("max_heart_rate"),
        },
        offset=_offset(said),
    )


def _offset(said: Any) -> int | None:
    text = said.get("timezone_offset")
    if not text or text == "Z":
        return None if not text else 0
    hours, _, minutes = text.partition(":")
    whole = abs(int(hours)) * 60 + int(minutes or 0)
    return -whole if text.startswith("-") else whole


_PATHS = {
    "recovery": "/v2/recovery",
    "sleep": "/v2/activity/sleep",
    "workout": "/v2/activity/workout",
}


def _records(type_: str) -> Callable[[Http, Window, Options], Iterator[Item]]:
    """Return what fetches the records of a type, the newest first."""

    def fetch(http: Http, window: Window, _options: Options) -> Iterator[Item]:
        asked = {"start": window.start_text, "end": window.end_text, "limit": 25}
        for page in http.pages(_PATHS[type_], asked, token=("next_token", "nextToken")):
            yield from rows(record, type_, page["records"], type_)

    return fetch


CONNECTOR = Connector(
    name="whoop",
    title="Whoop",
    docs="https://developer.whoop.com/api",
    emits=frozenset(
        {
            "sleep",
            "workout",
            "heart_rate_resting",
            "hrv_rmssd",
            "spo2",
            "temperature_wrist",
            "respiratory_rate",
        }
    ),
    recognise=recognise,
    parse=parse,
    auth=OAuth2(
        authorize_url="https://api.prod.whoop.com/oauth/oauth2/auth",
        token_url="https://api.prod.whoop.com/oauth/oauth2/token",  # noqa: S106 - an address
        scopes=("offline", "read:recovery", "read:cycles", "read:sleep", "read:workout"),
        help="Make an application at https://developer-dashboard.whoop.com.",
    ),
    base_url="https://api.prod.whoop.com/developer",
    pulls=tuple(
        # A score is pending for hours, and may change for days.
        Pull(name=type_, fetch=_records(type_), overlap_days=7, complete=type_ != "recovery")
        for type_ in _PATHS
    ),
    quotas=(Quota(100, 60), Quota(10_000, 86_400)),
)
