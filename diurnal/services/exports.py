"""Everything of one account, written for its owner to keep or to carry elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

import diurnal
from diurnal.errors import Conflict, InvalidInput, NotFound, Unavailable
from diurnal.model.access import Access
from diurnal.model.events import Event
from diurnal.model.sources import kind_of
from diurnal.model.time import day_text, to_datetime
from diurnal.services import accesses, jobs, own_rows
from diurnal.services.context import AccountState, Context
from diurnal.store import accounts, dump, exports, files
from diurnal.store.database import Tx
from diurnal.store.days import DayRow
from diurnal.store.event_versions import Version

if TYPE_CHECKING:
    from diurnal.model.series import Columns

KIND = "diurnal-export"
VERSION = 1
FILE = "diurnal.jsonl"
FILES = "files"
PIECE = 768 << 10
"""Bytes of an attachment in one line, as base64."""

Progress = Callable[[int, int], None]
"""Is told (rows written, rows in all)."""


class Written(msgspec.Struct, frozen=True):
    """An export that was made: how many rows of each kind, in which files."""

    path: str
    format: str
    files: list[str]
    rows: dict[str, int]
    bytes: int


class Reading:
    """An account in one snapshot, as the writers of the formats read it."""

    def __init__(
        self,
        tx: Tx,
        ctx: Context,
        owner: Access,
        progress: Progress | None,
        stopping: Callable[[], bool],
    ) -> None:
        self.tx, self.ctx, self.owner = tx, ctx, owner
        self.state: AccountState = ctx.state(tx, owner.account_id)
        account = accounts.get(tx, owner.account_id)
        if account is None:
            raise NotFound("no such account")
        self.account = account
        self.kinds = accounts.sources(tx, owner.account_id)
        self._progress, self._stopping = progress, stopping
        self._done, self._all = 0, self._total()

    def _total(self) -> int:
        wanted = {"event", "chunk", "day_row"}
        tables = (t for t in dump.of_accounts() if t.name in wanted)
        return sum(dump.count(self.tx, t, self.owner.account_id) for t in tables)

    def told(self, n: int) -> None:
        """Count rows that were handed on; stop where that is wished.

        Raises:
            jobs.Stopped: the worker stops.
        """
        if self._stopping():
            raise jobs.Stopped("stopped")
        self._done += n
        if self._progress is not None:
            self._progress(min(self._done, self._all), self._all)

    def events(self) -> Iterator[Event]:
        """Yield all events, oldest first; those in the trash too."""
        for page in exports.events(self.tx, self.owner.account_id):
            yield from page
            self.told(len(page))

    def versions(self) -> Iterator[Version]:
        """Yield what events were before they were changed."""
        for page in exports.versions(self.tx, self.owner.account_id):
            yield from page
            self.told(0)

    def points(self) -> Iterator[tuple[str, str, Columns]]:
        """Yield (measure, source, points) span by span."""
        from diurnal.model import series  # numpy: the serving process only asks for exports

        for measure, source, parts in exports.chunks(self.tx, self.owner.account_id):
            yield measure, source, series.union([series.decode(part) for part in parts])
            self.told(len(parts))

    def day_rows(self) -> Iterator[DayRow]:
        """Yield the values of days as they were given; the newest of each source."""
        last: DayRow | None = None
        for page in exports.day_rows(self.tx, self.owner.account_id):
            for row in page:
                same = last is not None and (last.measure, last.day, last.source) == (
                    row.measure,
                    row.day,
                    row.source,
                )
                if last is not None and not same:
                    yield last
                last = max(last, row, key=lambda r: r.rev) if same and last else row
            self.told(len(page))
        if last is not None:
            yield last

    def source_kind(self, name: str) -> str:
        """Return what kind of device or app a source is."""
        return self.kinds.get(name) or kind_of(name)


Writer = Callable[[Reading, Path], dict[str, int]]
"""Writes one format into a folder and returns how many rows of each kind it holds."""


def formats() -> Mapping[str, Writer]:
    """Return the writers by format."""
    from diurnal.services import export_standards, export_tables

    return {"jsonl": write_jsonl, **export_tables.WRITERS, **export_standards.WRITERS}


def write(
    ctx: Context,
    owner: Access,
    format_: str,
    out: Path,
    *,
    progress: Progress | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Written:
    """Write one account into `out`, a new or empty folder; blocks.

    Raises:
        Forbidden: the caller does not own the account.
        InvalidInput: no such format.
        Conflict: there is something in the folder.
        Unavailable: the disk is full, or an optional library is missing.
    """
    accesses.must_own(owner)
    writer = formats().get(format_)
    if writer is None:
        known = ", ".join(formats())
        raise InvalidInput(f"no format is called {format_!r} (there are {known})", field="format")
    made = not out.exists()
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise Conflict(f"{out} is not empty")
    try:
        rows = ctx.store.read(lambda tx: writer(Reading(tx, ctx, owner, progress, stopping), out))
    except BaseException as error:
        for path in out.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if made:
            out.rmdir()
        if isinstance(error, OSError):
            raise Unavailable(f"{out} cannot be written: {error.strerror}") from error
        raise
    found = sorted(p for p in out.rglob("*") if p.is_file())
    return Written(
        path=str(out),
        format=format_,
        files=[str(p.relative_to(out)) for p in found if p.parent.name != FILES],
        rows=rows,
        bytes=sum(p.stat().st_size for p in found),
    )


# JSON lines


def write_jsonl(reading: Reading, out: Path) -> dict[str, int]:
    """Write what `connectors.diurnal_export` reads again."""
    counts = dict.fromkeys(
        ("streams", "measures", "days", "points", "events", "versions", "files", "rows"), 0
    )
    with created(out / FILE) as file:
        _Lines(reading, file, counts).write()
    return counts


def created(path: Path) -> IO[bytes]:
    """Open a new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def copy_files(reading: Reading, folder: Path) -> int:
    """Copy attachments to files named after their SHA-256; return how many."""
    n = 0
    account_id, blobs = reading.owner.account_id, reading.ctx.blobs
    for digest in sorted(files.hashes(reading.tx, account_id)):
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            source = blobs.open(account_id, digest)
        except NotFound:
            continue  # gone from the disk; its event still says that it was there
        with source, created(folder / digest) as to:
            shutil.copyfileobj(source, to)
        n += 1
    return n


