"""The newest lines of the server's log, kept below the data directory for admins.

Every process of a data directory appends to one file of JSON lines; when it is full it becomes the
older of two, and the one before it goes. What a line says of an exception is where it was raised
and its kind: its text may quote anybody's data. The log on stderr has all.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from diurnal.model.access import Access
from diurnal.services.context import Context
from diurnal.services.sign_up import must_administer

FILE, OLDER, LOCK = "server-log.jsonl", "server-log.1.jsonl", "server-log.lock"
BYTES_MAX = 2 << 20
"""Of each of the two files."""
TEXT_MAX = 500
FRAMES_MAX = 8
LEVELS = ("debug", "info", "warning", "error", "critical")
LATEST = "~"
"""Sorts after the id of every line."""
_NOT_KEPT = frozenset({"event", "level", "timestamp", "request", "api", "exc_info", "path"})


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line.

    Attributes:
        id: grows with time; names the line.
        at: microseconds UTC.
        process: `server` or `worker`.
        account: the number of the account it is about; goes with it.
        request, api: as the audit has them.
    """

    id: str
    at: int
    level: str
    event: str
    process: str
    pid: int
    account: int | None = None
    request: str | None = None
    api: str | None = None
    fields: dict[str, str | int | float | bool] = {}


class Writer:
    """Appends the lines of one process.

    Args:
        now: microseconds UTC.
        redacted: blots out the secrets in a text.
    """

    def __init__(
        self,
        data_dir: Path,
        process: str,
        *,
        now: Callable[[], int],
        redacted: Callable[[str], str],
    ) -> None:
        self._folder = data_dir
        self._process = process
        self._now = now
        self._redacted = redacted
        self._numbers = itertools.count()

    def write(self, said: Mapping[str, Any]) -> None:
        """Keep what is logged; a disk that refuses keeps nobody from working."""
        with contextlib.suppress(OSError):
            raw = msgspec.json.encode(self._line(said)) + b"\n"
            with _alone(self._folder):
                self._append(raw)

    def _append(self, raw: bytes) -> None:
        path = self._folder / FILE
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(made).st_size + len(raw) > BYTES_MAX:
                path.replace(self._folder / OLDER)
                os.close(made)
                made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.write(made, raw)
        finally:
            os.close(made)

    def _line(self, said: Mapping[str, Any]) -> Line:
        at = self._now()
        account = said.get("account")
        fields = {
            name: self._plain(value)
            for name, value in said.items()
            if name not in _NOT_KEPT and name != "account" and not name.startswith("_")
        }
        fields |= _raised(said.get("exc_info"))
        return Line(
            id=f"{at:016x}{os.getpid():08x}{next(self._numbers):08x}",
            at=at,
            level=str(said.get("level", "info")),
            event=str(self._plain(str(said.get("event", "")))),
            process=self._process,
            pid=os.getpid(),
            account=account if isinstance(account, int) else None,
            request=said.get("request"),
            api=said.get("api"),
            fields=fields,
        )

    def _plain(self, value: Any) -> str | int | float | bool:
        if isinstance(value, bool | int | float):
            return value
        return self._redacted(str(value))[:TEXT_MAX]


def _raised(told: Any) -> dict[str, str | int | float | bool]:
    """Return the kind of an exception and where it was raised, without its text."""
    error: BaseException | None
    if isinstance(told, BaseException):
        error = told
    elif isinstance(told, tuple):
        error = told[1]
    else:
        error = sys.exc_info()[1] if told else None
    if error is None:
        return {}
    return {"error": type(error).__name__, "where": _where(error.__traceback__)}


def _where(frames: TracebackType | None) -> str:
    found = traceback.extract_tb(frames)[-FRAMES_MAX:]
    return " > ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in found)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the log: between processes, and between threads as each opens it anew."""
    held = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _read(path: Path) -> list[Line]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    found = []
    for text in raw.splitlines():
        with contextlib.suppress(msgspec.DecodeError):  # a line that a full disk cut off
            found.append(msgspec.json.decode(text, type=Line))
    return found


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines.

    Attributes:
        level: this one and worse.
        text: in the line, whatever its case.
        before: id of the last line of the page before.
    """

    level: str = "info"
    request: str | None = None
    text: str = ""
    before: str = LATEST
    limit: int = 100


def find(ctx: Context, caller: Access, query: Query) -> list[Line]:
    """Return the newest lines; reads files.

    Raises:
        Forbidden: the caller is no admin.
    """
    ctx.store.read(lambda tx: must_administer(tx, caller))
    folder = ctx.settings.data_dir
    with _alone(folder):
        lines = _read(folder / OLDER) + _read(folder / FILE)
    worse = LEVELS[LEVELS.index(query.level) :]
    word = query.text.casefold()
    found = [
        line
        for line in lines
        if line.level in worse
        and line.id < query.before
        and query.request in (None, line.request)
        and word in msgspec.json.encode(line).decode().casefold()
    ]
    return sorted(found, key=lambda line: line.id, reverse=True)[: query.limit]


def erase(folder: Path, account_id: int, username: str) -> None:
    """Remove the lines that are about an account or that name it; waits for writers."""
    named = re.compile(rf"\b{re.escape(username)}\b".encode()) if username else None
    with _alone(folder):
        for path in (folder / FILE, folder / OLDER):
            lines = {msgspec.json.encode(line): line for line in _read(path)}
            left = [
                raw
                for raw, line in lines.items()
                if line.account != account_id and not (named and named.search(raw))
            ]
            if len(left) < len(lines):
                temp = path.with_suffix(".new")
                temp.write_bytes(b"".join(raw + b"\n" for raw in left))
                temp.chmod(0o600)
                temp.replace(path)
