"""Correlations of all pairs beside the loop that one would write with pandas and SciPy."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Report = Callable[[str, float, str], None]
ROOT = Path(__file__).parent.parent
SAMPLE = 60
LAGS = (-2, -1, 0, 1, 2)


def run(report: Report, quick: bool) -> None:
    """Measure in a process of its own: one thread of linear algebra, as the worker runs."""
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(Path(__file__).resolve()), "quick" if quick else "full"]
    done = subprocess.run(command, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for name, value, note in json.loads(done.stdout):
        report(name, value, note)


def _measure(quick: bool) -> list[tuple[str, float, str]]:
    from diurnal.analysis import averages, correlations, exist_pearson, insights

    rounds = 3 if quick else 7
    days = _days(365, 60)
    correlations.find(days)
    plain, same, loose, ours = [], [], [], []
    for turn in range(rounds):
        naive = _loop(days, turn, careful=False)
        careful = _loop(days, turn, careful=True)
        found = _cpu(lambda: correlations.find(days))
        plain.append(naive / (_cpu(lambda: [_pearson(days) for _ in range(5)]) / 5))
        same.append(careful / found)
        loose.append(naive / found)
        ours.append(found)
    whole = _cpu(lambda: [a.run(days) for a in (averages, correlations, exist_pearson, insights)])
    mid = statistics.median
    size = "60 measures x 365 days x 5 lags"
    lines = [
        (f"Pearson and p, {size}, x loop of the same", mid(plain), ">= 300"),
        (f"links, {size}, x loop of ranks, memory and p", mid(same), ">= 300"),
        (f"links, {size}, x loop of Pearson alone", mid(loose), ""),
        (f"links, {size}, CPU ms", 1e3 * mid(ours), ""),
        ("averages, links, Exist's, insights: accounts an hour on 2 cores", 7_200 / whole, ""),
    ]
    sizes = [(200, 365)] if quick else [(200, 365), (200, 3_650)]
    for measures, length in sizes:
        big = _days(length, measures)
        seconds = _cpu(lambda big=big: correlations.find(big))
        target = "<= 3" if length == 3_650 else ""
        lines.append((f"links, {measures} x {length} x 5 lags, CPU s", seconds, target))
    return lines


def _days(length: int, measures: int):  # type: ignore[no-untyped-def]
    """Memory, weekdays, a few links and gaps."""
    import numpy as np
    from scipy.signal import lfilter

    from diurnal.analysis import Days, MeasureInfo

    rng = np.random.default_rng(1)
    x = lfilter([1.0], [1.0, -0.5], rng.normal(size=(length, measures)), axis=0)
    x += rng.normal(size=measures) * (np.arange(length)[:, None] % 7 >= 5)
    x[:, 1:20:2] += 0.5 * x[:, 0:20:2]
    x[rng.random(x.shape) < 0.1] = np.nan
    infos = tuple(MeasureInfo(key=f"m{j}", label=f"M{j}") for j in range(measures))
    return Days(19_000, infos, x)


def _pearson(days) -> None:  # type: ignore[no-untyped-def]
    from diurnal.analysis._pairs import pearson, t_test

    for lag in (0, 1, 2):
        t_test(*pearson(days.values[: len(days.values) - lag], days.values[lag:]))


def _loop(days, turn: int, *, careful: bool) -> float:  # type: ignore[no-untyped-def]
    """Return the CPU seconds of the loop over all pairs and lags, from a sample of them.

    The careful one asks what we ask of a pair: ranks, effective days from the autocorrelation of
    both, and p; it leaves out calendar, trend and everything after.
    """
    import numpy as np
    import pandas as pd
    from scipy import stats

    frame = pd.DataFrame(days.values)
    m = days.values.shape[1]
    every = [(i, j) for i in range(m) for j in range(i)]
    sample = SAMPLE // 4 if careful else SAMPLE
    picked = np.random.default_rng(turn).choice(len(every), sample, replace=False)

    def work() -> None:
        for at in picked:
            i, j = every[at]
            for lag in LAGS:
                pair = pd.concat([frame[i].shift(lag), frame[j]], axis=1).dropna()
                x, y = pair.iloc[:, 0], pair.iloc[:, 1]
                if not careful:
                    stats.pearsonr(x, y)
                    continue
                r = stats.spearmanr(x, y).statistic
                n = len(x)
                shared = sum((1 - h / n) * x.autocorr(h) * y.autocorr(h) for h in range(1, 21))
                worth = min(max(n / (1 + 2 * shared), 8), n)
                2 * stats.t.sf(abs(r) * np.sqrt((worth - 2) / (1 - r * r)), worth - 2)

    return _cpu(work) * len(every) / sample


def _cpu(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


if __name__ == "__main__":
    if sys.argv[1:] in (["quick"], ["full"]):
        print(json.dumps(_measure(sys.argv[1] == "quick")))
    else:
        run(lambda name, value, note: print(f"{name:76} {value:12.3f}  {note}"), quick=False)
