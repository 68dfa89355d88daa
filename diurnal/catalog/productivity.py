"""Work: time at the computer, and what was done."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Measure, Name, Shape, ValueKind

FAMILY = family("work", "Work")


def _time(key: str, label: str, exist: str, event: str) -> Measure:
    """Return minutes at the computer of one kind, by intervals."""
    return Measure(
        key=key,
        label=label,
        group="productivity",
        unit="min",
        shape=Shape.SERIES,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("time/min", "activity/plain", unit="min"),
            "exist": named(exist, unit="min"),
            "personicle": ev(event),
        },
    )


def _done(
    key: str,
    label: str,
    exist: str,
    *pryv: str,
    value: ValueKind = ValueKind.TEXT,
    event: str | None = None,
    personal: str | None = None,
) -> Measure:
    """Return things done: an event each, counted by day."""
    names: dict[str, tuple[Name, ...]] = {"pryv": named(*pryv), "exist": named(exist, unit="1")}
    if event is not None:
        names["personicle"] = ev(event)
    if personal is not None:
        names["personal"] = named(personal)
    return Measure(
        key=key,
        label=label,
        group="productivity",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=value,
        low=0,
        high=10_000,
        names=names,
    )


def _amount(key: str, label: str, exist: str, high: float) -> Measure:
    """Return an amount of text made, summed by day."""
    return Measure(
        key=key,
        label=label,
        group="productivity",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        value=ValueKind.INTEGER,
        low=0,
        high=high,
        names={"pryv": named("count/generic", unit="1"), "exist": named(exist, unit="1")},
    )


MEASURES = (
    _time("productive_time", "Productive time", "productive_min", "ProductiveTime"),
    _time("neutral_time", "Neutral time", "neutral_min", "NeutralTime"),
    _time("distracting_time", "Distracting time", "distracting_min", "DistractingTime"),
    _done(
        "commit",
        "Commits",
        "commits",
        "note/txt",
        "url/http",
        event="Commit",
        personal="commits.message",
    ),
    _done("task_completed", "Tasks completed", "tasks_completed", "note/txt", event="Task"),
    _amount("words_written", "Words written", "words_written", 200_000),
    _done("email_sent", "E-mails sent", "emails_sent", "message/email", value=ValueKind.OBJECT),
    _done(
        "email_received",
        "E-mails received",
        "emails_received",
        "message/email",
        value=ValueKind.OBJECT,
    ),
    Measure(
        key="pomodoro",
        label="Pomodoros",
        group="productivity",
        unit="min",
        shape=Shape.SESSION,
        daily=Daily.DURATION,
        low=0,
        high=1440,
        names={
            "pryv": named("activity/plain", "time/min", unit="min"),
            "exist": named("pomodoros_min", unit="min"),
            "personicle": ev("Pomodoro"),
        },
    ),
    _amount("keystrokes", "Keystrokes", "keystrokes", 1_000_000),
)
