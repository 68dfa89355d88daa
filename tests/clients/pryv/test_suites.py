"""The suites that Pryv's packages publish, run against our server over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal.services import accesses, accounts
from diurnal.services.context import Context
from tests.dialects.client import personal_token
from tests.live.following import Server, serving

HERE = Path(__file__).parent
PACKAGES = HERE / "node_modules"
USERNAME = "jslibtest"
PASSWORD = "jslibtest-pass"
IN_A_BROWSER = frozenset(
    {
        "[CATC]",
        "[CATD]",
    }
)
"""What the suite leaves out by itself where there is no browser."""

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def server(ctx: Context) -> Iterator[Server]:
    """A server that anybody may register at, with the account that the suites use."""
    opened = replace(ctx, settings=msgspec.structs.replace(ctx.settings, sign_up="open"))
    accounts.create(
        opened, username=USERNAME, password=PASSWORD, email=f"{USERNAME}@pryv.io", admin=False
    )
    with serving(opened) as running:
        yield running


def suite(server: Server, package: str, *files: str) -> dict[str, Any]:
    """Run a package's own tests; return what mocha reports."""
    node = shutil.which("node")
    if node is None or not (PACKAGES / package / "test").is_dir():
        pytest.skip("needs node, and `npm ci` in tests/clients/pryv, which scripts/test does")
    base = f"http://127.0.0.1:{server.port}/pryv"
    told = HERE / "node_modules" / ".told.json"
    done = subprocess.run(
        [
            node,
            str(PACKAGES / "mocha" / "bin" / "mocha.js"),
            "--exit",
            "--timeout=10000",
            f"--import={HERE / 'helpers.mjs'}",
            "--reporter=json",
            f"--reporter-option=output={told}",
            *files,
        ],
        cwd=PACKAGES / package,
        env={
            **os.environ,
            "DIURNAL_SERVICE_INFO": f"{base}/service/info",
            "DIURNAL_USERNAME": USERNAME,
            "DIURNAL_PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert told.exists(), done.stdout + done.stderr
    report: dict[str, Any] = json.loads(told.read_text())
    told.unlink()
    return report


def test_pryv_3(server: Server) -> None:
    report = suite(server, "pryv", "test/*.test.js")
    failed = {t["fullTitle"]: t["err"].get("message") for t in report["failures"]}
    assert not failed
    assert report["stats"]["passes"] > 100
    left_out = {t["title"].split()[0] for t in report["pending"]}
    assert left_out <= IN_A_BROWSER


def test_socket_io_3(server: Server) -> None:
    report = suite(server, "@pryv/socket.io", "test/*.test.js")
    assert not report["failures"]
    assert (report["stats"]["passes"], report["pending"]) == (10, [])


@pytest.mark.slow  # it sleeps for most of a minute
def test_monitor_3(server: Server) -> None:
    report = suite(server, "@pryv/monitor", "test/*.test.js")
    assert not report["failures"]
    assert (report["stats"]["passes"], report["pending"]) == (24, [])


def test_pryv_0_1_10_of_2014(server: Server) -> None:
    node = shutil.which("node")
    if node is None or not (PACKAGES / "pryv-0.1.10").is_dir():
        pytest.skip("needs node, and `npm ci` in tests/clients/pryv, which scripts/test does")
    account = server.ctx.store.read(lambda tx: accounts.find(tx, USERNAME))
    done = subprocess.run(
        [node, "old-client.cjs"],
        cwd=HERE,
        env={
            **os.environ,
            "DIURNAL_TEST_URL": f"http://127.0.0.1:{server.port}",
            "DIURNAL_TEST_USERNAME": USERNAME,
            "DIURNAL_TEST_TOKEN": personal_token(
                server.ctx, accesses.personal(account.account_id, USERNAME)
            ),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"read": 1, "heard": "eventsChanged"}
