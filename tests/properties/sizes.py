"""How many examples a property gets: few in every run, many under `slow`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diurnal.model.access import Access
from diurnal.services import accesses, accounts
from diurnal.services.context import Context

_made = iter(range(10**9))


def sized(few: int, many: int) -> Any:
    """Run the test with `few` examples, and with `many` where slow tests run."""
    return pytest.mark.parametrize("examples", [few, pytest.param(many, marks=pytest.mark.slow)])


def forall(examples: int, check: Callable[[st.DataObject], None]) -> None:
    """Run `check` on that many drawn examples."""

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(data)

    run()


def owner(ctx: Context, timezone: str = "Europe/Berlin") -> Access:
    """Return a new account's owner: each example has an account of its own."""
    name = f"p{next(_made):06}"
    made = accounts.create(ctx, username=name, password="correct horse", timezone=timezone)
    return accesses.personal(made.account_id, name)
