"""Files and archives that people drop, friendly and hostile ones."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from diurnal.connectors._drop import drop, entries
from diurnal.errors import AppError, InvalidInput, TooLarge

Make = Callable[..., Path]


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def zip_bytes(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def listed(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return every entry's content, and the reasons of what was left out."""
    with drop(path) as dropped:
        found = {}
        for name, entry in dropped.entries.items():
            with entry.open() as stream:
                found[name] = stream.read()
            assert found[name].startswith(entry.head)
            assert entry.siblings.keys() == dropped.entries.keys()
        return found, [b.reason for b in dropped.bad]


def test_a_file_a_folder_and_every_archive_give_the_same(tmp_path: Path) -> None:
    members = {"a/one.csv": b"date,steps\n", "a/b/two.xml": b"<x/>" * 50_000}
    folder = tmp_path / "folder"
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    zipped(tmp_path / "x.zip", members)
    for mode, name in (("w", "x.tar"), ("w:gz", "x.tgz")):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(folder, arcname=".")
    for dropped in (folder, *(tmp_path / n for n in ("x.zip", "x.tar", "x.tgz"))):
        assert listed(dropped) == (members, []), dropped


def test_an_archive_in_a_folder_or_in_an_archive_is_searched(tmp_path: Path) -> None:
    inner = zip_bytes({"part.csv": b"1", "run.fit.gz": gzip.compress(b"fit")})
    zipped(tmp_path / "outer.zip", {"deep/inner.zip": inner})
    expected = {"deep/inner.zip/part.csv": b"1", "deep/inner.zip/run.fit": b"fit"}
    assert listed(tmp_path / "outer.zip") == (expected, [])
    assert listed(tmp_path)[0] == {f"outer.zip/{name}": d for name, d in expected.items()}


def test_an_entry_can_be_opened_twice_at_once(tmp_path: Path) -> None:
    zipped(tmp_path / "x.zip", {"a": bytes(300_000), "b": b"b" * 300_000})
    with drop(tmp_path / "x.zip") as dropped:
        a, b = dropped.entries["a"], dropped.entries["b"]
        with a.open() as one, b.open() as two, a.open() as three:
            one.read(100_000)
            assert two.read(3) == b"bbb"
            assert three.read() == bytes(300_000)
            assert len(one.read()) == 200_000


def test_a_document_that_is_a_zip_inside_stays_whole(tmp_path: Path) -> None:
    sheet = zipped(tmp_path / "x.xlsx", {"[Content_Types].xml": b"<x/>", "xl/a.xml": b"<y/>"})
    assert list(listed(sheet)[0]) == ["x.xlsx"]


def test_what_systems_add_is_passed_over(tmp_path: Path) -> None:
    junk = {"__MACOSX/._a.csv": b"x", "a.csv": b"1", ".DS_Store": b"x"}
    assert listed(zipped(tmp_path / "x.zip", junk)) == ({"a.csv": b"1"}, [])


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "..\\evil",
        "/etc/passwd",
        "C:\\evil",
        "c:evil",
        "bell\x07",
        "n" * 2_000,
        "/".join("d" * 60),
    ],
)
def test_a_name_that_leads_elsewhere_is_set_aside(tmp_path: Path, name: str) -> None:
    found, reasons = listed(zipped(tmp_path / "x.zip", {name: b"x", "fine.csv": b"1"}))
    assert found == {"fine.csv": b"1"}
    assert len(reasons) == 1


def test_a_name_with_a_nul_is_set_aside(tmp_path: Path) -> None:
    data = zip_bytes({"evilX.csv": b"x", "fine.csv": b"1"}).replace(b"evilX.csv", b"evil\0.csv")
    (tmp_path / "x.zip").write_bytes(data)
    found, reasons = listed(tmp_path / "x.zip")
    assert found == {"fine.csv": b"1"}
    assert reasons == ["the name has control characters"]


def test_of_two_equal_names_the_second_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("a.csv", b"1"), ("z.csv", b"2"), ("A.CSV", b"3"), ("./a.csv", b"4")):
            archive.writestr(name, data)
    path.write_bytes(path.read_bytes().replace(b"z.csv", b"a.csv"))
    found, reasons = listed(path)
    assert found == {"a.csv": b"1"}
    assert reasons == ["another file has the same name"] * 3


