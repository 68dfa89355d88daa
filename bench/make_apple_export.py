"""Write an Apple Health export of a wanted size: invented data, the same for the same seed.

    python bench/make_apple_export.py OUT.xml MEGABYTES [SEED]

OUT.zip makes an archive like the phone's. Nothing is kept in memory.
"""

from __future__ import annotations

import random
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
]>
<HealthData locale="en_DE">
 <ExportDate value="2026-10-01 09:12:44 +0200"/>
"""
TAIL = "</HealthData>\n"

_PHONE_ZONE = timezone(timedelta(hours=2))
_FIRST = datetime(2016, 1, 1, tzinfo=UTC)
_WATCH = "Alex\u2019s Apple\u00a0Watch"
_PHONE = "Alex\u2019s iPhone"
_DEVICE = (
    "&lt;&lt;HKDevice: 0x{:09x}&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch,"
    " hardware:Watch6,4, software:12.1&gt;"
)


def write(out: IO[bytes], size: int, seed: int = 1) -> Counter[str]:
    """Write about `size` bytes; return how many elements of each kind there are."""
    counts: Counter[str] = Counter()
    given = out.write(HEAD.encode())
    lines: list[str] = []
    held = 0
    for kind, text in _elements(random.Random(seed)):
        counts[kind] += 1
        lines.append(text)
        held += len(text)
        if held >= 1 << 20 or given + held >= size:
            given += out.write("".join(lines).encode())
            lines, held = [], 0
            if given >= size:
                break
    out.write(TAIL.encode())
    return counts


def _elements(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield elements day after day, for ever (the clock starts again after ten years)."""
    day = 0
    while True:
        start = _FIRST + timedelta(days=day % 3650, seconds=day // 3650)
        yield from _day(rng, start)
        day += 1


def _day(rng: random.Random, day: datetime) -> Iterator[tuple[str, str]]:
    for minute in range(0, 1440, 4):
        at = day + timedelta(minutes=minute, seconds=rng.randrange(200))
        rate = f"{60 + rng.gauss(10, 8):.0f}"
        child = (
            '\n  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="1"/>\n </Record>\n'
        )
        yield _record("HKQuantityTypeIdentifierHeartRate", "count/min", at, at, rate, rng, child)
    for hour in range(6, 23):
        for part in range(0, 60, 10):
            begun = day + timedelta(hours=hour, minutes=part)
            end = begun + timedelta(minutes=9, seconds=rng.randrange(59))
            steps = rng.randrange(1, 900)
            yield _record("HKQuantityTypeIdentifierStepCount", "count", begun, end, str(steps), rng)
            yield _record(
                "HKQuantityTypeIdentifierStepCount",
                "count",
                begun,
                end,
                str(int(steps * 0.8)),
                rng,
                source=_PHONE,
            )
            yield _record(
                "HKQuantityTypeIdentifierDistanceWalkingRunning",
                "km",
                begun,
                end,
                f"{steps * 0.00072:.5f}",
                rng,
            )
            yield _record(
                "HKQuantityTypeIdentifierActiveEnergyBurned",
                "Cal",
                begun,
                end,
                f"{steps * 0.041:.3f}",
                rng,
            )
    at = day + timedelta(hours=7, minutes=rng.randrange(50))
    mass = f"{78 + rng.gauss(0, 1):.2f}"
    yield _record(
        "HKQuantityTypeIdentifierBodyMass", "kg", at, at, mass, rng, source="Withings", device=False
    )
    yield from _night(rng, day + timedelta(hours=22, minutes=rng.randrange(90)))
    yield (
        "ActivitySummary",
        f' <ActivitySummary dateComponents="{day:%Y-%m-%d}" activeEnergyBurned="'
        f'{rng.uniform(200, 900):.3f}" activeEnergyBurnedGoal="450" activeEnergyBurnedUnit="Cal"'
        f' appleExerciseTime="{rng.randrange(90)}" appleExerciseTimeGoal="30"'
        f' appleStandHours="{rng.randrange(1, 16)}" appleStandHoursGoal="12"/>\n',
    )
    if rng.random() < 0.3:
        yield "Workout", _workout(rng, day + timedelta(hours=17))


def _night(rng: random.Random, at: datetime) -> Iterator[tuple[str, str]]:
    child = '\n  <MetadataEntry key="HKTimeZone" value="Europe/Berlin"/>\n </Record>\n'
    for _ in range(20):
        end = at + timedelta(minutes=rng.randrange(5, 40))
        stage = rng.choice(("AsleepCore", "AsleepCore", "AsleepDeep", "AsleepREM", "Awake"))
        value = f"HKCategoryValueSleepAnalysis{stage}"
        yield _record("HKCategoryTypeIdentifierSleepAnalysis", None, at, end, value, rng, child)
        at = end


def _workout(rng: random.Random, at: datetime) -> str:
    end = at + timedelta(minutes=rng.randrange(20, 70))
    span = f'startDate="{_time(at)}" endDate="{_time(end)}"'
    return (
        ' <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="'
        f'{(end - at).seconds / 60:.1f}" durationUnit="min" sourceName="{_WATCH}"'
        f' sourceVersion="12.1" creationDate="{_time(end)}" {span}>\n'
        '  <MetadataEntry key="HKTimeZone" value="Europe/Berlin"/>\n'
        '  <WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning"'
        f' {span} sum="{rng.uniform(3, 12):.4f}" unit="km"/>\n </Workout>\n'
    )


def _record(
    type_: str,
    unit: str | None,
    start: datetime,
    end: datetime,
    value: str,
    rng: random.Random,
    child: str = "",
    *,
    source: str = _WATCH,
    device: bool = True,
) -> tuple[str, str]:
    made = f' device="{_DEVICE.format(rng.getrandbits(36))}"' if device else ""
    said = "" if unit is None else f' unit="{unit}"'
    return (
        type_,
        f' <Record type="{type_}" sourceName="{source}" sourceVersion="12.1"{made}{said}'
        f' creationDate="{_time(end)}" startDate="{_time(start)}" endDate="{_time(end)}"'
        f' value="{value}"' + (f">{child}" if child else "/>\n"),
    )


def _time(at: datetime) -> str:
    here = at.astimezone(_PHONE_ZONE)
    return (
        f"{here.year:04}-{here.month:02}-{here.day:02}"
        f" {here.hour:02}:{here.minute:02}:{here.second:02} +0200"
    )


def main(arguments: list[str]) -> None:
    """Write the file that the command line names."""
    path, size = Path(arguments[0]), int(float(arguments[1]) * 1_000_000)
    seed = int(arguments[2]) if len(arguments) > 2 else 1
    if path.suffix == ".zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("apple_health_export/export.xml", "w", force_zip64=True) as out,
        ):
            counts = write(out, size, seed)
    else:
        with path.open("wb") as out:
            counts = write(out, size, seed)
    sys.stderr.write(f"{path}: {sum(counts.values())} elements\n")


if __name__ == "__main__":
    main(sys.argv[1:])
