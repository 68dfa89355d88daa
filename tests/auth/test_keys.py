"""The key file: one, whole, and nobody else's to read."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from diurnal.auth import keys


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    sealed = keys.load(tmp_path).seal("secret", 1)
    [path] = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.load(tmp_path).open(sealed, 1) == "secret"
    assert b"secret" not in sealed


def test_two_who_start_at_once_have_the_same_keys(tmp_path: Path) -> None:
    source = (
        "import sys; from pathlib import Path; from diurnal.auth import keys\n"
        "sys.stdin.readline(); print(keys.load(Path(sys.argv[1])).derive('x').hex())"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", source, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = {child.communicate(timeout=60)[0] for child in children}
    assert len(said) == 1
    assert len(said.pop().strip()) == 64
    assert [p.name for p in tmp_path.iterdir()] == [keys.KEY_FILE]


def test_a_start_that_was_killed_half_way_leaves_no_empty_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            keys.load(tmp_path)
    assert keys.load(tmp_path).derive("x")


def test_an_empty_key_file_is_told(tmp_path: Path) -> None:
    (tmp_path / keys.KEY_FILE).write_bytes(b"\n")
    with pytest.raises(ValueError, match="holds no key"):
        keys.load(tmp_path)


def test_a_secret_opens_for_its_account_only(tmp_path: Path) -> None:
    sealed = keys.load(tmp_path).seal("pass:word", 12)
    assert keys.load(tmp_path).open(sealed, 12) == "pass:word"
    for other in (1, 2, 121):
        assert keys.load(tmp_path).open(sealed, other) is None
    forged = sealed[:40] + (b"A" if sealed[40:41] != b"A" else b"B") + sealed[41:]
    assert keys.load(tmp_path).open(forged, 12) is None
    assert keys.load(tmp_path).open(b"", 12) is None


def test_a_new_key_above_the_old_one_opens_what_the_old_one_sealed(tmp_path: Path) -> None:
    sealed = keys.load(tmp_path).seal("secret", 1)
    path = tmp_path / keys.KEY_FILE
    path.write_bytes(Fernet.generate_key() + b"\n" + path.read_bytes())
    renewed = keys.load(tmp_path)
    assert renewed.open(sealed, 1) == "secret"
    again = renewed.seal("secret", 1)
    path.write_bytes(path.read_bytes().splitlines()[0])
    assert keys.load(tmp_path).open(again, 1) == "secret"
    assert keys.load(tmp_path).open(sealed, 1) is None


def test_each_purpose_has_a_key_of_its_own(tmp_path: Path) -> None:
    loaded = keys.load(tmp_path)
    assert loaded.derive("share") == keys.load(tmp_path).derive("share")
    assert len({loaded.derive(p) for p in ("share", "state", "")}) == 3
