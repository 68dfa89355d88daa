"""A server that is started again while its owner watches an import."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import NAME, PASSWORD, ZONE, command, served, visiting
from tests.browser.test_today import until

DAYS = 336 * 5
COLUMNS = 50


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of many days that explains itself."""
    file = tmp_path / "long.csv"
    heads = [f"Thing {i}" for i in range(COLUMNS)]
    rows = []
    for n in range(DAYS):
        day = f"{2020 + n // 336}-{1 + n % 336 // 28:02d}-{1 + n % 28:02d}"
        rows.append(",".join([day, *(str(2 + (n * 7 + i) % 90) for i in range(COLUMNS))]))
    file.write_text(",".join(["date", *heads]) + "\n" + "\n".join(rows) + "\n")
    return file


def test_an_import_goes_on_after_a_restart_in_the_middle_of_it(
    chromium: Browser, tmp_path: Path, table: Path
) -> None:
    home, port = tmp_path / "home", free_port()
    home.mkdir()
    command(home, "account", "create", NAME, "--password-stdin", "--timezone", ZONE, stdin=PASSWORD)
    token = command(home, "token", "create", "--account", NAME, "--api", "native")["token"]
    with served(home, port) as server:
        server.token = token
        with visiting(chromium, server) as visit:
            visit.sign_in()
            visit.go("/sources")
            visit.page.get_by_label("Files to import").set_input_files(table)
            row = visit.page.get_by_role("listitem").filter(has_text="long.csv")

            def written() -> int:
                found = server.call("GET", "/imports")["imports"]
                return int(found[0]["progress"].get("new", 0)) if found else 0

            until(lambda: written() > 0, 60)
            server.stop()
            expect(visit.page.get_by_text("The server does not answer just now")).to_be_visible()
            with served(home, port) as again:
                again.token = token
                [one] = again.call("GET", "/imports")["imports"]
                assert one["state"] in ("waiting", "running")
                expect(row).to_contain_text(f"{DAYS * COLUMNS:,} read", timeout=240_000)
                expect(visit.page.get_by_text("The server does not answer just now")).to_have_count(
                    0
                )
                [one] = again.call("GET", "/imports")["imports"]
                assert (one["state"], one["result"]["read"]) == ("done", DAYS * COLUMNS)
                told = again.call("GET", "/days?from=2020-01-01&to=2020-01-01")
                values = {k: v[0] for k, v in told["values"].items() if v[0] is not None}
                assert len(values) == COLUMNS
