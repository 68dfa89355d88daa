"""Money."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Measure, Shape

FAMILY = family("finance", "Money")

MEASURES = (
    Measure(
        key="money_spent",
        label="Money spent",
        group="finance",
        # Of the account's own currency; other currencies are never added to it.
        unit="currency",
        shape=Shape.EVENT,
        daily=Daily.SUM,
        low=-100_000_000,
        high=100_000_000,
        names={
            "exist": named("money_spent", unit="currency"),
            "personicle": ev("MoneySpent", unit="currency"),
        },
    ),
)
