"""Files made to do harm: each is a name, how it is written, and the most that may come of it."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

STEP = (
    '<Record type="HKQuantityTypeIdentifierStepCount" sourceName="S" unit="count" '
    'startDate="2026-05-10 06:12:00 +0200" endDate="2026-05-10 06:22:00 +0200" value="{}"/>'
)
CLEAN = b"date,weight\n2026-05-10,80\n"
"""What would be read, were it not for where it lies."""
FIT_EPOCH = 1_000_000_000


@dataclass(frozen=True)
class Hostile:
    """One file.

    Attributes:
        most: data that may be read of it; 0 where it is to be refused whole.
        big: takes long at its full size.
    """

    name: str
    write: Callable[[Path, int], None]
    most: int = 0
    big: bool = False


def weights(n: int) -> bytes:
    """Return a table that packs better than any that somebody wrote: days of one weight."""
    return b"date,weight\n" + b"".join(
        b"%d-05-10,80\n" % year for year in range(1970, 2026) for _ in range(n // 56)
    )


# Archives


def zip_of(members: dict[str, bytes], **info: int) -> bytes:
    """Return a zip; `info` sets attributes of each member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            for key, value in info.items():
                setattr(member, key, value)
            archive.writestr(member, data)
    return out.getvalue()


def patched(data: bytes, at_central: int, at_local: int, form: str, value: int) -> bytes:
    """Return a zip of one member with a field of both its headers changed."""
    raw = bytearray(data)
    struct.pack_into(form, raw, raw.index(b"PK\x01\x02") + at_central, value)
    struct.pack_into(form, raw, at_local, value)
    return bytes(raw)


def nested(levels: int) -> bytes:
    """Return a file in an archive in an archive …"""
    data = zip_of({"a.csv": CLEAN})
    for _ in range(levels - 1):
        data = zip_of({"in.zip": data})
    return data


def overlapping() -> bytes:
    """Return a zip whose members share their bytes."""
    data = bytearray(zip_of({"a.csv": CLEAN * 2_000, "b.csv": CLEAN * 2_000}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 0)
    return bytes(data)


def directory_of(n: int) -> bytes:
    """Return a zip that lists so many members."""
    one = bytearray(b"PK\x01\x02" + bytes(42) + b"a")
    struct.pack_into("<H", one, 28, 1)
    body = bytes(one) * n
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(body), 34, 0)
    return b"PK\x03\x04" + bytes(30) + body + end


def zip64(claims: int) -> bytes:
    """Return a zip whose wide directory lies at `claims`."""
    data = zip_of({"a.csv": CLEAN})
    end = data[data.rindex(b"PK\x05\x06") :]
    body = data[: -len(end)]
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, claims, 1)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**40, 2**40, 2**60, 2**60)
    return body + wide + locator + end


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def tar_link(kind: bytes) -> bytes:
    """Return a tar with a link or device."""
    info = tarfile.TarInfo("a.csv")
    info.type, info.linkname = kind, "/etc/passwd"
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(info)
    return out.getvalue()


def tar_header(size: int, kind: bytes) -> bytes:
    """Return a tar whose only header claims a size."""
    info = tarfile.TarInfo("a.csv")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20)


def pax_of(text: bytes) -> bytes:
    """Return a tar with an extended header."""
    info = tarfile.TarInfo("x")
    info.type, info.size = b"x", len(text)
    return info.tobuf() + text + bytes(-len(text) % 512) + bytes(1024)


