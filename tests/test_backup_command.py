"""Backing up, verifying and restoring, as an operator does: the real commands."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from diurnal.auth import locked_file
from diurnal.cli import command, main
from tests.conftest import PASSWORD

PASSPHRASE = "seven crows over the harbour"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(command, "given", {})
    monkeypatch.setattr("diurnal.cli.logs.start", lambda _settings: None)
    monkeypatch.setattr(locked_file.Writer.__init__, "__kwdefaults__", {"cost": 4})

    def run(home: Path, *arguments: str, stdin: str = "", status: int = 0) -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main(["--data-dir", str(home), *arguments])
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said.err
        if status:
            assert said.out == ""
            return said.err
        return json.loads(said.out) if "--json" in arguments else said.out

    return run


def test_a_server_moves_to_another_folder(run: Any, data_dir: Path, tmp_path: Path) -> None:
    days = tmp_path / "days.csv"
    days.write_text("date,steps\n2026-03-01,5000\n2026-03-02,6000\n")
    run(data_dir, "account", "create", "alice", "--password-stdin", stdin=PASSWORD)
    run(data_dir, "import", str(days), "--account", "alice")
    out = tmp_path / "kept.backup"
    made = run(data_dir, "backup", str(out), "--json")
    assert made["accounts"][0]["account"] == "alice"
    assert made["accounts"][0]["tables"]["day_row"] == 2
    assert not made["locked"]
    assert any("keys" in left for left in made["not_held"])
    assert run(data_dir, "verify", str(out), "--json") == made
    assert "already" in run(data_dir, "backup", str(out), status=1)
    assert "has accounts" in run(data_dir, "restore", str(out), status=1)

    there = tmp_path / "there"
    assert run(there, "restore", str(out), "--json") == made
    again = run(there, "backup", str(tmp_path / "again.backup"), "--json")
    assert again["accounts"] == made["accounts"]
    assert "1 account," in run(there, "verify", str(out))

    spoilt = bytearray(out.read_bytes())
    spoilt[len(spoilt) // 2] ^= 4
    out.write_bytes(spoilt)
    said = run(there, "verify", str(out), status=1)
    assert said.startswith("diurnal: ")
    assert said.count("\n") == 1


def test_a_passphrase_comes_from_a_file_or_standard_input(
    run: Any, data_dir: Path, tmp_path: Path
) -> None:
    run(data_dir, "account", "create", "alice", "--password-stdin", stdin=PASSWORD)
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE + "\n")
    out, there = tmp_path / "locked.backup", tmp_path / "there"
    made = run(data_dir, "backup", str(out), "--passphrase-file", str(secret), "--json")
    assert made["locked"]
    assert made["keys"]
    assert "passphrase is needed" in run(there, "restore", str(out), status=1)
    wrong = run(there, "restore", str(out), "--passphrase-stdin", stdin="not that one", status=1)
    assert "passphrase is wrong" in wrong
    run(there, "restore", str(out), "--passphrase-stdin", stdin=PASSPHRASE)
    mine, theirs = ((home / "keys").read_bytes().split() for home in (data_dir, there))
    assert theirs[: len(mine)] == mine
    assert os.stat(there / "keys").st_mode & 0o777 == 0o600
    both = ("--passphrase-stdin", "--passphrase-file", str(secret))
    assert "not by both" in run(there, "verify", str(out), *both, status=2)
    assert "empty" in run(there, "verify", str(out), "--passphrase-stdin", status=1)
