"""A source made up for tests, and its service on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import msgspec

from diurnal.connectors import Connector, Cursor, Http, Key, Options, Pull, Window
from diurnal.model.access import Access
from diurnal.model.records import Datum, Source
from diurnal.model.time import DAY
from diurnal.services import connections, sources, syncs
from diurnal.services.context import Context
from diurnal.settings import ConnectorSettings
from diurnal.store.connections import Stored
from tests.upstream import Asked, Said, Upstream

HERE = (ip_network("127.0.0.0/8"),)
SOURCE = Source("Scale of tests", "dedicated")


def fetch(http: Http, window: Window, _options: Options) -> Iterator[Any]:
    """Yield the weights of a window, page by page."""
    asked = {"from": window.first_day, "to": window.last_day}
    for page in http.pages("/weights", asked, token=("next", "page")):
        for row in page["rows"]:
            yield Datum(
                source=SOURCE,
                source_id=str(row["id"]),
                type="mass/kg",
                measure="weight",
                start=row["day"] * DAY + row.get("at", 0),
                content=row["kg"],
            )


def changed(http: Http, window: Window, _options: Options) -> Iterator[Any]:
    """Yield what changed since the cursor."""
    told = http.get("/changes", {"since": window.cursor})
    for row in told["rows"]:
        yield Datum(
            source=SOURCE,
            source_id=str(row["id"]),
            type="mass/kg",
            measure="weight",
            start=row["day"] * DAY,
            content=row["kg"],
        )
    yield Cursor(told["cursor"])


CONNECTOR = Connector(
    name="testing",
    title="Testing",
    docs="https://example.org/",
    base_url="https://testing.example.org",
    auth=Key(label="Key"),
    pulls=(Pull(name="weights", fetch=fetch, slice_days=30, overlap_days=3, history_days=90),),
)


def with_(connector: Connector = CONNECTOR, **changes: Any) -> Connector:
    """Return the connector with something else."""
    return msgspec.structs.replace(connector, **changes)


def pointed(ctx: Context, url: str, name: str = "testing", **more: Any) -> Context:
    """Return a context in which a source lies at `url`."""
    told = {**ctx.settings.connectors, name: ConnectorSettings(base_url=url, **more)}
    settings = msgspec.structs.replace(ctx.settings, connectors=told, outbound_allow=HERE)
    return replace(ctx, settings=settings)


def connect(
    ctx: Context, owner: Access, connector: Connector, *, key: str | None = "the-key", **given: Any
) -> Stored:
    """Connect a source; nobody has looked yet."""
    wish = connections.prepare(ctx, connector, given, key=key)
    return ctx.store.write(lambda tx: connections.create(tx, ctx, owner, connector, wish)).result()[
        0
    ]


def use(monkeypatch: Any, connector: Connector) -> None:
    """Have the made-up source found."""
    find = sources.find
    monkeypatch.setattr(
        sources, "find", lambda name: connector if name == connector.name else find(name)
    )


class Weights:
    """A service that holds weights: rows by id, ten to a page."""

    def __init__(self, rows: Mapping[int, tuple[int, float]]) -> None:
        self.rows = dict(rows)
        self.size = 10

    def __call__(self, asked: Asked) -> Said:
        """Answer a window, page by page."""
        from diurnal.model.time import day_from_text

        first = day_from_text(asked.query["from"])
        last = day_from_text(asked.query["to"])
        found = [
            {"id": id_, "day": day, "kg": kg}
            for id_, (day, kg) in sorted(self.rows.items())
            if first <= day <= last
        ]
        page = int(asked.query.get("page", "0"))
        rows = found[page * self.size : (page + 1) * self.size]
        more = len(found) > (page + 1) * self.size
        return Said({"rows": rows, "next": str(page + 1) if more else None})


def run(ctx: Context, c: Stored, **how: Any) -> syncs.Outcome:
    """Do one run."""
    return syncs.run(ctx, c.account_id, c.id, **how)


__all__ = ["Asked", "Said", "Upstream"]
