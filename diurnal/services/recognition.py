"""Which connector reads what was dropped: each entry goes to the one that is surest of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diurnal import plugins
from diurnal.connectors import Connector, Entry
from diurnal.errors import AppError, InvalidInput
from diurnal.model.records import Bad

SURE = 0.5
"""Below this a connector could read a file only with a mapping."""
MAPPED = "csv_file"
"""The connector that guided mappings are for."""


@dataclass
class Found:
    """What becomes of the entries of a drop.

    Attributes:
        chosen: connector's name, connector and entry.
        unsure: can be read with a mapping only.
        failed: why entries could not be read at all.
        read: what came of each connector.
    """

    chosen: list[tuple[str, Connector, Entry]] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    failed: list[AppError] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)


def recognise(entries: Mapping[str, Entry], options: Mapping[str, Any], found: Found) -> None:
    """Give each entry to the connector that is surest of it."""
    connectors = plugins.load("diurnal.connectors", "CONNECTOR", Connector)
    source = options.get("source") or (MAPPED if options.get("map") else None)
    if source is not None and source not in connectors:
        known = ", ".join(sorted(connectors))
        raise InvalidInput(f"no source is called {source!r} (there are {known})", field="source")
    least = SURE if source is None else 0.0
    used: dict[str, Connector] = {}
    rest: list[tuple[str, float]] = []
    for path, entry in entries.items():
        sure, name = 0.0, ""
        for one, connector in connectors.items():
            if source in (None, one) and connector.recognise is not None:
                said = connector.recognise(entry)
                if said > sure:
                    sure, name = said, one
        if sure > 0 and sure >= least and connectors[name].parse is not None:
            used[name] = connectors[name]
            found.chosen.append((name, connectors[name], entry))
        else:
            rest.append((path, sure))
    found.chosen = [c for c in found.chosen if not _is_part(c, used)]
    for path, sure in rest:
        if any(c.members is not None and c.members(path) for c in used.values()):
            continue
        (found.unsure if sure > 0 else found.unknown).append(path)


def _is_part(chosen: tuple[str, Connector, Entry], used: Mapping[str, Connector]) -> bool:
    """Return whether another connector reads the entry through one of its own.

    An export knows what its files are of: a route of a workout is no workout by itself.
    """
    name, _, entry = chosen
    others = (c for other, c in used.items() if other != name)
    return any(c.members is not None and c.members(entry.path) for c in others)


def nothing(found: Found) -> str:
    """Return why none of it can be read, in words."""
    if found.unsure:
        what = "say what its columns mean (--map FILE, or the page)"
        return f"{found.unsure[0]} needs a mapping: {what}"
    if found.bad and not found.unknown:
        return f"nothing here can be read: {found.bad[0].where}: {found.bad[0].reason}"
    shown = ", ".join(found.unknown[:3]) + (" …" if len(found.unknown) > 3 else "")
    return f"nothing here is recognised: {shown}" if shown else "there is nothing in it"
