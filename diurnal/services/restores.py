"""Look whether a backup is whole, and put it back into an empty server."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from diurnal.auth import keys, locked_file
from diurnal.errors import AppError, Conflict, InvalidInput, NotFound
from diurnal.services import backups, first_run, uploads
from diurnal.services.backups import FORMAT, SUFFIX, VERSION, Holding, Made, Manifest, Progress
from diurnal.services.context import Context
from diurnal.store import accounts, archive, dump
from diurnal.store.archive import Member
from diurnal.store.database import ROWS_PER_TURN, Tx, WriteTx
from diurnal.store.migrations import HEAD

MEMBER_BYTES_MAX = 1 << 30
"""Rows of one member; also once they are unpacked."""
KEY_BYTES_MAX = 1 << 16
_TURN_BYTES = 4 << 20

_NAME = re.compile(
    r"accounts/(?P<account>[0-9]{1,18})/(?:(?P<table>[a-z0-9_]+)-[0-9]{6}\.jsonl\.zst"
    r"|files/(?P<file>[0-9a-f]{64})|uploads/(?P<upload>c[0-9a-z]{1,40}))"
    r"|server/(?P<own>[a-z0-9_]+)-[0-9]{6}\.jsonl\.zst|keys/(?P<key>keys|signing-key)"
)


class _Place(msgspec.Struct, frozen=True):
    """What a member is."""

    account: int | None
    table: str | None
    file: str | None
    upload: str | None
    key: str | None


def _place(member: Member) -> _Place:
    found = _NAME.fullmatch(member.name)
    if found is None:
        raise InvalidInput(f"{member.name} does not belong into a backup")
    told = found.groupdict()
    return _Place(
        account=None if told["account"] is None else int(told["account"]),
        table=told["table"] or told["own"],
        file=told["file"],
        upload=told["upload"],
        key=told["key"],
    )


@contextlib.contextmanager
def _opened(path: Path, passphrase: str | None) -> Iterator[archive.Source]:
    with path.open("rb") as file:
        yield _source(file, passphrase)


def _source(file: IO[bytes], passphrase: str | None) -> archive.Source:
    locked = locked_file.is_locked(file)
    if locked and passphrase is None:
        raise InvalidInput("this backup is locked: its passphrase is needed")
    if passphrase is not None and not locked:
        raise InvalidInput("this is no locked backup, or its head is damaged")
    return locked_file.Reader(file, passphrase) if passphrase is not None else file


def find(path: Path) -> Path:
    """Return the backup that `path` names: the file, or the only one in a folder.

    Raises:
        NotFound: there is none.
        InvalidInput: the folder has several.
    """
    if not path.is_dir():
        if not path.exists():
            raise NotFound(f"{path}: no such file or folder")
        return path
    found = sorted(path.glob(f"*{SUFFIX}"))
    if not found:
        raise NotFound(f"no backup in {path}")
    if len(found) > 1:
        raise InvalidInput(f"{path} holds {len(found)} backups: name one, like {found[-1].name}")
    return found[0]


def verify(
    path: Path, *, passphrase: str | None = None, stopping: Callable[[], bool] = lambda: False
) -> Made:
    """Read a backup from end to end; return what it holds.

    Every bit of it is looked at: nothing can be changed, missing, added or moved.

    Raises:
        InvalidInput: it is not as it was written, or the passphrase is wrong.
        NotFound: there is no such file.
    """
    path = find(path)
    seen = _Seen()
    with _opened(path, passphrase) as source:
        reader = archive.Reader(source)
        for member in reader.members():
            if stopping():
                raise InvalidInput("stopped")
            seen.take(_place(member), member)
        manifest = _manifest(reader.manifest())
    seen.check(manifest)
    return Made(str(path), path.stat().st_size, passphrase is not None, manifest)


def _manifest(said: dict[str, Any]) -> Manifest:
    if said.get("format") != FORMAT:
        raise InvalidInput("this is no backup of Diurnal")
    if said.get("version") != VERSION:
        raise InvalidInput("this backup was made by a newer version of Diurnal")
    try:
        return msgspec.convert(said, Manifest)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the manifest cannot be right: {error}") from error


class _Seen:
    """What was found while a backup was read."""

    def __init__(self) -> None:
        self._tables: dict[tuple[int | None, str], tuple[int, Any]] = {}
        self._files: dict[int, set[str]] = {}
        self._uploads: dict[int, int] = {}
        self._keys = False

    def take(self, place: _Place, member: Member) -> None:
        """Read one member."""
        if place.table is not None:
            key = (place.account, place.table)
            lines = _unpack(member)
            rows, digest = self._tables.get(key) or (0, hashlib.sha256())
            digest.update(lines)
            self._tables[key] = (rows + lines.count(b"\n"), digest)
        elif place.account is None:
            self._keys = True
        elif place.file is not None:
            if member.part().sha256 != place.file:
                raise InvalidInput(f"{member.name} is not what it was")
            self._files.setdefault(place.account, set()).add(place.file)
        else:
            self._uploads[place.account] = self._uploads.get(place.account, 0) + 1

    def check(self, manifest: Manifest) -> None:
        """Compare with what the manifest says, table by table."""
        if backups.census(manifest.accounts, manifest.server) != manifest.census:
            raise InvalidInput("the manifest was changed: its census does not fit")
        of_accounts = manifest.columns.keys() - manifest.server.keys()
        for holding in manifest.accounts:
            left_out = of_accounts - holding.tables.keys()
            if left_out:
                raise InvalidInput(
                    f"account {holding.id}: nothing is told of {', '.join(sorted(left_out))}"
                )
        for holding in manifest.accounts:
            if len(self._files.pop(holding.id, ())) != holding.files:
                raise InvalidInput(f"attachments of account {holding.id} are missing")
            if self._uploads.pop(holding.id, 0) != holding.uploads:
                raise InvalidInput(f"uploads of account {holding.id} are missing")
            self._compare(holding.id, holding.tables)
            backups.check(holding)
        self._compare(None, manifest.server)
        if self._tables or self._files or self._uploads or self._keys != manifest.keys:
            raise InvalidInput("the backup holds what its manifest does not tell")

    def _compare(self, account_id: int | None, told: dict[str, backups.Table]) -> None:
        for name, table in told.items():
            rows, digest = self._tables.pop((account_id, name), None) or (0, hashlib.sha256())
            if (rows, digest.hexdigest()) != (table.rows, table.sha256):
                whose = "the server" if account_id is None else f"account {account_id}"
                raise InvalidInput(
                    f"{name} of {whose}: {table.rows} rows are told, other {rows} are there"
                )


def _unpack(member: Member) -> bytes:
    import zstandard  # hardly any process restores

    packed = member.all(MEMBER_BYTES_MAX)
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if size > MEMBER_BYTES_MAX:
            raise InvalidInput(f"{member.name} is too large")
        return zstandard.ZstdDecompressor().decompress(packed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise InvalidInput(f"{member.name} is damaged") from error


def restore(
    ctx: Context,
    path: Path,
    *,
    passphrase: str | None = None,
    progress: Progress | None = None,
) -> Made:
    """Put a backup back into this server, which has no account yet; blocks.

    It is verified first; if anything fails after that, nothing of it stays.

    Raises:
        Conflict: there are accounts here.
        InvalidInput: the backup is not whole, or needs a newer version of the program.
    """
    _must_be_empty(ctx)
    made = verify(path, passphrase=passphrase)
    _must_fit(made.manifest)
    try:
        _Restoring(ctx, made.manifest, progress).run(Path(made.path), passphrase)
    except BaseException:
        with contextlib.suppress(AppError):
            _clear(ctx, made.manifest.accounts)
        raise
    (ctx.settings.data_dir / first_run.CODE_FILE).unlink(missing_ok=True)
    return made


def _must_be_empty(ctx: Context) -> None:
    if ctx.store.read(accounts.count):
        raise Conflict("this server has accounts: a backup is restored into an empty one")


def _must_fit(manifest: Manifest) -> None:
    if manifest.schema > HEAD:
        raise InvalidInput(
            f"the backup is of schema {manifest.schema}, newer than this version of Diurnal"
            f" ({HEAD}): restore it with the version that made it, {manifest.program}"
        )
    tables = {t.name: t for t in (*dump.of_accounts(), *dump.of_server())}
    for name, columns in manifest.columns.items():
        table = tables.get(name)
        if table is None or not set(columns) <= set(dump.columns(table)):
            raise InvalidInput(
                f"the backup is of schema {manifest.schema}: restore it with the version of"
                f" Diurnal that made it, {manifest.program}, and upgrade that"
            )


def _clear(ctx: Context, holdings: list[Holding]) -> None:
    """Remove what a restore that did not come to its end has left."""

    def clear(tx: WriteTx, account_id: int) -> None:
        if accounts.count(tx):
            raise Conflict("an account was made meanwhile")
        dump.clear(tx, account_id)

    for holding in holdings:
        ctx.store.write(lambda tx, a=holding.id: clear(tx, a)).result()  # type: ignore[misc]
        ctx.blobs.erase(holding.id)
        uploads.erase(ctx, holding.id)


class _Restoring:
    """One restore under way."""

    def __init__(self, ctx: Context, manifest: Manifest, progress: Progress | None) -> None:
        self._ctx, self._manifest = ctx, manifest
        self._progress = progress or (lambda _done, _all: None)
        self._tables = {t.name: t for t in (*dump.of_accounts(), *dump.of_server())}
        self._last: list[tuple[Any, list[str], list[list[Any]]]] = []

    def run(self, path: Path, passphrase: str | None) -> None:
        """Put everything back, accounts themselves at the very end."""
        ctx, manifest = self._ctx, self._manifest
        _clear(ctx, manifest.accounts)
        order = {holding.id: n for n, holding in enumerate(manifest.accounts)}
        with _opened(path, passphrase) as source:
            reader = archive.Reader(source)
            for member in reader.members():
                place = _place(member)
                if place.account is not None:
                    self._progress(order.get(place.account, 0), len(order))
                self._put(place, member)
            reader.manifest()
        for holding in manifest.accounts:
            ctx.store.read(lambda tx, h=holding: self._count(tx, h))  # type: ignore[misc]
        ctx.store.write(self._appear).result()
        self._progress(len(order), len(order))

    def _put(self, place: _Place, member: Member) -> None:
        if place.table is not None:
            self._rows(place.table, member)
        elif place.file is not None and place.account is not None:
            self._ctx.blobs.put(place.account, member.chunks(), limit=member.size)
        elif place.upload is not None and place.account is not None:
            to = uploads.path_of(self._ctx, place.account, place.upload)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            keys.write_stream(to, member.chunks())
        elif place.key == "keys":
            self._ctx.keys.adopt(member.all(KEY_BYTES_MAX))
        else:
            folder = self._ctx.settings.data_dir
            keys.write(folder / keys.SIGNING_FILE, member.all(KEY_BYTES_MAX))

    def _rows(self, name: str, member: Member) -> None:
        table, names = self._tables[name], self._manifest.columns[name]
        lines = _unpack(member)
        rows = dump.decode(table, names, lines)
        if name in dump.LAST:
            self._last.append((table, names, rows))
            return
        fits = len(rows) * _TURN_BYTES // max(len(lines), 1)
        step = max(1, min(ROWS_PER_TURN, fits))
        for i in range(0, len(rows), step):
            turn = rows[i : i + step]
            self._ctx.store.write(
                lambda tx, turn=turn: dump.put(tx, table, names, turn),  # type: ignore[misc]
                bulk=True,
            ).result()

    def _count(self, tx: Tx, holding: Holding) -> None:
        for name, told in holding.tables.items():
            if name in dump.LAST:
                continue
            found = dump.count(tx, self._tables[name], holding.id)
            if found != told.rows:
                raise InvalidInput(
                    f"account {holding.username or holding.id}: {found} of {told.rows} rows of"
                    f" {name} are there; the restore is taken back"
                )

    def _appear(self, tx: WriteTx) -> None:
        if accounts.count(tx):
            raise Conflict("an account was made meanwhile")
        for table, names, rows in self._last:
            dump.put(tx, table, names, rows)
