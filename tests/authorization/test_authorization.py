"""Every endpoint of every dialect x every kind of token x whatever it is aimed at."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import json
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from diurnal import http
from diurnal.app import dialects
from diurnal.dialects import Dialect
from diurnal.model.access import Access
from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.settings import DialectSettings
from tests.authorization.table import AIMS, KINDS, OUTSIDE, Aim, Row
from tests.authorization.tables import Table
from tests.authorization.world import World
from tests.clock import Clock
from tests.dialects.native.client import Api, opened

HERE = Path(__file__).parent
DIALECTS = dialects()


def _tables() -> dict[str, Table]:
    found: dict[str, Table] = {}
    for info in pkgutil.iter_modules([str(HERE)]):
        if info.name in ("table", "tables", "world") or info.name.startswith("test_"):
            continue
        module = importlib.import_module(f"tests.authorization.{info.name}")
        found[module.TABLE.dialect] = module.TABLE
    return found


TABLES = _tables()
UNKNOWN = frozenset({"none", "garbage"})
"""Tokens of which nobody can say whose they are: no account's audit has them."""


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_every_route_has_a_row(dialect: Dialect) -> None:
    assert dialect.routes, f"{dialect.name} lists no routes: see tests/authorization/tables"
    rows = TABLES[dialect.name].rows if dialect.name in TABLES else {}
    without = sorted(set(dialect.routes) - set(rows))
    assert not without, f"tests/authorization/{dialect.name}.py has no row for {without}"
    assert set(rows) == set(dialect.routes)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda d: d.name)
