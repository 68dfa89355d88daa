"""What the doctor says of backups."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal.model.access import Access
from diurnal.services import backup_jobs, backups, health
from diurnal.services.context import Context
from diurnal.services.health import OK, WARNING, WRONG, Finding
from tests.clock import HOUR, START

Ask = Callable[..., dict[str, Finding]]


@pytest.fixture
def ask(ctx: Context, tmp_path: Path) -> Ask:
    def ask(now: int = START, **given: Any) -> dict[str, Finding]:
        folder = tmp_path / "elsewhere"
        folder.mkdir(exist_ok=True)
        settings = msgspec.structs.replace(
            ctx.settings, **{"backup_hours": 24, "backup_dir": folder, **given}
        )
        wanted = ("backups", "backup folder")
        return {f.name: f for f in health.examine(settings, lambda: now) if f.name in wanted}

    return ask


def test_a_backup_that_is_too_old_or_was_never_made_is_told(
    ctx: Context, alice: Access, ask: Ask, tmp_path: Path
) -> None:
    assert ask(START + 47 * HOUR)["backups"].state == OK
    never = ask(START + 49 * HOUR)["backups"]
    assert (never.state, "none was made yet" in never.what) == (WRONG, True)
    backups.make(ctx, tmp_path / "elsewhere")
    assert backup_jobs.in_folder(tmp_path / "elsewhere")
    assert ask(START + 47 * HOUR)["backups"].state == OK
    stale = ask(START + 49 * HOUR)["backups"]
    assert (stale.state, "2026-03-01 12:00 UTC" in stale.what) == (WRONG, True)
    assert "diurnal backup" in stale.mend
    assert ask(START + 49 * HOUR, backup_hours=48)["backups"].state == OK
    assert ask(START + 900 * HOUR, backup_hours=0)["backups"].what == "none is scheduled"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nothing_is_missing_before_there_is_an_account(ask: Ask) -> None:
    assert ask(START + 900 * HOUR)["backups"].state == OK


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_backup_folder_on_the_disk_of_the_data_is_told(
    alice: Access, ask: Ask, tmp_path: Path
) -> None:
    found = ask()["backup folder"]
    assert (found.state, "backup_dir" in found.mend) == (WARNING, True)
    inside = ask(backup_dir=None)["backup folder"]
    assert inside.state == WARNING
    # Memory is another disk than the one of temporary files; where it is not, another number.
    other = Path("/dev/shm")  # noqa: S108 - a folder of another file system
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    assert "backup folder" not in ask(backup_dir=other)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_backup_folder_that_cannot_be_written_is_told(
    alice: Access, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    found = ask(backup_dir=file)["backups"]
    assert (found.state, "not writable" in found.what) == (WRONG, True)
    assert found.mend
    folder = tmp_path / "closed"
    folder.mkdir()
    if os.geteuid() == 0:  # whom no mode keeps out
        access = os.access
        monkeypatch.setattr(os, "access", lambda p, m: Path(p) != folder and access(p, m))
    else:
        folder.chmod(0o500)
    assert ask(backup_dir=folder)["backups"].state == WRONG
