"""Figures for Prometheus: what was asked and how long it took, and how the server does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

from diurnal.services.operations import Figures

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""

# Counted here, and made into the library's objects when somebody asks: a call costs 1 µs.
_counted: dict[tuple[str, int], list[float]] = {}
"""By API and status: how many answers took up to each bound, how many longer; seconds in all."""


def count(door: str, status: int, seconds: float) -> None:
    """Count an answer."""
    known = _counted.get((door, status))
    if known is None:
        known = _counted.setdefault((door, status), [0.0] * (len(BOUNDS) + 2))
    known[bisect_left(BOUNDS, seconds)] += 1
    known[-1] += seconds


def text(figures: Figures) -> bytes:
    """Return all figures in Prometheus's words."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Ours(figures))
    return generate_latest(registry)


class _Ours:
    """Our figures, as the library collects them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def describe(self) -> Iterable[Any]:
        """Nothing is looked up to be registered."""
        return ()

    def collect(self) -> Iterable[Any]:
        """Yield each family."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        answers = CounterMetricFamily(
            "diurnal_answers", "Answers by API and status.", labels=("api", "status")
        )
        by_door: dict[str, list[float]] = {}
        for (door, status), counts in sorted(_counted.items()):
            answers.add_metric((door, str(status)), sum(counts[:-1]))
            all_ = by_door.setdefault(door, [0.0] * len(counts))
            by_door[door] = [a + b for a, b in zip(all_, counts, strict=True)]
        yield answers
        took = HistogramMetricFamily(
            "diurnal_answer_seconds", "How long answers took.", labels=("api",)
        )
        for door, counts in by_door.items():
            total, buckets = 0.0, []
            for bound, more in zip((*map(str, BOUNDS), "+Inf"), counts, strict=False):
                total += more
                buckets.append((bound, total))
            took.add_metric((door,), buckets, counts[-1])
        yield took
        gauges: tuple[tuple[str, str, float], ...] = (
            ("diurnal_up", "Whether the database answers.", float(self._figures.database)),
            ("diurnal_jobs_due", "Jobs whose time has come.", self._figures.jobs_due),
            ("diurnal_jobs_late_seconds", "How long the oldest waits.", self._figures.late_s),
            ("diurnal_jobs_dead", "Jobs that were given up.", self._figures.jobs_dead),
            ("diurnal_webhooks_due", "Webhooks that wait for a call.", self._figures.webhooks_due),
            ("diurnal_disk_free_bytes", "Room in the data directory.", self._figures.disk_free),
            ("diurnal_writes_waiting", "Writes that wait for the store.", self._figures.backlog),
        )
        for name, words, value in gauges:
            yield GaugeMetricFamily(name, words, value=value)
