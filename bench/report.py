"""What the benches tell: one row a subject, with the ratio that is gated."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class Report(Protocol):
    """Takes one result; without a target it is told and never fails."""

    def __call__(
        self, name: str, value: float, target: str = "", *, ours: str = "", reference: str = ""
    ) -> None: ...


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        value: the ratio; for a row without a target any number, its unit in the name.
        target: "<= 3", ">= 50", or "" for what is only reported.
    """

    subject: str
    name: str
    value: float
    target: str
    ours: str
    reference: str

    @property
    def verdict(self) -> str:
        """ok, miss, or nothing where nothing is gated."""
        if not self.target:
            return ""
        sign, _, limit = self.target.partition(" ")
        kept = self.value <= float(limit) if sign == "<=" else self.value >= float(limit)
        return "ok" if kept else "miss"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


class Table:
    """Gathers rows and prints each as it comes."""

    HEAD = ("what", "ours", "reference", "ratio", "target", "")
    WIDTHS = (58, 14, 14, 9, 8, 4)

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.missing: list[str] = []

    def of(self, subject: str) -> Report:
        """Return what the bench `subject` reports to."""

        def report(
            name: str, value: float, target: str = "", *, ours: str = "", reference: str = ""
        ) -> None:
            row = Row(subject, name, value, target, ours, reference)
            self.rows.append(row)
            print(_line(*_cells(row)), flush=True)

        return report

    def head(self) -> None:
        print(_line(*self.HEAD))
        print(_line(*("-" * width for width in self.WIDTHS)), flush=True)

    def missed(self) -> list[Row]:
        return [row for row in self.rows if row.verdict == "miss"]


def _cells(row: Row) -> tuple[str, ...]:
    shown = f"{row.value:.0f}" if row.value >= 1000 else f"{row.value:.3g}"
    return row.name, row.ours, row.reference, shown, row.target, row.verdict


def _line(*cells: str) -> str:
    name, *rest = (f"{c:>{w}}" for c, w in zip(cells, Table.WIDTHS, strict=True))
    return "  ".join((f"{cells[0]:{Table.WIDTHS[0]}}", *rest)).rstrip() if name else ""


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds that `work` took in this process."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def ratio(ours: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median of the ratios of interleaved rounds: a slow moment hits both of a pair."""
    return median([a / b for a, b in zip(ours, reference, strict=True)])


def micros(seconds: float) -> str:
    """Return seconds as a short text in µs or ms."""
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


class Missing(Exception):
    """What a bench compares with is not installed; says how to get it."""
