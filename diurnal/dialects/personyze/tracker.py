"""The tracker: what an app tells of whom it follows, in the form of the vendor's phone library.

A request has a session, the device and commands in order. A session is an event, products and
articles are the events that `do` makes of them, and what is told of a person is their user's.
Source: https://github.com/personyze/personyzeandroidsdk
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from diurnal import catalog
from diurnal.dialects.personyze import derived, interactions, people, selecting
from diurnal.errors import InvalidInput, NotFound
from diurnal.model.access import Access
from diurnal.model.events import Event, NewEvent
from diurnal.model.time import SECOND
from diurnal.services import changelog, events, findings, records
from diurnal.services.context import Context
from diurnal.services.records import Record
from diurnal.store.database import Tx, WriteTx

Row = dict[str, Any]
Command = list[str | int | float | bool | None]

OBJECT = "tracker-v1"
DEVICES = "tracker_devices"
"""Collection of who uses which device; no object of the API shows it."""
MEASURE = "app_session"
TYPE = catalog.event_type(catalog.get(MEASURE))
SESSION_MAX = 90 * 60 * SECOND
"""So long a session lasts at most; the libraries begin a new one a little before."""
LISTED_MAX = 500
"""Documents, and answers to actions, that are kept of one session."""
TEXT_MAX = 500
"""Characters."""
_SESSION = re.compile(r"[0-9]{1,12} ([0-9]{1,18})")
_NO_NAME = re.compile(r"[^a-z0-9_]+")


class Sent(msgspec.Struct, frozen=True):
    """A request.

    Attributes:
        user_id: a number that the library chose for its device, once and for all.
        session_id: what the last answer said; it begins with the session's start in Unix seconds.
        time_zone: hours from UTC in winter.
    """

    user_id: int | str
    session_id: str | None = None
    new_session: bool = False
    platform: str | None = None
    os: str | None = None
    device_type: str | None = None
    screen: str | None = None
    languages: str | None = None
    time_zone: float | str | None = None
    noti_enabled: bool | None = None
    commands: list[Command] = []


ABOUT = ("platform", "os", "device_type", "screen", "languages", "time_zone", "noti_enabled")


class _Told(msgspec.Struct):
    """What the commands of a request tell, beside what was done with things."""

    profile: Row
    documents: list[Row]
    answers: list[Row]


def track(tx: WriteTx, ctx: Context, caller: Access, given: Any) -> str:
    """Store what a request tells; return the id of its session.

    A command that is not known, or of a thing that is not there, has no effect.

    Raises:
        InvalidInput: it has not the form of a request, or a column cannot have its value.
        Forbidden: the key may not read, add and change.
    """
    sent = _sent(given)
    now = ctx.now()
    told = _told(sent.commands, now // SECOND)
    records.hold(tx, ctx, caller)
    key = records.key_of(sent.user_id)
    known = records.keyed(tx, caller, DEVICES, "device", [key])
    device = known[0] if known else None
    running = None if sent.new_session else _running(tx, ctx, caller, sent, key)
    user = _user(tx, ctx, caller, device, told.profile, now // SECOND if running is None else None)
    _keep_device(tx, ctx, caller, device, {"device": key, "user_id": user, **_about(sent)})
    _do(tx, ctx, caller, user, sent.commands)
    if running is not None:
        said = dict(running.content)
        said |= {
            "user_id": user,
            "documents": [*said.get("documents", ()), *told.documents][-LISTED_MAX:],
            "answers": [*said.get("answers", ()), *told.answers][-LISTED_MAX:],
        }
        fields = {"content": said, "duration": max(now - running.time, 0)}
        events.update(tx, ctx, caller, running.id, fields)
        return f"{running.time // SECOND} {running.seq}"
    content = {
        "user_id": user,
        "device": key,
        **_about(sent),
        "documents": told.documents[-LISTED_MAX:],
        "answers": told.answers[-LISTED_MAX:],
    }
    stream = catalog.get(MEASURE).stream
    new = NewEvent(stream_ids=(stream,), type=TYPE, time=now, content=content)
    [written] = events.create(tx, ctx, caller, [new])
    return f"{now // SECOND} {written.event.seq}"


def answer(tx: Tx, ctx: Context, caller: Access, session: str) -> Row:
    """Return what is to be shown now: the goals that today meets, the actions that have a place.

    A library keeps actions until `cache_version` grows: it does with every change.
    """
    goals = findings.goals(tx, ctx, caller)
    met = {derived.condition_number(goal.measure): bool(goal.reached) for goal in goals}
    placed = {a["id"]: bool(a["placeholders"]) for a in derived.actions(tx, ctx, caller)}
    return {
        "session_id": session,
        "cache_version": changelog.newest(tx, caller) // SECOND,
        "conditions": [{"id": n} for n, now in met.items() if now],
        "actions": [{"id": n} for n, now in placed.items() if now],
        "dismiss_conditions": [n for n, now in met.items() if not now],
        "dismiss_actions": [n for n, now in placed.items() if not now],
    }


def _sent(given: Any) -> Sent:
    try:
        sent = msgspec.convert(given, Sent)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"that is no request of a tracker: {error}") from None
    if len(sent.commands) > interactions.COMMANDS_MAX:
        raise InvalidInput(f"at most {interactions.COMMANDS_MAX} commands a request")
    texts = (sent.user_id, sent.time_zone, *(getattr(sent, name) for name in ABOUT))
    for text in (*texts, *(word for command in sent.commands for word in command)):
        if isinstance(text, str) and len(text) > TEXT_MAX:
            raise InvalidInput(f"a text has at most {TEXT_MAX} characters")
    return sent


def _about(sent: Sent) -> Row:
    told = {name: getattr(sent, name) for name in ABOUT}
    return {name: value for name, value in told.items() if value is not None}


def _told(commands: Sequence[Command], at: int) -> _Told:
    told = _Told({}, [], [])
    for command in commands:
        match command:
            case ["Navigate", str(document)]:
                told.documents.append({"time": at, "document": document})
            case ["User profile", str(field), value]:
                told.profile[_column(field)] = value
            case ["Action Status", action, str(status), *rest]:
                arg = rest[0] if rest else None
                told.answers.append({"time": at, "action": action, "status": status, "arg": arg})
    # These are the server's to say.
    for name in (people.NUMBER, "session_counter", "last_session_time"):
        told.profile.pop(name, None)
    return told


def _column(field: str) -> str:
    """Return the column for a field, which may have any name: `Boots size` is `boots_size`."""
    name = _NO_NAME.sub("_", selecting.snake(field)).strip("_")[:100]
    return f"_{name}" if not name or name[0].isdigit() else name


def _running(tx: Tx, ctx: Context, caller: Access, sent: Sent, device: str) -> Event | None:
    """Return the session that a request goes on with, None where it begins another."""
    found = _SESSION.fullmatch(sent.session_id or "")
    if found is None:
        return None
    try:
        event = events.numbered(tx, ctx, caller, int(found[1]))
    except NotFound:
        return None
    content = event.content
    if event.measure != MEASURE or event.trashed or not isinstance(content, dict):
        return None
    if content.get("device") != device or event.time + SESSION_MAX < ctx.now():
        return None
    return event


def _user(
    tx: WriteTx,
    ctx: Context,
    caller: Access,
    device: Record | None,
    profile: Row,
    begun: int | None,
) -> int:
    """Return whose device it is, with what was told of them stored.

    Who is told by a key of theirs is that user, whoever had the device before.

    Args:
        begun: when the session that now begins did, Unix seconds.
    """
    number = None if device is None else device.values["user_id"]
    for key in people.KEYS:
        if profile.get(key) not in (None, ""):
            same = people.find(tx, ctx, caller, key, profile[key])
            number = same[0] if same is not None else number
            break
    at = people.find(tx, ctx, caller, people.NUMBER, number) if number is not None else None
    values = dict(profile)
    if at is not None:
        values[people.NUMBER] = at[0]
    if begun is not None:
        before = at[1].values.get("session_counter") if at is not None and at[1] else 0
        counted = before if isinstance(before, int) else 0
        values |= {"session_counter": counted + 1, "last_session_time": begun}
    if at is not None and len(values) == 1:
        return at[0]
    return people.create(tx, ctx, caller, values)


def _keep_device(
    tx: WriteTx, ctx: Context, caller: Access, device: Record | None, values: Row
) -> None:
    keys = ("device",)
    if device is None:
        records.create(tx, ctx, caller, DEVICES, [values], keys=keys)
    elif any(device.values.get(name) != value for name, value in values.items()):
        records.update(tx, ctx, caller, DEVICES, [(device, values)], keys=keys)


def _do(tx: WriteTx, ctx: Context, caller: Access, user: int, commands: Sequence[Command]) -> None:
    """Store what was done with products and articles."""
    waiting: list[list[Any]] = []
    for verb, *rest in filter(None, commands):
        if verb in interactions.VERBS and rest and _there(tx, caller, str(verb), rest[0]):
            pairs = rest[1:] if len(rest) % 2 and all(map(_is_text, rest[1::2])) else []
            waiting.append([people.NUMBER, user, verb, rest[0], *pairs])
        elif verb in interactions.ALL_OF:
            interactions.do(tx, ctx, caller, waiting)
            waiting = []
            interactions.do_all(tx, ctx, caller, user, str(verb))
    interactions.do(tx, ctx, caller, waiting)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _there(tx: Tx, caller: Access, verb: str, item: Any) -> bool:
    return interactions.item(tx, caller, interactions.VERBS[verb][0], item) is not None
