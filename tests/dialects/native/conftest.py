"""The native API as its owner calls it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from diurnal.auth import keys
from diurnal.model.access import Access
from diurnal.services import accesses, accounts
from diurnal.services.context import Context, Ids
from diurnal.settings import load
from diurnal.store import migrate
from diurnal.store.blobs import Blobs
from diurnal.store.database import open_store
from tests import postgres
from tests.clock import Clock
from tests.conftest import PASSWORD
from tests.dialects.native.client import Api, opened, owner_token


@pytest.fixture
def api(ctx: Context, alice: Access) -> Iterator[Api]:
    """Alice's own token."""
    with opened(ctx, owner_token(ctx, alice)) as made:
        yield made


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def shared_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database and folder that the tests of a module share, on each engine."""
    folder = tmp_path_factory.mktemp("shared")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "diurnal.db")
        yield f"sqlite:///{folder / 'diurnal.db'}", folder
        return
    server: postgres.Postgres = request.getfixturevalue("postgres_server")
    name = server.create(server.template("schema", migrate.ensure))
    yield server.url(name), folder
    server.drop(name)


@pytest.fixture(scope="module")
def shared(shared_url: tuple[str, Path]) -> Iterator[Api]:
    """The same for many small tests that leave nothing behind, as refusals must not."""
    url, folder = shared_url
    store, clock = open_store(url), Clock()
    settings = load(data_dir=folder, database_url=url, environ={})
    made = Context(store, settings, keys.load(folder), Blobs(folder), clock.now, Ids(clock.now).new)
    account = accounts.create(made, username="alice", password=PASSWORD, timezone="Europe/Berlin")
    owner = accesses.personal(account.account_id, "alice")
    with opened(made, owner_token(made, owner)) as shared:
        yield shared
    store.close()
