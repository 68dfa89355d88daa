"""Which sources there are, and what they ask of whoever connects them.

The serving process stays lean: it imports the connector that is connected or pushed to; the list
of all is made once by a child.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from diurnal import plugins
from diurnal.connectors import Connector, Key, OAuth2, Quota, Setting
from diurnal.errors import InvalidInput, NotFound, Unavailable
from diurnal.model import time

PACKAGE = "diurnal.connectors"
CHILD_S_MAX = 60
TEXT_MAX = 4_000
LIST_MAX = 200
SINCE = Setting(
    key="since",
    label="Fetch from",
    kind="text",
    help="The first day to fetch, like 2020-01-31; left empty, ten years back or as far as the "
    "source gives.",
)
"""Every source that is asked for stretches of time has this setting."""

_lock = threading.Lock()
_known: list[Declared] = []


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of data that a source is asked for."""

    name: str
    by: str
    history_days: int | None = None


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A connector as people see it.

    Attributes:
        file, pull, push: the ways in.
        auth: `none`, `key` or `oauth2`.
        key_label, help: what is to be pasted or registered, and where it is had.
        settings: the form.
        emits: measures; None where that depends on the data.
        own_server: whether the owner says which server is asked.
    """

    name: str
    title: str
    docs: str
    file: bool
    pull: bool
    push: bool
    auth: str
    key_label: str = ""
    key_optional: bool = False
    help: str = ""
    settings: tuple[Setting, ...] = ()
    pulls: tuple[Source, ...] = ()
    emits: tuple[str, ...] | None = None
    every_s: int = 0
    quotas: tuple[Quota, ...] = ()
    own_server: bool = False


def find(name: str) -> Connector:
    """Return a connector, importing only its module.

    Raises:
        NotFound: there is none of this name.
    """
    found = plugins.one(PACKAGE, "CONNECTOR", Connector, name) if name.isidentifier() else None
    if found is None:
        raise NotFound(f"no source is called {name!r}")
    return found


def declare() -> list[Declared]:
    """Return every connector, importing them all: for the worker and for commands."""
    found = plugins.load(PACKAGE, "CONNECTOR", Connector)
    return sorted((describe(c) for c in found.values()), key=lambda d: d.title.casefold())


def listed() -> list[Declared]:
    """Return every connector; a child imports them, once. Not in a turn of the store.

    Raises:
        Unavailable: the child failed.
    """
    with _lock:
        if not _known:
            try:
                done = subprocess.run(
                    [sys.executable, "-m", "diurnal", "connector", "list", "--json"],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=CHILD_S_MAX,
                    check=True,
                )
                told = msgspec.json.decode(done.stdout, type=dict[str, list[Declared]])
            except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
                raise Unavailable("the list of sources could not be made") from error
            _known.extend(told["connectors"])
        return list(_known)


def declared(name: str) -> Declared:
    """Return a connector as people see it; imported only where the list of all is not made yet.

    Raises:
        NotFound: there is none of this name.
    """
    for one in _known:
        if one.name == name:
            return one
    return describe(find(name))


def describe(c: Connector) -> Declared:
    """Return a connector as people see it."""
    auth, label, help_, optional = "none", "", "", False
    if isinstance(c.auth, Key):
        auth, label, help_, optional = "key", c.auth.label, c.auth.help, c.auth.optional
    elif isinstance(c.auth, OAuth2):
        auth, help_ = "oauth2", c.auth.help
    return Declared(
        name=c.name,
        title=c.title,
        docs=c.docs,
        file=c.parse is not None,
        pull=bool(c.pulls),
        push=c.receive is not None,
        auth=auth,
        key_label=label,
        key_optional=optional,
        help=help_,
        settings=settings_of(c),
        pulls=tuple(Source(name=p.name, by=p.by, history_days=p.history_days) for p in c.pulls),
        emits=None if c.emits is None else tuple(sorted(c.emits)),
        every_s=c.every_s,
        quotas=c.quotas,
        own_server=not c.base_url,
    )


def asks(c: Connector, options: Mapping[str, Any]) -> bool:
    """Return whether a connection has an API to ask; one that is pushed to may have none."""
    return bool(c.pulls) and bool(c.receive is None or c.base_url or options.get("url"))


def settings_of(c: Connector) -> tuple[Setting, ...]:
    """Return the form of a connector."""
    timed = any(p.by != "latest" for p in c.pulls)
    known = any(s.key == SINCE.key for s in c.settings)
    return (*c.settings, SINCE) if timed and not known else c.settings


def check(c: Connector, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (open, secret) settings of what an owner said, each of its kind.

    Raises:
        InvalidInput: something missing, unknown or of the wrong kind; names the field.
    """
    wanted = {s.key: s for s in settings_of(c)}
    for key in given:
        if key not in wanted:
            raise InvalidInput(f"{c.title} has no setting {key[:40]!r}", field=f"settings.{key}")
    shown: dict[str, Any] = {}
    hidden: dict[str, Any] = {}
    for key, setting in wanted.items():
        value = _value(setting, given.get(key))
        if value is not None:
            (hidden if setting.kind == "secret" else shown)[key] = value
    if "since" in shown:
        time.day_from_text(str(shown["since"]), field="settings.since")
    return shown, hidden


def _value(s: Setting, given: Any) -> Any:
    field = f"settings.{s.key}"
    if given is None or given == "" or given == []:
        if s.required:
            raise InvalidInput(f"{s.label} is needed", field=field)
        return None
    if s.kind == "boolean":
        if not isinstance(given, bool):
            raise InvalidInput(f"{s.label} is yes or no", field=field)
        return given
    if s.kind == "number":
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise InvalidInput(f"{s.label} is a number", field=field)
        if not (s.low is None or given >= s.low) or not (s.high is None or given <= s.high):
            raise InvalidInput(f"{s.label} is between {s.low} and {s.high}", field=field)
        return given
    if s.kind == "list":
        if not isinstance(given, list) or len(given) > LIST_MAX:
            raise InvalidInput(f"{s.label} is a list", field=field)
        return [_text(s, one, field) for one in given]
    return _text(s, given, field)


def _text(s: Setting, given: Any, field: str) -> str:
    if not isinstance(given, str) or len(given) > TEXT_MAX or not given.isprintable():
        raise InvalidInput(f"{s.label} is one line of text", field=field)
    text = given.strip()
    if s.choices and text not in s.choices:
        raise InvalidInput(f"{s.label} is one of {', '.join(s.choices)}", field=field)
    return text


def options(c: Connector, shown: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the connector gets: what was said, and defaults for the rest."""
    found = {s.key: s.default for s in settings_of(c) if s.default is not None}
    return {**found, **shown, **{k: v for k, v in hidden.items() if k not in ("key", "app")}}
