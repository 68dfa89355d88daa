"""All files of these sources, imported in any order and twice: the store is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal.model.access import Access
from diurnal.model.events import EventQuery
from diurnal.model.time import day_from_text
from diurnal.services import days, events, imports
from diurnal.services.context import Context
from tests.connectors.reading import DATA
from tests.test_invented_person import bring_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
SOURCES = (
    "spotify", "lastfm", "listenbrainz", "maloja", "koito", "github", "mastodon", "bluesky",
    "twitter", "foursquare", "pinboard", "instapaper", "ical", "open_meteo", "rescuetime",
    "todoist", "netflix", "activitywatch", "owntracks", "overland", "gpslogger", "influx",
    "generic", "micropub", "home_assistant", "health_auto_export",
)  # fmt: skip
FIRST, LAST = day_from_text("2026-02-01"), day_from_text("2026-06-30")
MEASURES = (
    "track_played", "tweet", "mastodon_post", "checkin", "calendar_event", "weather_temp_max",
    "productive_time", "task_completed", "tv", "steps", "sleep", "weight", "location",
)  # fmt: skip


def files() -> list[Path]:
    """Return every file; an archive in a folder is one."""
    return [path for name in SOURCES for path in sorted((DATA / name).iterdir())]


def everything(ctx: Context, owner: Access) -> dict[str, Any]:
    """Return what the store says, without ids and times of writing."""

    def told(tx: Any) -> list[Any]:
        listed = events.find(tx, ctx, owner, EventQuery(limit=10_000))
        full = [events.get(tx, ctx, owner, e.id) for e in listed]
        return sorted(
            (
                e.source,
                e.source_id,
                e.time,
                e.duration,
                e.day,
                e.type,
                e.tags,
                e.description or "",
                msgspec.json.encode((e.content, e.client_data), order="sorted"),
            )
            for e in full
        )

    found: dict[str, Any] = {"events": ctx.store.read(told)}
    values = ctx.store.read(lambda tx: days.values(tx, ctx, owner, MEASURES, FIRST, LAST))
    for measure, rows in values.items():
        found[measure] = [row.value for row in rows]
    return found


def test_any_order_and_twice_is_the_same(ctx: Context, alice: Access, charlie: Access) -> None:
    results = {path.name: bring_in(ctx, alice, path) for path in files()}
    assert all(r.read for r in results.values() if not _says_nothing(r))
    there = everything(ctx, alice)
    for path in reversed(files()):
        bring_in(ctx, charlie, path)
    other = everything(ctx, charlie)
    for part, rows in there.items():
        assert other[part] == rows, part
    for path in files():
        again = bring_in(ctx, alice, path)
        assert (again.new, again.changed) == (0, 0), path.name
    assert everything(ctx, alice) == there


def _says_nothing(result: imports.Result) -> bool:
    return result.set_aside > 0


def test_what_nobody_knows_is_listed_and_what_belongs_is_not(ctx: Context, alice: Access) -> None:
    old = bring_in(ctx, alice, DATA / "twitter/archive_old_layout_camlistore_test.zip")
    assert (old.read, old.unknown) == (2, ())
    new = bring_in(ctx, alice, DATA / "twitter/archive")
    assert [path.rpartition("/")[2] for path in new.unknown] == ["direct-messages.js"]
    listens = bring_in(ctx, alice, DATA / "listenbrainz/listenbrainz_shoko1_1749780844.zip")
    assert (listens.read, listens.unknown) == (5, ())
