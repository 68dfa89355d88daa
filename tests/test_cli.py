"""The command line as scripts and operators meet it: a real process each time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diurnal import __version__
from diurnal.cli import redacted
from diurnal.model.access import ALL_RIGHTS, Level, Rights
from diurnal.services import accesses, audit, authentication
from diurnal.services.context import opened
from diurnal.settings import load
from tests.conftest import PASSWORD

DATA = Path(__file__).parent / "data"
APPLE = DATA / "apple_health" / "synthetic_export.zip"
CSV = DATA / "csv" / "daily.csv"
TABLE = "when;how heavy\n01.02.2026;80,5\n02.02.2026;80,4\n"

Run = subprocess.CompletedProcess[str]


def _environ(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")}
    return kept | more


def diurnal(*arguments: str | Path, stdin: str = "", environ: dict[str, str] | None = None) -> Run:
    return subprocess.run(
        [sys.executable, "-m", "diurnal", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        env=_environ(**(environ or {})),
        check=False,
        timeout=120,
    )


def document(ran: Run) -> Any:
    """The one JSON document that stands on stdout, and nothing else."""
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the account alice, to copy: making one costs two seconds."""
    made = tmp_path_factory.mktemp("home") / "data"
    ran = diurnal(
        "--data-dir",
        made,
        "account",
        "create",
        "alice",
        "--password-stdin",
        "--timezone",
        "Europe/Berlin",
        "--json",
        stdin=PASSWORD,
    )
    assert document(ran) == {"account": "alice"}
    return made


@pytest.fixture
def home(made_home: Path, data_dir: Path) -> Path:
    """A data directory of the test's own with the account alice."""
    shutil.copytree(made_home, data_dir, dirs_exist_ok=True)
    return data_dir


def test_options_for_all_may_stand_before_and_after_the_command(home: Path) -> None:
    listed = [
        diurnal("--data-dir", home, "account", "list", "--json"),
        diurnal("account", "list", "--json", "--data-dir", home),
        diurnal("account", "list", f"--data-dir={home}", "--json"),
        diurnal("account", "list", "--json", environ={"DIURNAL_DATA_DIR": str(home)}),
        diurnal(
            "account",
            "list",
            "--json",
            f"--database-url=sqlite:///{home}/diurnal.db",
            "--data-dir",
            home,
        ),
    ]
    for ran in listed:
        [account] = document(ran)["accounts"]
        assert (account["account"], account["timezone"]) == ("alice", "Europe/Berlin")


def test_the_version_is_told_without_a_command() -> None:
    ran = diurnal("--version")
    assert (ran.returncode, ran.stdout.strip()) == (0, __version__)


