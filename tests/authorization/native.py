"""The native API's table; its rows stand in `table`."""

from __future__ import annotations

from tests.authorization import table
from tests.authorization.tables import Table

TABLE = Table("native", table.TABLE)
