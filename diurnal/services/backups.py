"""Make a backup of everything, while the server runs.

Each account is read in one snapshot. The rows are counted by another statement than the one that
reads them, and a backup in which the two differ is not made.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

import diurnal
from diurnal.auth import locked_file
from diurnal.auth.keys import SIGNING_FILE
from diurnal.errors import AppError, Conflict, InvalidInput, NotFound, Unavailable
from diurnal.services import jobs, uploads
from diurnal.services.context import Context
from diurnal.store import accounts, archive, changes, dump, files
from diurnal.store import uploads as upload_rows
from diurnal.store.database import Tx
from diurnal.store.migrations import HEAD

FORMAT = "diurnal-backup"
VERSION = 1
SUFFIX = ".backup"
PART_BYTES = 1 << 20
"""Rows of one member, before they are compressed; one row may be larger."""
LEVEL = 3
SNAPSHOTS_MAX = 5
"""Snapshots of an account that are tried when files go away between a row and its file."""
TEMP_FOLDER = "backup-files"
NOT_HELD = (
    "settings: the settings file, the environment and the options the server is started with",
    "logs, and counts of failed attempts to sign in",
)
NO_KEYS = (
    "the keys: without a passphrase the backup holds no secret in clear. Keep the files `keys` and"
    " `signing-keys.json` of the data directory apart; without them connections have to be signed"
    " in to again, and second factors and tokens that can be shown again are lost"
)


class Table(msgspec.Struct, frozen=True):
    """What a backup holds of one table of an account."""

    rows: int
    sha256: str
    """Of the lines before they are compressed: the same on both engines."""


class Holding(msgspec.Struct, frozen=True):
    """What a backup holds of one account; number 0 has what is nobody's."""

    id: int
    username: str | None
    rev: int
    tables: dict[str, Table]
    files: int
    file_bytes: int
    uploads: int
    lost: list[str]
    """Attachments that rows name and that are gone, or are not what they were."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself."""

    format: str
    version: int
    program: str
    schema: str
    engine: str
    made_us: int
    columns: dict[str, list[str]]
    accounts: list[Holding]
    server: dict[str, Table]
    keys: bool
    not_held: list[str]
    census: str
    """SHA-256 over what is told of every account and every table: see `census`."""


class Made(msgspec.Struct, frozen=True):
    """A backup that was made, or looked at."""

    path: str
    size: int
    locked: bool
    manifest: Manifest

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        parts = [self.manifest.server, *(a.tables for a in self.manifest.accounts)]
        return sum(t.rows for tables in parts for t in tables.values())

    @property
    def files(self) -> int:
        """How many attachments it holds."""
        return sum(a.files for a in self.manifest.accounts)

    @property
    def people(self) -> int:
        """How many accounts it holds."""
        return sum(a.username is not None for a in self.manifest.accounts)

    @property
    def lost(self) -> list[str]:
        """Attachments that could not be put into it."""
        return [f"{a.username}: {digest}" for a in self.manifest.accounts for digest in a.lost]


Progress = Callable[[int, int], None]
"""Is told (accounts done, accounts in all)."""


def path_for(out: Path, now: int) -> Path:
    """Return the file to write: `out`, or one named after the time where that is a folder."""
    from diurnal.model.time import to_datetime

    if not out.is_dir():
        return out
    return out / f"diurnal-{to_datetime(now).strftime('%Y%m%dT%H%M%SZ')}{SUFFIX}"


