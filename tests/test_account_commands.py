"""What an operator does with accounts: one process, the real commands."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from diurnal.cli import command, main
from diurnal.errors import Forbidden, Unauthenticated
from diurnal.services import accesses, mail_links, second_factor, sign_in
from diurnal.services.context import Context, opened
from diurnal.services.sign_in import Pending, Proof
from diurnal.settings import load
from tests.clock import Clock
from tests.conftest import PASSWORD
from tests.services.test_sign_in import HERE, with_factor

NEW = "another battery staple"


@pytest.fixture
def home(sqlite_template: Path, data_dir: Path) -> Path:
    (data_dir / "diurnal.db").write_bytes(sqlite_template.read_bytes())
    return data_dir


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(command, "given", {})
    monkeypatch.setattr("diurnal.cli.logs.start", lambda _settings: None)

    def run(*arguments: str, stdin: str = "") -> Any:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as ended:
            main(["--data-dir", str(home), "account", *arguments, "--json"])
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return json.loads(said.out)

    return run


def there(home: Path) -> Any:
    return opened(load(data_dir=home, environ={}))


def shows(ctx: Context, password: str, name: str = "alice") -> Proof | Pending | None:
    try:
        return sign_in.begin(ctx, name=name, password=password, address=HERE)
    except (Forbidden, Unauthenticated):
        return None


def test_an_operator_helps_who_forgot_the_password(run: Any, home: Path) -> None:
    run("create", "alice", "--password-stdin", stdin=PASSWORD)
    link = run("reset-password", "alice")["link"]
    assert link.startswith("http://127.0.0.1:8400/reset?token=")
    with there(home) as ctx:
        token = link.partition("token=")[2]
        mail_links.reset(ctx, token=token, password=NEW, address=HERE)
        assert shows(ctx, NEW) is not None
    assert run("reset-password", "alice", "--password-stdin", stdin=PASSWORD)["link"] is None
    with there(home) as ctx:
        assert shows(ctx, PASSWORD) is not None
        assert shows(ctx, NEW) is None


def test_a_lost_phone_locks_nobody_out(run: Any, home: Path) -> None:
    run("create", "alice", "--password-stdin", stdin=PASSWORD)
    with there(home) as ctx:
        alice = accesses.personal(1, "alice")
        clock = Clock(ctx.now())
        with_factor(ctx, alice, clock)
        assert isinstance(shows(ctx, PASSWORD), Pending)
    run("reset-password", "alice", "--drop-second-factor")
    with there(home) as ctx:
        assert isinstance(shows(ctx, PASSWORD), Proof)
        assert ctx.store.read(lambda tx: second_factor.state(tx, alice)).since is None


def test_admins_are_named_and_accounts_closed(run: Any, home: Path) -> None:
    for name in ("alice", "bob"):
        run("create", name, "--password-stdin", stdin=PASSWORD)
    listed = run("list")["accounts"]
    assert [(a["account"], a["admin"], a["disabled"]) for a in listed] == [
        ("alice", True, False),
        ("bob", False, False),
    ]
    assert run("admin", "bob")["admin"] is True
    assert run("admin", "alice", "--revoke")["admin"] is False
    assert run("invite", "--note", "Dora")["by"] == "bob"
    assert run("disable", "alice")["disabled"] is True
    with there(home) as ctx:
        assert shows(ctx, PASSWORD) is None
    assert run("enable", "alice")["disabled"] is False
    with there(home) as ctx:
        assert shows(ctx, PASSWORD) is not None


def test_a_link_leads_to_where_the_server_runs(run: Any, home: Path) -> None:
    run("create", "alice", "--password-stdin", stdin=PASSWORD)
    told = home / "server.json"
    told.write_text('{"pid": 1, "url": "http://127.0.0.1:8499"}')
    assert run("reset-password", "alice")["link"].startswith("http://127.0.0.1:8499/reset?")
    told.write_text("{")
    assert run("reset-password", "alice")["link"].startswith("http://127.0.0.1:8400/reset?")
