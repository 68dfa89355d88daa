"""Open what somebody dropped: a file, a folder or an archive, as entries that stream.

Nothing is unpacked by name and nothing stays on disk; an archive that lies about itself is
refused, a member that cannot be taken is listed in `Drop.bad` and the rest goes on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from diurnal.connectors._drop.archives import list_gzip, list_tar, list_zip
from diurnal.connectors._drop.entries import (
    HEAD_BYTES,
    JUNK,
    Drop,
    OpenTables,
    clean,
    head_bytes_of,
    kind_of,
)
from diurnal.errors import InvalidInput


@contextmanager
def drop(path: Path, name: str | None = None, tables: OpenTables | None = None) -> Iterator[Drop]:
    """Open a dropped file, archive or folder; entries can be read until the block ends.

    Args:
        name: what the file was called where it came from.
        tables: opens a SQLite file on disk.

    Raises:
        InvalidInput: nothing there, or an archive that is damaged or lies about itself.
        TooLarge: more files or bytes than an import takes.
    """
    with ExitStack() as stack:
        found = Drop(stack, tables)
        try:
            if path.is_dir():
                _folder(found, path)
            elif path.is_file():
                _file(found, path, name or path.name, "", _refuse)
            else:
                raise InvalidInput(f"{path.name}: no such file or folder")
        except PermissionError as e:
            raise InvalidInput(f"{path.name}: not readable") from e
        yield found


def _refuse(reason: str, where: str) -> None:
    raise InvalidInput(f"{where}: {reason}")


def _folder(found: Drop, root: Path) -> None:
    files: list[tuple[str, Path]] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        for name in list(folders):
            if Path(folder, name).is_symlink():
                folders.remove(name)
                found.set_aside("a link is not followed", str(Path(folder, name).relative_to(root)))
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            inner = file.relative_to(root).as_posix()
            if JUNK.search(inner):
                continue
            mode = file.lstat().st_mode
            if not stat.S_ISREG(mode):
                found.set_aside("a link or device is not read", inner)
                continue
            found.count()
            files.append((inner, file))
    head_bytes = head_bytes_of(len(files))
    for inner, file in files:
        if not clean(found, inner) or not found.claim(inner):
            continue
        try:
            _file(found, file, inner, f"{inner}/", found.set_aside, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, inner)
        except PermissionError:
            found.set_aside("not readable", inner)


def _file(
    found: Drop,
    file: Path,
    name: str,
    prefix: str,
    foreign: Callable[[str, str], None],
    head_bytes: int = HEAD_BYTES,
) -> None:
    """List a file on disk, or what is in it where it is an archive."""
    with file.open("rb") as stream:
        start = stream.read(512)
    size = file.stat().st_size

    def open_() -> IO[bytes]:
        return file.open("rb", buffering=0)

    kind = kind_of(start)
    if kind in ("zip", "tar"):
        archive = found.keep(file.open("rb"))
        if kind == "tar":
            list_tar(found, archive, prefix)
        elif not list_zip(found, archive, prefix, 1):
            found.add(name, size, size, open_, head_bytes)
    elif kind == "gzip":
        list_gzip(found, open_, size, name, prefix, head_bytes)
    elif kind:
        foreign(f"a {kind} archive is not read; unpack it first", name)
    else:
        found.add(name, size, size, open_, head_bytes)
