"""Attachments on disk, named after the SHA-256 of what they hold, a folder for each account."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path

from diurnal.errors import NotFound, TooLarge, Unavailable

_HASH = re.compile(r"[0-9a-f]{64}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_READ = 1 << 16
_ERASE_TRIES = 5


class Blobs:
    """The files below `<data_dir>/blobs/<account_id>/<first two digits>/<hash>`.

    A file is complete and on the disk before it has its name, and is never changed after. Between
    `put` and the commit of the row that names it, only its age keeps it from `sweep`.
    """

    def __init__(self, data_dir: Path) -> None:
        self._root = Path(data_dir) / "blobs"

    def put(self, account_id: int, stream: Iterable[bytes], *, limit: int) -> tuple[str, int]:
        """Keep the bytes of `stream` and return (hash, size); the same bytes are kept once.

        Raises:
            TooLarge: more than `limit` bytes; the rest of the stream is not read.
            Unavailable: the disk is full, or refuses.
        """
        with _refusals():
            folder = self._account(account_id)
            _make_folders(self._root, folder, folder / "tmp")
            temp = folder / "tmp" / secrets.token_hex(16)
            try:
                digest, size = _write(temp, stream, limit)
                self._publish(account_id, temp, digest, size)
            finally:
                temp.unlink(missing_ok=True)
        return digest, size

    def open(self, account_id: int, digest: str) -> BufferedReader:
        """Open a file for reading.

        Raises:
            NotFound: the account has no such file.
        """
        try:
            return open(self._path(account_id, digest), "rb", opener=_no_links)
        except FileNotFoundError:
            raise NotFound(f"no attachment {digest}") from None

    def link(self, account_id: int, digest: str, to: Path) -> None:
        """Give a file a second name, under which it stays when the first is removed.

        Raises:
            NotFound: the account has no such file.
        """
        path = self._path(account_id, digest)
        try:
            os.link(path, to)
        except FileNotFoundError:
            raise NotFound(f"no attachment {digest}") from None
        except OSError:  # a file system without links
            shutil.copyfile(path, to)

    def size(self, account_id: int, digest: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            NotFound: the account has no such file.
        """
        try:
            return self._path(account_id, digest).lstat().st_size
        except FileNotFoundError:
            raise NotFound(f"no attachment {digest}") from None

    def intact(self, account_id: int, digest: str) -> bool:
        """Return whether a file is there and still holds what its name says."""
        try:
            with self.open(account_id, digest) as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except (NotFound, OSError):
            return False

    def delete(self, account_id: int, digest: str) -> bool:
        """Remove a file at once; return whether it was there.

        Beside writers use `sweep`: another row may just now be about to name the same bytes.
        """
        path = self._path(account_id, digest)
        with self._locked(account_id, fcntl.LOCK_EX):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
            _sync_folder(path.parent)
        return True

    def hashes(self, account_id: int) -> Iterator[tuple[str, int]]:
        """Yield (hash, size in bytes) of every file of an account."""
        for path in self._files(account_id):
            with contextlib.suppress(FileNotFoundError):
                yield path.name, path.lstat().st_size

    def usage(self, account_id: int) -> int:
        """Return how many bytes the files of an account hold."""
        return sum(size for _, size in self.hashes(account_id))

    def sweep(self, account_id: int, referenced: Callable[[str], bool], *, before: int) -> int:
        """Remove what nothing names and what a broken write left; return how many files.

        Args:
            account_id: whose files.
            referenced: whether a row names this hash.
            before: microseconds UTC; files put since are left alone, their row may be on its way.
        """
        removed = 0
        for path in self._files(account_id):
            if not _older(path, before) or referenced(path.name):
                continue
            with self._locked(account_id, fcntl.LOCK_EX):
                # It may have been put again meanwhile; a put waits for this lock.
                if _older(path, before):
                    path.unlink(missing_ok=True)
                    removed += 1
        with contextlib.suppress(FileNotFoundError):
            for path in list((self._account(account_id) / "tmp").iterdir()):
                if _older(path, before):
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def erase(self, account_id: int) -> None:
        """Remove every file of an account."""
        erase_folder(self._account(account_id))

    def accounts(self) -> list[int]:
        """Return the accounts that have a folder."""
        return numbered(self._root)

    def _publish(self, account_id: int, temp: Path, digest: str, size: int) -> None:
        path = self._path(account_id, digest)
        with self._locked(account_id, fcntl.LOCK_SH):
            _make_folders(path.parent)
            try:
                if path.lstat().st_size == size:
                    os.utime(path)  # young again, so that a sweep spares it
                    return
            except FileNotFoundError:
                pass
            temp.rename(path)
            _sync_folder(path.parent)

    @contextlib.contextmanager
    def _locked(self, account_id: int, how: int) -> Iterator[None]:
        """Hold the account's lock; it is a file, since commands run beside the server."""
        folder = self._account(account_id)
        try:
            lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # no folder, so no files either
            yield
            return
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)

    def _account(self, account_id: int) -> Path:
        return self._root / str(int(account_id))

    def _path(self, account_id: int, digest: str) -> Path:
        if not _HASH.fullmatch(digest):
            raise NotFound("no such attachment")
        return self._account(account_id) / digest[:2] / digest

    def _files(self, account_id: int) -> Iterator[Path]:
        try:
            folders = sorted(self._account(account_id).iterdir())
        except FileNotFoundError:
            return
        for folder in folders:
            if len(folder.name) == 2:
                yield from (p for p in sorted(folder.iterdir()) if _HASH.fullmatch(p.name))


def numbered(root: Path) -> list[int]:
    """Return the accounts that have a folder below `root`."""
    try:
        return sorted(int(p.name) for p in root.iterdir() if p.name.isdecimal())
    except FileNotFoundError:
        return []


def erase_folder(folder: Path) -> None:
    """Remove a folder and all below it, though somebody may be writing there."""
    for _ in range(_ERASE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
    else:
        shutil.rmtree(folder)
    if folder.parent.is_dir():
        _sync_folder(folder.parent)


def _write(temp: Path, stream: Iterable[bytes], limit: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(temp, flags, 0o600), "wb", buffering=_READ) as file:
        for part in stream:
            size += len(part)
            if size > limit:
                raise TooLarge(f"the file is larger than {limit} bytes", limit=limit)
            digest.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise Unavailable("the disk does not take the file") from error


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        try:
            folder.mkdir(0o700)
        except FileExistsError:
            continue
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _no_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def _older(path: Path, before: int) -> bool:
    try:
        return path.lstat().st_mtime_ns < before * 1_000
    except FileNotFoundError:
        return False
