"""Events: write, read, change, trash, delete. Permission checks live here (`rights.py`)."""

from __future__ import annotations

from diurnal.services.events.changing import CHANGEABLE, changeable, rehang, update
from diurnal.services.events.creating import BATCH_MAX, Written, create, create_each
from diurnal.services.events.fields import (
    DURATION_MAX,
    ID_MAX,
    OFFSET_MAX,
    SOURCE_ID_MAX,
    SOURCE_MAX,
    TIME_MAX,
    TIME_MIN,
    at_clock,
    check_json,
    dated,
)
from diurnal.services.events.marking import SPAN_DAYS_MAX, touch
from diurnal.services.events.reading import OPEN, files_of, find, get, numbered, readable, subtree
from diurnal.services.events.removing import delete, deletions, set_trashed
from diurnal.services.events.rights import may_add
from diurnal.services.events.versions import restore, versions

__all__ = [
    "BATCH_MAX",
    "CHANGEABLE",
    "DURATION_MAX",
    "ID_MAX",
    "OFFSET_MAX",
    "OPEN",
    "SOURCE_ID_MAX",
    "SOURCE_MAX",
    "SPAN_DAYS_MAX",
    "TIME_MAX",
    "TIME_MIN",
    "Written",
    "at_clock",
    "changeable",
    "check_json",
    "create",
    "create_each",
    "dated",
    "delete",
    "deletions",
    "files_of",
    "find",
    "get",
    "may_add",
    "numbered",
    "readable",
    "rehang",
    "restore",
    "set_trashed",
    "subtree",
    "touch",
    "update",
    "versions",
]
