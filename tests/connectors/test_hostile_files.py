"""What is dropped may be made to do harm: it is refused within limits, and leaves nothing."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from diurnal.errors import AppError
from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.connectors.hostile import Hostile, files
from tests.connectors.test_all_vendors import everything
from tests.test_invented_person import bring_in

FILES = list(files())
CPU_S_MAX = 5.0
GROWN_KB_MAX = 128 << 10
MEGABYTES = 12
"""Size of the big ones in the quick run; at full size they are as the slow run has them."""
FULL = {"xml-one-text.xml": 1_024, "json-one-text.json": 1_024}
FULL_OTHERS = 100
MARK = Path("/proc/self/clear_refs")
"""Written to, the high-water mark of this process begins anew."""


@pytest.fixture
def engine() -> str:
    """One: nothing here knows of it."""
    return "sqlite"


def _status(name: str) -> int:
    """Return a figure of this process, KB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


@dataclass
class Seen:
    """What came of one file."""

    reason: str = ""
    read: int = 0
    cpu_s: float = 0
    grown_kb: int = 0


def _drop(ctx: Context, owner: Access, path: Path) -> Seen:
    seen = Seen()
    MARK.write_text("5")
    before, begun = _status("VmRSS"), time.process_time()
    try:
        result = bring_in(ctx, owner, path)
        seen.read = result.read
        if result.set_aside or result.unknown:
            seen.reason = "set aside"
    except AppError as error:
        seen.reason = error.message
    seen.cpu_s = time.process_time() - begun
    seen.grown_kb = _status("VmHWM") - before
    return seen


def _wrong(
    ctx: Context, owner: Access, hostile: Hostile, folder: Path, megabytes: int, cpu_s: float
) -> str:
    """Return what is wrong with how a file was taken, "" for nothing."""
    path, scratch = folder / hostile.name, folder / "scratch"
    scratch.mkdir(exist_ok=True)
    hostile.write(path, megabytes)
    before = everything(ctx, owner, ())
    seen = _drop(ctx, owner, path)
    found = []
    if not seen.reason and not hostile.most:
        found.append("it was not refused")
    if seen.read > hostile.most:
        found.append(f"{seen.read} data were read")
    if not hostile.most and everything(ctx, owner, ()) != before:
        found.append("rows were left")
    if any(scratch.iterdir()):
        found.append("files were left")
    if seen.cpu_s > cpu_s:
        found.append(f"it took {seen.cpu_s:.1f} s")
    if seen.grown_kb > GROWN_KB_MAX:
        found.append(f"it took {seen.grown_kb >> 10} MB")
    if "passwd" in seen.reason or "root:" in seen.reason:
        found.append("it led elsewhere")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return ", ".join(found)


def _all_wrong(
    ctx: Context,
    owner: Access,
    folder: Path,
    wanted: Iterable[Hostile],
    *,
    full: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "scratch"))
    found = {}
    for hostile in wanted:
        megabytes = FULL.get(hostile.name, FULL_OTHERS) if full else MEGABYTES
        cpu_s = 60.0 if full else CPU_S_MAX
        wrong = _wrong(ctx, owner, hostile, folder, megabytes, cpu_s)
        if wrong:
            found[hostile.name] = wrong
    return found


def test_there_are_sixty_at_least() -> None:
    assert len({h.name for h in FILES}) == len(FILES) >= 60


def test_hostile_files_are_refused_within_limits_and_leave_nothing(
    ctx: Context, alice: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _all_wrong(ctx, alice, tmp_path, FILES, full=False, monkeypatch=monkeypatch)
    assert found == {}


@pytest.mark.slow
def test_the_big_ones_at_their_full_size(
    ctx: Context, alice: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = [h for h in FILES if h.big]
    assert _all_wrong(ctx, alice, tmp_path, big, full=True, monkeypatch=monkeypatch) == {}
