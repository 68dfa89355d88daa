"""Jobs, storage, quotas and the log, as admins see them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diurnal import worker
from diurnal.cli.logs import redacted
from diurnal.model.access import Access
from diurnal.services import accounts, jobs, server_log
from diurnal.services.context import Context
from tests import cases
from tests.clock import SECOND, START, Clock
from tests.dialects.native.client import Api, owner_token

SECRET = "/files/diary-of-charlie.csv"


def enqueue(ctx: Context, who: Access, kind: str) -> str:
    return ctx.store.write(
        lambda tx: jobs.enqueue(tx, ctx, who.account_id, kind, {"name": SECRET})
    ).result()


def work(ctx: Context, kind: str, handler: Callable[..., None]) -> bool:
    return worker.step(ctx, {kind: handler}, owner="w")


def done(ctx: Context, lease: jobs.Lease, _stop: threading.Event) -> None:
    ctx.store.write(lambda tx: jobs.finish(tx, ctx, lease)).result()


def broken(_ctx: Context, _lease: jobs.Lease, _stop: threading.Event) -> None:
    raise ValueError(f"cannot read {SECRET}")


def test_admins_see_every_job_and_nothing_of_what_it_is_about(
    ctx: Context, alice: Access, charlie: Access, api: Api, clock: Clock
) -> None:
    mine = enqueue(ctx, alice, "mail")
    assert work(ctx, "mail", done)
    clock.tick(SECOND)
    his = enqueue(ctx, charlie, "import")
    assert work(ctx, "import", broken)
    found = api.ok("GET", "/admin/jobs")
    assert [(j["id"], j["username"], j["kind"], j["state"]) for j in found["jobs"]] == [
        (his, "charlie", "import", "waiting"),
        (mine, "alice", "mail", "done"),
    ]
    assert found["counts"] == {"waiting": 1, "running": 0, "failed": 0, "done": 1}
    assert "next" not in found
    assert found["jobs"][0]["error"] == "ValueError"
    assert (found["jobs"][0]["tries"], found["jobs"][1]["tries"]) == (1, 1)
    assert SECRET not in str(found)
    seen: list[Any] = []

    def look(_ctx: Context, lease: jobs.Lease, stop: threading.Event) -> None:
        seen.extend(api.ok("GET", "/admin/jobs", params={"state": "running"})["jobs"])
        done(ctx, lease, stop)

    clock.tick(3600 * SECOND)
    assert work(ctx, "import", look)
    assert [(j["id"], j["state"]) for j in seen] == [(his, "running")]
    assert seen[0]["leaseUntil"] * SECOND > ctx.now()
    only = api.ok("GET", "/admin/jobs", params={"username": "charlie", "state": "done,failed"})
    assert [j["id"] for j in only["jobs"]] == [his]
    assert only["counts"] == {"waiting": 0, "running": 0, "failed": 0, "done": 1}
    api.refused(404, "GET", "/admin/jobs?username=nobody")
    api.refused(400, "GET", "/admin/jobs?state=lost")
    other = api.with_token(owner_token(ctx, charlie))
    for path in ("/admin/jobs", "/admin/storage", "/admin/logs"):
        other.refused(403, "GET", path)
    for what in ("retry", "cancel"):
        other.refused(403, "POST", f"/admin/accounts/charlie/jobs/{his}/{what}")


def test_jobs_come_in_pages(ctx: Context, alice: Access, api: Api) -> None:
    # All at one instant: ids tell them apart.
    made = {enqueue(ctx, alice, "mail") for _ in range(7)}
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = api.ok("GET", "/admin/jobs", params={"limit": 3, **after})
        found += [j["id"] for j in page["jobs"]]
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert len(found) == 7
    assert set(found) == made


def test_a_failed_job_is_tried_again_and_a_cancelled_one_is_not(
    ctx: Context, alice: Access, charlie: Access, api: Api, clock: Clock
) -> None:
    id_ = enqueue(ctx, charlie, "import")
    place = f"/admin/accounts/charlie/jobs/{id_}"
    for _ in range(jobs.TRIES_MAX):
        assert work(ctx, "import", broken)
        clock.tick(7200 * SECOND)
    assert not work(ctx, "import", broken)
    assert api.ok("GET", "/admin/jobs")["counts"]["failed"] == 1
    assert api.ok("POST", f"{place}/retry")["state"] == "waiting"
    assert work(ctx, "import", broken)
    # It waits for its next try; whoever asks has it done at once.
    assert not work(ctx, "import", broken)
    told = api.ok("POST", f"{place}/retry")
    assert (told["state"], told["tries"]) == ("waiting", 1)
    assert work(ctx, "import", broken)
    told = api.ok("POST", f"{place}/cancel")
    assert (told["state"], told["error"]) == ("failed", "cancelled by an admin")
    clock.tick(7200 * SECOND)
    assert not work(ctx, "import", broken)
    api.refused(409, "POST", f"{place}/cancel")
    api.ok("POST", f"{place}/retry")
    assert work(ctx, "import", done)
    api.refused(409, "POST", f"{place}/retry")
    api.refused(404, "POST", f"/admin/accounts/alice/jobs/{id_}/retry")


def test_a_running_job_that_is_cancelled_writes_nothing_more(
    ctx: Context, alice: Access, charlie: Access, api: Api
) -> None:
    id_ = enqueue(ctx, charlie, "import")

    def slow(_ctx: Context, lease: jobs.Lease, stop: threading.Event) -> None:
        api.ok("POST", f"/admin/accounts/charlie/jobs/{id_}/cancel")
        done(ctx, lease, stop)

    assert work(ctx, "import", slow)
    (job,) = api.ok("GET", "/admin/jobs")["jobs"]
    assert (job["state"], job["error"]) == ("failed", "cancelled by an admin")
    assert not work(ctx, "import", slow)


def test_storage_says_what_each_account_takes(
    ctx: Context, alice: Access, charlie: Access, api: Api
) -> None:
    cases.add(ctx, charlie, *(cases.note(content=f"{n}") for n in range(3)))
    event = api.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})["id"]
    place = f"/events/{event}/files"
    api.ok("POST", place, params={"filename": "a"}, content=b"x" * 5000)
    told = api.ok("GET", "/admin/storage")
    rows = {row["username"]: row for row in told["accounts"]}
    assert (rows["charlie"]["events"], rows["charlie"]["attachmentBytes"]) == (3, 0)
    assert (rows["alice"]["events"], rows["alice"]["attachmentBytes"]) == (1, 5000)
    assert told["filesBytes"] == 5000
    assert told["databaseBytes"] > 100_000
    assert 0 < told["diskFree"] <= told["diskTotal"]


def test_a_quota_of_ones_own_is_kept_and_given_back(ctx: Context, alice: Access, api: Api) -> None:
    event = api.ok("POST", "/events", {"streamIds": ["diurnal-notes"], "type": "note/txt"})["id"]
    place = f"/events/{event}/files"
    told = api.ok("PATCH", "/admin/accounts/alice", {"attachmentQuota": 1000})
    assert (told["attachmentQuota"], told["quotaOwn"]) == (1000, True)
    assert api("POST", place, params={"filename": "a"}, content=b"x" * 1001).status_code == 413
    api.ok("POST", place, params={"filename": "a"}, content=b"x" * 600)
    assert api("POST", place, params={"filename": "b"}, content=b"y" * 600).status_code == 413
    (row,) = api.ok("GET", "/admin/storage")["accounts"]
    assert (row["attachmentQuota"], row["quotaOwn"]) == (1000, True)
    every = ctx.settings.attachment_quota_bytes
    told = api.ok("PATCH", "/admin/accounts/alice", {"attachmentQuota": None})
    assert (told["attachmentQuota"], "quotaOwn" in told) == (every, False)
    api.ok("POST", place, params={"filename": "b"}, content=b"y" * 600)
    api.refused(400, "PATCH", "/admin/accounts/alice", {"attachmentQuota": -1})
    # One's own account is still closed by nobody but another admin.
    api.refused(409, "PATCH", "/admin/accounts/alice", {"attachmentQuota": 1, "disabled": True})


@pytest.fixture
def log(ctx: Context) -> server_log.Writer:
    return server_log.Writer(ctx.settings.data_dir, "server", now=ctx.now, redacted=redacted)


def test_the_newest_lines_of_the_log_are_read_without_secrets(
    api: Api, log: server_log.Writer, clock: Clock
) -> None:
    log.write({"level": "info", "event": "worker started", "pid": 7})
    clock.tick(SECOND)
    try:
        raise ValueError(SECRET)
    except ValueError:
        said = {"level": "error", "event": "request failed", "exc_info": True, "path": SECRET}
        log.write({**said, "request": "abc-1", "api": "pryv", "token": "Bearer " + "a" * 30})
    clock.tick(SECOND)
    log.write({"level": "warning", "event": "jobs wait", "reason": "https://u:pw@db/x?key=k1"})
    lines = api.ok("GET", "/admin/logs")["lines"]
    assert [line["event"] for line in lines] == ["jobs wait", "request failed", "worker started"]
    assert [line["at"] * SECOND for line in lines] == [START + 2 * SECOND, START + SECOND, START]
    assert lines[1]["fields"]["error"] == "ValueError"
    assert "test_the_newest_lines" in lines[1]["fields"]["where"]
    for secret in (SECRET, "a" * 30, "pw@", "k1"):
        assert secret not in str(lines)
    (one,) = api.ok("GET", "/admin/logs", params={"request": "abc-1"})["lines"]
    assert (one["event"], one["api"]) == ("request failed", "pryv")
    worse = api.ok("GET", "/admin/logs", params={"level": "warning", "text": "JOBS"})["lines"]
    assert [line["event"] for line in worse] == ["jobs wait"]
    page = api.ok("GET", "/admin/logs", params={"limit": 2})
    rest = api.ok("GET", "/admin/logs", params={"limit": 2, "before": page["next"]})
    assert [line["event"] for line in rest["lines"]] == ["worker started"]
    assert "next" not in rest


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_log_keeps_its_size_and_its_newest(
    ctx: Context, log: server_log.Writer, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_log, "BYTES_MAX", 20_000)
    threads = [
        threading.Thread(target=lambda: [log.write({"event": f"e{n}"}) for n in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.write({"event": "the last"})
    folder = ctx.settings.data_dir
    for name in (server_log.FILE, server_log.OLDER):
        assert (folder / name).stat().st_size <= 20_000
    lines = api.ok("GET", "/admin/logs", params={"limit": 500})["lines"]
    assert lines[0]["event"] == "the last"
    assert 100 < len(lines) < 401


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_deleted_account_leaves_no_line_of_the_log(
    ctx: Context, charlie: Access, alice: Access, log: server_log.Writer
) -> None:
    log.write({"event": "job failed", "account": charlie.account_id})
    log.write({"event": "a mail was not sent", "reason": "to charlie at home"})
    log.write({"event": "charlies are others", "account": alice.account_id})
    accounts.delete(ctx, charlie.account_id)
    path: Path = ctx.settings.data_dir / server_log.FILE
    assert path.read_text().count("\n") == 1
    assert "charlies are others" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


SAYS = """
import structlog
from diurnal.cli import logs
from diurnal.cli.command import opened_context
with opened_context() as ctx:
    logs.keep(ctx, "worker")
    try:
        raise KeyError("a secret of somebody")
    except KeyError:
        structlog.get_logger("x").exception("job failed", job="j1", account=1)
    import logging
    logging.getLogger("y").warning("from a library: %s", "token=abcdef")
"""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_a_process_logs_is_there_for_admins(ctx: Context, api: Api) -> None:
    """Through the real log of a process of its own, structlog's and the standard one's lines."""
    env = {"PATH": "/usr/bin:/bin", "DIURNAL_DATA_DIR": str(ctx.settings.data_dir)}
    root = str(Path(__file__).parents[3])
    ran = subprocess.run(
        [sys.executable, "-c", SAYS],
        cwd=root,
        env={**env, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "a secret of somebody" in ran.stderr, "whoever runs the server sees all"
    library, failed = api.ok("GET", "/admin/logs")["lines"]
    assert (failed["event"], failed["level"], failed["process"]) == (
        "job failed",
        "error",
        "worker",
    )
    assert failed["fields"]["job"] == "j1"
    assert failed["fields"]["error"] == "KeyError"
    assert library["event"] == "from a library: token=***"
    assert "somebody" not in str((library, failed))