def png(width: int, height: int, tail: bytes = b"") -> bytes:
    """Return a picture that claims a size and unpacks to little."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", crc)

    head = struct.pack(">2L5B", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    ) + tail


# Text


def apple(body: str, head: str = "") -> bytes:
    """Return an export of Apple Health."""
    return f'<?xml version="1.0"?>{head}<HealthData locale="de_DE">{body}</HealthData>'.encode()


def laughs(levels: int = 10, tag: str = "HealthData") -> str:
    """Return the declaration of entities that grow tenfold each."""
    told = "".join(
        f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol" * 100}">' for i in range(levels)
    )
    return f"<!DOCTYPE {tag} [{told}]>"


def gpx(body: str, head: str = "") -> bytes:
    """Return a GPX file."""
    return f'<?xml version="1.0"?>{head}<gpx version="1.1">{body}</gpx>'.encode()


def repeated(head: bytes, unit: bytes, tail: bytes) -> Callable[[Path, int], None]:
    """Return what writes a unit over and over, so many megabytes."""

    def write(path: Path, megabytes: int) -> None:
        block = unit * max(1, (1 << 20) // len(unit))
        with path.open("wb") as out:
            out.write(head)
            for _ in range(megabytes):
                out.write(block)
            out.write(tail)

    return write


def fit(*messages: bytes, size: int | None = None, crc: int = 0) -> bytes:
    """Return a FIT file; its sums are wrong."""
    data = b"".join(messages)
    length = len(data) if size is None else size
    head = struct.pack("<2BHL4s", 14, 0x20, 2132, length, b".FIT")
    return head + struct.pack("<H", 0) + data + struct.pack("<H", crc)


def definition(
    fields: list[tuple[int, int, int]], message: int = 20, n: int | None = None
) -> bytes:
    """Return the definition of a message."""
    told = b"".join(struct.pack("3B", *f) for f in fields)
    count = len(fields) if n is None else n
    return struct.pack("<3BHB", 0x40, 0, 0, message, count) + told


def database(statements: list[str]) -> Callable[[Path, int], None]:
    """Return what writes a SQLite file."""

    def write(path: Path, _megabytes: int) -> None:
        path.unlink(missing_ok=True)
        connection = apsw.Connection(str(path))
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return write


def calendar(rule: str) -> bytes:
    """Return a calendar with one event that recurs."""
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"DTSTAMP:20260101T000000Z\r\nDTSTART:20200101T000000Z\r\nSUMMARY:x\r\n{rule}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


def _folder(path: Path, _megabytes: int) -> None:
    path.mkdir()
    (path / "passwd.csv").symlink_to("/etc/passwd")
    (path / "etc").symlink_to("/etc")
    os.mkfifo(path / "pipe.csv")
    loop = path / "loop"
    loop.mkdir()
    (loop / "again").symlink_to(path)


def _deep_folders(path: Path, _megabytes: int) -> None:
    path.write_bytes(zip_of({"a/" * 200 + "a.csv": CLEAN}))


def _plain(data: bytes | Callable[[], bytes]) -> Callable[[Path, int], None]:
    def write(path: Path, _megabytes: int) -> None:
        path.write_bytes(data if isinstance(data, bytes) else data())

    return write


def files() -> Iterator[Hostile]:
    """Yield all of them."""

    def one(
        name: str, data: bytes | Callable[[], bytes], most: int = 0, big: bool = False
    ) -> Hostile:
        return Hostile(name, _plain(data), most, big)

    # Archives that unpack to more than anybody has.
    yield one("zip-1000-to-1.zip", lambda: zip_of({"a.csv": CLEAN[:12] + bytes(30 << 20)}))
    yield one("zip-many-bombs.zip", lambda: zip_of({f"{i}.csv": bytes(5 << 20) for i in range(9)}))
    yield one("zip-5-deep.zip", lambda: nested(5))
    yield one("zip-3-deep.zip", lambda: nested(3))
    yield one("zip-in-zip-bomb.zip", lambda: zip_of({"b.zip": zip_of({"a.csv": bytes(40 << 20)})}))
    yield one("zip-overlapping.zip", overlapping)
    yield one("zip-120000-members.zip", lambda: directory_of(120_000))
    yield one("zip-1000000-members.zip", lambda: directory_of(1_000_000))
    # Archives that lie.
    clean = zip_of({"a.csv": CLEAN * 50})
    yield one("zip-says-less.zip", patched(clean, 24, 22, "<L", 10))
    yield one("zip-says-more.zip", patched(clean, 24, 22, "<L", 50_000))
    yield one("zip-says-4-gb.zip", patched(clean, 24, 22, "<L", 0xFFFFFFFE))
    yield one("zip-starts-elsewhere.zip", patched(clean, 42, 26, "<L", 0x7FFFFFFF))
    yield one("zip-wrong-sum.zip", patched(clean, 16, 14, "<L", 1))
    yield one("zip-64-far-away.zip", zip64(2**62))
    yield one("zip-64-itself.zip", zip64(0))
    yield one("zip-encrypted.zip", patched(clean, 8, 6, "<H", 1))
    yield one("zip-unknown-method.zip", patched(clean, 10, 8, "<H", 99))
    yield one("zip-cut.zip", clean[:-30])
    yield one("zip-no-directory.zip", b"PK\x03\x04" + bytes(500))
    # Names that lead elsewhere.
    for name, member in {
        "parent": "../../../etc/a.csv",
        "absolute": "/etc/a.csv",
        "drive": "C:\\a.csv",
        "backslash": "..\\..\\a.csv",
        "newline": "a\n.csv",
        "long": "a" * 60_000 + ".csv",
    }.items():
        yield one(f"zip-name-{name}.zip", zip_of({member: CLEAN}))
    nul = zip_of({"aXb.csv": CLEAN}).replace(b"aXb.csv", b"a\0b.csv")
    yield one("zip-name-nul.zip", nul)
    yield Hostile("zip-200-folders.zip", _deep_folders)
    yield one("zip-link.zip", zip_of({"a.csv": b"/etc/passwd"}, external_attr=0o120777 << 16))
    yield one("zip-device.zip", zip_of({"a.csv": CLEAN}, external_attr=0o020666 << 16))
    # Of two names that are one in some file systems the first counts.
    yield one("zip-case.zip", zip_of({"a.csv": CLEAN, "A.CSV": CLEAN * 3}), 1)
    yield one("zip-composed.zip", zip_of({"\u00e9.csv": CLEAN, "e\u0301.csv": CLEAN * 3}), 1)
    # Other archives.
    yield one("gzip-in-gzip.gz", gzip.compress(gzip.compress(CLEAN)))
    yield one("gzip-bomb.csv.gz", lambda: gzip.compress(weights(1_000_000), 9))
    yield one("gzip-cut.csv.gz", gzip.compress(CLEAN * 99)[:-12])
    yield one("gzip-wrong-sum.csv.gz", gzip.compress(CLEAN)[:-8] + bytes(8))
    yield one("tar-symlink.tar", tar_link(tarfile.SYMTYPE))
    yield one("tar-hardlink.tar", tar_link(tarfile.LNKTYPE))
    yield one("tar-device.tar", tar_link(tarfile.CHRTYPE))
    yield one("tar-fifo.tar", tar_link(tarfile.FIFOTYPE))
    yield one("tar-parent.tar", tar_of((tarfile.TarInfo("../a.csv"), CLEAN)))
    yield one("tar-says-1-tb.tar", tar_header(2**40, tarfile.REGTYPE))
    yield one("tar-long-name-of-1-gb.tar", tar_header(2**30, tarfile.GNUTYPE_LONGNAME))
    yield one("tar-sparse.tar", tar_header(2**20, tarfile.GNUTYPE_SPARSE))
    yield one("tar-extended-header.tar", lambda: pax_of(bytes(40 << 20)))
    large = tarfile.TarInfo("a.csv")
    yield one("tar-bomb.tar.gz", lambda: gzip.compress(tar_of((large, weights(1_000_000)))))
    for magic, kind in (
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!\x1a\x07\x00", "rar"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"BZh91AY", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
    ):
        yield one(f"{kind}-under-another-name.zip", magic + bytes(600))
    # Two kinds of file in one, and pictures.
    yield one("png-with-zip.zip", png(9, 9, zip_of({"a.csv": CLEAN})))
    yield one("pdf-with-zip.zip", b"%PDF-1.4\n" + zip_of({"a.csv": CLEAN}))
    yield one("png-30000-x-30000.png", png(30_000, 30_000))
    yield Hostile("folder-of-links", _folder)
    # XML.
    yield one("xml-laughs.xml", apple(f"<Me>&l9;</Me>{STEP.format('&l9;')}", laughs()))
    twice = f'<!DOCTYPE HealthData [<!ENTITY a "{"a" * 100_000}">]>'
    yield one("xml-quadratic.xml", apple(f"<Me>{'&a;' * 100_000}</Me>", twice))
    for name, entity in {
        "file": '<!ENTITY x SYSTEM "file:///etc/passwd">',
        "http": '<!ENTITY x SYSTEM "http://127.0.0.1:9/x">',
        "parameter": '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;',
    }.items():
        head = f"<!DOCTYPE HealthData [{entity}]>"
        yield one(f"xml-{name}-entity.xml", apple(f"<Me>&x;</Me>{STEP.format('&x;')}", head))
    external = '<!DOCTYPE HealthData SYSTEM "http://127.0.0.1:9/x.dtd">'
    yield one("xml-external-dtd.xml", apple(STEP.format("x"), external))
    yield one("xml-100000-deep.xml", apple("<Record>" * 100_000))
    yield one("xml-million-attributes.xml", lambda: apple(
        "<Record " + " ".join(f'a{i}="1"' for i in range(200_000)) + "/>"))  # fmt: skip
    yield one("xml-long-attribute.xml", lambda: apple(f'<Record type="{"x" * (8 << 20)}"/>'))
    # What is plain in these is read all the same.
    good = STEP.format(5)
    start, end = apple(f"{good}<Me>").removesuffix(b"</HealthData>"), b"</Me></HealthData>"
    yield Hostile("xml-one-text.xml", repeated(start, b"a" * 1024, end), most=1, big=True)
    for encoding in (b"UTF-16", b"UTF-7"):
        head = b' encoding="' + encoding + b'"?>'
        yield one(f"xml-says-{encoding.decode()}.xml", apple(good).replace(b"?>", head, 1), most=1)
    yield one("xml-bad-bytes.xml", apple("<Record a='").replace(b"a='", b"a='\xff\xfe\xc0"))
    yield one("gpx-laughs.gpx", gpx("<trk><name>&l9;</name></trk>", laughs(tag="gpx")))
    yield one("gpx-100000-deep.gpx", gpx("<trk>" * 100_000))
    doctype = b'<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    inner = b"<Activities>&x;</Activities>"
    name = b"TrainingCenterDatabase"
    yield one("tcx-file-entity.tcx", doctype + b"<%b>%b</%b>" % (name, inner, name))
    # JSON.
    yield one("json-100000-deep.json", b'{"locations":[' + b'{"latitudeE7":' + b"[" * 100_000)
    yield one(
        "json-digits.json", lambda: b'{"locations":[{"latitudeE7":' + b"9" * 1_000_000 + b"}]}"
    )
    yield one("json-exponent.json", b'{"locations":[{"latitudeE7":1e999999999,"longitudeE7":1e9}]}')
    yield one("json-nan.json", b'{"locations":[{"latitudeE7":NaN,"longitudeE7":Infinity}]}')
    yield one("json-surrogates.json", b'{"locations":[{"latitudeE7":1,"timestamp":"\\ud800"}]}')
    start, end = b'{"locations":[{"latitudeE7":1,"x":"', b'"}]}'
    yield Hostile("json-one-text.json", repeated(start, b"a" * 1024, end), big=True)
    # FIT.
    yield one("fit-255-fields.fit", fit(definition([(i, 255, 13) for i in range(255)]) + bytes(9)))
    yield one("fit-fields-that-are-not-there.fit", fit(definition([], n=255)))
    yield one("fit-says-4-gb.fit", fit(b"", size=0xFFFFFFFF))
    yield one("fit-empty-messages.fit", fit(definition([]) + bytes(100_000)))
    yield one("fit-wrong-sum.fit", fit(definition([(253, 4, 0x86)]) + b"\0\xff\xff\xff\xff"))
    # Tables.
    yield one(
        "csv-million-columns.csv", lambda: b"date,weight" + b",x" * 1_000_000 + b"\n2026-05-10"
    )
    yield Hostile(
        "csv-one-line.csv", repeated(b"date,weight\n2026-05-10,", b"8" * 1024, b"\n"), big=True
    )
    yield Hostile(
        "csv-open-quote.csv", repeated(b'date,weight\n2026-05-10,"', b"8\n" * 512, b""), big=True
    )
    yield one("csv-nuls.csv", b"date,weight\n2026-05-10,\0\0\0\n")
    # Databases and calendars.
    yield Hostile("database-of-views.db", database([
        "CREATE TABLE t (a)",
        "CREATE VIEW steps_record_table AS WITH RECURSIVE r(n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
    ]))  # fmt: skip
    yield one("database-cut.db", b"SQLite format 3\0" + bytes(4_000))
    yield one("calendar-each-second.ics", calendar("RRULE:FREQ=SECONDLY"), 20_000)
    yield one("calendar-never.ics", calendar("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), 1)
