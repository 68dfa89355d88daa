"""List what is in a zip, a tar or a gzip file, without unpacking any of it by name."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import threading
import zipfile
from typing import IO, cast

from diurnal.connectors._drop.entries import (
    DIRECTORY_BYTES_MAX,
    ENTRIES_MAX,
    ENTRY_BYTES_MAX,
    JUNK,
    NESTING_MAX,
    RATIO_FREE_BYTES,
    RATIO_MAX,
    Drop,
    clean,
    head_bytes_of,
    kind_of,
)
from diurnal.connectors._drop.readers import (
    BROKEN,
    Exact,
    Open,
    Reader,
    ShortReads,
    Slice,
    Unzipped,
)
from diurnal.errors import AppError, InvalidInput, TooLarge


def list_zip(found: Drop, file: IO[bytes], prefix: str, level: int) -> bool:
    """List a zip's members; False for a document that is a zip only inside."""
    where = prefix.rstrip("/") or "the archive"
    size = _check_directory(file, where)
    try:
        archive = zipfile.ZipFile(file)
    except BROKEN as e:
        raise InvalidInput(f"{where}: no readable zip ({e})") from e
    infos = archive.infolist()
    if any(i.filename == "[Content_Types].xml" for i in infos):
        archive.close()
        return False
    found.keep(cast(IO[bytes], archive))
    _check_overlap(infos, size, where)
    found.count(len(infos))
    if (total := sum(i.file_size for i in infos)) > max(RATIO_MAX * size, RATIO_FREE_BYTES):
        raise TooLarge(f"{where}: unpacks to {total} bytes, too many for its size", limit=RATIO_MAX)
    head_bytes = head_bytes_of(len(infos))
    for info in infos:
        if info.is_dir() or JUNK.search(info.filename):
            continue
        name = clean(found, info.orig_filename)
        if not name or not found.claim(prefix + name):
            continue
        if reason := _unfit(info):
            found.set_aside(reason, prefix + name)
            continue

        def open_(info: zipfile.ZipInfo = info) -> IO[bytes]:
            return cast(IO[bytes], Exact(archive.open(info), info.file_size))

        try:
            _member(found, open_, info.file_size, prefix + name, level, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, prefix + name)
    return True


def _unfit(info: zipfile.ZipInfo) -> str:
    """Return why a zip member is not taken, "" if it is."""
    mode = info.external_attr >> 16
    if info.flag_bits & 0x1 or info.flag_bits & 0x40:
        return "encrypted"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "a link or device is not read"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"packed in a way that is not read (method {info.compress_type})"
    if info.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * info.compress_size):
        return f"packed more than {RATIO_MAX} to 1"
    return ""


def _check_directory(file: IO[bytes], where: str) -> int:
    """Refuse a zip with too many members before they are read into memory; return its size."""
    size = file.seek(0, os.SEEK_END)
    tail_at = max(0, size - (1 << 16) - 22)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise InvalidInput(f"{where}: the zip is cut off")
    length = struct.unpack_from("<L", tail, at + 12)[0]
    end = tail_at + at
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        wide_at = max(0, struct.unpack_from("<Q", tail, at - 12)[0])
        for candidate in (wide_at, end - 76):
            if 0 <= candidate <= size - 56:
                file.seek(candidate)
                wide = file.read(56)
                if wide[:4] == b"PK\x06\x06":
                    length, end = struct.unpack_from("<Q", wide, 40)[0], candidate
                    break
    if length > DIRECTORY_BYTES_MAX:
        raise TooLarge(f"{where}: more than {ENTRIES_MAX} files", limit=ENTRIES_MAX)
    file.seek(max(0, end - length))
    if file.read(length).count(b"PK\x01\x02") > ENTRIES_MAX:
        raise TooLarge(f"{where}: more than {ENTRIES_MAX} files", limit=ENTRIES_MAX)
    file.seek(0)
    return size


