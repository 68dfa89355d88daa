"""What every test may ask for: a database on each engine, a folder, a clock; and no network."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import postgres
from tests.clock import Clock

# No deadline: on a busy machine a slow example is no finding.
hypothesis.settings.register_profile("suite", deadline=None, print_blob=True)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.open_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        postgres.close_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("TEST_POSTGRES") != "no":
        return
    left_out = pytest.mark.skip(reason="TEST_POSTGRES=no")
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(left_out)


@pytest.fixture
def clock() -> Clock:
    """The time, until the test moves it."""
    return Clock()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data directory."""
    made = tmp_path / "data"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture(scope="session")
def postgres_server() -> postgres.Postgres:
    """The run's private server; tests that use it carry the marker `postgres`."""
    return postgres.start()


@pytest.fixture
def postgres_url(postgres_server: postgres.Postgres) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(data_dir: Path) -> str:
    """Where the SQLite file of the test's data directory is to be."""
    return f"sqlite:///{data_dir / 'diurnal.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: the test runs once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Close sockets to everywhere but this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        look_up = socket.getaddrinfo

        def look_up_here(host: Any, *args: Any, **kwargs: Any) -> Any:
            _refuse_outside(host)
            return look_up(host, *args, **kwargs)

        patch.setattr(socket, "getaddrinfo", look_up_here)
        yield


def _guarded(method: Any) -> Any:
    def guarded(self: socket.socket, *args: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_outside(args[-1][0])
        return method(self, *args)

    return guarded


def _refuse_outside(host: Any) -> None:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost") or str(host).endswith(".localhost"):
        return
    try:
        here = ipaddress.ip_address(host)
    except ValueError:
        here = None
    if here is None or not (here.is_loopback or here.is_unspecified):
        raise PermissionError(f"tests reach this machine only, not {host!r}")
