"""Apple Health: `export.zip` or `export.xml`, as the Health app of an iPhone writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from diurnal import catalog
from diurnal.connectors import Connector, Entry
from diurnal.connectors.apple_health import nights
from diurnal.connectors.apple_health.elements import ROOT, Elements
from diurnal.connectors.apple_health.records import Export, Workout
from diurnal.connectors.apple_health.routes import FILE_POINTS_MAX, Point, read_gpx
from diurnal.connectors.apple_health.values import API
from diurnal.connectors.apple_health.workouts import datum
from diurnal.errors import InvalidInput
from diurnal.model.records import Bad, Item, Progress, ZoneSeen
from diurnal.model.time import DAY

PROGRESS_BYTES = 4 << 20
WAITING_MAX = 5_000
"""Workouts whose routes are read after the file; with more they are read at once."""

_CDA = re.compile(rb"<ClinicalDocument[\s>]")
_DOCTYPE = re.compile(rb"<!DOCTYPE\s+HealthData\b")
_PARTS = re.compile(r"(?:^|/)(?:workout-routes/.*\.gpx|export_cda\.xml)$", re.IGNORECASE)


def recognise(entry: Entry) -> float:
    """Return how sure it is: the file's name is in the language of the phone, its root is not."""
    if _CDA.search(entry.head):
        return 0.0
    if ROOT.search(entry.head) or _DOCTYPE.search(entry.head):
        return 1.0
    return 0.0


def members(path: str) -> bool:
    """Return whether another entry is read through the export, or says the same again."""
    return bool(_PARTS.search(path))


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read an export: series first, then nights, zones and the workouts with routes.

    Raises:
        InvalidInput: it has no HealthData.
        TooLarge: it unpacks to more than it may.
    """
    total = max(entry.size, 1)
    with entry.open() as stream:
        export = Export(entry.path, lambda: elements.line, lambda: elements.refuse_depth())
        elements = Elements(stream, export.start, export.end, export.broken)
        told = 0
        waiting: list[Workout] = []
        yield Progress("reading", 0, total)
        for _ in elements.read():
            yield from export.flush()
            yield from _workouts(export, entry, waiting)
            if elements.done - told >= PROGRESS_BYTES:
                told = elements.done
                yield Progress("reading", min(told, total), total)
    yield from export.flush(everything=True)
    yield from _workouts(export, entry, waiting)
    yield from export.pressures()
    yield Progress("reading", total, total)
    yield from _nights(export)
    yield from _zones(export)
    yield from _routes(export, entry, waiting)
    yield from export.remarks()


def _workouts(export: Export, entry: Entry, waiting: list[Workout]) -> Iterator[Item]:
    """Yield finished workouts; those with a route in a file of its own wait for their turn."""
    found, export.workouts = export.workouts, []
    for workout in found:
        if not workout.files:
            yield datum(workout, export.source, None)
        elif len(waiting) < WAITING_MAX:
            waiting.append(workout)
        else:
            yield from _with_route(export, entry, workout)


def _nights(export: Export) -> Iterator[Item]:
    total = sum(len(s.start) for s in export.sleep.values())
    done = 0
    for name, segments in export.sleep.items():
        source = export.sleep_source(name)
        for night in nights.build(segments):
            yield nights.datum(source, night)
            for at, number in night.zones:
                key = at // DAY, number
                first = export.zones_seen.get(key)
                if first is None or at < first[0]:
                    export.zones_seen[key] = at, night.end
        done += len(segments.start)
        yield Progress("nights", done, total)


def _zones(export: Export) -> Iterator[Item]:
    """Yield where the person was: once a day is enough, in time order."""
    seen = [(at, number, end) for (_, number), (at, end) in export.zones_seen.items()]
    for at, number, night_end in sorted(seen, key=lambda row: row[:2]):
        yield ZoneSeen(at, export.zones[number], night_end)


def _routes(export: Export, entry: Entry, waiting: list[Workout]) -> Iterator[Item]:
    for i, workout in enumerate(waiting):
        yield from _with_route(export, entry, workout)
        yield Progress("routes", i + 1, len(waiting))


def _with_route(export: Export, entry: Entry, workout: Workout) -> Iterator[Item]:
    """Yield a workout with the points of its files; a route that cannot be read is left out."""
    points: list[Point] = []
    name = ""
    for path in workout.files:
        file = _sibling(entry, path)
        if file is None:
            export.routes_missing += 1
            continue
        try:
            with file.open() as stream:
                points += read_gpx(stream)
        except InvalidInput as e:
            yield Bad(e.message, file.path)
            continue
        name = name or file.name
        if len(points) > FILE_POINTS_MAX:
            break
    yield datum(
        workout, export.source, (name, sorted(points, key=lambda p: p[0])) if points else None
    )


def _sibling(entry: Entry, path: str) -> Entry | None:
    """Return the entry that a path in the export names; it begins at the export's folder."""
    folder = entry.path.rpartition("/")[0]
    inner = path.strip("/")
    return entry.siblings.get(f"{folder}/{inner}" if folder else inner)


CONNECTOR = Connector(
    name=API,
    title="Apple Health",
    docs="https://support.apple.com/guide/iphone/share-your-health-data-iph5ede58c3d/ios",
    emits=frozenset(key for key, m in catalog.MEASURES.items() if API in m.names)
    | {"sleep", "workout"},
    recognise=recognise,
    parse=parse,
    members=members,
)
