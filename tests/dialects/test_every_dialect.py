"""Every dialect can say every error."""

from __future__ import annotations

import inspect

import pytest

from diurnal import errors
from diurnal.app import dialects
from diurnal.dialects import Dialect
from diurnal.errors import AppError

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