def make(
    ctx: Context,
    out: Path,
    *,
    passphrase: str | None = None,
    progress: Progress | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Made:
    """Write a backup to `out`, a new file or a folder for one; blocks.

    The file has its name only when it is whole and on the disk.

    Raises:
        Conflict: there is such a file.
        NotFound: there is no such folder.
        InvalidInput: rows are missing in what was read, or the passphrase is too short.
        Unavailable: the disk is full.
    """
    path = path_for(out, ctx.now())
    if path.exists():
        raise Conflict(f"{path} is there already")
    if not path.parent.is_dir():
        raise NotFound(f"no folder {path.parent}")
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lock = locked_file.Writer(file, passphrase) if passphrase is not None else None
            writer = archive.Writer(lock or file)
            with _held(ctx) as folder:
                manifest = _Making(ctx, writer, folder, progress, stopping).run(keys=bool(lock))
            if lock is not None:
                lock.close()
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        try:
            os.link(temp, path)
        except FileExistsError:
            raise Conflict(f"{path} is there already") from None
        except OSError:  # a file system without links
            temp.rename(path)
        _sync(path.parent)
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        temp.unlink(missing_ok=True)
    return Made(str(path), size, passphrase is not None, manifest)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove_leftovers(ctx: Context) -> None:
    """Remove what backups left that were killed: second names of files, and unfinished backups."""
    root = ctx.settings.data_dir / TEMP_FOLDER
    for left in root.iterdir() if root.is_dir() else ():
        fd = os.open(left, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue  # another backup is under way
        finally:
            os.close(fd)
    for temp in ctx.settings.backups.glob(f".*{SUFFIX}.*"):
        with contextlib.suppress(OSError), temp.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes it holds it
            temp.unlink(missing_ok=True)


@contextlib.contextmanager
def _held(ctx: Context) -> Iterator[Path]:
    """Give a folder for second names of files."""
    remove_leftovers(ctx)
    root = ctx.settings.data_dir / TEMP_FOLDER
    root.mkdir(mode=0o700, exist_ok=True)
    folder = root / secrets.token_hex(8)
    folder.mkdir(mode=0o700)
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(fd)


class _Gone(AppError):
    """A file went away between the row that names it and its second name."""


class _Making:
    """One backup while it is made."""

    def __init__(
        self,
        ctx: Context,
        writer: archive.Writer,
        folder: Path,
        progress: Progress | None,
        stopping: Callable[[], bool],
    ) -> None:
        self._ctx, self._writer, self._folder = ctx, writer, folder
        self._progress = progress or (lambda _done, _all: None)
        self._stopping = stopping
        import zstandard  # the serving process makes no backups

        self._compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)

    def run(self, *, keys: bool) -> Manifest:
        """Write all members and the manifest."""
        ctx = self._ctx
        began = ctx.now()
        found = ctx.store.read(dump.accounts)
        holdings = []
        for done, account_id in enumerate(found):
            self._progress(done, len(found))
            holding = self._account(account_id)
            if holding is not None:
                holdings.append(holding)
        # Last: numbers that were given out meanwhile are not given out again.
        server = ctx.store.read(
            lambda tx: {
                str(t.name): self._table(tx, t, None, f"server/{t.name}") for t in dump.of_server()
            }
        )
        if keys:
            self._keys()
        self._progress(len(found), len(found))
        tables = [*dump.of_accounts(), *dump.of_server()]
        columns = {str(t.name): list(dump.columns(t)) for t in tables}
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            program=diurnal.__version__,
            schema=HEAD,
            engine=ctx.store.engine.name.lower(),
            made_us=began,
            columns=columns,
            accounts=holdings,
            server=server,
            keys=keys,
            not_held=[*NOT_HELD, *([] if keys else [NO_KEYS])],
            census=census(holdings, server),
        )
        self._writer.finish(msgspec.to_builtins(manifest))
        return manifest

    def _keys(self) -> None:
        self._writer.add("keys/keys", self._ctx.keys.text())
        with contextlib.suppress(FileNotFoundError):
            signing = (self._ctx.settings.data_dir / SIGNING_FILE).read_bytes()
            self._writer.add("keys/signing-key", signing)

    def _account(self, account_id: int) -> Holding | None:
        for left in reversed(range(SNAPSHOTS_MAX)):
            with contextlib.suppress(_Gone):
                return self._ctx.store.scan(
                    lambda tx, last=not left: self._snapshot(tx, account_id, last)  # type: ignore[misc]
                )
        raise AssertionError

    def _snapshot(self, tx: Tx, account_id: int, last: bool) -> Holding | None:
        tables = dump.of_accounts()
        expected = {str(t.name): dump.count(tx, t, account_id) for t in tables}
        if not any(expected.values()):
            return None  # deleted since the backup began
        folder = self._folder / str(account_id)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        lost = self._keep_files(tx, account_id, folder, last)
        place = f"accounts/{account_id}"
        held: dict[str, Table] = {}
        for table in tables:
            held[str(table.name)] = got = self._table(
                tx, table, account_id, f"{place}/{table.name}"
            )
            if got.rows != expected[table.name]:
                raise InvalidInput(
                    f"account {account_id}: {got.rows} of {expected[table.name]} rows of"
                    f" {table.name} were read; the backup is not made"
                )
        kept, size = self._files(folder, place, lost)
        waiting = self._uploads(tx, account_id, place)
        shutil.rmtree(folder)
        account = accounts.get(tx, account_id)
        revs = changes.revs(tx, account_id)
        holding = Holding(
            id=account_id,
            username=account.username if account else None,
            rev=revs[0] if revs else 0,
            tables=held,
            files=kept,
            file_bytes=size,
            uploads=waiting,
            lost=sorted(lost),
        )
        check(holding)
        return holding

    def _table(self, tx: Tx, table: Any, account_id: int | None, place: str) -> Table:
        rows, n, waiting, digest = 0, 0, bytearray(), hashlib.sha256()

        def flush() -> None:
            nonlocal n
            packed = self._compressor.compress(waiting)
            self._writer.add(f"{place}-{n:06d}.jsonl.zst", packed)
            waiting.clear()
            n += 1

        for more, lines in dump.pages(tx, table, account_id):
            if self._stopping():
                raise jobs.Stopped("stopped")
            rows += more
            digest.update(lines)
            waiting += lines
            if len(waiting) >= PART_BYTES:
                flush()
        if waiting:
            flush()
        return Table(rows, digest.hexdigest())

    def _keep_files(self, tx: Tx, account_id: int, folder: Path, last: bool) -> set[str]:
        """Give each attachment of a snapshot a second name; return those that are gone."""
        blobs = self._ctx.blobs
        lost: set[str] = set()
        for digest in files.hashes(tx, account_id):
            try:
                blobs.link(account_id, digest, folder / digest)
            except NotFound:
                if not last:
                    raise _Gone from None
                lost.add(digest)
        for digest, _ in blobs.hashes(
            account_id
        ):  # pictures of the profile, and what comes just now
            with contextlib.suppress(NotFound):
                if not (folder / digest).exists():
                    blobs.link(account_id, digest, folder / digest)
        return lost

    def _files(self, folder: Path, place: str, lost: set[str]) -> tuple[int, int]:
        n = size = 0
        for path in sorted(folder.iterdir()):
            if self._stopping():
                raise jobs.Stopped("stopped")
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                    lost.add(path.name)
                    continue
                file.seek(0)
                length = os.fstat(file.fileno()).st_size
                self._writer.add_stream(f"{place}/files/{path.name}", length, file.read)
            n, size = n + 1, size + length
        return n, size

    def _uploads(self, tx: Tx, account_id: int, place: str) -> int:
        """Put in what has arrived of uploads; they only grow, so what is read stands."""
        n = 0
        for row in upload_rows.all_of(tx, account_id):
            try:
                file = uploads.path_of(self._ctx, account_id, row.id).open("rb")
            except FileNotFoundError:
                continue  # nothing has arrived, or it is used up
            with file:
                left = length = os.fstat(file.fileno()).st_size

                def take(most: int) -> bytes:
                    nonlocal left
                    data = file.read(min(most, left))  # noqa: B023 - used before the next
                    left -= len(data)
                    return data

                self._writer.add_stream(f"{place}/uploads/{row.id}", length, take)
            n += 1
        return n


