"""What the person and the services tell: mood, coffees, posts, music, places, photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from diurnal.demo import words
from diurnal.demo.life import (
    CALENDAR,
    CODE,
    HAND,
    MUSIC,
    OWN,
    PHONE,
    PLACES,
    POSTS,
    WEATHER,
    Life,
    key,
)
from diurnal.demo.pictures import pictures
from diurnal.demo.plan import Plan
from diurnal.demo.words import Place
from diurnal.model.events import File
from diurnal.model.records import Datum, DayDatum, Source
from diurnal.model.time import MINUTE, weekday


def of_day(life: Life, day: int) -> Iterator[Datum | DayDatum]:
    """Yield what is told of one day."""
    p = life.day(day)
    yield from _weather(life, p)
    yield from _moods(life, p)
    yield from _tags(life, p)
    yield from _cups(life, p)
    yield from _stays(life, p)
    yield from _calendar(life, p)
    yield from _music(life, p)
    yield from _posts(life, p)
    yield from _commits(life, p)
    yield from _photos(life, p)


def _at(
    life: Life,
    p: Plan,
    minute: float,
    kind: str,
    n: int,
    source: Source,
    type_: str,
    content: Any,
    measure: str,
    *,
    lasts: float = 0,
    description: str | None = None,
    tags: Sequence[str] = (),
    files: Sequence[File] = (),
) -> Datum:
    return Datum(
        source=source,
        source_id=key(kind, p.day, n),
        type=type_,
        start=life.at(p.day, minute),
        duration=round(lasts * MINUTE),
        content=content,
        measure=measure,
        description=description,
        tags=tuple(tags),
        files=tuple(files),
    )


def _weather(life: Life, p: Plan) -> Iterator[DayDatum]:
    hours = 12.2 + 4.4 * p.season
    noon = 12 * 60 + 25
    rise, down = noon - hours * 30, noon + hours * 30
    if p.rain:
        icon = "snow" if p.temperature < 1 else "rain"
    else:
        icon = (
            "clear-day" if p.clouds < 0.3 else "partly-cloudy-day" if p.clouds < 0.7 else "cloudy"
        )
    told: dict[str, float | str] = {
        "weather_summary": words.SKIES[icon],
        "weather_icon": icon,
        "weather_precipitation": p.rain,
        "cloud_cover": p.clouds,
        "wind_speed": p.wind,
        "sunrise": round(rise),
        "sunset": round(down) - 12 * 60,
        "day_length": round(hours * 60),
    }
    for measure, value in told.items():
        yield DayDatum(source=WEATHER, measure=measure, day=p.day, value=value)


def _moods(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 20)
    minute = 20 * 60 + 50 + float(chance.integers(0, 50))
    if chance.random() < 0.25:
        early = min(9, max(1, p.mood + int(chance.integers(-1, 2))))
        yield _mood(life, p, 12 * 60 + 40 + float(chance.integers(0, 40)), early, 0)
    yield _mood(life, p, minute, p.mood, 1)
    energy = min(9, max(1, p.mood + int(chance.integers(-2, 2))))
    if chance.random() < 0.6:
        yield _at(life, p, minute + 0.5, "energy", 0, HAND, "scale/1-9", energy, "energy_level")
    pool = words.GOOD if p.mood >= 7 else words.BAD if p.mood <= 4 else words.MIDDLING
    note = str(chance.choice(pool))
    if chance.random() < 0.35 or p.sick:
        if p.sick:
            note = "This cold. Tea, bed, tea."
        yield _at(life, p, minute + 1, "moodnote", 0, HAND, "note/txt", note, "mood_note")
    if chance.random() < 0.16:
        note = str(chance.choice(words.NOTES))
        yield _at(
            life, p, float(chance.integers(540, 1200)), "note", 0, HAND, "note/txt", note, "note"
        )


def _mood(life: Life, p: Plan, minute: float, mood: int, n: int) -> Datum:
    # Pryv's rating goes from 0 to 1.
    return _at(life, p, minute, "mood", n, HAND, "mood/rating", (mood - 1) / 8, "mood")


def _tags(life: Life, p: Plan) -> Iterator[DayDatum]:
    """Yield the own tags: of days that are over, also that there was nothing."""
    chance = life.chance(p.day, 21)
    away = p.day in life.away
    true = dict(
        zip(
            OWN,
            (
                _choir(life, p),
                not away and p.weekend and p.season > -0.2 and chance.random() < 0.6,
                p.sick or chance.random() < 0.03 + 0.12 * (life.day(p.day - 1).drinks > 1),
                not away and chance.random() < 0.08 + 0.14 * p.weekend,
            ),
            strict=True,
        )
    )
    for tag, was in true.items():
        if was or p.day < life.last:
            yield DayDatum(source=HAND, measure=tag, day=p.day, value=float(bool(was)))


def _choir(life: Life, p: Plan) -> bool:
    return p.weekday == 2 and not p.sick and p.day not in life.away


def _cups(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 22)
    for n in range(p.coffees):
        minute = p.wakes_min + 25 + n * 115 + float(chance.integers(0, 60))
        yield _at(life, p, minute, "coffee", n, HAND, "count/generic", 1, "coffees")
    for n in range(p.drinks):
        minute = 19 * 60 + 30 + n * 42 + float(chance.integers(0, 30))
        yield _at(life, p, minute, "drink", n, HAND, "count/generic", 1, "alcoholic_drinks")


def _stays(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 23)
    away = life.away.get(p.day)
    if away is not None:
        inn, *sights = words.AWAY[away]
        yield _stay(life, p, 0, inn, max(p.wakes_min, 360), 75)
        for n, index in enumerate(chance.permutation(len(sights))[:2]):
            minute = 11 * 60 + n * 210 + float(chance.integers(0, 30))
            yield _stay(life, p, 1 + n, sights[index], minute, float(chance.integers(50, 140)))
            yield _checkin(life, p, n, sights[index], minute + 2)
        yield _stay(life, p, 3, inn, 20 * 60 + 40, 170)
        return
    leaves = 8 * 60 + 20 + float(chance.integers(0, 25))
    woke = max(p.wakes_min, 300)
    if p.productive_min:
        yield _stay(life, p, 0, words.HOME, woke, max(leaves - woke, 15))
        yield _stay(life, p, 1, words.OFFICE, leaves + 18, 8 * 60 + float(chance.integers(10, 50)))
    else:
        yield _stay(life, p, 0, words.HOME, woke, 11 * 60 - woke if woke < 640 else 30)
    if not p.sick and chance.random() < 0.25 + 0.55 * p.weekend:
        where = words.TOWN[int(chance.integers(len(words.TOWN)))]
        minute = (12 * 60 + 30 if p.weekend else 17 * 60 + 40) + float(chance.integers(0, 25))
        yield _stay(life, p, 2, where, minute, float(chance.integers(25, 90)))
        yield _checkin(life, p, 0, where, minute + 3)
    yield _stay(life, p, 3, words.HOME, 19 * 60 + 50, 235)


def _stay(life: Life, p: Plan, n: int, place: Place, minute: float, lasts: float) -> Datum:
    content = {"latitude": place.latitude, "longitude": place.longitude}
    return _at(
        life,
        p,
        minute,
        "stay",
        n,
        PLACES,
        "position/wgs84",
        content,
        "location",
        lasts=lasts,
        description=place.name,
    )


def _checkin(life: Life, p: Plan, n: int, place: Place, minute: float) -> Datum:
    content = {"latitude": place.latitude, "longitude": place.longitude}
    return _at(
        life,
        p,
        minute,
        "checkin",
        n,
        PLACES,
        "position/wgs84",
        content,
        "checkin",
        description=place.name,
    )


def _calendar(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 24)
    planned: list[tuple[float, str, int]] = []
    if weekday(p.day) < 5 and p.day not in life.away:
        name, lasts = words.MEETINGS[0]
        planned.append((9 * 60 + 15, name, lasts))
        for n in range(int(chance.integers(0, 3))):
            name, lasts = words.MEETINGS[int(chance.integers(1, len(words.MEETINGS)))]
            planned.append((10 * 60 + 30 + n * 210, name, lasts))
    name, lasts = words.EVENINGS[0]
    if _choir(life, p):
        planned.append((19 * 60 + 30, name, lasts))
    elif p.drinks and p.weekday in (4, 5):
        name, lasts = words.EVENINGS[int(chance.integers(1, len(words.EVENINGS)))]
        planned.append((19 * 60, name, lasts))
    for n, (minute, name, lasts) in enumerate(planned):
        yield _at(
            life,
            p,
            minute,
            "meeting",
            n,
            CALENDAR,
            "activity/plain",
            None,
            "calendar_event",
            lasts=lasts,
            description=name,
        )


def _music(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 25)
    minute = float(chance.choice([7 * 60 + 50, 17 * 60 + 10, 21 * 60]))
    for n in range(int(chance.poisson(8))):
        artist, title, album = words.TRACKS[int(chance.integers(len(words.TRACKS)))]
        lasts = float(chance.integers(150, 290)) / 60
        content = {"artist": artist, "title": title, "album": album}
        yield _at(
            life, p, minute, "track", n, MUSIC, "music/basic", content, "track_played", lasts=lasts
        )
        minute += lasts + 0.1 + (180 if n == 7 else 0)


def _posts(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 26)
    for n in range(int(chance.poisson(0.6))):
        text = str(chance.choice(words.POSTS))
        minute = float(chance.integers(7 * 60, 23 * 60))
        yield _at(life, p, minute, "post", n, POSTS, "note/txt", text, "tweet")


def _commits(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 27)
    if not p.productive_min or p.day in life.away:
        return
    for n in range(int(chance.poisson(p.productive_min / 95))):
        text = str(chance.choice(words.COMMITS))
        where = str(chance.choice(words.REPOSITORIES))
        minute = float(chance.integers(9 * 60, 18 * 60))
        yield _at(life, p, minute, "commit", n, CODE, "note/txt", f"{where}: {text}", "commit")


def _photos(life: Life, p: Plan) -> Iterator[Datum]:
    chance = life.chance(p.day, 28)
    away = p.day in life.away
    if chance.random() >= (0.7 if away else 0.07):
        return
    drawn = pictures(life.seed)
    digest, data = drawn[int(chance.integers(len(drawn)))]
    name = f"IMG_{p.day % 10_000:04d}.png"
    # The one id that an event's file has for good: the picture's own, for this day.
    file = File(
        id=f"{key('file', p.day)}-{digest[:8]}",
        name=name,
        type="image/png",
        size=len(data),
        hash=digest,
    )
    minute = float(chance.integers(11 * 60, 19 * 60))
    description = "From the lookout" if away else str(chance.choice(words.TOWN[:7], axis=0)[0])
    yield _at(
        life,
        p,
        minute,
        "photo",
        0,
        PHONE,
        "picture/attached",
        None,
        "photo",
        description=description,
        tags=("trip",) if away else (),
        files=(file,),
    )
