"""`diurnal demo` and the first-run choice, as somebody meets them who only wants to look."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from diurnal.model.time import day_text
from diurnal.services import accesses, accounts, days, imports
from diurnal.services.context import Context, opened
from diurnal.settings import demo_data_dir, load
from diurnal.worker import handlers, step
from tests.cases import read
from tests.conftest import PASSWORD
from tests.dialects.native import client

WAIT_S = 90


@contextmanager
def demo(data_dir: Path) -> Iterator[tuple[str, list[str]]]:
    """Run the command; yield the link it prints and all that it says."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "diurnal", "demo", "--data-dir", data_dir, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    )
    assert process.stdout is not None
    said: list[str] = []
    found = threading.Event()

    def listen() -> None:
        for line in process.stdout or ():
            said.append(line)
            if "token=" in line:
                found.set()
        found.set()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        assert found.wait(WAIT_S), said
        link = re.search(r"http\S+token=\S+", "".join(said))
        assert link is not None, said
        yield link[0], said
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT_S)
        thread.join()
        process.stdout.close()
    assert process.returncode == 0, said


def get(opener: urllib.request.OpenerDirector, url: str) -> bytes:
    with opener.open(url, timeout=WAIT_S) as answer:
        return bytes(answer.read())


def test_one_click_after_the_command_there_are_days_to_see(data_dir: Path) -> None:
    with demo(data_dir) as (link, said):
        assert any("its password" in line for line in said)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        get(opener, link)
        base = link.partition("/sign-in")[0]
        account = json.loads(get(opener, f"{base}/api/v1/account"))
        assert account["username"] == "demo"
        [batch] = json.loads(get(opener, f"{base}/api/v1/imports"))["imports"]
        assert (batch["state"], batch["name"]) == ("done", "Demo data")
        last = batch["progress"]["last"]
        asked = f"{base}/api/v1/days?from={last}&to={last}&measures=weather_summary"
        assert json.loads(get(opener, asked))["values"]["weather_summary"] != [None]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(urllib.request.build_opener(), link)
    with demo(data_dir) as (again, said):
        assert again != link
        assert not any("its password" in line for line in said)
        assert not any("inventing" in line for line in said)
    log = "".join(said)
    assert "error" not in log


def test_made_up_data_never_go_among_real_ones(data_dir: Path) -> None:
    with opened(load(data_dir=data_dir, environ={})) as ctx:
        accounts.create(ctx, username="alice", password=PASSWORD)
    ran = subprocess.run(
        [sys.executable, "-m", "diurnal", "demo", "--data-dir", data_dir, "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert ran.returncode == 1
    assert "accounts of its own" in ran.stderr
    assert demo_data_dir({"XDG_DATA_HOME": "/x"}) != load(environ={"XDG_DATA_HOME": "/x"}).data_dir


def test_the_first_run_page_can_begin_with_a_made_up_year(ctx: Context) -> None:
    with client.opened(ctx) as browser:
        page = browser.page("GET", "/setup")
        assert 'value="fresh" checked' in page.text
        assert "/setup/restore" in page.text
        form = {"username": "alice", "password": "short", "begin": "demo"}
        again = browser.page("POST", "/setup", data=form)
        assert 'value="demo" checked' in again.text
        made = browser.page("POST", "/setup", data=form | {"password": PASSWORD})
        assert (made.status_code, made.headers["location"]) == (303, "/")
    owner = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    who = accesses.personal(owner.account_id, "alice")
    [batch] = ctx.store.read(lambda tx: imports.listed(tx, who))
    assert (batch.state, batch.name) == ("waiting", "Demo data")
    assert step(ctx, handlers(), owner="worker")
    today = ctx.state(*ctx.store.read(lambda tx: (tx, owner.account_id))).zones.day_at(ctx.now())
    [steps] = read(ctx, days.values, who, ["steps"], today, today)["steps"]
    assert steps.value, day_text(today)


def test_the_first_run_page_begins_with_nothing_unless_told(ctx: Context) -> None:
    with client.opened(ctx) as browser:
        browser.page("POST", "/setup", data={"username": "alice", "password": PASSWORD})
    owner = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
    who = accesses.personal(owner.account_id, "alice")
    assert ctx.store.read(lambda tx: imports.listed(tx, who)) == []
