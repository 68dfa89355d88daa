"""Stories: what a client asks in order, and every answer whole, replayed on both engines.

A story is a JSON file, `tests/dialects/NAME/stories/TITLE.json`:

    {"tells": "A day is written and read back",
     "spec": "where its answers are published",
     "given": {"tokens": {"app": {"client": "tracker"}}, "days": [["mood", "2026-02-27", [7]]]},
     "steps": [{"ask": "GET /api/1/users/$self/attributes/mood/?limit=1",
                "as": "Bearer ${app}",
                "answer": {"status": 200, "headers": {...}, "body": {...}}}]}

It begins with an empty database, the account `alice` and a clock that stands at
2026-03-01T12:00:00Z; `given` adds to that (see `Given`), and `${password}` is everybody's. A path
is below the dialect's prefix, unless it begins with two strokes: then it is from the root.

An answer is compared whole: a member more or less, another type, another header of `HEADERS` is
a difference. It has exactly one of `body` (JSON), `text` (as it is), `base64`, or `contains` (for
pages and static files: words in it); without any of them it is empty. Where something varies
stands a placeholder: `${id}` is anything of the form of that name in `FORMS`, `${id:mood}` the
same, kept as `mood`; from then on `${mood}` is that very value, in questions and in answers. In
questions `${totp:x}` is the code of an authenticator that was given the secret kept as `x`.

To add one: write the questions without answers and run `RECORD=yes make test ARGS="-k TITLE"`.
That writes down what is answered, with placeholders for what is of a known form; `keep` of a step
({"mood": "event.id"}: a way into the body, `.` for all of it, or `/…/`: an expression whose group
is it) names what later steps need. What was recorded is a guess until each answer has been held
against the contract, member by member: a wrong answer is a bug to mend, not a story to keep. One
that changes on purpose is taken out of its step and recorded again; the difference is what clients
will see.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import ipaddress
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import msgspec
import pyotp

from diurnal.app import App
from diurnal.auth import tokens
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.model.time import day_from_text
from diurnal.services import (
    accesses,
    accounts,
    analyse,
    audit,
    clients,
    days,
    events,
    mail_links,
    personal,
    sessions,
    simple_tokens,
)
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.services.sign_in import Pending
from tests.cases import write
from tests.clock import SECOND, START, Clock
from tests.conftest import PASSWORD
from tests.upstream import Said, serving

HERE = Path(__file__).parent
BASE = "http://localhost:8400"
HEADERS = (
    "allow",
    "api-version",
    "content-disposition",
    "content-type",
    "location",
    "pryv-access-id",
    "retry-after",
    "set-cookie",
    "www-authenticate",
)
"""Headers that belong to an answer; the others are the whole server's."""
FORMS = {
    "tracked": r"\d{10} \d+",
    "recovery": r"[0-9a-z]{4}(?:-[0-9a-z]{4}){3}",
    "hash": r"(?:EVENT|ACCESS|STREAM):\d:sha256-[A-Za-z0-9+/]{43}=",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "ticket": r"dn_[0-9a-z]{1,13}_[0-9a-zA-Z]{40}_[0-9a-zA-Z]{6}\.[\w-]+",
    "token": r"dn_[0-9a-z]{1,13}_[0-9a-zA-Z]{40}_[0-9a-zA-Z]{6}",
    "jwt": r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}",
    "sealed": r"[\w-]{20,}\.[\w-]{20,}",
    "hex64": r"[0-9a-f]{64}",
    "long": r"[\w-]{43,}(?!=)",
    "hex40": r"[0-9a-fA-F]{40}",
    "hex32": r"[0-9a-f]{32}",
    "hex20": r"[0-9a-f]{20}",
    "version": r"c[0-9a-z]{24}:\d+",
    "id": r"c[0-9a-z]{24}",
    "serial": r"20\d{8}",
    "subject": r"00u[0-9a-z]{17}",
    "moment": r"2026-03-01T\d\d:\d\d:\d\d\.\d{6}",
    "secret": r"[\w-]{16,}",
    "base64": r"[A-Za-z0-9+/=]+",
    "now": r"\d+(?:\.\d+)?",
    "number": r"-?\d+(?:\.\d+)?",
}
"""What may vary, by form.

Where a `number` or `now` stands alone it is a JSON number; `now` is seconds since the epoch,
after the story began and not after its clock. A `serial` is the build's.
"""
_NUMBERS = frozenset({"number", "now"})
PLACE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token there is from the start.

    Attributes:
        kind: an app's, the owner's own, a browser's session, or Exist's simple token.
        client: name of the client that it was granted to.
        hex: 40 hexadecimal digits, as the clients of some APIs expect.
        rights: of a token of the Personal API.
    """

    kind: Literal["app", "owner", "session", "simple"] = "app"
    of: str = "alice"
    name: str = "My app"
    level: Level = Level.MANAGE
    streams: tuple[str, ...] = ()
    client: str | None = None
    scopes: tuple[str, ...] = ()
    hex: bool = False
    rights: tuple[str, ...] = ()
    api: str | None = None


class Registered(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A client there is from the start: `${NAME}` is its id, `${NAME_secret}` its secret."""

    name: str
    redirect_uris: tuple[str, ...] = ("https://app.example/back",)
    attributes: tuple[str, ...] | None = None
    scopes: tuple[str, ...] = ()


