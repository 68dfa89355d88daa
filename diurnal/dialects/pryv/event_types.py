"""Event types that are known: what their content looks like.

Names and units are those of https://pryv.github.io/event-types/, version 0.3.0. What that version
says of mails, posts, music, symptoms, sleep, and of names in camel case, is not checked: such
content is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from diurnal.catalog import TYPE_UNITS
from diurnal.dialects.pryv.checks import BadContent, Problem

VERSION = "0.3.0"
_NUMBERS = """
absorbed-dose: gy
absorbed-dose-equivalent: sv
absorbed-dose-rate: gy-s
angle: deg grad rad
angular-acceleration: rad-s2
angular-speed: rad-s
area: ac ft2 ha in2 km2 m2 mm2 yd2 mi2
capacitance: f
catalytic-activity: kat
count: steps generic
data-quantity: b bits gb gbits kb kbits mb mbits tb
density: g-dl kg-m3 mmol-l mg-dl
dynamic-viscosity: pa-s
electric-charge: c
electric-charge-line-density: c-m
electric-current: a
electrical-conductivity: s us
electromotive-force: v
energy: btu cal ev erg ftlb j kcal ws kwh nm wh
force: dyn n pdl
frequency: bpm brpm ghz hz khz megahz millihz nhz rpm thz uhz
gas-consumption: mlpkgmin
length: cm m mm km a au ch lea ft in ly mil mi fur nmi p pica ftm cb um yd
linear-acceleration: m-s2
luminous-intensity: cd
mass: kg g mg gr dr l-t lb t oz s-t st
mol: mol lb-mol
power: btu-min ftlb-s hp kw w
pressure: pa bar at atm mmhg cmhg inhg kg-m2 kpa psf psi hpa db
ratio: percent
speed: m-s m-min km-h mi-h mph kt ft-s ft-m lpm
temperature: c f k
time: s min h d y ms
volume: m3 cm3 ft3 in3 yd3 l ml cl dl c pt qt tbs tsp floz galgb galus bbloil iu
"""
_MONEY = """
aed afn all ang ars aud awg azn bam bbd bgn bhd bmd bnd bob brl bsd btc bwp byr bzd cad chf clp cny
cop crc cup czk dkk dop dzd eek egp eur fjd fkp gbp ggp ghc gip gtq gyd hkd hnl hrk huf idr ils imp
inr irr isk jep jmd jod jpy kes kgs khr kpw krw kwd kyd kzt lak lbp lkr lrd ltl lvl mad mdl mkd mnt
mur mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub sar sbd scr
sek sgd shp skk sll sos srd svc syp thb tnd trl try ttd tvd twd tzs uah ugx usd uyu uzs vef vnd xcd
yer zar zmk zwd
"""
_TEXTS = """
call: name skype telephone
contact: vcard
date: iso-8601
mood: emoticon
note: txt html markdown
video: vimeo youtube
"""
_NOTHING = ("activity/plain",)
_ATTACHED = (
    "audio/attached",
    "file/attached",
    "file/attached-multiple",
    "picture/attached",
    "video/attached",
)
_LINKS = ("audio/url", "file/url", "picture/url", "url/http", "video/url")
_NUMBER: dict[str, Any] = {"type": "number"}
_TEXT: dict[str, Any] = {"type": "string"}
_LINK: dict[str, Any] = {"type": "string", "pattern": "^(https?)://.+$"}


def _object(required: str, optional: str = "", **others: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object; numbers, but for those named with a schema."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "properties": {name: others.get(name, _NUMBER) for name in names},
        "required": required.split(),
    }


@cache
def known() -> Mapping[str, dict[str, Any]]:
    """Return the schema of each type."""
    types: dict[str, dict[str, Any]] = {}
    for listed, schema in ((_NUMBERS, _NUMBER), (_TEXTS, _TEXT)):
        for line in listed.strip().splitlines():
            class_, _, formats = line.partition(": ")
            types |= {f"{class_}/{format_}": schema for format_ in formats.split()}
    types |= {f"money/{currency}": _NUMBER for currency in _MONEY.split()}
    types |= {name: _NUMBER for name in TYPE_UNITS if name not in types}
    types |= {name: {"type": "null"} for name in _NOTHING}
    types |= {name: {"type": "null", "attachmentRequired": True} for name in _ATTACHED}
    types |= dict.fromkeys(_LINKS, _LINK)
    types["boolean/bool"] = {"type": "boolean"}
    types["blood-pressure/mmhg-bpm"] = _object("systolic diastolic", "rate")
    types["position/wgs84"] = _object(
        "latitude longitude",
        "altitude horizontalAccuracy verticalAccuracy speed bearing",
    )
    types["encrypted/aes-text-base64"] = _object(
        "payload", "keyRef hint", payload=_TEXT, keyRef=_TEXT, hint=_TEXT
    )
    types["ratio/generic"] = _object("value relativeTo")
    types["note/webclip"] = _object("url", "content", url=_LINK, content=_TEXT)
    types["credentials/pryvApiEndpoint"] = {"type": "string", "pattern": "^(https?)://.+@.+$"}
    return dict(sorted(types.items()))


@cache
def document() -> bytes:
    """Return all types as clients read them."""
    return msgspec.json.encode({"version": VERSION, "types": known(), "extras": {}})


_FITS: Mapping[str, Any] = {
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "object": lambda v: isinstance(v, dict),
}


def check(type_: str, content: Any) -> None:
    """Refuse content that is not as its type says; types that are not known may have any.

    Raises:
        BadContent: with everything that is wrong.
    """
    schema = known().get(type_)
    # What is left out is let be: old clients do so, and nothing counts for nothing.
    if schema is None or content is None:
        return
    if schema is _NUMBER and type(content) in (int, float):
        return
    problems = _problems(schema, content, "#/")
    if problems:
        raise BadContent(problems)


def _problems(schema: Mapping[str, Any], content: Any, path: str) -> list[Problem]:
    wanted = schema["type"]
    if not _FITS[wanted](content):
        return [Problem("INVALID_TYPE", f"Expected type {wanted}", path, (wanted,))]
    if wanted == "string" and "pattern" in schema and not content.startswith("http"):
        message = f"String does not match pattern {schema['pattern']}"
        return [Problem("PATTERN", message, path, (schema["pattern"],))]
    if wanted != "object":
        return []
    problems = [
        Problem(
            "OBJECT_MISSING_REQUIRED_PROPERTY", f"Missing required property: {name}", path, (name,)
        )
        for name in schema["required"]
        if name not in content
    ]
    for name, part in schema["properties"].items():
        if name in content:
            problems += _problems(part, content[name], f"{path}{name}")
    return problems


def fields(type_: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return (required, all) fields of a series of this type, required first; None: no series."""
    schema = known().get(type_)
    if schema is None or schema["type"] in ("null",):
        return None
    if schema["type"] != "object":
        return ("value",), ("value",)
    required = tuple(schema["required"])
    return required, (*required, *(n for n in schema["properties"] if n not in required))


def kind(type_: str, field: str) -> str:
    """Return what a field of a series holds: "number", "string" or "boolean"."""
    schema = known()[type_]
    part = schema["properties"][field] if schema["type"] == "object" else schema
    return str(part["type"])
