"""What every test may ask for: a database on each engine, a folder, a clock; and no network."""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette import routing

from diurnal.auth import keys, passwords
from diurnal.model.access import Access
from diurnal.services import accesses, accounts
from diurnal.services.context import Context, Ids
from diurnal.settings import load
from diurnal.store import migrate
from diurnal.store.blobs import Blobs
from diurnal.store.database import Store, open_store
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


def pytest_collection_finish() -> None:
    """Keep what all tests share out of each search for garbage, as the server does."""
    from diurnal.process import keep_objects

    keep_objects()


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
def postgres_server() -> Iterator[postgres.Postgres]:
    """The run's private server; tests that use it carry the marker `postgres`."""
    server = postgres.start()
    yield server
    server.leave()


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


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    made = tmp_path_factory.mktemp("template") / "diurnal.db"
    migrate.ensure(f"sqlite:///{made}")
    return made


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, data_dir: Path, engine: str) -> Iterator[str]:
    """A database with the schema in place, on the engine of this run of the test."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), data_dir / "diurnal.db")
        yield f"sqlite:///{data_dir / 'diurnal.db'}"
        return
    server: postgres.Postgres = request.getfixturevalue("postgres_server")
    template = server.template("schema", migrate.ensure)
    name = server.lend(template)
    yield server.url(name)
    server.give_back(name, template)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """An open, empty store."""
    opened = open_store(migrated_url)
    yield opened
    opened.close()


@pytest.fixture
def ctx(store: Store, data_dir: Path, migrated_url: str, clock: Clock) -> Context:
    """What use cases get, with a clock of the test's own."""
    settings = load(data_dir=data_dir, database_url=migrated_url, environ={})
    return Context(
        store=store,
        settings=settings,
        keys=keys.load(data_dir),
        blobs=Blobs(data_dir),
        now=clock.now,
        new_id=Ids(clock.now).new,
    )


PASSWORD = "correct horse battery staple"


def _account(ctx: Context, name: str) -> Access:
    made = accounts.create(ctx, username=name, password=PASSWORD, timezone="Europe/Berlin")
    return accesses.personal(made.account_id, name)


@pytest.fixture
def alice(ctx: Context) -> Access:
    """An owner."""
    return _account(ctx, "alice")


@pytest.fixture
def charlie(ctx: Context) -> Access:
    """Another owner, who is to see nothing of the first."""
    return _account(ctx, "charlie")


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with its smallest cost: the algorithm is the real one, the price is not."""
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)


@pytest.fixture(autouse=True, scope="session")
def quick_applications() -> Iterator[None]:
    """Compile each path, and ask what is installed, once a run: most tests make an application."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing, "compile_path", cache(routing.compile_path))
        patch.setattr(importlib.metadata, "entry_points", cache(importlib.metadata.entry_points))
        yield


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
