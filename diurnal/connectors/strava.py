"""Strava: the bulk export (`activities.csv` with its files), and saved answers of its API.

Columns are known by their place, for their names are in the account's language, and two are
there twice. Dates of the export are UTC, without saying so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from diurnal.connectors import (
    Connector,
    Delivery,
    Entry,
    Gone,
    Http,
    OAuth2,
    Options,
    Pull,
    Quota,
    Receive,
    Received,
    Refetch,
    Reply,
    Window,
    fit,
    gpx,
    tcx,
)
from diurnal.connectors import _csv as tables
from diurnal.connectors import _json as documents
from diurnal.connectors import _tracks as tracks
from diurnal.connectors._dates import written
from diurnal.connectors._forms import Form, Forms
from diurnal.connectors._health import workout
from diurnal.connectors._points import Lanes
from diurnal.connectors._said import number, utc
from diurnal.errors import AppError
from diurnal.model.records import Bad, Item, Progress, Source, ZoneSeen
from diurnal.model.sources import Kind
from diurnal.model.time import DAY, SECOND, micros

STRAVA = Source("Strava", Kind.WRIST)
API, EXPORT = "1 api", "2 export"

_ID, _DATE, _NAME, _TYPE, _FILE = 0, 1, 2, 3, 12
_ELAPSED, _MOVING, _METRES, _CLIMB = 15, 16, 17, 20
_BY_PLACE = {"moving": _MOVING, "distance": _METRES, "elevation": _CLIMB}
_BY_NAME = {
    "heart_rate": "Average Heart Rate",
    "heart_rate_max": "Max Heart Rate",
    "energy": "Calories",
    "power": "Average Watts",
}
_RECORDING = re.compile(r"(?:^|/)activities/\d+\.(?:fit|gpx|tcx)(?:\.gz)?$")


def _is_list(entry: Entry) -> bool:
    names = tables.header(entry.head)
    return (
        len(names) > _CLIMB
        and names[_ELAPSED] == names[5] != ""
        and names[_METRES] == names[6] != ""
        and not names[0].isdigit()
    )


def recognise(entry: Entry) -> float:
    """Return how sure it is."""
    return 0.95 if _is_list(entry) else FORMS.recognise(entry)


def members(path: str) -> bool:
    """Return whether a file is read through the list of activities."""
    return bool(_RECORDING.search(path))


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export with its files, or a saved answer."""
    if not _is_list(entry):
        yield from FORMS.parse(entry, options)
        return
    total, names = max(entry.size, 1), tables.header(entry.head)
    yield Progress("reading", 0, total)
    for line, cells, done in tables.rows(entry):
        if cells and cells[_ID].isdigit():
            place = f"{entry.path}:{line}"
            yield from documents.careful(lambda c: _row(entry, names, c), cells, place)
        yield Progress("reading", min(done, total), total)
    yield Progress("reading", total, total)


def _row(entry: Entry, names: Sequence[str], cells: Sequence[str]) -> Iterator[Item]:
    start = micros(written(cells[_DATE]).replace(tzinfo=UTC))
    # Where a name is there twice, the second is the precise one.
    last = {name: at for at, name in enumerate(names) if at < len(cells)}
    places = _BY_PLACE | {ours: last[name] for ours, name in _BY_NAME.items() if name in last}
    said: dict[str, Any] = {"title": cells[_NAME] or None}
    said |= {ours: number(cells[at]) for ours, at in places.items() if cells[at]}
    recorded: tracks.Activity | None = None
    file = _file(entry, cells[_FILE]) if cells[_FILE] else None
    if file is not None:
        try:
            recorded = _recorded(file)
        except AppError as e:
            yield Bad(e.message, file.path)
    if recorded is not None and recorded.route:
        points = tracks.columns(recorded.route, start)
        said["route"] = {"file": cells[_FILE], "points": points}
    sport = cells[_TYPE].lower().replace(" ", "_")
    end = start + round(number(cells[_ELAPSED] or cells[5]) * SECOND)
    event = workout(STRAVA, f"activity:{cells[_ID]}", start, end, sport, said)
    yield msgspec.structs.replace(event, telling=EXPORT)
    if recorded is not None:
        recorded.sport = recorded.sport or sport
        yield from tracks.points(recorded, STRAVA)


