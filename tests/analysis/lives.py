"""Invented lives with planted links: several structures, so that nothing is tuned to one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.signal import lfilter

from diurnal.analysis import Days, MeasureInfo
from diurnal.model.measures import Daily

Array = np.ndarray[Any, Any]
FIRST_DAY = 19_000
STRUCTURES = ("level", "state", "episodes")


@dataclass(frozen=True)
class Plant:
    """`b` follows `a` by `lag` days."""

    a: int
    b: int
    lag: int
    sign: int
    alone: bool = True
    """Whether nothing else joins the two; where something does, their sign is the sum of both."""


@dataclass(frozen=True)
class Life:
    days: Days
    planted: tuple[Plant, ...]
    nulls: frozenset[tuple[int, int]]
    """Pairs (i < j) without a path or common cause between them; the others are neither."""


def live(
    seed: int,
    *,
    days: int,
    measures: int = 40,
    links: int = 34,
    structure: str = "level",
    effects: tuple[float, float] = (0.1, 0.6),
    gaps: bool = True,
) -> Life:
    """Make one life.

    Effects are in standard deviations of the outcome's own noise for one of the cause's.

    level: an effect adds to that day's value.
    state: it enters the outcome's memory and fades with it.
    episodes: levels shift at random dates, noise has heavy tails and is quieter at weekends,
        and there are trips and illnesses.
    """
    rng = np.random.default_rng([seed, days, measures, STRUCTURES.index(structure)])
    order = rng.permutation(measures)
    memory = rng.choice([0.0, 0.3, 0.5, 0.7, 0.9], measures, p=[0.2, 0.3, 0.2, 0.2, 0.1])
    plants, parents = _wire(rng, order, links)
    strength = {p: rng.uniform(*effects) for p in plants}
    burn = 60
    n = days + burn
    latent = np.zeros((n, measures))
    calendar = _calendar(rng, n, measures, burn)
    for j in order:
        shock = _noise(rng, n, structure)
        drive = np.zeros(n)
        for plant in parents[j]:
            cause = np.roll(latent[:, plant.a], plant.lag)
            cause[: plant.lag] = 0
            spread = cause.std()
            drive += plant.sign * strength[plant] * cause / (spread if spread > 0 else 1)
        phi = memory[j]
        if structure == "state":
            latent[:, j] = _remember(shock * np.sqrt(1 - phi**2) + drive * (1 - phi) ** 0.5, phi)
        else:
            latent[:, j] = _remember(shock * np.sqrt(1 - phi**2), phi) + drive
    if structure == "episodes":
        latent = latent + _shifts(rng, n, measures)
    seen = (latent + calendar)[burn:]
    values, infos = _marginals(rng, seen)
    if gaps:
        _punch(rng, values)
    table = Days(FIRST_DAY, infos, values)
    plants = [replace(p, alone=_alone(measures, plants, p)) for p in plants]
    return Life(table, tuple(plants), _unlinked(measures, plants))


def _wire(
    rng: np.random.Generator, order: Array, links: int
) -> tuple[list[Plant], dict[int, list[Plant]]]:
    plants: list[Plant] = []
    parents: dict[int, list[Plant]] = {int(j): [] for j in order}
    taken: set[tuple[int, int]] = set()
    # Two in three measures take part, so that true nulls remain plentiful.
    players = [int(j) for j in order[: max(2, 2 * len(order) // 3)]]
    while len(plants) < links:
        i, j = sorted(rng.choice(len(players), 2, replace=False))
        a, b = players[i], players[j]
        if (a, b) in taken or len(parents[b]) >= 3:
            continue
        taken.add((a, b))
        plant = Plant(a, b, int(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1])), int(rng.choice([1, -1])))
        plants.append(plant)
        parents[b].append(plant)
    return plants, parents


def _noise(rng: np.random.Generator, n: int, structure: str) -> Array:
    if structure != "episodes":
        return rng.normal(size=n)
    noise = rng.standard_t(4, n) / np.sqrt(2)
    quiet = (np.arange(n) + FIRST_DAY + 3) % 7 >= 5
    return np.where(quiet, rng.uniform(0.2, 1), 1.0) * noise


def _remember(shock: Array, phi: float) -> Array:
    made: Array = lfilter([1.0], [1.0, -phi], shock)
    return made


def _calendar(rng: np.random.Generator, n: int, measures: int, burn: int) -> Array:
    """Weekdays, seasons and trends that many measures share: common causes, no links."""
    day = np.arange(n) + FIRST_DAY - burn
    week = np.where(((day + 3) % 7) >= 5, 1.0, -0.4)
    lone = np.eye(7)[(day + 3) % 7]
    year = 2 * np.pi * day / 365.25
    made = np.zeros((n, measures))
    for j in range(measures):
        made[:, j] += rng.choice([0, 0.5, 1.0, -1.0]) * week + lone @ rng.normal(0, 0.3, 7)
        made[:, j] += rng.choice([0, 0.5, 1.0]) * np.sin(year + rng.choice([0, 0.3, np.pi]))
        made[:, j] += rng.choice([0, 0, 0.6, -0.6, 1.2]) * np.linspace(-1, 1, n)
    return made


def _shifts(rng: np.random.Generator, n: int, measures: int) -> Array:
    made = np.zeros((n, measures))
    for j in range(measures):
        for _ in range(rng.poisson(n / 500)):
            made[rng.integers(n) :, j] += rng.normal(0, 0.8)
    return made


def _marginals(rng: np.random.Generator, seen: Array) -> tuple[Array, tuple[MeasureInfo, ...]]:
    values = np.empty_like(seen)
    infos = []
    for j in range(seen.shape[1]):
        x = (seen[:, j] - seen[:, j].mean()) / seen[:, j].std()
        shape = rng.choice(["plain", "skewed", "count", "rare", "scale", "tag"], p=_SHAPES)
        tag = False
        if shape == "plain":
            y = 60 + 10 * x
        elif shape == "skewed":
            y = np.exp(8 + 0.5 * x)
        elif shape == "count":
            y = np.floor(np.exp(1.2 + 0.6 * x))
        elif shape == "rare":
            y = np.maximum(0, np.floor(2 * (x - 0.3)))
        elif shape == "scale":
            y = np.clip(np.rint(5 + 1.5 * x), 1, 9)
        else:
            y = (x > rng.uniform(0.0, 1.3)).astype(float)
            tag = True
        values[:, j] = y
        kind = Daily.ANY if tag else Daily.SUM
        infos.append(MeasureInfo(key=f"m{j}", label=f"Measure {j}", kind=kind, is_tag=tag))
    return values, tuple(infos)


_SHAPES = [0.4, 0.2, 0.15, 0.05, 0.1, 0.1]


def _punch(rng: np.random.Generator, values: Array) -> None:
    n, measures = values.shape
    for j in range(measures):
        kind = rng.integers(5)
        if kind == 0:
            values[rng.random(n) < rng.uniform(0.05, 0.4), j] = np.nan
        elif kind == 1:
            for _ in range(max(1, n // 150)):
                start = rng.integers(n)
                values[start : start + rng.integers(5, 25), j] = np.nan
        elif kind == 2:
            values[: rng.integers(n // 4), j] = np.nan


def _alone(measures: int, plants: list[Plant], plant: Plant) -> bool:
    others = [p for p in plants if (p.a, p.b) != (plant.a, plant.b)]
    return (min(plant.a, plant.b), max(plant.a, plant.b)) in _unlinked(measures, others)


def _unlinked(measures: int, plants: list[Plant]) -> frozenset[tuple[int, int]]:
    above: dict[int, set[int]] = {j: {j} for j in range(measures)}
    changed = True
    while changed:
        changed = False
        for plant in plants:
            if not above[plant.a] <= above[plant.b]:
                above[plant.b] |= above[plant.a]
                changed = True
    return frozenset(
        (i, j) for i in range(measures) for j in range(i + 1, measures) if not above[i] & above[j]
    )
