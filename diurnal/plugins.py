"""Find what the open folders hold: a module that defines the expected constant is in."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


def names(package: str) -> list[str]:
    """Return the module names below `package`, sorted, without importing any of them."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        return []
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(m.name for m in found if not m.name.startswith("_"))


def modules(package: str) -> Iterator[ModuleType]:
    """Import and yield the modules of `package`; a broken one stops the start."""
    for name in names(package):
        yield importlib.import_module(f"{package}.{name}")


def one(package: str, constant: str, kind: type[T], name: str) -> T | None:
    """Return `constant` of one module of `package`, or of one entry point; import no other."""
    if name in names(package):
        value = getattr(importlib.import_module(f"{package}.{name}"), constant, None)
        return value if isinstance(value, kind) else None
    for entry in importlib.metadata.entry_points(group=package, name=name):
        value = entry.load()
        return value if isinstance(value, kind) else None
    return None


def load(package: str, constant: str, kind: type[T]) -> dict[str, T]:
    """Return `constant` of every module of `package` that defines it, by module name.

    Entry points of the group named like `package` are added; one that fails to load is
    logged and left out, while a broken built-in stops the start.
    """
    found: dict[str, T] = {}
    for module in modules(package):
        value = getattr(module, constant, None)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise TypeError(f"{module.__name__}.{constant} is no {kind.__name__}")
        found[module.__name__.rpartition(".")[2]] = value
    for entry in importlib.metadata.entry_points(group=package):
        try:
            value = entry.load()
        except Exception:
            # An outside plug-in must not stop the start.
            log.exception("plug-in left out", extra={"plugin": entry.name, "group": package})
            continue
        if isinstance(value, kind):
            found.setdefault(entry.name, value)
    return found
