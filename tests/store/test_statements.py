"""Every statement on an account's tables names the account: a shard holds nobody else's."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from diurnal import plugins
from diurnal.model.access import Access, Level, Permission
from diurnal.model.series import columns
from diurnal.services import (
    access_use,
    accesses,
    accounts,
    authentication,
    changelog,
    days,
    events,
    jobs,
    series,
    streams,
    zones,
)
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import postgres, tables
from diurnal.store.sql import Engine, Sql
from diurnal.store.sqlite_connection import SqliteTx
from tests import cases
from tests.clock import DAY, HOUR, START

KEYED = {
    t.name for t in tables.metadata.sorted_tables if t.name not in tables.DIRECTORY | tables.LOCAL
}
NAMED = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO) (\w+(?:, \w+)*)")

WHOLE_SERVER = (
    "accounts._LIST",  # commands list the accounts of the server
    "accounts._FIRST",  # the front page of the Personal API is somebody's where nobody asks
    "accounts._COUNT",
    "changes._LATEST",
    "changes._MANY",  # who listens for several accounts looks for all of them at once
    "batches._ANYONES",  # an operator names an import by its number alone
    "jobs._ANY_DUE",  # a worker takes what is due next, whose ever it is
    "jobs._NEXT",
    "jobs._LEASED_BY",
    "jobs._PAGE",  # an admin lists them all, without what they are about
    "jobs._BY_STATE",
    "jobs._COUNTS",  # an operator sees how many wait and how many are dead, of nobody in particular
    "jobs._DEAD",
    "webhooks._DUE",  # a worker calls whoever is due, whose ever it is
    "webhooks._HELD",
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Sql, int, Any]]:
    """Statements as they are run: (statement, engine, values)."""
    heard: list[tuple[Sql, int, Any]] = []
    for transaction in (SqliteTx, postgres._Tx):
        for name in ("execute", "one", "many"):
            run = getattr(transaction, name)

            def listening(self: Any, sql: Sql, values: Any, run: Any = run) -> Any:
                given = values if isinstance(values, Mapping) else list(values)
                heard.append((sql, self.engine, given))
                return run(self, sql, given)

            monkeypatch.setattr(transaction, name, listening)
    return heard


def _live(ctx: Context, who: Access) -> None:
    """A day in the life of an account."""
    cases.plant(ctx, who, "a", "b", client_data={"x": 1})
    cases.write(ctx, streams.update, who, "b", {"parent_id": "a", "measure": "weight"})
    made = cases.add(
        ctx,
        who,
        cases.weigh(70, START, source="scale", source_id="w1"),
        cases.weigh(71, START + DAY, source="scale", source_id="w2", tags=("x",)),
        cases.note(stream_ids=("a", "b"), tags=("x", "y"), duration=40 * DAY, id="mine"),
    )
    cases.add(ctx, who, cases.weigh(70.5, START, source="scale", source_id="w1"))
    cases.write(ctx, events.update, who, "mine", {"content": 5, "type": "mass/kg"})
    cases.write(ctx, events.set_trashed, who, "mine", trashed=True)
    cases.write(ctx, events.delete, who, made[1].id)
    cases.write(ctx, days.write_rows, who, [NewDay("weight", 20514, 70, "other")])
    cases.write(ctx, days.remove_row, who, "weight", 20514, "other")
    points = columns([START + i * HOUR for i in range(48)], [60.0] * 48)
    cases.write(ctx, series.write, who, "heart_rate", "watch", points, batch_id=7)
    cases.write(ctx, series.write, who, "heart_rate", "watch", points.take(slice(3)), batch_id=8)
    cases.write(ctx, accounts.update, who, settings={"sources": {"weight": ["scale"]}})
    cases.write(ctx, zones.replace, who, 0, [(START + HOUR, "Asia/Tokyo")])
    cases.write(ctx, accounts.update, who, timezone="America/New_York")
    stored, token = cases.write(
        ctx,
        accesses.create,
        who,
        name="app",
        permissions=[
            Permission(Level.READ, "a", tags=("x",)),
            Permission(Level.READ, measures=("weight",), start=0),
        ],
    )
    app = cases.read(ctx, authentication.resolve, token)
    for caller in (who, app):
        for query in (
            {},
            {"start": START, "end": START + DAY, "any_of": frozenset({"a"}), "types": ("mass/*",)},
            {"all_of": (frozenset({"a"}),), "none_of": frozenset({"b"}), "tags": ("x",)},
            {"measures": ("weight",), "sources": ("scale",), "batch": 3, "running": True},
            {"state": "all", "ascending": True, "modified_since": 0, "after": (0, "a")},
        ):
            cases.found(ctx, caller, **query)
        cases.read(ctx, streams.visible, caller)
        cases.read(ctx, days.extent, caller)
        cases.read(ctx, days.values, caller, ["weight"], 20500, 20520, lineage=True)
        cases.read(ctx, series.listed, caller)
    cases.read(ctx, days.values, who, ["heart_rate", "weight"], 20500, 20520)
    for width in (10, 4_000):
        cases.read(ctx, series.buckets, who, "heart_rate", START, START + 2 * DAY, width)
    cases.read(ctx, series.read, who, "heart_rate", START, START + DAY)
    ctx.store.read(lambda tx: events.deletions(tx, who, 0))
    ctx.store.read(lambda tx: streams.deletions(tx, who, 0))
    ctx.store.read(lambda tx: changelog.since(tx, who, 0, 10))
    cases.write(ctx, lambda tx, ctx: jobs.enqueue(tx, ctx, who.account_id, "x", {}, idem_key="k"))
    cases.write(ctx, access_use.flush_uses, dict(ctx.uses))
    ctx.store.read(lambda tx: accesses.listed(tx, who))
    cases.write(ctx, accesses.revoke, who, stored.access.id)
    for drop in (series.drop_batch, days.drop_batch):
        cases.write(ctx, drop, who, 7, 100)
    cases.write(ctx, streams.update, who, "a", {"trashed": True})
    cases.read(ctx, days.values, who, ["weight"], 20500, 20520)
    cases.write(ctx, streams.delete, who, "a", merge=False)
    cases.write(ctx, lambda tx, ctx: None)


def _accounts(sql: Sql, engine: Any, values: Any) -> Iterable[Any]:
    """Yield what is bound for the account."""
    names = sql.text(engine).names
    places = [i for i, n in enumerate(names) if n in ("account", "account_id")]
    rows = values if isinstance(values, list) else [sql.text(engine).bind(engine, values)]
    for row in rows:
        for place in places:
            yield row[place]


def test_every_statement_names_its_account(
    ctx: Context, alice: Access, charlie: Access, said: list[tuple[Sql, int, Any]]
) -> None:
    _live(ctx, alice)
    texts: dict[str, tuple[Sql, Any, Any]] = {}
    for sql, engine, values in said:
        texts.setdefault(sql.text(engine).text, (sql, engine, values))
        assert set(_accounts(sql, engine, values)) <= {alice.account_id}
    assert len(texts) > 80
    seen = {table for text in texts for table in _check(text)}
    assert len(seen) >= 18


def _check(text: str) -> set[str]:
    """Return the account-keyed tables that a statement names, each bound to the account."""
    named = {name for listed in NAMED.findall(text) for name in listed.split(", ")} & KEYED
    for table in named:
        if text.startswith(f"INSERT INTO {table}"):
            assert re.match(rf"INSERT INTO {table} \(account_id\b", text), text
            continue
        bound = rf"\b{table}\.account_id = (\?|%s|\w+\.account_id)|= {table}\.account_id\b"
        assert re.search(bound, text), text
        assert "account_id = ?" in text or "account_id = %s" in text, text
    return named


def test_every_fixed_statement_names_its_account() -> None:
    found: dict[str, Sql] = {}
    for name in plugins.names("diurnal.store"):
        module = importlib.import_module(f"diurnal.store.{name}")
        for key, value in vars(module).items():
            listed = value if isinstance(value, tuple) else (value,)
            found |= {f"{name}.{key}": one for one in listed if isinstance(one, Sql)}
    assert len(found) > 120
    assert set(WHOLE_SERVER) <= set(found)
    for name, sql in found.items():
        for engine in Engine:
            if name not in WHOLE_SERVER:
                _check(sql.text(engine).text)
            else:
                with pytest.raises(AssertionError):
                    _check(sql.text(engine).text)
