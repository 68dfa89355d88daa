"""Whatever path in whatever spelling asks: no key of Personyze's API gets past its rights."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from diurnal.auth import tokens
from diurnal.dialects.personyze import derived, grammar, lists, stored, tracker
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.services import accesses, days, events, records
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from diurnal.store import changes
from tests.clock import DAY, SECOND, START, Clock
from tests.dialects.client import Client
from tests.dialects.personyze.test_personyze import REST, Caller
from tests.dialects.personyze.test_tracker import App
from tests.properties.sizes import forall, sized

KNOWN = "known"
"""In keys, which questions name too."""
HIDDEN = "canary"
"""In what no question says."""
MAIL, THING = f"{KNOWN}@example.org", f"{KNOWN}-1"
OBJECTS = [
    "users",
    *stored.OBJECTS,
    *derived.OBJECTS_READ,
    lists.MEMBERS,
    "do",
    "products_interactions",
    "products_stats_daily",
    "products_stats_total",
    "current_notification",
    tracker.OBJECT,
    tracker.DEVICES,
    lists.READ,
]
COLUMNS = ["id", "user_id", "email", "internal_id", "name", "title", "first_name", "mood_note"]
USERS = ["user_id", "email", "internal_id", "first_name", "mood_note"]


def columns_of(name: str) -> list[str]:
    """Return columns that an object has, for the most part."""
    if name in stored.OBJECTS:
        return ["id", *list(stored.OBJECTS[name].columns)[:2]]
    if name in derived.OBJECTS_READ:
        return sorted(derived.OBJECTS_READ[name][0])
    return USERS if name == "users" else COLUMNS


class World:
    """An account with secrets in whatever the API shows, and keys that must not get at them."""

    def __init__(self, ctx: Context, alice: Access, charlie: Access) -> None:
        self.ctx, self.alice, self.client = ctx, alice, Client(ctx)
        app = App(ctx, alice)
        self.made = {
            "placeholders": app.post("placeholders", {"name": f"{HIDDEN} place"}),
            "users": app.post("users", {"email": MAIL, "first_name": f"{HIDDEN} Bo"}),
            "user_lists": app.post("user_lists", {"name": f"{HIDDEN} list"}),
            "products": app.post("products", {"internal_id": THING, "title": f"{HIDDEN} tea"}),
            "articles": app.post("articles", {"internal_id": "a", "title": f"{HIDDEN} text"}),
            "containers_grab_variable": app.post(
                "containers_grab_variable", {"name": f"{HIDDEN} variable"}
            ),
        }
        self.numbers = [1, *self.made.values()]
        app.post("do", [["email", MAIL, "Product Viewed", THING]])
        app.track(["Navigate", f"{HIDDEN} document"], ["Product Liked", THING])
        self.session = app.session
        note = NewEvent(
            stream_ids=("diurnal",), type="note/txt", time=START, content=HIDDEN, tags=(HIDDEN,)
        )
        day = NewDay("mood_note", START // DAY, f"{HIDDEN} mood", "Me")
        ctx.store.write(lambda tx: events.create(tx, ctx, alice, [note])).result()
        ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [day])).result()
        self.keys = {
            "another account's": Caller(ctx, charlie).key,
            "of one stream": self.key(Permission(Level.MANAGE, "diurnal-body")),
            "of one measure": self.key(Permission(Level.MANAGE, measures=("weight",))),
            "of a time": self.key(Permission(Level.MANAGE, end=START - DAY)),
            "of a tag": self.key(Permission(Level.MANAGE, tags=("x",))),
        }
        self.everything = app.key
        self.reader = Caller(ctx, alice, Level.READ).key
        self.adder = Caller(ctx, alice, Level.CREATE_ONLY).key

    def key(self, permission: Permission) -> str:
        key = tokens.make_hex(self.alice.account_id, upper=True)
        self.ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                self.ctx,
                account_id=self.alice.account_id,
                username=self.alice.username,
                kind=Kind.APP,
                name="Key",
                permissions=(permission,),
                api="personyze",
                token=key,
            )
        ).result()
        return key

    def ask(self, key: str, method: str, path: str, body: Any) -> str:
        """Return what is answered, nothing where it is refused."""
        given = {} if method == "GET" else {"json": body}
        answer = self.client.request(method, REST + path, auth=("api", key), **given)
        assert answer.status_code in (200, 500, 503), (answer.status_code, answer.text)
        return answer.text if answer.status_code == 200 else ""

    def rev(self) -> Any:
        return self.ctx.store.read(lambda tx: changes.revs(tx, self.alice.account_id))

    def records(self) -> dict[str, Any]:
        """Return every record of the account."""
        names = ("users", *stored.OBJECTS, lists.MEMBERS, tracker.DEVICES, lists.READ)
        found = [
            self.ctx.store.read(lambda tx, name=name: records.listed(tx, self.alice, name))
            for name in names
        ]
        return {r.id: r.values for listed in found for r in listed}


def spelled(draw: Any, text: str) -> str:
    """Return a text with some of its characters escaped once or twice."""
    how = draw(st.sampled_from([0, 1, 2, 3]))
    if how == 0:
        return text
    if how == 1:
        return quote(text, safe="")
    once = "".join(f"%{ord(c):02x}" if c.isascii() and not c.isalnum() else c for c in text)
    return once if how == 2 else "".join(f"%{ord(c):02X}" if c.isascii() else c for c in text)


@st.composite
def paths(draw: Any, world: World) -> str:
    """Return a path: most follow the grammar, in some spelling."""
    values = st.sampled_from([KNOWN, MAIL, THING, "alice", "1", ""])
    values = values | st.sampled_from(world.numbers).map(str) | st.text("ab%/,&|=1'\"", max_size=6)
    parts = [draw(st.sampled_from(OBJECTS))]
    columns = st.sampled_from(columns_of(parts[0]))
    if draw(st.integers(0, 3)) == 0:
        parts.append(str(draw(st.sampled_from(world.numbers))))
    modifiers = st.lists(st.sampled_from(sorted(grammar.MODIFIERS)), max_size=3, unique=True)
    for modifier in draw(modifiers):
        parts.append(modifier)
        if modifier == "where":
            conditions = draw(
                st.lists(
                    st.tuples(columns, st.sampled_from(grammar.OPERATORS), values),
                    min_size=1,
                    max_size=3,
                )
            )
            glue = draw(st.sampled_from(["&", "|", "%7C"]))
            told = [c + spelled(draw, o) + spelled(draw, quote(v)) for c, o, v in conditions]
            parts.append(glue.join(told))
        elif modifier == "limit":
            parts.append(draw(st.sampled_from(["1", "1000", "0,1000", "5,5", "99999"])))
        else:
            most = 1 if modifier == "column" else 3
            parts.append(",".join(draw(st.lists(columns, min_size=1, max_size=most))))
    if draw(st.integers(0, 9)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), draw(st.sampled_from(["..", "%2e%2e", ""])))
    return "/".join(parts)


def bodies(world: World) -> st.SearchStrategy[Any]:
    """Return what is sent: members that name what is there, commands, requests of a tracker."""
    values = st.sampled_from([MAIL, THING, "alice", "x", 70, None])
    values = values | st.sampled_from(world.numbers)
    columns = st.sampled_from([*COLUMNS, "weight", "user_list_id", "user_email", "html_id"])
    members = st.dictionaries(columns, values, max_size=4)
    command = st.sampled_from(
        [
            ["email", MAIL, "Product Viewed", THING],
            ["user_id", 1, "Product Liked", THING],
        ]
    )
    tracked = st.fixed_dictionaries(
        {
            "user_id": st.sampled_from([-1234567890, 5]),
            "session_id": st.sampled_from([world.session, None]),
            "commands": st.lists(
                st.sampled_from(
                    [
                        ["User profile", "email", MAIL],
                        ["User profile", "internal_id", "alice"],
                        ["User profile", "weight", "70"],
                        ["Product Viewed", THING],
                        ["Products Unliked"],
                    ]
                ),
                max_size=3,
            ),
        }
    )
    return members | st.lists(command, max_size=2) | tracked


def there(world: World) -> st.SearchStrategy[tuple[str, Any]]:
    """Return the way to what is there, and what may be said of it."""
    named = st.sampled_from(sorted(world.made))
    return named.map(
        lambda name: (
            (f"{name}/{world.made[name]}", {columns_of(name)[-1]: "x", "title": "x"})
            if name != "placeholders"
            else (f"placeholders/{world.made[name]}", {"html_id": "x"})
        )
    )


@sized(80, 2_000)
def test_no_path_reads_or_writes_past_the_rights_of_its_key(
    ctx: Context, alice: Access, charlie: Access, clock: Clock, examples: int
) -> None:
    world = World(ctx, alice, charlie)
    # The owner's own key gets at all of it: so there is something not to be told.
    whole = [world.ask(world.everything, "GET", name, None) for name in OBJECTS]
    assert sum(HIDDEN in answer for answer in whole) >= 9
    for name in OBJECTS:
        for whose, key in world.keys.items():
            assert HIDDEN not in world.ask(key, "GET", name, None), (whose, name)

    def check(data: st.DataObject) -> None:
        method = data.draw(st.sampled_from(["GET", "POST", "PUT", "DELETE"]))
        path, body = data.draw(st.tuples(paths(world), bodies(world)) | there(world))
        clock.tick(11 * SECOND)  # slow queries are answered again
        before = world.rev()
        for whose, key in world.keys.items():
            assert HIDDEN not in world.ask(key, method, path, body), whose
        world.ask(world.reader, method, path, body)
        assert world.rev() == before
        kept = world.records()
        assert HIDDEN not in world.ask(world.adder, method, path, body)
        now = world.records()
        assert all(now.get(id_) == values for id_, values in kept.items())

    forall(examples, check)
