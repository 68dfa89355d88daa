"""What the header of a column means: a measure, an attribute of Exist, or a name of one's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from diurnal import catalog
from diurnal.errors import InvalidInput
from diurnal.model import units
from diurnal.model.measures import Measure, ValueKind

LABEL_MAX = 100
ZONE_NAMES = {"tz", "timezone", "time zone", "time_zone", "zeitzone"}
DATE_NAMES = {
    "date", "datum", "day", "tag", "fecha", "día", "dia", "jour", "data", "giorno", "dag",
    "datetime", "timestamp", "zeitstempel", "date/time", "zeitpunkt",
}  # fmt: skip
TIME_NAMES = {"time", "uhrzeit", "zeit", "hora", "heure", "ora", "tijd"}

WORDS: dict[str, str] = {
    "schritte": "steps", "pasos": "steps", "pas": "steps", "step count": "steps",
    "schlaf": "sleep", "schlafdauer": "sleep", "sueño": "sleep", "sommeil": "sleep",
    "sleep duration": "sleep", "gewicht": "weight", "körpergewicht": "weight", "peso": "weight",
    "poids": "weight", "body weight": "weight", "stimmung": "mood", "laune": "mood",
    "ánimo": "mood", "humeur": "mood", "kaffee": "coffees", "coffee": "coffees",
    "café": "coffees", "kaffees": "coffees", "alkohol": "alcoholic_drinks",
    "alcohol": "alcoholic_drinks", "wasser": "water", "agua": "water", "eau": "water",
    "puls": "heart_rate", "herzfrequenz": "heart_rate", "heart rate": "heart_rate",
    "ruhepuls": "heart_rate_resting", "resting hr": "heart_rate_resting",
    "resting heart rate": "heart_rate_resting", "hrv": "hrv_rmssd", "körperfett": "body_fat",
    "body fat": "body_fat", "distanz": "distance_walk_run", "strecke": "distance_walk_run",
    "kalorien": "energy_intake", "calories": "energy_intake", "meditation": "meditation",
    "notiz": "mood_note", "notizen": "mood_note", "note": "mood_note", "notes": "mood_note",
    "etagen": "floors", "stockwerke": "floors", "energie": "energy_level", "stress": "stress_level",
    "koffein": "caffeine", "eiweiß": "protein", "fett": "fat", "zucker": "sugar",
}  # fmt: skip
"""Words that people head columns with; only proposed, never taken without asking."""

_UNIT = re.compile(r"(.+?)\s*[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]\Z")
_TRAILING = re.compile(
    r"(.+?)[ _](kg|lb|lbs|g|mg|h|min|hours|minutes|ms|bpm|km|mi|m|ml|l|kcal|kj)\Z"
)
_NO_KEY = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read.

    Attributes:
        measure: the measure it means, None for one of the account's own.
        unit: UCUM code of its numbers.
        key: the measure's, or the own measure's.
    """

    index: int
    header: str
    key: str
    label: str
    measure: Measure | None
    unit: str

    @property
    def text(self) -> bool:
        """Whether its cells are words."""
        return self.measure is not None and catalog.day_kind(self.measure) is ValueKind.TEXT

    def canonical(self, value: float) -> float:
        """Return a number of the column in the canonical unit.

        Raises:
            InvalidInput: the unit does not fit.
        """
        return catalog.to_canonical(self.measure, value, self.unit) if self.measure else value


def known(name: str) -> tuple[Measure, str] | None:
    """Return the measure that a header names, and its unit; an Exist attribute is in Exist's."""
    for said in (name.strip(), name.strip().casefold()):
        measure = catalog.by_name("exist", said)
        if measure is not None:
            unit = next(n.unit for n in measure.names["exist"] if n.name == said)
            return measure, unit or measure.unit
        measure = catalog.find(said)
        if measure is not None:
            return measure, measure.unit
    return None


def guess(name: str) -> tuple[Measure, str] | None:
    """Return what a header in a person's words may mean, and the unit it says."""
    bare, unit = split_unit(name)
    exact = known(bare)
    measure = exact[0] if exact else catalog.find(WORDS.get(bare.casefold(), ""))
    if measure is None:
        return None
    code = units.canonical_unit(unit) if unit else (exact[1] if exact else measure.unit)
    if code is None or not _fits(measure, code):
        return None
    return measure, code


def split_unit(name: str) -> tuple[str, str]:
    """Return a header without the unit it ends on, and that unit."""
    said = _UNIT.match(name.strip()) or _TRAILING.match(name.strip())
    return (said[1].strip(), said[2]) if said else (name.strip(), "")


def unit_of(text: str, measure: Measure) -> str:
    """Return the code of a unit that a mapping names.

    Raises:
        InvalidInput: unknown, or not one of this measure.
    """
    code = units.canonical_unit(text)
    if code is None or not _fits(measure, code):
        raise InvalidInput(f"{measure.key} cannot be in {text[:40]!r}", field="unit")
    return code


def _fits(measure: Measure, unit: str) -> bool:
    if catalog.day_kind(measure) is ValueKind.TEXT:
        return True
    try:
        catalog.to_canonical(measure, 0.0, unit)
    except InvalidInput:
        return False
    return True


def own_key(label: str, taken: Collection[str]) -> str:
    """Return a key for an own measure: readable where the name allows it, always the same."""
    folded = unicodedata.normalize("NFKD", label.casefold().replace("ß", "ss"))
    plain = _NO_KEY.sub("_", folded.encode("ascii", "ignore").decode()).strip("_")[:60]
    if not plain or not plain[0].isalpha() or catalog.find(plain) is not None:
        plain = f"own_{plain}".rstrip("_")
    if plain in taken or plain == "own":
        plain = f"{plain}_{blake2b(label.encode(), digest_size=4).hexdigest()}"
    return plain
