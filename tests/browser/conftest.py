"""A server with a person's years in it, and a browser to look at it with."""

from __future__ import annotations

import importlib.resources
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import seed

ZONE = "Europe/Berlin"
PASSWORD = "correct horse battery staple"
NAME = "alice"
START_S = 60
ROWS_A_CALL = 5_000
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MODES = {
    "light": {"color_scheme": "light", "viewport": {"width": 1440, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1440, "height": 900}},
    "phone": {
        "color_scheme": "light",
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
    },
    "dark-phone": {
        "color_scheme": "dark",
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
    },
}
WAIT_MS = 20_000
"""For what will come to pass; an expectation that holds waits for nothing."""
expect.set_options(timeout=WAIT_MS)
AXE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


def today() -> str:
    """The day it is for the person."""
    return datetime.now(ZoneInfo(ZONE)).date().isoformat()  # noqa: TID251


@dataclass
class Server:
    """A running server, and one's own token for it."""

    url: str
    token: str = ""
    cookies: list[Any] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """End it as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API as a program of the person's."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/api/v1{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def mood(self) -> tuple[float | None, str | None]:
        """What is stored of today's mood, and whose word it is."""
        told = self.call("GET", f"/days?from={today()}&to={today()}&measures=mood")
        return told["values"]["mood"][0], told["sources"]["mood"][0]


@contextmanager
def served(home: Path, port: int = 0) -> Iterator[Server]:
    """Run a server of its own on a data directory, by default at a free port."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("DIURNAL_")}
    # Services of others are played by this machine.
    environ["DIURNAL_OUTBOUND_ALLOW"] = "127.0.0.0/8"
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "diurnal", "--data-dir", home, "serve", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=environ,
        )
        made = Server("", process=process)
        try:
            made.url = _address(home, process)
            yield made
        finally:
            made.stop()


def _address(home: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + START_S
    while time.monotonic() < ends and process.poll() is None:
        said = (home / "server.log").read_text()
        for word in said.split():
            if word.startswith("http://127.0.0.1:"):
                return word.rstrip("/")
        time.sleep(0.05)
    raise AssertionError((home / "server.log").read_text())


def command(home: Path, *arguments: str, stdin: str = "") -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "diurnal", "--data-dir", str(home), *arguments, "--json"],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(ran.stdout)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with five years of one account."""
    home = tmp_path_factory.mktemp("home")
    command(home, "account", "create", NAME, "--password-stdin", "--timezone", ZONE, stdin=PASSWORD)
    made = command(home, "token", "create", "--account", NAME, "--api", "native")
    with served(home) as running:
        running.token = made["token"]
        rows = seed.days(datetime.fromisoformat(today()).date())
        for start in range(0, len(rows), ROWS_A_CALL):
            running.call("POST", "/days", {"days": rows[start : start + ROWS_A_CALL]})
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's browser."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("TEST_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.fail("there is no Chromium here: run scripts/browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


@dataclass
class Visit:
    """One browser's view of a server, and what went wrong in it."""

    server: Server
    context: BrowserContext
    page: Page
    mode: str
    wrong: list[str] = field(default_factory=list)
    _axe: str = ""

    def go(self, path: str) -> None:
        """Open an address and wait until its data are there."""
        self.page.goto(self.server.url + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the page's heading stands and nothing loads."""
        self.page.locator("h1").first.wait_for()
        expect(self.page.locator(".wait")).to_have_count(0)
        self.page.evaluate("document.fonts.ready.then(() => null)")

    def sign_in(self) -> None:
        """Come in: with the session of an earlier visit, where there is one."""
        if not self.server.cookies:
            who = {"name": NAME, "password": PASSWORD}
            assert self.context.request.post(f"{self.server.url}/api/v1/session", data=who).ok
            self.server.cookies = self.context.cookies()
        self.context.add_cookies(self.server.cookies)

    def faults(self) -> list[str]:
        """What axe finds on the page as it is."""
        if not self._axe:
            held = importlib.resources.files("axe_playwright_python") / "axe.min.js"
            self._axe = held.read_text()
        # By the debugger's way, which the page's policy does not rule.
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": self._axe})
        found = self.page.evaluate(
            "tags => axe.run(document, {runOnly: tags}).then(r => r.violations)", AXE
        )
        return [
            f"{v['id']} ({v['impact']}): "
            + "; ".join(" ".join(map(str, node["target"])) for node in v["nodes"][:5])
            for v in found
        ]

    def overflow(self) -> int:
        """How many pixels the page is wider than the screen."""
        size = self.page.viewport_size
        assert size is not None
        # Not the window's: on a phone it grows with a page that is too wide.
        return int(self.page.evaluate("document.documentElement.scrollWidth")) - size["width"]

    def shoot(self, name: str) -> None:
        """Keep a picture where TEST_SHOTS says."""
        where = os.environ.get("TEST_SHOTS")
        if where:
            Path(where).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{where}/{name}_{self.mode}.png", full_page=True)


@contextmanager
def visiting(browser: Browser, server: Server, mode: str = "light") -> Iterator[Visit]:
    """Open a window of its own, with nobody signed in."""
    context = browser.new_context(timezone_id=ZONE, locale="en-GB", **MODES[mode])
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    visit = Visit(server, context, page, mode)
    page.on(
        "console",
        lambda m: visit.wrong.append(m.text) if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: visit.wrong.append(str(error)))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith((server.url, "blob:", "data:"))
            else visit.wrong.append(f"asked {r.url}")
        ),
    )
    try:
        yield visit
    finally:
        context.close()


@pytest.fixture
def visit(chromium: Browser, server: Server) -> Iterator[Visit]:
    """The signed-in person at a desk."""
    with visiting(chromium, server) as made:
        made.sign_in()
        yield made
