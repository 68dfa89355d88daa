"""Recordings of exercise: one ride in four formats is one workout."""

from __future__ import annotations

import json
import struct
import zipfile
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from diurnal.connectors import _tracks as tracks
from diurnal.connectors import fit, gpx, strava, tcx
from diurnal.connectors._dates import written
from diurnal.connectors._points import Lanes
from diurnal.errors import InvalidInput
from diurnal.model import tellings
from diurnal.model.access import Access
from diurnal.model.events import NewEvent
from diurnal.model.records import Bad, Datum, Points, Source
from diurnal.model.sources import Kind
from diurnal.model.time import MINUTE
from diurnal.services import events, series
from diurnal.services.context import Context
from tests.connectors import hostile
from tests.connectors.reading import DATA, only, read
from tests.test_invented_person import bring_in

RIDE = DATA / "tcx" / "same_ride_4_formats.zip"
FORMATS = (
    "4801048867.fit",
    "activity_4801048867.tcx",
    "activity_4801048867.gpx",
    "4801048867_strava.gpx",
)


def ride(folder: Path, name: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(RIDE) as archive:
        path.write_bytes(archive.read(name))
    return path


def workouts(ctx: Context, owner: Access) -> list[dict[str, Any]]:
    found = ctx.store.read(lambda tx: events.find(tx, ctx, owner))
    return [json.loads(f"{e.body[:-1]},{e.tail}") for e in found]


@pytest.mark.parametrize("engine", ["sqlite"])
def test_one_ride_in_four_formats_is_one_workout(
    ctx: Context, alice: Access, charlie: Access, tmp_path: Path
) -> None:
    files = [ride(tmp_path, name) for name in FORMATS]
    for path in files:
        bring_in(ctx, alice, path)
    for path in reversed(files):
        bring_in(ctx, charlie, path)
    [one] = workouts(ctx, alice)
    [other] = workouts(ctx, charlie)
    assert one["content"] == other["content"]
    assert (one["time"], one["duration"]) == (other["time"], other["duration"])
    said = one["content"]
    # Of the watch's own file: its totals, to the decimetre, and the offset of its clock.
    assert said["activity"] == "cycling"
    assert (said["distance"], said["heart_rate"], said["elevation"]) == (36322.85, 130, 79)
    assert one["offset"] == 120
    # What only the others say is there, too.
    assert said["title"] == "Berkelland Fietsen"
    assert said["route"]["file"] == "4801048867.fit"
    assert len(said["route"]["points"]) == 5159
    again = [bring_in(ctx, alice, path) for path in (files[3], files[0])]
    assert [(r.new, r.changed) for r in again] == [(0, 0)] * 2
    hearts = {s.measure: s.n for s in ctx.store.read(lambda tx: series.listed(tx, ctx, alice))}
    assert hearts["heart_rate"] == 5159


def test_tellings_join_to_the_same_whatever_their_order() -> None:
    told = [
        (name, NewEvent(stream_ids=("s",), type="activity/workout", time=at, source_id="w", **more))
        for name, at, more in (
            ("1 fit", 1_000_000, {"duration": 10, "offset": 120, "content": {"distance": 5.5}}),
            ("2 tcx", 2_000_000, {"duration": 20, "content": {"distance": 6, "energy": 7}}),
            ("3 gpx a", 1_000_000, {"content": {"title": "A", "route": {"file": "a"}}}),
            ("3 gpx b", 1_000_000, {"content": {"title": "B", "route": {"file": "b"}}}),
        )
    ]
    results = set()
    for order in permutations(told):
        joined: NewEvent | None = None
        for name, new in order:
            joined = tellings.join(joined, new, name)
        for name, new in order:
            assert tellings.join(joined, new, name) == joined
        assert joined is not None
        results.add(
            (
                joined.time,
                joined.duration,
                joined.offset,
                json.dumps(joined.content, sort_keys=True),
            )
        )
    assert results == {
        (
            1_000_000,
            10,
            120,
            '{"distance": 5.5, "energy": 7, "route": {"file": "a"}, "title": "A"}',
        )
    }


def test_exports_of_one_timeline_add_up() -> None:
    def fixes(*track: tuple[int, int, int, int]) -> NewEvent:
        text = ";".join(",".join(map(str, fix)) for fix in track)
        place = {"latitude": track[-1][1] / 1e7, "longitude": track[-1][2] / 1e7}
        return NewEvent(
            stream_ids=("s",),
            type="position/wgs84",
            time=track[0][0] * 1_000,
            duration=(track[-1][0] - track[0][0]) * 1_000,
            content={**place, "track": text},
            source_id="track:1",
        )

    older = fixes((10_000, 10_000_000, 20_000_000, 5), (20_000, 15_000_000, 20_000_000, 5))
    newer = fixes((20_000, 15_000_000, 20_000_000, 5), (30_000, 20_000_000, 20_000_000, -1))
    thinned = fixes((15_000, 90_000_000, 90_000_000, -1))
    first = tellings.join(None, older, "1 records")
    both = tellings.join(first, newer, "1 records")
    assert both.content["track"].count(";") == 2
    assert (both.content["latitude"], both.time, both.duration) == (2.0, 10_000_000, 20_000_000)
    assert tellings.join(both, older, "1 records") == both
    assert tellings.join(both, thinned, "3 phone").content == both.content


def test_a_cut_recording_keeps_what_came_before() -> None:
    said = read(fit.CONNECTOR, DATA / "fit" / "strava-android-app-201.10-b1218918.fit")
    assert len(only(Datum, said, "workout")) == 1
    assert "damaged or cut off" in only(Bad, said)[0].reason


def test_what_is_worn_for_months_is_not_held_until_the_file_ends(tmp_path: Path) -> None:
    beats = [struct.pack("<BIB", 0, 900_000_000 + 60 * i, 60 + i % 50) for i in range(25_000)]
    fields = [(253, 4, 0x86), (27, 1, 2)]
    path = tmp_path / "monitoring.fit"
    path.write_bytes(hostile.fit(hostile.definition(fields, 55), *beats))
    found = only(Points, read(fit.CONNECTOR, path), "heart_rate")
    assert len(found) > 1
    assert sum(len(part.start) for part in found) == 25_000


def test_a_file_of_sessions_alone_ends(tmp_path: Path) -> None:
    told = struct.pack("<BII", 0, 900_000_100, 900_000_000)
    fields = [(253, 4, 0x86), (2, 4, 0x86)]
    path = tmp_path / "sessions.fit"
    path.write_bytes(hostile.fit(hostile.definition(fields, 18), *[told] * 1_001))
    with pytest.raises(InvalidInput, match="sessions"):
        read(fit.CONNECTOR, path)


def test_tracks_without_times_are_set_aside() -> None:
    said = read(gpx.CONNECTOR, DATA / "gpx" / "cerknicko-without-times.gpx")
    assert {b.reason for b in only(Bad, said)} == {"a track whose points have no times"}


def test_feet_are_counted_both() -> None:
    """FIT counts one foot; a runner at 160 steps a minute has two."""
    said = read(fit.CONNECTOR, DATA / "fit" / "garmin-fenix-5-run.fit")
    [cadence] = only(Points, said, "cadence_step")
    assert max(cadence.value) > 100


def test_a_strava_export_reads_its_own_files(ctx: Context, alice: Access) -> None:
    result = bring_in(ctx, alice, DATA / "strava" / "synthetic_strava.zip")
    assert result.unknown == ()
    assert set(result.kinds) == {"strava"}
    found = workouts(ctx, alice)
    assert len(found) == 103
    routed = [w for w in found if "route" in w["content"]]
    assert len(routed) == 9
    [first] = [w for w in found if w["sourceId"] == "activity:9000001"]
    assert first["time"] == 1_759_591_800
    assert first["content"]["distance"] == 8245.6


def test_the_api_and_the_export_of_strava_are_one_activity() -> None:
    [said] = only(Datum, read(strava.CONNECTOR, DATA / "strava" / "activity-manual.3.json"))
    assert (said.source_id, said.telling) == ("activity:96089609", strava.API)
    assert said.zone == "America/Los_Angeles"


@pytest.mark.parametrize(
    "text",
    [
        "Jun 2, 2026, 3:30:00 PM",
        "Jun 2, 2026, 3:30:00\u202fPM",
        "02.06.2026, 15:30:00 MESZ",
        "2 juin 2026 à 15:30:00",
        "2 de jun. de 2026, 15:30:00",
        "2026-06-02 15:30:00",
    ],
)
def test_dates_are_read_in_the_account_s_language(text: str) -> None:
    assert written(text).isoformat() == "2026-06-02T15:30:00"


def test_a_date_whose_order_is_not_sure_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="order is sure"):
        written("02/06/2026 15:30:00")


