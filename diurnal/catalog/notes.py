"""Notes and tags."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("notes", "Notes")

MEASURES = (
    Measure(
        key="note",
        label="Notes",
        group="notes",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.JOIN,
        value=ValueKind.TEXT,
        names={"pryv": named("note/txt", "note/html", "note/webclip"), "personicle": ev("Note")},
    ),
    Measure(
        key="tags",
        label="Tags of the day",
        group="custom",
        unit="1",
        shape=Shape.DAY,
        daily=Daily.JOIN,
        value=ValueKind.TEXT,
        # A tag by itself is the account's own yes/no measure; this is the day's list of them.
        names={"pryv": named("note/txt"), "exist": named("custom")},
    ),
)
