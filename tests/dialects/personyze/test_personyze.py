"""What a Personyze client sees."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diurnal.auth import tokens
from diurnal.dialects.personyze import grammar
from diurnal.errors import InvalidInput
from diurnal.model.access import Access, Kind, Level, Permission
from diurnal.model.events import NewEvent
from diurnal.services import accesses, days, entries, events
from diurnal.services.context import Context
from diurnal.services.days import NewDay
from tests.clock import Clock
from tests.dialects.client import Client

REST = "https://localhost:8400/personyze/rest/"


class Caller:
    """A client with a key."""

    def __init__(self, ctx: Context, owner: Access, level: Level = Level.MANAGE) -> None:
        self.client = Client(ctx)
        self.key = tokens.make_hex(owner.account_id, upper=True)
        ctx.store.write(
            lambda tx: accesses.issue(
                tx,
                ctx,
                account_id=owner.account_id,
                username=owner.username,
                kind=Kind.APP,
                name="Key",
                permissions=(Permission(level),),
                api="personyze",
                token=self.key,
            )
        ).result()

    def ask(self, method: str, path: str, status: int = 200, **given: Any) -> Any:
        answer = self.client.request(method, REST + path, auth=("api", self.key), **given)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text

    def get(self, path: str, status: int = 200) -> Any:
        return self.ask("GET", path, status)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return self.ask("POST", path, status, json=body)


@pytest.fixture
def caller(ctx: Context, alice: Access) -> Caller:
    return Caller(ctx, alice)


def test_a_placeholder_is_made_changed_and_deleted_as_the_page_shows_it(caller: Caller) -> None:
    # As curl sends it: JSON under the type of a form.
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert caller.get("placeholders") == []
    made = caller.ask(
        "POST", "placeholders", content=b'{"name": "Fake", "html_id": ".fake"}', headers=form
    )
    assert isinstance(made, int)
    [row] = caller.get("placeholders")
    assert row == {"id": made, "name": "Fake", "html_id": ".fake", "units_count_max": 1}
    assert (
        caller.ask("PUT", f"placeholders/{made}", content=b'{"html_id": "#fake"}', headers=form)
        == 1
    )
    assert caller.get(f"placeholders/{made}/columns/html_id") == [{"html_id": "#fake"}]
    assert caller.ask("DELETE", f"placeholders/{made}") == 1
    assert caller.ask("DELETE", f"placeholders/{made}") == 0
    assert caller.get(f"placeholders/{made}") == []


def test_without_the_key_or_without_tls_one_is_asked_to_log_in(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    client, url = caller.client, f"{REST}placeholders"
    wrong = [
        client.get(url),
        client.get(url, auth=("api", "F" * 40)),
        client.get(url, auth=("user", caller.key)),
        client.get(url, headers={"authorization": "Basic %%%"}),
        client.get(url.replace("https", "http"), auth=("api", caller.key)),
    ]
    for answer in wrong:
        assert (answer.status_code, answer.text) == (401, "Please, log in")
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nothing", "no object is called 'nothing'"),
        ("placeholders/columns/colour", "have no column 'colour'"),
        ("placeholders/limit/1001", "from 1 to 1000"),
        ("placeholders/limit/0", "from 1 to 1000"),
        ("placeholders/where/id~1", "no operator"),
        ("placeholders/where/id=1/where/id=2", "given twice"),
        ("placeholders/order/id", "unknown path parameter 'order'"),
        ("placeholders/columns", "has no value"),
        ("placeholders/%FF", "UTF-8"),
    ],
)
def test_a_wrong_path_is_a_500_that_says_what_is_wrong(
    caller: Caller, path: str, says: str
) -> None:
    assert says in caller.get(path, 500)


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "placeholders", b"{", "not JSON"),
        ("POST", "placeholders", b'{"html_id": "#a"}', "need a name"),
        ("POST", "placeholders", b'{"name": "a", "units_count_max": "x"}', "whole number"),
        ("POST", "placeholders", b'{"name": "a", "colour": 1}', "no column 'colour'"),
        ("POST", "placeholders", b"[1]", "JSON object"),
        ("POST", "actions", b'{"name": "a"}', "cannot be added to"),
        ("GET", "do", b"", "do cannot be read"),
        ("PUT", "placeholders", b'{"name": "a"}', "which records"),
        ("DELETE", "placeholders", b"", "which records"),
        ("DELETE", "users/1", b"", "stays"),
        ("PUT", "users/1", b'{"weight": "heavy"}', "weight is a number"),
        ("PUT", "users/1", b'{"weight": 1%s}' % (b"0" * 400), "weight is a number"),
        ("PUT", "users/1", b'{"email": "x@example.org"}', "Settings"),
        ("POST", "user_list_users", b'{"user_list_id": 5, "user_id": 1}', "no user list"),
        ("POST", "do", b'[["email", "no@b.c", "Product Viewed", "x"]]', "User not found by email"),
        ("POST", "do", b'[["user_id", 1, "Product Eaten", "x"]]', "unknown verb"),
        ("POST", "do", b'[["user_id", 1, "Product Viewed", "x"]]', "no such item"),
        ("PATCH", "placeholders", b"", "none of GET"),
    ],
)
def test_a_wrong_body_is_a_500_that_says_what_is_wrong(
    caller: Caller, method: str, path: str, body: bytes, says: str
) -> None:
    assert says in caller.ask(method, path, 500, content=body)
    assert caller.get("placeholders") == []


def test_conditions_order_and_limits_choose(caller: Caller) -> None:
    for n, (name, price) in enumerate([("b", 5), ("a", 7.5), ("c/d|e", 5), ("f,g", 1)]):
        caller.post("products", {"internal_id": f"SKU/{n}", "title": name, "price": price})
    chosen = {
        "where/price>=5/column/title": ["b", "a", "c/d|e"],
        "where/price%3E5/column/title": ["a"],
        "where/price!=5/column/title": ["a", "f,g"],
        "where/title=c%2Fd%7Ce/column/price": [5],
        "where/title:a,f%252Cg/column/title": ["a", "f,g"],
        "where/title!:a,b/column/title": ["c/d|e", "f,g"],
        "where/price=5&title=b|price=1/column/title": ["b", "f,g"],
        "where/price=5&title=b%7Cprice=1/column/title": ["b", "f,g"],
        "where/internal_id=SKU%2F1/column/title": ["a"],
        "order_by/price,title/column/title": ["f,g", "b", "c/d|e", "a"],
        "order_by_desc/price/limit/1,2/column/price": [5, 5],
        "limit/2/column/title": ["b", "a"],
        "column/title/limit/3,5": ["f,g"],
        "columns/price,title/where/price<5": [{"price": 1, "title": "f,g"}],
    }
    for path, answer in chosen.items():
        assert caller.get(f"products/{path}") == answer, path
    assert caller.ask("PUT", "products/where/price=5", json={"is_in_stock": "no"}) == 2
    assert caller.get("products/where/is_in_stock=no/column/title") == ["b", "c/d|e"]
    assert caller.ask("DELETE", "products/where/internal_id=SKU%2F1") == 1


def test_a_product_sent_again_is_the_same_product(caller: Caller) -> None:
    first = caller.post("products", {"internal_id": "x", "title": "One", "brand": "Acme"})
    assert caller.post("products", {"internal_id": "x", "price": 3}) == first
    [row] = caller.get("products")
    assert (row["title"], row["price"], row["brand"]) == ("One", 3, "Acme")


def test_people_are_known_by_any_of_their_keys(caller: Caller) -> None:
    made = caller.post("users", {"email": "Bo@example.org", "firstName": "Bo", "shoe_size": 42})
    assert (
        caller.post("users", {"email": "bo@example.org", "last_name": "Ek", "firstName": ""})
        == made
    )
    [bo] = caller.get("users/where/email=BO%40example.org/order_by/user_id/limit/0,50")
    assert (bo["user_id"], bo["first_name"], bo["last_name"]) == (made, "Bo", "Ek")
    assert caller.get(f"users/{made}/column/firstName") == ["Bo"]
    assert caller.get(f"users/where/user_id={made}/columns/shoe_size") == [{"shoe_size": 42}]
    listed = caller.post("user_lists", {"name": "Friends"})
    caller.post("user_list_users", {"user_list_id": listed, "user_email": "bo@example.org"})
    caller.post("user_list_users", {"user_list_id": listed, "user_id": 1})
    assert caller.get(f"user_list_users/where/user_list_id={listed}/column/user_id") == [made, 1]
    assert caller.ask("DELETE", f"user_list_users/where/user_id={made}") == 1
    assert caller.ask("DELETE", f"users/{made}") == 1
    assert caller.get("users/order_by/user_id/limit/0,50/column/user_id") == [1]


def test_the_owner_is_user_1_with_the_newest_value_of_each_measure(
    ctx: Context, alice: Access, caller: Caller, clock: Clock
) -> None:
    today = clock.now() // 86_400_000_000
    rows = [NewDay("steps", today - 1, 4321, "Fitbit"), NewDay("weight", today - 9, 80, "Scale")]
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, rows)).result()
    assert caller.get("users/1/columns/internal_id,steps,weight") == [
        {"internal_id": "alice", "steps": 4321, "weight": 80}
    ]
    assert caller.ask("PUT", "users/1", json={"weight": 72.5, "mood": 7, "first_name": "Al"}) == 1
    [row] = caller.get("users/1")
    assert (row["weight"], row["mood"], row["first_name"]) == (72.5, 7, "Al")
    found = ctx.store.read(lambda tx: days.values(tx, ctx, alice, ["weight"], today, today))
    assert found["weight"][0].value == 72.5


def test_the_owner_was_modified_when_data_last_changed(
    ctx: Context, alice: Access, caller: Caller, clock: Clock
) -> None:
    asked = "users/1/column/data_last_modified"
    clock.tick(86_400_000_000)
    row = NewDay("steps", clock.now() // 86_400_000_000, 4321, "Fitbit")
    ctx.store.write(lambda tx: days.write_rows(tx, ctx, alice, [row])).result()
    changed = clock.now() // 1_000_000
    assert caller.get(asked) == [changed]
    clock.tick(3_600_000_000)
    caller.post("users", {"email": "bo@example.org"})  # another's
    assert caller.get(asked) == [changed]
    assert caller.ask("PUT", "users/1", json={"weight": 72.5}) == 1
    assert caller.get(asked) == [clock.now() // 1_000_000]


def test_what_was_done_with_a_product_is_an_event_like_any_other(
    ctx: Context, alice: Access, caller: Caller
) -> None:
    product = caller.post("products", {"internal_id": "x", "title": "Book"})
    commands = [
        ["user_id", 1, "Product Viewed", "x"],
        ["internal_id", "alice", "Product Purchased", "x", "quantity", 2],
    ]
    assert caller.post("do", commands) == 2
    done = caller.get("products_interactions/columns/interaction,item_id,user_id")
    assert done == [
        {"interaction": "Viewed", "item_id": product, "user_id": 1},
        {"interaction": "Purchased", "item_id": product, "user_id": 1},
    ]
    [row] = caller.get("products_stats_total")
    assert (row["product_id"], row["viewed"], row["purchased"]) == (product, 1, 2)
    assert len(ctx.store.read(lambda tx: events.find(tx, ctx, alice))) == 2


def test_an_interaction_that_was_posted_is_found_by_the_number_in_the_answer(
    caller: Caller,
) -> None:
    product = caller.post("products", {"title": "Book"})
    said = {"user_id": 1, "product_id": product, "interaction": "Liked"}
    made = caller.post("products_interactions", said)
    assert caller.get(f"products_interactions/{made}/columns/item_id,interaction") == [
        {"item_id": product, "interaction": "Liked"}
    ]


def test_events_sessions_and_tags_are_read(
    ctx: Context, alice: Access, caller: Caller, clock: Clock
) -> None:
    made = [
        NewEvent(
            stream_ids=("diurnal-note",),
            type="note/txt",
            time=clock.now(),
            content="Hi",
            tags=("a",),
        ),
        NewEvent(
            stream_ids=("diurnal-sleep",),
            type="activity/plain",
            time=clock.now() - 9 * 3_600_000_000,
            duration=8 * 3_600_000_000,
        ),
    ]
    ctx.store.write(lambda tx: events.create(tx, ctx, alice, made)).result()
    newest = caller.get("events/order_by_desc/time/limit/1/columns/content,user_id,tags")
    assert newest == [{"content": "Hi", "user_id": 1, "tags": ["a"]}]
    assert caller.get("user_interests/columns/interest,weight") == [{"interest": "a", "weight": 1}]
    assert caller.get("account/column/name") == ["alice"]
    assert caller.get("current_notification/where/user_id=1") is None


def test_a_slow_query_is_followed_by_a_wait(caller: Caller, clock: Clock) -> None:
    assert caller.get("users/where/first_name=Bo") == []
    assert caller.get("users/where/first_name=Bo", 503) == "10"
    assert caller.get("users/where/user_id=1/column/user_id") == [1]
    clock.tick(4_500_000)
    answer = caller.client.get(f"{REST}users/where/first_name=Bo", auth=("api", caller.key))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "6")
    clock.tick(6_000_000)
    assert caller.get("users/where/first_name=Bo") == []


def test_a_key_does_what_it_may_and_no_more(ctx: Context, alice: Access, charlie: Access) -> None:
    owner, reader = Caller(ctx, alice), Caller(ctx, alice, Level.READ)
    other = Caller(ctx, charlie)
    made = owner.post("placeholders", {"name": "Mine"})
    assert reader.get("placeholders/column/name") == ["Mine"]
    assert "may not add" in reader.post("placeholders", {"name": "b"}, 500)
    assert "may not change" in reader.ask("PUT", f"placeholders/{made}", 500, json={"name": "b"})
    assert "may not delete" in reader.ask("DELETE", f"placeholders/{made}", 500)
    assert other.get("placeholders") == []
    assert other.ask("DELETE", f"placeholders/{made}") == 0
    assert owner.get("placeholders/column/name") == ["Mine"]


def test_a_text_is_entered_and_is_the_newest(ctx: Context, alice: Access, clock: Clock) -> None:
    ctx.store.write(lambda tx: entries.enter(tx, ctx, alice, "mood_note", "Fine")).result()
    found = ctx.store.read(lambda tx: entries.newest(tx, ctx, alice))
    assert found["mood_note"] == "Fine"


PIECES = st.text(alphabet="abI_0129=<>!:&|,%27CFf/ \u00e9+~'", max_size=40)


@given(path=st.lists(PIECES | st.sampled_from(sorted(grammar.MODIFIERS)), max_size=8))
def test_no_path_crashes_the_grammar(path: list[str]) -> None:
    raw = "/".join(["users", *path]).encode().decode("latin-1")
    with suppress(InvalidInput):
        asked = grammar.parse(raw)
        assert asked.object == "users"
        assert asked.limit is None or 1 <= asked.limit <= grammar.LIMIT_MAX


VALUES = st.text(
    alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20
).filter(lambda v: "%2c" not in v.casefold() and "|" not in v)


@given(value=VALUES, listed=st.lists(VALUES, min_size=1, max_size=4))
def test_an_escaped_value_comes_through_whole(value: str, listed: list[str]) -> None:
    values = ",".join(quote(v, safe="") for v in listed)
    raw = f"users/where/a={quote(value, safe='')}&b!:{values}"
    [[first, second]] = grammar.parse(raw).where
    assert first == ("a", "=", (value,))
    assert second == ("b", "!:", tuple(listed))
