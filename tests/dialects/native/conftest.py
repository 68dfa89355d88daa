"""The native API as its owner calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from diurnal.model.access import Access
from diurnal.services.context import Context
from tests.dialects.native.client import Api, opened, owner_token


@pytest.fixture
def api(ctx: Context, alice: Access) -> Iterator[Api]:
    """Alice's own token."""
    with opened(ctx, owner_token(ctx, alice)) as made:
        yield made