def test_links_and_devices_are_not_read(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert listed(tmp_path / "x.zip") == ({}, ["a link or device is not read"])
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, kind in (("s", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("d", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    found, reasons = listed(tmp_path / "x.tar")
    assert (found, len(reasons)) == ({}, 3)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    found, reasons = listed(folder)
    assert (found, len(reasons)) == ({}, 3)


def test_an_encrypted_member_is_set_aside(tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"secret.csv": b"x", "fine.csv": b"1"}))
    at = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[at + 8] |= 1
    (tmp_path / "x.zip").write_bytes(data)
    assert listed(tmp_path / "x.zip") == ({"fine.csv": b"1"}, ["encrypted"])


def test_archives_deeper_than_one_are_set_aside(tmp_path: Path) -> None:
    data = b"x"
    for _ in range(5):
        data = zip_bytes({"in.zip": data, "fine.csv": b"1"})
    (tmp_path / "x.zip").write_bytes(data)
    found, reasons = listed(tmp_path / "x.zip")
    assert found == {"fine.csv": b"1", "in.zip/fine.csv": b"1"}
    assert reasons == ["archives inside archives are read one deep only"]


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x00", b"BZh91AY"])
def test_another_archive_under_a_zips_name_is_refused(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(magic + bytes(600))
    with pytest.raises(InvalidInput, match="unpack it first"), drop(tmp_path / "x.zip"):
        pass


def _lying(size: int) -> bytes:
    data = bytearray(zip_bytes({"a.csv": b"0123456789" * 100}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, size)
    struct.pack_into("<L", data, 22, size)
    return bytes(data)


@pytest.mark.parametrize("size", [10, 5_000])
def test_a_member_that_lies_about_its_size_is_not_read(tmp_path: Path, size: int) -> None:
    (tmp_path / "x.zip").write_bytes(_lying(size))
    found, reasons = listed(tmp_path / "x.zip")
    assert found == {}
    assert "cannot be unpacked" in reasons[0]


def test_a_damaged_member_fails_when_it_is_read_and_harms_no_other(tmp_path: Path) -> None:
    noise = os.urandom(400_000)
    data = bytearray(zip_bytes({"a.bin": noise, "b.csv": b"1"}))
    data[300_000] ^= 0xFF
    (tmp_path / "x.zip").write_bytes(data)
    with drop(tmp_path / "x.zip") as dropped:
        with dropped.entries["a.bin"].open() as stream, pytest.raises(InvalidInput):
            stream.read()
        with dropped.entries["b.csv"].open() as stream:
            assert stream.read() == b"1"


def _bomb() -> bytes:
    return zip_bytes({"zeros.csv": bytes(30_000_000)})


def _many() -> bytes:
    one = b"PK\x01\x02" + bytes(42) + b"a"
    directory = bytearray(one)
    struct.pack_into("<H", directory, 28, 1)
    body = bytes(directory) * 120_000
    return (
        b"PK\x03\x04" + bytes(30) + body + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1,
                                                       len(body), 34, 0)
    )  # fmt: skip


def _overlapping() -> bytes:
    data = bytearray(zip_bytes({"a.csv": b"0" * 50_000, "b.csv": b"1" * 50_000}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 0)
    return bytes(data)


def _nested_bomb() -> bytes:
    return zip_bytes({"in.zip": zip_bytes({"zeros.csv": bytes(50_000_000)})})


def _gzip_bomb() -> bytes:
    return gzip.compress(bytes(60_000_000), 9)


def _pax_bomb() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = b"x", 40_000_000
    return header.tobuf() + bytes(40_000_000)


@pytest.mark.parametrize(
    "make",
    [_bomb, _many, _overlapping, _nested_bomb, _gzip_bomb, _pax_bomb],
    ids=lambda m: m.__name__,
)
def test_a_bomb_is_refused_within_little_memory(
    tmp_path: Path, make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.bin").write_bytes(make())
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    tracemalloc.start()
    try:
        found, reasons = listed(tmp_path / "x.bin")
    except AppError as e:
        found, reasons = {}, [e.message]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == {}
    assert reasons
    assert reasons[0]
    assert peak < 32 << 20
    assert list(scratch.iterdir()) == []


def test_gzip_in_gzip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(gzip.compress(b"x" * 1000)))
    with pytest.raises(InvalidInput, match="inside gzip"), drop(tmp_path / "x.gz"):
        pass


@pytest.mark.parametrize("keep", [10, 200, 900])
def test_an_archive_that_is_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    (tmp_path / "x.zip").write_bytes(zip_bytes({"a.csv": os.urandom(1000)})[:keep])
    with pytest.raises(InvalidInput, match="cut off"), drop(tmp_path / "x.zip"):
        pass


def test_more_files_than_an_import_takes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "ENTRIES_MAX", 5)
    path = zipped(tmp_path / "x.zip", {f"{i}.csv": b"1" for i in range(6)})
    with pytest.raises(TooLarge, match="more than 5 files"), drop(path):
        pass


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"), drop(tmp_path / "x.zip"):
        pass


def test_a_nested_archive_leaves_nothing_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(entries, "SPOOL_MEMORY_MAX", 1)
    inner = zip_bytes({"a.csv": os.urandom(50_000)})
    path = zipped(tmp_path / "x.zip", {"in.zip": inner})
    with drop(path) as dropped:
        assert list(dropped.entries) == ["in.zip/a.csv"]
    assert list(scratch.iterdir()) == []