def test_failures_are_one_plain_line_and_status_1(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\0\1")
    (tmp_path / "map.json").write_text("[]")
    for arguments in (
        ["account", "create", "alice", "--password-stdin"],
        ["account", "create", "bob", "--password-stdin", "--timezone", "Mars/Crater"],
        ["account", "delete", "nobody"],
        ["import", str(tmp_path / "nowhere"), "--account", "alice"],
        ["import", str(tmp_path / "x.bin"), "--account", "alice", "--json"],
        ["import", str(CSV), "--account", "nobody"],
        ["import", str(CSV), "--account", "alice", "--source", "nonsense"],
        ["import", str(CSV), "--account", "alice", "--map", str(tmp_path / "map.json")],
        ["imports", "undo", "77"],
        ["token", "create", "--account", "nobody", "--api", "personal"],
        ["token", "create", "--account", "alice", "--api", "exist", "--right", "delete"],
    ):
        ran = diurnal(*arguments, "--data-dir", home, stdin=PASSWORD)
        assert (ran.returncode, ran.stdout) == (1, ""), arguments
        last = ran.stderr.strip().splitlines()[-1]
        assert last.startswith("diurnal: "), ran.stderr
        assert "Traceback" not in ran.stderr


def test_bad_usage_is_status_2(home: Path) -> None:
    for arguments in (
        ["nonsense"],
        ["account", "create", "bob"],
        ["import"],
        ["import", str(CSV)],
        ["token", "create", "--account", "alice", "--api", "nonsense"],
        ["token", "create", "--account", "alice", "--api", "native", "--right", "fly"],
        ["account", "list", "--data-dir"],
        ["serve", "--port", "many"],
    ):
        ran = diurnal(*arguments, environ={"DIURNAL_DATA_DIR": str(home)})
        assert (ran.returncode, ran.stdout) == (2, ""), arguments


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    ran = diurnal("config", environ={"DIURNAL_PORTS": "1"})
    assert ran.returncode == 1
    assert "DIURNAL_PORTS" in ran.stderr
    unreachable = diurnal("account", "list", "--database-url", f"sqlite:///{tmp_path}/no/x.db")
    assert unreachable.returncode == 1
    assert "no folder" in unreachable.stderr


def test_config_shows_where_values_come_from_and_no_secret(tmp_path: Path) -> None:
    ran = diurnal(
        "config",
        "--json",
        "--data-dir",
        tmp_path,
        environ={"DIURNAL_DATABASE_URL": "postgresql://me:sesame@db/x"},
    )
    told = document(ran)
    assert told["data_dir"] == {"value": str(tmp_path), "origin": "command line"}
    assert told["database_url"]["origin"] == "DIURNAL_DATABASE_URL"
    assert "sesame" not in ran.stdout


def test_files_that_were_not_read_are_named(home: Path, tmp_path: Path) -> None:
    for name, content in (("a.csv", CSV.read_text()), ("note.md", "hello"), ("b.csv", TABLE)):
        (tmp_path / name).write_text(content)
    names = [tmp_path / name for name in ("a.csv", "note.md", "b.csv")]
    ran = diurnal("import", *names, "--account", "alice", "--data-dir", home, "--json")
    told = document(ran)
    assert (told["unknown"], told["unmapped"]) == (["note.md"], ["b.csv"])
    assert "not recognised: note.md" in ran.stderr
    assert "needs a mapping (--map FILE says what its columns mean): b.csv" in ran.stderr


def test_import_json_says_what_came_of_it(home: Path, tmp_path: Path) -> None:
    ran = diurnal("import", APPLE, "--account", "alice", "--data-dir", home, "--json")
    first = document(ran)
    counts = ["batch", "read", "new", "same", "changed", "set_aside"]
    assert list(first) == [*counts, "kinds", "unknown", "unmapped"]
    assert first["new"] == first["read"] > 20_000
    assert list(first["kinds"]) == ["apple_health"]
    again = document(diurnal("import", APPLE, "--account", "alice", "--data-dir", home, "--json"))
    assert (again["new"], again["same"]) == (0, first["read"])
    listed = document(diurnal("imports", "list", "--json", "--data-dir", home))["imports"]
    assert [(i["batch"], i["state"]) for i in listed] == [
        (again["batch"], "done"),
        (first["batch"], "done"),
    ]
    undone = document(diurnal("imports", "undo", str(first["batch"]), "--json", "--data-dir", home))
    assert undone["removed"] > 0
    assert undone["changed"] == 0
    third = document(diurnal("import", APPLE, "--account", "alice", "--data-dir", home, "--json"))
    assert third["new"] == first["read"]


def test_several_paths_are_one_import(home: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.csv").write_text("date,steps\n2026-01-01,10\n")
    (tmp_path / "b.csv").write_text("date,steps\n2026-01-02,10\n")
    ran = diurnal(
        "import", tmp_path / "in", tmp_path / "b.csv", "--account", "alice", "--json",
        "--data-dir", home,
    )  # fmt: skip
    assert document(ran)["new"] == 2


def test_a_dry_run_writes_nothing(home: Path) -> None:
    arguments = ("import", CSV, "--account", "alice", "--dry-run", "--json", "--data-dir", home)
    first, second = document(diurnal(*arguments)), document(diurnal(*arguments))
    assert first["new"] == second["new"] > 0


def test_tokens_open_what_they_say(home: Path) -> None:
    made = {
        api: document(
            diurnal(
                "token", "create", "--account", "alice", "--api", api, "--json", "--data-dir", home
            )
        )["token"]
        for api in ("native", "pryv", "exist", "personal", "personicle", "personyze")
    }
    assert made["native"].startswith("dn_")
    assert re.fullmatch(r"[0-9a-f]{40}", made["exist"])
    assert re.fullmatch(r"[0-9A-F]{40}", made["personyze"])
    assert len(set(made.values())) == 6
    some = ("--api", "native", "--right", "create,read", "--right", "delete", "--json")
    held = document(diurnal("token", "create", "--account", "alice", *some, "--data-dir", home))
    with opened(load(data_dir=home, environ={})) as ctx:
        for token, rights in (
            (made["native"], ALL_RIGHTS),
            (made["pryv"], ALL_RIGHTS),
            (made["exist"], Level.READ.rights),
            (made["personicle"], ALL_RIGHTS),
            (made["personyze"], ALL_RIGHTS),
            (held["token"], Rights(reads=True, creates=True, deletes=True)),
        ):
            access = ctx.store.read(lambda tx, t=token: authentication.resolve(tx, ctx, t))
            tree = ctx.store.read(lambda tx, a=access: ctx.state(tx, a.account_id).tree)
            assert access.rights_on(tree, "diurnal-weight") == rights
        owner = accesses.personal(access.account_id, access.username)
        lines = ctx.store.read(lambda tx: audit.find(tx, owner, audit.Query(doors=("command",))))
        assert [e.line.action for e in lines].count("token.create") >= 6


def test_applications_are_registered_and_deleted(home: Path) -> None:
    new = ["client", "create", "--owner", "alice", "--api", "exist", "--name", "Tracker"]
    back = ["--redirect-uri", "https://a.example/1", "--redirect-uri", "https://a.example/2"]
    narrow = ["--scope", "read", "--scope", "write", "--attribute", "mood"]
    made = document(diurnal(*new, *back, *narrow, "--json", "--data-dir", home))
    assert sorted(made) == ["client_id", "client_secret"]
    listed = document(diurnal("client", "list", "--owner", "alice", "--json", "--data-dir", home))
    assert [c["redirect_uris"] for c in listed["clients"]] == [[back[1], back[3]]]
    for wrong in (["--scope", "everything"], ["--redirect-uri", "http://elsewhere.example/"]):
        ran = diurnal(*new, *back, *wrong, "--data-dir", home)
        assert ran.returncode == 1
        assert len(ran.stderr.splitlines()) == 1
    assert diurnal(*new[:4], "--api", "x", *new[6:], *back, "--data-dir", home).returncode == 2
    gone = ["client", "delete", made["client_id"], "--owner", "alice", "--data-dir", home]
    assert diurnal(*gone).returncode == 0
    assert diurnal(*gone).returncode == 1


def test_an_account_is_deleted_with_its_files(home: Path) -> None:
    (home / "uploads" / "1").mkdir(parents=True)
    (home / "uploads" / "1" / "x").write_text("x")
    assert diurnal("account", "delete", "alice", "--data-dir", home).returncode == 0
    assert document(diurnal("account", "list", "--json", "--data-dir", home)) == {"accounts": []}
    assert not (home / "uploads" / "1").exists()


def test_doctor_finds_nothing_on_a_fresh_and_on_a_used_installation(
    data_dir: Path, home: Path, tmp_path: Path
) -> None:
    port = str(_free_port())
    for place in (tmp_path / "fresh", home):
        ran = diurnal("doctor", "--json", "--data-dir", place, environ={"DIURNAL_PORT": port})
        assert document(ran)["ok"] is True
    assert not (tmp_path / "fresh").exists()


def test_doctor_says_what_is_wrong_and_how_to_mend_it(home: Path) -> None:
    (home / "keys").chmod(0o644)
    home.chmod(0o755)
    database = home / "diurnal.db"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = diurnal("doctor", "--json", "--data-dir", home, environ={"DIURNAL_PORT": port})
    assert ran.returncode == 1
    found = {f["name"]: f for f in json.loads(ran.stdout)["findings"] if f["state"] != "ok"}
    assert found["key file"]["mend"] == f"chmod 600 {home / 'keys'}"
    assert found["data directory"]["mend"] == f"chmod 700 {home}"
    assert found["port"]["state"] == "wrong"
    for extra in home.glob("diurnal.db-*"):
        extra.unlink()
    database.write_bytes(b"no database at all" * 100)
    ran = diurnal("doctor", "--data-dir", home)
    assert ran.returncode == 1
    assert "database" in ran.stdout


def test_help_comes_at_once_because_nothing_heavy_is_loaded() -> None:
    script = "import sys, diurnal.cli; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"starlette", "uvicorn", "sqlalchemy", "apsw", "numpy", "msgspec", "rich", "structlog"}
    assert heavy & set(ran.stdout.split()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "GET /pryv/alice/events?auth=SECRET HTTP/1.1",
        "https://x/y?a=1&access_token=SECRET&b=2",
        "Authorization: Bearer SECRETSECRET",
        "postgresql://me:SECRET@db/x",
        "opened by dn_1_SECRET_abc123",
    ],
)
def test_no_secret_reaches_the_log(text: str) -> None:
    assert "SECRET" not in redacted(text)


# The server


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Server:
    """A running `diurnal serve`."""

    def __init__(self, home: Path) -> None:
        self.log = (home.parent / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "diurnal", "serve", "--port", "0", "--data-dir", str(home)],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=_environ(DIURNAL_LOG_FORMAT="json"),
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Diurnal is at "), self.said()
        self.url = line.split()[-1]

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def get(self, path: str, token: str | None = None) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read()

    def post(self, path: str, document: Any, token: str) -> int:
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            json.dumps(document).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return int(answer.status)

    def stop(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.log.close()
        return code


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    started = Server(home)
    yield started
    if started.process.poll() is None:
        started.stop()


def test_the_server_answers_while_commands_work_and_ends_cleanly(
    home: Path, server: Server
) -> None:
    assert server.get("/healthz")[0] == 200
    made = document(diurnal("import", CSV, "--account", "alice", "--json", "--data-dir", home))
    assert made["new"] > 0
    ran = diurnal("doctor", "--json", "--data-dir", home)
    states = {f["name"]: f["state"] for f in document(ran)["findings"]}
    assert (states["server"], states["worker"]) == ("ok", "ok")
    assert json.loads((home / "server.json").read_text())["url"] == server.url
    said = server.said()
    assert server.stop() == 0, said
    assert not (home / "server.json").exists()


def test_days_can_be_read_after_an_import_from_the_command_line(home: Path, server: Server) -> None:
    """The main job: an export goes in, and day values come out over HTTP."""
    document(diurnal("import", APPLE, "--account", "alice", "--json", "--data-dir", home))
    ran = diurnal("token", "create", "--account", "alice", "--api", "native", "--data-dir", home)
    token = ran.stdout.strip()
    path = "/api/v1/days?from=2026-03-10&to=2026-03-10&measures=steps"
    status, body = server.get(path, token)
    assert status == 200
    assert b"2026-03-10" in body
    assert re.search(rb"[1-9]\d{3,}", body), body


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks the system what is loaded")
def test_plain_reading_and_writing_load_nothing_that_the_start_left_out(
    home: Path, server: Server
) -> None:
    token = diurnal(
        "token", "create", "--account", "alice", "--api", "native", "--data-dir", home
    ).stdout.strip()
    streams, _ = server.get("/api/v1/streams", token)
    event = {"streamIds": ["diurnal-notes"], "type": "note/txt", "content": "hello"}
    written = server.post("/api/v1/events", event, token)
    events, _ = server.get("/api/v1/events", token)
    page, _ = server.get("/sign-in")
    assert (streams, written, events, page) == (200, 201, 200, 200)
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert [name for name in ("cryptography", "lxml", "scipy") if name in loaded] == []


def test_the_first_start_says_how_the_first_account_is_made(data_dir: Path) -> None:
    server = Server(data_dir)
    assert server.process.stdout is not None
    assert server.process.stdout.readline().strip() == (
        f"Make the first account at {server.url}/setup"
    )
    assert re.search(r"code: \w{4}(-\w{4}){3}$", server.process.stdout.readline().strip())
    assert server.stop(signal.SIGINT) == 0


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = diurnal(
            "serve", "--port", str(taken.getsockname()[1]), "--data-dir", tmp_path / "new"
        )
    assert ran.returncode == 1
    assert "cannot listen" in ran.stderr
    assert not (tmp_path / "new").exists()


def test_an_import_goes_on_after_the_server_was_killed(home: Path) -> None:
    from diurnal.services import accesses, imports
    from diurnal.services.context import opened
    from diurnal.settings import load

    alice = accesses.personal(1, "alice")
    with opened(load(data_dir=home, environ={})) as ctx:
        server = Server(home)
        batch = ctx.store.write(
            lambda tx: imports.start(tx, ctx, alice, paths=[str(APPLE)], name="a")
        ).result()

        def state() -> str:
            return ctx.store.read(lambda tx: imports.get(tx, alice, batch)).state

        _wait_for(lambda: state() != "waiting")
        server.stop(signal.SIGKILL)
        server = Server(home)
        _wait_for(lambda: state() == "done")
        server.stop()
        result = ctx.store.read(lambda tx: imports.get(tx, alice, batch)).result
    assert result["new"] == result["read"] > 20_000


def _wait_for(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# analyse


def test_analyse_tells_what_goes_with_what(home: Path) -> None:
    imported = diurnal("import", CSV, "--account", "alice", "--data-dir", home, "--json")
    document(imported)
    told = document(diurnal("analyse", "--account", "alice", "--data-dir", home, "--json"))
    assert told["again"] is True
    shown = {(link["a"], link["b"], link["lag"], link["sign"]) for link in told["links"]}
    assert ("alcohol", "hrv_ms", 1, -1) in shown
    assert {("productive_min", "tracks", 0, 1), ("tracks", "productive_min", 0, 1)} & shown
    assert {"rain_mm", "steps"} in [{link["a"], link["b"]} for link in told["links"]]
    assert all(0 <= link["q"] <= 0.05 and link["n"] >= 30 for link in told["links"])
    ran = diurnal("analyse", "--all", "--data-dir", home)
    assert ran.returncode == 0, ran.stderr
    assert "nothing has changed" in ran.stdout
    assert "With alcohol 1 higher the day before, your hrv_ms is" in ran.stdout
    every = document(diurnal("analyse", "--all", "--data-dir", home, "--json"))["accounts"]
    assert [one["links"] for one in every] == [told["links"]]
    assert every[0]["again"] is False


def test_analyse_is_told_whom(home: Path) -> None:
    for arguments in (["analyse"], ["analyse", "--all", "--account", "alice"]):
        assert diurnal(*arguments, "--data-dir", home).returncode == 2
    assert diurnal("analyse", "--account", "nobody", "--data-dir", home).returncode == 1
    empty = document(diurnal("analyse", "--account", "alice", "--data-dir", home, "--json"))
    assert (empty["day"], empty["links"]) == (None, [])
