"""Whoop: saved pages of the API, version 2. What is not scored yet is left for later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from diurnal.connectors import Connector, Http, OAuth2, Options, Pull, Quota, Window
from diurnal.connectors._forms import Form, Forms, Read
from diurnal.connectors._health import converted, night, value_event, workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import Members, number, offset_of, utc
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

BAND = Source("Whoop", Kind.WRIST)

_RECOVERY: Members = {
    "hrv_rmssd_milli": ("hrv_rmssd", "ms"),
    "spo2_percentage": ("spo2", "%"),
    "skin_temp_celsius": ("temperature_wrist", "Cel"),
}
_BREATHS: Members = {"respiratory_rate": ("respiratory_rate", "/min")}


def _scored(read: Read) -> Read:
    """Return a reader of what is scored; what is pending says nothing yet."""

    def one(said: Any, lanes: Lanes) -> Iterable[Item]:
        return read(said, lanes) if said["score_state"] == "SCORED" else ()

    return one


def _recovery(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read a recovery: made when the sleep that it tells of ends; it names no zone."""
    at, score = utc(said["created_at"]), said["score"]
    if score.get("resting_heart_rate"):
        id_, rate = f"resting:{said['sleep_id']}", number(score["resting_heart_rate"])
        yield value_event("heart_rate_resting", BAND, id_, at, rate, "/min")
    lanes.take(BAND, at, score, _RECOVERY, positive=True)


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
    lanes.take(BAND, start, said["score"], _BREATHS, end=end, offset=offset, positive=True)


def _workout(said: Any, lanes: Lanes) -> Iterator[Item]:
    score = said["score"]
    yield workout(
        BAND,
        f"workout:{said['id']}",
        utc(said["start"]),
        utc(said["end"]),
        str(said["sport_name"]).lower(),
        {
            "energy": converted(score.get("kilojoule"), "kJ", "kcal"),
            "distance": score.get("distance_meter"),
            "elevation": score.get("altitude_gain_meter"),
            "heart_rate": score.get("average_heart_rate"),
            "heart_rate_max": score.get("max_heart_rate"),
        },
        offset=_offset(said),
    )


def _offset(said: Any) -> int | None:
    text = said.get("timezone_offset")
    return 0 if text == "Z" else offset_of(text or "")


FORMS = Forms(
    (
        Form("recovery", _scored(_recovery), {"cycle_id", "sleep_id", "score_state"}),
        Form("sleep", _scored(_sleep), {"nap", "score_state", "start", "end"}),
        Form("workout", _scored(_workout), {"sport_name", "score_state", "start", "end"}),
    ),
    where=("records.item", "item"),
)


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
            yield from FORMS.answer(type_, page["records"])

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
    recognise=FORMS.recognise,
    parse=FORMS.parse,
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
