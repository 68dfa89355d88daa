"""Interactions: what somebody did with a product, an article, an app."""

from __future__ import annotations

from diurnal.catalog._names import ev, family, named
from diurnal.model.measures import Daily, Measure, Shape, ValueKind

FAMILY = family("interactions", "Interactions")

MEASURES = (
    Measure(
        key="item_interaction",
        label="Interactions",
        group="interactions",
        unit="1",
        shape=Shape.EVENT,
        daily=Daily.COUNT,
        value=ValueKind.OBJECT,
        low=0,
        high=100_000,
        names={"pryv": named("interaction/item"), "personicle": ev("ItemInteraction")},
    ),
    Measure(
        key="app_session",
        label="Tracked sessions",
        group="interactions",
        unit="1",
        shape=Shape.SESSION,
        daily=Daily.COUNT,
        value=ValueKind.OBJECT,
        low=0,
        high=100_000,
        names={"pryv": named("interaction/session"), "personicle": ev("AppSession")},
    ),
)
