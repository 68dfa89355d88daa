"""Canaries: secrets that a test uses, looked for wherever they must not be.

canaries = Canaries()
token = canaries.keep(make_a_token())
… use it, rightly and wrongly; hand in what was answered and logged …
assert not canaries.found_in(answers=texts, logs=captured)
assert not canaries.found_at_rest(ctx)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import select

from diurnal.services import audit
from diurnal.services.context import Context
from diurnal.store.sql import Engine, Sql
from diurnal.store.tables import metadata

SHORTEST = 8
"""Shorter ones are found by chance."""


class Canaries:
    """Secrets, and where they were found."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def keep(self, secret: str) -> str:
        """Remember a secret and return it."""
        assert len(secret) >= SHORTEST
        self._secrets.append(secret)
        return secret

    def found_in(self, **places: str | Iterable[str]) -> list[str]:
        """Return "place: beginning of the secret" for each that a text holds."""
        return [
            f"{place}: {secret[:6]}…"
            for place, given in places.items()
            for held in ([given] if isinstance(given, str) else given)
            for secret in self._secrets
            if secret in held or quote(secret) in held
        ]

    def found_at_rest(self, ctx: Context) -> list[str]:
        """Return where a secret lies: files of the data directory, tables, title of the process."""
        audit.flush(ctx)
        places = dict(self._at_rest(ctx))
        return [
            f"{place}: {secret[:6]}…"
            for place, held in places.items()
            for secret in self._secrets
            if secret.encode() in held
        ]

    def _at_rest(self, ctx: Context) -> Iterator[tuple[str, bytes]]:
        for path in sorted(ctx.settings.data_dir.rglob("*")):
            if path.is_file():
                yield path.name, path.read_bytes()
        if ctx.store.engine is Engine.POSTGRES:
            for table in metadata.sorted_tables:
                rows = ctx.store.read(lambda tx, t=table: tx.execute(Sql(select(t)), {}))
                yield table.name, repr(rows).encode()
        for name in ("cmdline", "environ", "comm"):
            yield name, Path(f"/proc/self/{name}").read_bytes()