class Given(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What there is before the first step.

    Attributes:
        accounts: beside `alice`.
        events: as the core takes them: times in microseconds.
        days: (measure, first day, a value a day) of the source Fitbit.
        analysed: whether the analyses have run over that.
        https: whether the questions come by it.
        sign_up: who may register.
        reset: whether `${reset}` sets alice's password anew.
        upstream: whether `${upstream}` is another server, which takes everything.
    """

    accounts: list[str] = []
    clients: dict[str, Registered] = {}
    tokens: dict[str, Token] = {}
    events: list[dict[str, Any]] = []
    days: list[tuple[str, str, list[int | float | str | None]]] = []
    analysed: bool = False
    https: bool = False
    sign_up: str | None = None
    reset: bool = False
    upstream: bool = False


class Answer(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What comes back; see the head of this module."""

    status: int = 0
    headers: dict[str, str] = {}
    body: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET
    contains: list[str] | msgspec.UnsetType = msgspec.UNSET


class Step(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """One question and its answer.

    Attributes:
        ask: "METHOD path".
        as_: what the header Authorization says; `Basic name:password` is encoded.
        json, form, text, base64: the body, of which there is one; `files` makes a form multipart:
            by name (file name, type, text).
        after: seconds that the clock goes on before.
        note: why it is so, where that is not plain.
        keep: while recording, names for what later steps need.
    """

    ask: str
    as_: str | None = msgspec.field(name="as", default=None)
    headers: dict[str, str] = {}
    json: Any = msgspec.UNSET
    form: dict[str, str | list[str]] | None = None
    files: dict[str, tuple[str, str, str]] | None = None
    text: str | None = None
    base64: str | None = None
    after: float = 0
    note: str | None = None
    keep: dict[str, str] | None = None
    answer: Answer | None = None


class Story(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A story; the folder says whose."""

    tells: str
    spec: str
    given: Given = msgspec.field(default_factory=Given)
    steps: list[Step]


def every() -> list[Path]:
    """Return where the stories lie."""
    return sorted(HERE.glob("*/stories/*.json"))


def read(path: Path) -> Story:
    """Return the story of a file."""
    return msgspec.json.decode(path.read_bytes(), type=Story)


# Placeholders


class Known:
    """What was kept of earlier answers."""

    def __init__(self, clock: Clock | None = None, **said: str) -> None:
        self.said: dict[str, Any] = dict(said)
        self._clock = clock or Clock()

    def fill(self, given: Any) -> Any:
        """Put what is known in its places."""
        if isinstance(given, str):
            whole = PLACE.fullmatch(given)
            if whole and whole[1] in self.said:
                return self.said[whole[1]]
            return PLACE.sub(self._value, given)
        if isinstance(given, dict):
            return {self.fill(k): self.fill(v) for k, v in given.items()}
        if isinstance(given, list | tuple):
            return [self.fill(v) for v in given]
        return given

    def _value(self, place: re.Match[str]) -> str:
        if place[1] == "totp":
            return pyotp.TOTP(self.said[place[2]]).at(self._clock.now() // SECOND)
        return str(self.said.get(place[1], place[0]))

    def matches(self, told: str, wanted: str, *, part: bool = False) -> bool:
        """Return whether a text has the form that is wanted; keeps what it names."""
        pattern, names, at = "", [], 0
        for place in PLACE.finditer(wanted):
            pattern += re.escape(wanted[at : place.start()])
            at = place.end()
            form, name = place[1], place[2]
            if name is None and form in self.said:
                pattern += re.escape(str(self.said[form]))
            else:
                pattern += f"({FORMS[form]})"
                names.append(name)
        pattern += re.escape(wanted[at:])
        found = (re.search if part else re.fullmatch)(pattern, told)
        if found:
            self.said |= {
                name: value for name, value in zip(names, found.groups(), strict=True) if name
            }
        return found is not None

    def differences(self, told: Any, wanted: Any, at: str = "") -> Iterator[str]:
        """Tell where an answer is not what is wanted."""
        if isinstance(wanted, dict) and isinstance(told, dict):
            wanted = self.fill_keys(wanted)
            yield from (f"{at}/{k} is missing" for k in wanted if k not in told)
            yield from (f"{at}/{k} is extra: {told[k]!r}" for k in told if k not in wanted)
            for k in wanted:
                if k in told:
                    yield from self.differences(told[k], wanted[k], f"{at}/{k}")
        elif isinstance(wanted, list) and isinstance(told, list):
            if len(wanted) != len(told):
                yield f"{at} has {len(told)} items, not {len(wanted)}: {told!r}"
            for i, (one, other) in enumerate(zip(told, wanted, strict=False)):
                yield from self.differences(one, other, f"{at}/{i}")
        elif not self._same(told, wanted):
            yield f"{at} is {told!r}, not {self.fill(wanted)!r}"

    def fill_keys(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return an object with the names of its members in their places."""
        return {self.fill(k): v for k, v in wanted.items()}

    def _same(self, told: Any, wanted: Any) -> bool:
        place = PLACE.fullmatch(wanted) if isinstance(wanted, str) else None
        kept = self.said.get(place[1]) if place else None
        if place and (place[1] in _NUMBERS or isinstance(kept, int | float)):
            if isinstance(told, bool) or not isinstance(told, int | float):
                return False
            if place[2]:
                self.said[place[2]] = told
            if place[1] == "now":
                # Changes of one moment are told apart by a few microseconds.
                return START <= told * SECOND <= self._clock.now() + SECOND
            return place[1] == "number" or bool(told == kept)
        if place and isinstance(told, int) and isinstance(kept, str):
            return str(told) == kept  # an id that a sentence told
        if isinstance(wanted, str) and isinstance(told, str):
            return self.matches(told, wanted)
        if isinstance(told, float) and isinstance(wanted, float):
            # Sums come in another order from another engine.
            return math.isclose(told, wanted, rel_tol=1e-9)
        # 1 and 1.0 are one number in JSON, true and 1 are not.
        return bool(told == wanted) and isinstance(told, bool) == isinstance(wanted, bool)


# Playing


class Stage:
    """One story's world: its application, and what is known."""

    def __init__(
        self, ctx: Context, clock: Clock, alice: Access, dialect: Any, given: Given
    ) -> None:
        chosen = (
            {"outbound_allow": (ipaddress.ip_network("127.0.0.0/8"),)} if given.upstream else {}
        )
        if given.sign_up is not None:
            chosen["sign_up"] = given.sign_up
        settings = msgspec.structs.replace(ctx.settings, **chosen)
        ctx = dataclasses.replace(ctx, settings=settings) if chosen else ctx
        self._ctx, self._clock, self._dialect = ctx, clock, dialect
        self._people = {"alice": alice}
        self.known = Known(clock, password=PASSWORD)
        self._runner = asyncio.Runner()
        self._elsewhere = ExitStack()
        transport = httpx2.ASGITransport(app=App(ctx), client=("127.0.0.1", 50_000))
        self._http = httpx2.AsyncClient(
            transport=transport, base_url=BASE, headers={"User-Agent": "story"}
        )

    def close(self) -> None:
        """End the loop, and the other server."""
        self._elsewhere.close()
        self._runner.run(self._http.aclose())
        self._runner.close()

    def give(self, given: Given) -> None:
        """Make what a story begins with."""
        ctx, alice, said = self._ctx, self._people["alice"], self.known.said
        if given.https:
            self._http.base_url = BASE.replace("http:", "https:")
        for name in given.accounts:
            made = accounts.create(ctx, username=name, password=PASSWORD, timezone="Europe/Berlin")
            self._people[name] = accesses.personal(made.account_id, name)
        for name, client in given.clients.items():
            fields = {k: v for k, v in msgspec.structs.asdict(client).items() if k != "scopes"}
            stored, secret = write(
                ctx, clients.create, alice, api=self._api, scope=client.scopes, **fields
            )
            said |= {name: stored.id, f"{name}_secret": secret}
        for name, token in given.tokens.items():
            said[name] = self._token(token)
        if given.reset:
            account = ctx.store.read(lambda tx: accounts.find(tx, "alice"))
            said["reset"] = write(ctx, mail_links.issue_reset, account).partition("token=")[2]
        if given.upstream:
            said["upstream"] = self._elsewhere.enter_context(serving(lambda _: Said(b"ok"))).url
        if given.events:
            new = [msgspec.convert(e, NewEvent) for e in given.events]
            write(ctx, events.create, alice, new)
        rows = [
            NewDay(measure, day_from_text(first) + i, value, "Fitbit")
            for measure, first, values in given.days
            for i, value in enumerate(values)
            if value is not None
        ]
        if rows:
            write(ctx, days.write_rows, alice, rows)
        if given.analysed:
            analyse.run(ctx, alice.account_id)

    @property
    def _api(self) -> str:
        return str(self._dialect.name)

    def _token(self, token: Token) -> str:
        ctx, owner = self._ctx, self._people[token.of]
        if token.kind == "simple":
            return str(write(ctx, simple_tokens.simple_token, owner))
        if token.kind == "session":
            signed = sessions.sign_in(ctx, name=token.of, password=PASSWORD, address="")
            assert not isinstance(signed, Pending)
            return signed[1]
        if token.rights:
            made = write(ctx, personal.make, owner, token.name, token.rights)
            return str(personal.secret(ctx, made))
        app = token.kind == "app"
        wide = tuple(Permission(token.level, s) for s in token.streams)
        _, secret = write(
            ctx,
            accesses.issue,
            account_id=owner.account_id,
            username=owner.username,
            kind=Kind.APP if app else Kind.PERSONAL,
            name=token.name,
            permissions=(wide or (Permission(token.level),)) if app else (),
            api=token.api or self._api,
            client_id=self.known.said[token.client] if token.client else None,
            scopes=token.scopes,
            token=tokens.make_hex(owner.account_id, upper=True) if token.hex else None,
        )
        return str(secret)

    def ask(self, step: Step) -> httpx2.Response:
        """Send a step's question."""
        if "/audit/" in step.ask:
            audit.flush(self._ctx)  # it is written behind the answers
        self._clock.tick(int(step.after * SECOND))
        method, _, path = self.known.fill(step.ask).partition(" ")
        headers = dict(self.known.fill(step.headers))
        if step.as_ is not None:
            said = str(self.known.fill(step.as_))
            if said.startswith("Basic ") and ":" in said:
                said = f"Basic {base64.b64encode(said[6:].encode()).decode()}"
            headers["Authorization"] = said
        given: dict[str, Any] = {}
        if step.json is not msgspec.UNSET:
            given["json"] = self.known.fill(step.json)
        if step.form is not None:
            given["data"] = self.known.fill(step.form)
        if step.files is not None:
            files = self.known.fill(step.files)
            given["files"] = {k: (name, text, type_) for k, (name, type_, text) in files.items()}
        if step.text is not None:
            given["content"] = self.known.fill(step.text).encode()
        if step.base64 is not None:
            given["content"] = base64.b64decode(step.base64)
        url = self._dialect.prefix + path
        if path.startswith(("//", "http:")):
            url = path.removeprefix("/") if path[0] == "/" else path
        self._http.cookies.clear()  # a step says itself what its browser knows
        return self._runner.run(self._http.request(method, url, headers=headers, **given))

    def differences(self, told: httpx2.Response, wanted: Answer) -> list[str]:
        """Tell where an answer is not what is wanted; keeps what it names."""
        known = self.known
        found = (
            []
            if told.status_code == wanted.status
            else [f"status is {told.status_code}, not {wanted.status}"]
        )
        found += known.differences(headers_of(told), wanted.headers, "headers")
        if wanted.body is not msgspec.UNSET:
            try:
                said = told.json()
            except ValueError:
                return [*found, "the body is no JSON"]
            found += known.differences(said, wanted.body)
        elif isinstance(wanted.contains, list):
            found += [
                f"the page does not say {words!r}"
                for words in wanted.contains
                if not known.matches(told.text, words, part=True)
            ]
        elif isinstance(wanted.base64, str):
            found += known.differences(base64.b64encode(told.content).decode(), wanted.base64)
        else:
            found += known.differences(told.text, wanted.text or "", "text")
        return found


@contextmanager
def staged(
    ctx: Context, clock: Clock, alice: Access, dialect: Any, given: Given
) -> Iterator[Stage]:
    """Open a story's world."""
    stage = Stage(ctx, clock, alice, dialect, given)
    try:
        stage.give(given)
        yield stage
    finally:
        stage.close()


def headers_of(told: httpx2.Response) -> dict[str, str]:
    """Return the headers of an answer that belong to it."""
    found = {k: told.headers[k] for k in HEADERS if k in told.headers}
    if "set-cookie" in found:  # what ends is said by the real clock
        found["set-cookie"] = re.sub(r" expires=[^;]+;", "", found["set-cookie"])
    return found