def _file(entry: Entry, name: str) -> Entry | None:
    folder = entry.path.rpartition("/")[0]
    inner = name.removesuffix(".gz")
    return entry.siblings.get(f"{folder}/{inner}" if folder else inner)


def _recorded(file: Entry) -> tracks.Activity | None:
    """Return what the activity's own file recorded; None for one of no known format."""
    found: Sequence[tracks.Activity] = ()
    with file.open() as stream:
        if fit.recognise(file):
            found = list(fit.read(stream).activities())
        elif gpx.recognise(file):
            found = gpx.read(stream)[0]
        elif tcx.recognise(file):
            found = tcx.read(stream)[0]
    return found[0] if found else None


def _activity(said: Any, lanes: Lanes) -> Iterator[Item]:
    """Read an activity of the API, summary or detail; its local start has a Z that is none."""
    start = utc(said["start_date"])
    zone = str(said.get("timezone") or "").rpartition(") ")[2] or None
    event = workout(
        STRAVA,
        f"activity:{said['id']}",
        start,
        start + round(number(said["elapsed_time"]) * SECOND),
        str(said.get("sport_type") or said.get("type") or "").lower(),
        {
            "title": said.get("name"),
            "moving": said.get("moving_time"),
            "distance": said.get("distance"),
            "elevation": said.get("total_elevation_gain"),
            "heart_rate": said.get("average_heartrate"),
            "heart_rate_max": said.get("max_heartrate"),
            "energy": said.get("calories"),
            "power": said.get("average_watts"),
        },
        zone=zone,
    )
    yield msgspec.structs.replace(event, telling=API)
    if zone:
        yield ZoneSeen(start, zone)


_MARKS = {"start_date", "start_date_local", "elapsed_time", "moving_time", "id"}
FORMS = Forms((Form("activity", _activity, _MARKS),), sure=0.95)

PAGE = 200
LATE = 14 * DAY
"""How long after an activity its webhook may say that it changed; it does not say when it was."""


def _activities(http: Http, window: Window, _options: Options) -> Iterator[Item]:
    asked = {"after": window.start_s - 1, "before": window.end_s, "per_page": PAGE}
    for page in http.pages("/athlete/activities", asked, page=("page", 1), size=PAGE):
        yield from FORMS.answer("activity", page, "activities")


def _challenge(said: Delivery, _options: Options) -> Reply:
    """Answer the challenge that begins a subscription."""
    return Reply(body=msgspec.json.encode({"hub.challenge": said.query["hub.challenge"]}))


def _pushed(said: Delivery, _options: Options) -> Iterator[Received]:
    """Read what the webhook says changed: it names the activity, not its data."""
    told = documents.decode(said.body)
    if told["object_type"] != "activity":
        return
    if told["aspect_type"] == "delete":
        yield Gone(STRAVA.name, f"activity:{told['object_id']}")
    else:
        yield Refetch(int(told["event_time"]) * SECOND - LATE, said.at)


CONNECTOR = Connector(
    name="strava",
    title="Strava",
    docs="https://support.strava.com/hc/en-us/articles/216918437",
    emits=frozenset({"workout", "heart_rate", "cadence_cycle", "cadence_step", "power", "speed"}),
    recognise=recognise,
    parse=parse,
    members=members,
    auth=OAuth2(
        authorize_url="https://www.strava.com/oauth/authorize",
        token_url="https://www.strava.com/api/v3/oauth/token",  # noqa: S106 - an address
        scopes=("read", "activity:read_all"),
        scope_separator=",",
        help="Make an application at https://www.strava.com/settings/api; since 2026 that needs "
        "a subscription. What it gives is for your eyes only.",
    ),
    base_url="https://www.strava.com/api/v3",
    pulls=(Pull(name="activities", fetch=_activities, slice_days=90, complete=True),),
    quotas=(Quota(200, 900), Quota(2_000, 86_400)),
    receive=Receive(read=_pushed, greet=_challenge),
)
