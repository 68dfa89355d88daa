"""What holds of every dialect."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import diurnal.dialects
from diurnal import errors
from diurnal.app import dialects
from diurnal.dialects import Dialect
from diurnal.errors import AppError
from diurnal.services import legacy

DIALECTS = dialects()
ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AppError) and kind.__module__ == errors.__name__
]
NEAREST_SUFFICES = {errors.UnknownReference, errors.HiddenReference}
"""Kinds of another error, which a dialect may word as that one."""


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_every_dialect_can_say_every_error(dialect: Dialect, kind: type[AppError]) -> None:
    known = set(dialect.statuses)
    assert kind in known or kind in NEAREST_SUFFICES
    status, words = next(dialect.statuses[k] for k in kind.__mro__ if k in known)
    assert 400 <= status < 600
    assert words


@pytest.mark.parametrize("way", legacy.WAYS, ids=lambda way: way.key)
def test_every_switch_of_a_legacy_way_switches_something(way: legacy.Way) -> None:
    folder = Path(diurnal.dialects.__path__[0]) / way.dialect
    assert any(f'"{way.key}"' in file.read_text() for file in folder.rglob("*.py"))