def test_tcx_laps_add_up(tmp_path: Path) -> None:
    [said] = only(Datum, read(tcx.CONNECTOR, ride(tmp_path, FORMATS[1])))
    assert said.content["distance"] == pytest.approx(36322.85, abs=1)


def test_the_parts_of_a_recording_are_all_of_it() -> None:
    whole = tracks.Activity()
    for at in range(10, 70, 10):
        whole.add("heart_rate", at, at / 10)
        whole.place(at, 50.0, at / 100, None)
    parts = list(whole.parts([20, 40, 55]))
    assert [list(p.series["heart_rate"].at) for p in parts] == [[10, 20, 30], [40, 50], [60]]
    assert [[place[0] for place in p.route] for p in parts] == [[10, 20, 30], [40, 50], [60]]
    [one] = whole.parts([40])
    assert (one.route, one.series, one.start) == (whole.route, whole.series, None)
    assert list(whole.parts([])) == []


def test_what_a_counter_shows_is_what_it_grew_by() -> None:
    lanes, watch = Lanes(), Source("Watch", Kind.WRIST)
    for minute, count, which in (
        (10, 100, "walking"),
        (10, 7, "running"),
        (15, 130, "walking"),
        (16, 130, "walking"),
        (20, 12, "walking"),  # set back
        (20, 20, "walking"),  # of no time at all
        (25, 27, "walking"),
        (26, 9, "running"),
    ):
        lanes.count("steps", watch, minute * MINUTE, count, which=which, offset=60)
    [points] = lanes.flush(everything=True)
    told = zip(points.start, points.end, points.value, points.offset or (), strict=True)
    assert [(s // MINUTE, e // MINUTE, n, offset) for s, e, n, offset in told] == [
        (9, 10, 100, 60),
        (9, 10, 7, 60),
        (10, 15, 30, 60),
        (16, 20, 12, 60),
        (20, 25, 7, 60),
        (10, 26, 2, 60),
    ]