def test_routes_are_those_of_the_router(
    dialect: Dialect, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: set[str] = set()
    real = http.router

    def watched(paths: Any, otherwise: Any) -> Any:
        made.update(paths)
        return real(paths, otherwise)

    monkeypatch.setattr(http, "router", watched)
    dialect.app(ctx)
    if made:
        assert {route.partition(" ")[2] for route in dialect.routes} == made


def test_every_aim_and_kind_is_used() -> None:
    rows = [row for table in TABLES.values() for row in table.rows.values()]
    assert {aim for row in rows for aim in row.aims} == set(Aim)
    assert set(AIMS) < set(Aim)
    requests = sum(
        len(KINDS) * len(row.aims) for table in TABLES.values() for row in table.rows.values()
    )
    assert requests >= 5_000


def filled(given: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(given, str):
        whole = given[1:-1]
        if given.startswith("{") and whole in known:
            return known[whole]
        return given.format(**known) if "{" in given else given
    if isinstance(given, dict):
        return {k: filled(v, known) for k, v in given.items()}
    return [filled(v, known) for v in given] if isinstance(given, list) else given


class Door:
    """One dialect, called as it is served."""

    def __init__(self, api: Api, table: Table) -> None:
        self._api, self._table = api, table
        self._prefix = DIALECTS[table.dialect].prefix

    def send(self, token: str | None, name: str, row: Row, known: Mapping[str, Any]) -> Any:
        method, _, path = name.partition(" ")
        plain = path.replace(":path}", "}")
        whole = plain.format(**{k: filled(v, known) for k, v in row.path.items()})
        query = f"?{row.query.format(**known)}" if row.query else ""
        given: dict[str, Any] = {"headers": dict(row.headers)}
        if token is not None:
            carried = dict(self._table.carry(token))
            given["headers"] |= carried.pop("headers", {})
            given |= carried
        if row.content is not None:
            given["content"] = row.content
        body = filled(row.body, known)
        if body is not None:
            given["json"] = body
        return self._api.page(method, self._prefix + whole + query, **given)

    def shown(
        self, token: str | None, name: str, row: Row, known: Mapping[str, Any]
    ) -> tuple[int, str]:
        """Return status and text of an answer, without what tells whose it is."""
        answer = self.send(token, name, row, known)
        return answer.status_code, _anonymous(answer.text, known, self._table)


CORE = frozenset({"days", "events", "series", "streams", "tokens"})
"""Groups of the native API that are tried on both engines; what a door says is of no engine."""


def _parts() -> list[Any]:
    """Return (engine, dialect, group of its paths): a test each."""
    named = sorted({(d, _group(name)) for d in TABLES if d in DIALECTS for name in TABLES[d].rows})
    both = [part for part in named if part[0] == "native" and part[1] in CORE]
    return [*(("sqlite", *part) for part in named), *(_on_postgres(*part) for part in both)]


def _on_postgres(*values: str) -> Any:
    return pytest.param("postgres", *values, marks=pytest.mark.postgres)


def _group(name: str) -> str:
    words = [w for w in name.split("/")[1:] if w and not w.startswith("{")]
    return words[0] if words else "root"


@pytest.fixture
def worlds(ctx: Context, clock: Clock, alice: Access, charlie: Access) -> Any:
    # The tests call faster than a contract may allow.
    free = {name: DialectSettings(rate="none", plain_http=True) for name in DIALECTS}
    settings = msgspec.structs.replace(ctx.settings, dialects=free, address_rate="none")
    unlimited = dataclasses.replace(ctx, settings=settings)
    return lambda api: World(unlimited, clock, alice, charlie, api)


def _lines(ctx: Context, who: Access, door: str) -> int:
    audit.flush(ctx)
    found = ctx.store.read(
        lambda tx: audit.find(tx, who, audit.Query(doors=(door,), limit=1_000_000))
    )
    return len(found)


def _ends_itself(name: str) -> bool:
    """Whether a call would end the token that the next calls need; other tests have it."""
    return name in ("DELETE /session",)


@pytest.mark.parametrize(("engine", "dialect", "group"), _parts())
def test_every_token_gets_what_the_table_says(worlds: Any, dialect: str, group: str) -> None:
    """And leaves exactly one line in the audit, done or refused."""
    table = TABLES[dialect]
    world: World = worlds(table.api or dialect)
    wrong: list[str] = []
    noted = 0
    with opened(world.ctx) as api:
        door = Door(api, table)
        before = _lines(world.ctx, world.alice, dialect)
        for name, row in table.rows.items():
            if _group(name) != group:
                continue
            for kind, aim in itertools.product(KINDS, row.aims):
                if kind in table.without:
                    continue
                if (row.endless or _ends_itself(name)) and kind not in OUTSIDE:
                    continue
                answer = door.send(world.tokens[kind], name, row, world.aim(aim, kind, row))
                world.tidy(row)
                outside = kind in OUTSIDE and not row.public
                wanted = table.refused(kind) if outside else row.expected(kind, aim)
                noted += kind not in UNKNOWN and not row.public
                if answer.status_code != wanted:
                    wrong.append(
                        f"{name} as {kind} at {aim}: {answer.status_code} for {wanted}"
                        f" {answer.text[:120]}"
                    )
        lines = _lines(world.ctx, world.alice, dialect) - before
    assert not wrong, "\n".join(wrong)
    assert lines == noted


@pytest.mark.parametrize(
    ("engine", "dialect"),
    [*(("sqlite", d) for d in sorted(set(TABLES) & set(DIALECTS))), _on_postgres("native")],
)
def test_another_accounts_id_answers_like_one_that_is_not_there(worlds: Any, dialect: str) -> None:
    """For everyone, in status and body; only the id itself may differ."""
    table = TABLES[dialect]
    world: World = worlds(table.api or dialect)
    differ: list[str] = []
    with opened(world.ctx) as api:
        door = Door(api, table)
        for name, row in table.rows.items():
            if Aim.OTHER not in row.aims:
                continue
            for kind in KINDS:
                if kind in table.without:
                    continue
                shown = []
                for aim in (Aim.OTHER, Aim.NOWHERE):
                    known = world.aim(aim, kind, row)
                    shown.append(door.shown(world.tokens[kind], name, row, known))
                world.tidy(row)
                if shown[0] != shown[1]:
                    differ.append(f"{name} as {kind}: {json.dumps(shown)}")
    assert not differ, "\n".join(differ)


def _anonymous(text: str, known: Mapping[str, Any], table: Table) -> str:
    for value in sorted((v for v in known.values() if isinstance(v, str)), key=len, reverse=True):
        if len(value) > 5:
            text = text.replace(value, "<id>")
    text = text.replace("nowhere", "<id>").replace(f"import {known['batch']}", "import <n>")
    for word, instead in table.alike.items():
        text = text.replace(word, instead)
    return text


@pytest.mark.parametrize("dialect", sorted(set(TABLES) & set(DIALECTS)))
def test_a_nul_in_a_path_is_answered_alike_on_both_engines(worlds: Any, dialect: str) -> None:
    """Like bytes that are no UTF-8, which either engine can look for; natively it is not there."""
    table = TABLES[dialect]
    world: World = worlds(table.api or dialect)
    differ: list[str] = []
    with opened(world.ctx) as api:
        door = Door(api, table)

        def shown(name: str, row: Row, part: str, text: str, kind: str) -> tuple[int, str]:
            known = world.aim(Aim.INSIDE if Aim.INSIDE in row.aims else row.aims[0], kind, row)
            odd = dataclasses.replace(row, path={**row.path, part: text})
            told = door.shown(world.tokens[kind], name, odd, known)
            world.tidy(row)
            return told

        for name, row in table.rows.items():
            for part, kind in itertools.product(row.path, ("none", "owner", "session")):
                if kind in table.without or row.endless:
                    continue
                told = shown(name, row, part, "a%00b", kind)
                if dialect == "native":
                    fine = told[0] in (401, 404)
                else:
                    fine = told == shown(name, row, part, "a%FFb", kind)
                if not fine:
                    differ.append(f"{name} as {kind}, {part}: {json.dumps(told)}")
    assert not differ, "\n".join(differ)
