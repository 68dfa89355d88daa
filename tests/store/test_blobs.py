"""Attachments: whole or not at all, once, for their account only."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.errors import NotFound, TooLarge, Unavailable
from diurnal.store.blobs import Blobs

ALICE, BOB = 1, 2
LIMIT = 10_000_000
LONG_AGO, FAR_AHEAD = 0, 2**62 // 1_000


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path)


def files(root: Path) -> list[Path]:
    return [p for p in root.rglob("*") if p.is_file() and p.name != "lock"]


def put(blobs: Blobs, data: bytes, account: int = ALICE) -> str:
    digest, size = blobs.put(account, [data], limit=LIMIT)
    assert size == len(data)
    return digest


@given(st.lists(st.binary(max_size=200_000), max_size=4))
def test_what_is_put_reads_back_under_its_hash(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("data"))
    digest, size = blobs.put(ALICE, parts, limit=LIMIT)
    whole = b"".join(parts)
    assert (digest, size) == (hashlib.sha256(whole).hexdigest(), len(whole))
    with blobs.open(ALICE, digest) as file:
        assert file.read() == whole
    assert blobs.size(ALICE, digest) == len(whole)
    assert blobs.intact(ALICE, digest)


def test_the_same_bytes_are_kept_once_and_counted_once(blobs: Blobs, tmp_path: Path) -> None:
    assert put(blobs, b"abc") == put(blobs, b"abc")
    put(blobs, b"defgh")
    assert blobs.usage(ALICE) == 8
    assert len(files(tmp_path)) == 2


def test_another_account_has_none_of_them(blobs: Blobs) -> None:
    digest = put(blobs, b"abc")
    with pytest.raises(NotFound):
        blobs.open(BOB, digest)
    assert blobs.usage(BOB) == 0
    assert not blobs.delete(BOB, digest)
    put(blobs, b"abc", BOB)
    blobs.erase(ALICE)
    blobs.erase(ALICE)
    assert blobs.usage(ALICE) == 0
    assert blobs.intact(BOB, digest)


@pytest.mark.parametrize("name", ["", "../../keys", "/etc/passwd", "A" * 64, "0" * 63, "0" * 64])
def test_a_name_that_is_no_hash_of_ours_finds_nothing(blobs: Blobs, name: str) -> None:
    put(blobs, b"abc")
    for use in (blobs.open, blobs.size):
        with pytest.raises(NotFound):
            use(ALICE, name)
    assert not blobs.intact(ALICE, name)


def test_a_link_in_place_of_a_file_is_not_followed(blobs: Blobs, tmp_path: Path) -> None:
    digest = put(blobs, b"abc")
    [path] = files(tmp_path)
    (tmp_path / "secret").write_text("secret")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError):
        blobs.open(ALICE, digest)


def test_only_the_owner_of_the_process_may_read(blobs: Blobs, tmp_path: Path) -> None:
    put(blobs, b"abc")
    for path in (tmp_path / "blobs").rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


def test_too_large_a_file_is_noticed_while_it_comes(blobs: Blobs, tmp_path: Path) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield bytes(1_000)

    with pytest.raises(TooLarge) as refused:
        blobs.put(ALICE, endless(), limit=10_000)
    assert refused.value.limit == 10_000
    assert read == 11
    assert files(tmp_path) == []
    blobs.put(ALICE, [bytes(10_000)], limit=10_000)


def test_a_sender_who_goes_away_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(1_000_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(ALICE, broken(), limit=LIMIT)
    assert files(tmp_path) == []


def test_a_full_disk_leaves_nothing_and_heals(blobs: Blobs, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(Unavailable):
            blobs.put(ALICE, [bytes(100_000)] * 9, limit=LIMIT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == []
    digest, _ = blobs.put(ALICE, [bytes(100_000)] * 9, limit=LIMIT)
    assert blobs.intact(ALICE, digest)


def test_a_file_damaged_on_the_disk_is_noticed_and_put_right(blobs: Blobs, tmp_path: Path) -> None:
    digest = put(blobs, b"abcdef")
    [path] = files(tmp_path)
    path.write_bytes(b"abc")
    assert not blobs.intact(ALICE, digest)
    put(blobs, b"abcdef")
    assert blobs.intact(ALICE, digest)


def test_a_sweep_removes_what_nothing_names_and_spares_the_young(blobs: Blobs) -> None:
    kept, loose = put(blobs, b"kept"), put(blobs, b"loose")
    assert blobs.sweep(ALICE, {kept}.__contains__, before=LONG_AGO) == 0
    assert blobs.sweep(ALICE, {kept}.__contains__, before=FAR_AHEAD) == 1
    assert dict(blobs.hashes(ALICE)) == {kept: 4}
    assert not blobs.intact(ALICE, loose)
    assert blobs.sweep(BOB, {kept}.__contains__, before=FAR_AHEAD) == 0


def test_a_sweep_clears_what_a_kill_left_half_written(blobs: Blobs, tmp_path: Path) -> None:
    put(blobs, b"kept")
    left = tmp_path / "blobs" / str(ALICE) / "tmp" / "0123"
    left.write_bytes(b"half")
    assert blobs.sweep(ALICE, lambda _: True, before=LONG_AGO) == 0
    assert blobs.sweep(ALICE, lambda _: True, before=FAR_AHEAD) == 1
    assert not left.exists()


def test_what_is_put_again_is_young_again(blobs: Blobs, tmp_path: Path) -> None:
    """A sweep must not take the file of a row that is about to be committed."""
    put(blobs, b"abc")
    [path] = files(tmp_path)
    os.utime(path, (1_000, 1_000))
    put(blobs, b"abc")
    assert blobs.sweep(ALICE, lambda _: False, before=2_000 * 1_000_000) == 0
    os.utime(path, (1_000, 1_000))
    assert blobs.sweep(ALICE, lambda _: False, before=2_000 * 1_000_000) == 1


def test_many_writers_of_the_same_bytes_do_not_hinder_each_other(
    blobs: Blobs, tmp_path: Path
) -> None:
    together = threading.Barrier(8)

    def write(i: int) -> str:
        together.wait()
        return put(blobs, bytes([i % 2]) * 300_000)

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(write, range(8)))
    assert dict(blobs.hashes(ALICE)) == dict.fromkeys(digests, 300_000)
    assert len(files(tmp_path)) == 2


def test_a_deleted_file_is_gone(blobs: Blobs) -> None:
    digest = put(blobs, b"abc")
    assert blobs.delete(ALICE, digest)
    assert not blobs.delete(ALICE, digest)
    assert blobs.usage(ALICE) == 0