class _Lines:
    """The lines of one export: what others need comes before them."""

    def __init__(self, reading: Reading, file: IO[bytes], counts: dict[str, int]) -> None:
        self._reading, self._file, self._counts = reading, file, counts
        self._encoder = msgspec.json.Encoder()

    def _line(self, kind: str, **members: Any) -> None:
        said = {k: v for k, v in members.items() if v is not None}
        self._file.write(self._encoder.encode({"kind": kind, **said}) + b"\n")

    def write(self) -> None:
        """Write all of it."""
        reading, account = self._reading, self._reading.account
        self._line(
            KIND,
            version=VERSION,
            program=diurnal.__version__,
            made=to_datetime(reading.ctx.now()).isoformat(timespec="seconds"),
            account={
                "username": account.username,
                "email": account.email,
                "timezone": account.timezone,
                "settings": account.settings,
                "profile": account.profile,
            },
        )
        zones = reading.state.zones
        told = list(zip(zones.starts, zones.zones, strict=True))
        self._line("zones", home=account.timezone, changes=told)
        for row in accounts.own_measures(reading.tx, reading.owner.account_id):
            key, label, group, unit, value, daily, stream = row
            self._line(
                "measure",
                key=key,
                label=label,
                group=group,
                unit=unit,
                value=value,
                daily=daily,
                stream=stream,
            )
            self._counts["measures"] += 1
        for one in _from_above(reading.state):
            self._line(
                "stream",
                id=one.id,
                name=one.name,
                parent=one.parent_id,
                measure=one.measure,
                clientData=one.client_data,
                trashed=one.trashed or None,
            )
            self._counts["streams"] += 1
        for given in reading.day_rows():
            self._day(given)
        for measure, source, cols in reading.points():
            self._points(measure, source, cols)
        for digest in sorted(files.hashes(reading.tx, reading.owner.account_id)):
            self._attachment(digest)
        for event in reading.events():
            self._event(event)
            self._counts["events"] += 1
        for version in reading.versions():
            self._event(version.event, kind="version", until=version.rev)
            self._counts["versions"] += 1
        for table, columns, rows in own_rows.lines(reading.tx, reading.owner.account_id):
            self._line("rows", table=table, columns=columns, rows=rows)
            self._counts["rows"] += len(rows)
            reading.told(0)
        self._line("end", rows=self._counts)

    def _day(self, row: DayRow) -> None:
        self._line(
            "day",
            measure=row.measure,
            date=day_text(row.day),
            value=row.words if row.words is not None else row.value,
            source=row.source,
            sourceKind=self._reading.source_kind(row.source),
            by=row.written_by,
            raw=row.raw,
        )
        self._counts["days"] += 1

    def _points(self, measure: str, source: str, cols: Columns) -> None:
        from diurnal.model.series import NO_OFFSET

        instants = bool((cols.start == cols.end).all())
        zoned = cols.offset is not None and bool((cols.offset != NO_OFFSET).any())
        self._line(
            "points",
            measure=measure,
            source=source,
            sourceKind=self._reading.source_kind(source),
            start=cols.start.tolist(),
            end=None if instants else cols.end.tolist(),
            value=cols.value.tolist(),
            offset=cols.offset.tolist() if zoned and cols.offset is not None else None,
        )
        self._counts["points"] += len(cols)

    def _attachment(self, digest: str) -> None:
        try:
            file = self._reading.ctx.blobs.open(self._reading.owner.account_id, digest)
        except NotFound:
            return  # gone from the disk; its event still says that it was there
        with file:
            data = file.read(PIECE)
            while True:
                following = file.read(PIECE)
                self._line("file", hash=digest, data=data, more=bool(following) or None)
                if not following:
                    break
                data = following
        self._counts["files"] += 1

    def _event(self, e: Event, *, kind: str = "event", until: int | None = None) -> None:
        said: dict[str, Any] = {
            "id": e.id,
            "until": until,
            "streams": e.stream_ids,
            "type": e.type,
            "time": e.time,
            "content": e.content,
            "tags": e.tags or None,
            "description": e.description,
            "clientData": e.client_data,
            "trashed": e.trashed or None,
            "zone": e.zone,
            "clock": e.clock,
            "source": e.source,
            "sourceKind": self._reading.source_kind(e.source),
            "sourceId": e.source_id,
            "files": [msgspec.to_builtins(f) for f in e.files] or None,
            "measure": e.measure,
            "date": day_text(e.day),
            "offset": e.offset,
            "created": e.created,
            "modified": e.modified,
        }
        if e.duration != 0:
            # Running is null, which `_line` leaves out.
            said["duration"] = "running" if e.duration is None else e.duration
        self._line(kind, **said)


def _from_above(state: AccountState) -> Iterator[Any]:
    """Yield streams, each after the one above it."""
    waiting = list(state.tree)
    seen: set[str | None] = {None}
    while waiting:
        later = []
        for stream in waiting:
            if stream.parent_id in seen:
                seen.add(stream.id)
                yield stream
            else:
                later.append(stream)
        if len(later) == len(waiting):
            yield from later
            return
        waiting = later
