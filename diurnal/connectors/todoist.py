"""Todoist: finished tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("Todoist", Kind.DERIVED)


def one(task: Mapping[str, Any]) -> Iterator[Item]:
    """Read a finished task; one that recurs keeps its id, and is done at another time."""
    at = _said.instant(task["completed_at"])
    id_ = task.get("task_id") or task["id"]
    yield _posts.note(
        SOURCE,
        _said.key(f"{id_}@{_said.seconds(at)}"),
        at,
        task["content"],
        measure="task_completed",
        tags=task.get("labels") or (),
    )


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the tasks of an answer."""
    return _json.each(one, answer["items"], "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for an answer with finished tasks."""
    wanted = {"items.item.completed_at", "items.item.content", "items.item.project_id"}
    return 0.95 if wanted <= _json.members(entry.head) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    return _json.read(entry, one, "items.item", unit="task")


def _finished(http: Http, window: Window, options: Options) -> Iterator[Item]:
    params = {"since": window.start_text, "until": window.end_text, "limit": 200}
    path = "/api/v1/tasks/completed/by_completion_date"
    for page in http.pages(path, params, token=("next_cursor", "cursor")):
        yield from rows_of(page)


CONNECTOR = Connector(
    name="todoist",
    title="Todoist",
    docs="https://developer.todoist.com/api/v1/",
    emits=frozenset({"task_completed"}),
    recognise=recognise,
    parse=parse,
    auth=Key(label="API token", help="Settings, Integrations, Developer."),
    base_url="https://api.todoist.com",
    pulls=(Pull(name="finished", fetch=_finished, slice_days=80),),
)