def census(accounts: Sequence[Holding], server: Mapping[str, Table]) -> str:
    """Return a hash over how many rows of which content each table of each account has.

    A table cannot be told to be empty, or left out, without it.
    """
    told = msgspec.json.encode([accounts, server], order="sorted")
    return hashlib.sha256(told).hexdigest()


_STANDS_ON = (
    ("event_stream", "event"),
    ("event_tag", "event"),
    ("event_version", "event"),
    ("file", "event"),
    ("record_key", "record"),
    ("chunk", "source"),
    ("fetched", "connection"),
    ("set_aside", "batch"),
    ("batch_row", "batch"),
    ("app_grant", "access"),
)
"""Where the first has rows, the second has."""


def check(holding: Holding) -> None:
    """Refuse what cannot be all of an account: a table without rows that must have some.

    Raises:
        InvalidInput: it cannot be.
    """

    def rows(name: str) -> int:
        held = holding.tables.get(name)
        return held.rows if held is not None else 0

    who = f"account {holding.username or holding.id}"
    if holding.username is not None:
        for name in ("account", "account_clock", "directory"):
            if not rows(name):
                raise InvalidInput(f"{who}: no row of {name}, which every account has")
        if holding.rev and not rows("change"):
            raise InvalidInput(f"{who}: {holding.rev} changes, and no row of change")
    elif rows("account"):
        raise InvalidInput(f"{who}: it has no name")
    for above, below in _STANDS_ON:
        if rows(above) and not rows(below):
            raise InvalidInput(f"{who}: rows of {above}, and none of {below}")
    if rows("file") and not holding.files and not holding.lost:
        raise InvalidInput(f"{who}: attachments, and no file")
