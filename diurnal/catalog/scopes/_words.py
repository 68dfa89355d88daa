"""Words and scopes that several dialects have."""

from __future__ import annotations

from collections.abc import Iterable

from diurnal.catalog import MEASURES
from diurnal.catalog.scopes import Scope

SENSITIVE_GROUPS = frozenset({"health", "location", "finance", "notes"})
SENSITIVE = frozenset(
    {
        "alcoholic_drinks",
        "blood_pressure_diastolic",
        "blood_pressure_systolic",
        "glucose",
        "location",
        "menstrual_flow",
        "mood_note",
        "photo",
        "questionnaire",
        "sexual_activity",
    }
)

OPENID = Scope(
    name="openid",
    title="Who you are",
    words="know that you are you when you come back",
    always=True,
)
PROFILE = Scope(
    name="profile", title="Profile", words="see your user name, your name and your time zone"
)
EMAIL = Scope(name="email", title="E-mail", words="see your e-mail address")
PHONE = Scope(
    name="phone", title="Telephone", words="see your telephone number, which we do not keep"
)
ADDRESS = Scope(
    name="address", title="Address", words="see your postal address, which we do not keep"
)
OFFLINE = Scope(
    name="offline_access",
    title="While you are away",
    words="keep this access without asking you again, until it ends",
    always=True,
)


def lower(label: str) -> str:
    """Return a label as it stands within a sentence; abbreviations stay as they are."""
    first = label.split(" ", 1)[0]
    return label if first.isupper() and len(first) > 1 else label[:1].lower() + label[1:]


def listed(keys: Iterable[str], most: int = 4) -> str:
    """Return the labels of measures as people list them, the first few by name."""
    labels = [lower(MEASURES[key].label) for key in keys]
    if len(labels) <= most:
        return _joined(labels)
    return f"{', '.join(labels[: most - 1])} and {len(labels) - most + 1} more"


def _joined(labels: list[str]) -> str:
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def sensitive(keys: Iterable[str]) -> bool:
    """Return whether any of the measures is one that people keep to themselves."""
    return any(k in SENSITIVE or MEASURES[k].group in SENSITIVE_GROUPS for k in keys)