def _check_overlap(infos: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Refuse members that share bytes: one kernel read by many names is how small bombs grow."""
    end = 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise InvalidInput(f"{where}: members of the zip overlap")
        end = info.header_offset + 30 + info.compress_size
        if end > size or info.header_offset < 0:
            raise InvalidInput(f"{where}: a member of the zip lies outside of it")


def _member(found: Drop, open_: Open, size: int, path: str, level: int, head_bytes: int) -> None:
    """List a member of an archive, or what is in it where it is one itself."""
    with Reader(open_, path, size) as stream:
        start = stream.read(512) or b""
    kind = kind_of(start)
    if kind == "gzip":
        list_gzip(found, open_, size, path, f"{path}/", head_bytes, level)
    elif kind in ("zip", "tar"):
        if level >= NESTING_MAX:
            found.set_aside("archives inside archives are read one deep only", path)
            return
        copy = found.spool(open_, path, size)
        if kind == "tar":
            list_tar(found, copy, f"{path}/", level + 1)
        elif not list_zip(found, copy, f"{path}/", level + 1):
            found.add(path, size, size, open_, head_bytes)
    elif kind:
        found.set_aside(f"a {kind} archive is not read; unpack it first", path)
    else:
        found.add(path, size, size, open_, head_bytes)


def list_gzip(
    found: Drop,
    open_: Open,
    size: int,
    path: str,
    prefix: str,
    head_bytes: int,
    level: int = 0,
) -> None:
    """List what a gzip file holds: one file, or a tar."""
    limit = min(ENTRY_BYTES_MAX, max(RATIO_FREE_BYTES, RATIO_MAX * size))

    def unpacked() -> IO[bytes]:
        source = open_()
        return cast(IO[bytes], Unzipped(source))

    with Reader(unpacked, path, limit) as stream:
        start = b""
        while len(start) < 512 and (block := stream.read(512 - len(start))):
            start += block
    kind = kind_of(start)
    if kind == "tar":
        if level >= NESTING_MAX:
            found.set_aside("archives inside archives are read one deep only", path)
            return
        list_tar(found, found.spool(unpacked, path, limit), prefix, level + 1)
        return
    if kind:
        raise InvalidInput(f"{path}: an archive inside gzip is not read; unpack it first")
    inner = path[: -len(".gz")] if path.lower().endswith(".gz") else path
    if inner != path and not found.claim(inner):
        return
    unpacked_size = _gzip_size(unpacked, open_, path, limit)
    if unpacked_size > limit:
        # Else its beginning would be imported before the rest is refused.
        raise TooLarge(f"{path}: unpacks to more than {RATIO_MAX} times its size", limit=RATIO_MAX)
    found.add(inner, unpacked_size, limit, unpacked, head_bytes)


def _gzip_size(unpacked: Open, open_: Open, path: str, limit: int) -> int:
    """Return the unpacked size: as the trailer says where it can be reached, else by reading."""
    with open_() as source:
        if isinstance(source, io.FileIO):
            source.seek(-4, os.SEEK_END)
            return int(struct.unpack("<L", source.read(4))[0])
    size = 0
    with Reader(unpacked, path, limit) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
    return size


def list_tar(found: Drop, file: IO[bytes], prefix: str, level: int = 1) -> None:
    """List a tar's members."""
    where = prefix.rstrip("/") or "the archive"
    lock = threading.Lock()
    members: list[tarfile.TarInfo] = []
    try:
        archive = tarfile.TarFile(fileobj=cast(IO[bytes], ShortReads(file)), mode="r")
        while info := archive.next():
            found.count()
            members.append(info)
    except AppError:
        raise
    except BROKEN as e:
        if not members:
            raise InvalidInput(f"{where}: no readable tar ({e})") from e
        found.set_aside(f"the tar is damaged from here on ({e})", members[-1].name)
    size = file.seek(0, os.SEEK_END)
    head_bytes = head_bytes_of(len(members))
    for info in members:
        if info.isdir() or JUNK.search(info.name):
            continue
        name = clean(found, info.name)
        if not name or not found.claim(prefix + name):
            continue
        if not info.isreg() or info.issparse():
            found.set_aside("a link, device or sparse file is not read", prefix + name)
            continue
        if info.offset_data + info.size > size:
            found.set_aside("the archive is cut off", prefix + name)
            continue

        def open_(info: tarfile.TarInfo = info) -> IO[bytes]:
            return cast(IO[bytes], Slice(file, lock, info.offset_data, info.size))

        try:
            _member(found, open_, info.size, prefix + name, level, head_bytes)
        except InvalidInput as e:
            found.set_aside(e.message, prefix + name)
