"""Events against a dictionary and a list comprehension."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from diurnal.errors import NotFound
from diurnal.model.access import Access
from diurnal.model.events import EventQuery, NewEvent
from diurnal.services import events
from diurnal.services.context import Context
from tests import cases
from tests.clock import MINUTE, SECOND, START
from tests.properties.sizes import forall, owner, sized

STREAMS = ["a", "b", "b1", "c"]
TYPES = ["note/txt", "note/html", "mass/kg", "notebook/x", "diurnal/weight"]
TAGS = ["x", "y", "ü"]
times = st.integers(-3, 12).map(lambda n: START + n * MINUTE)
durations = st.sampled_from([0, 0, 0, 1, MINUTE, 3 * MINUTE, 30 * MINUTE, None])
contents = st.sampled_from(
    [None, 1, 1.0, 0.1 + 0.2, True, "text", "", [1, {"a": None}], {"k": "v"}]
)
some_streams = st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3, unique=True).map(tuple)
some_tags = st.lists(st.sampled_from(TAGS), max_size=2).map(tuple)
fields = {
    "stream_ids": some_streams,
    "type": st.sampled_from(TYPES),
    "time": times,
    "duration": durations,
    "content": contents,
    "tags": some_tags,
    "description": st.sampled_from([None, "", "words"]),
    "client_data": st.sampled_from([None, {}, {"a": 1, "b": {"c": [1]}}]),
}
fresh = st.fixed_dictionaries(
    fields, optional={"trashed": st.booleans(), "source": st.sampled_from(["watch", "phone"])}
)
source_ids = st.sampled_from([None, None, "s1", "s2", "s3"])


class Model:
    """What should be there."""

    def __init__(self, ctx: Context, who: Access) -> None:
        self.ctx, self.who = ctx, who
        self.events: dict[str, dict[str, Any]] = {}
        self.known: dict[tuple[str, str], str] = {}
        self.buried: set[tuple[str, str]] = set()

    def create(self, batch: list[dict[str, Any]]) -> None:
        written = cases.write(
            self.ctx, events.create, self.who, [NewEvent(**given) for given in batch]
        )
        for given, (event, status) in zip(batch, written, strict=True):
            source, id_ = given.get("source") or self.who.name, given.get("source_id")
            key = (source, id_) if id_ else None
            if key in self.buried:
                assert status == "deleted"
                continue
            if key in self.known:
                assert event.id == self.known[key]
                assert status in ("same", "changed")
                self._say(event.id, given)
                continue
            assert status == "created"
            assert event.id not in self.events
            self.events[event.id] = {"trashed": False, **given, "source": source}
            if key is not None:
                self.known[key] = event.id

    def _say(self, id_: str, given: dict[str, Any]) -> None:
        """A source says a known datum again: what it said last stands; trash stays trash."""
        if not self._same(self.events[id_], given):
            kept = {"trashed": self.events[id_]["trashed"]}
            self.events[id_].update({**given, **kept})

    @staticmethod
    def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
        plain = ("type", "time", "duration", "content", "description", "client_data")
        return all(old[k] == new[k] and type(old[k]) is type(new[k]) for k in plain) and all(
            set(old[k]) == set(new[k]) for k in ("stream_ids", "tags")
        )

    def update(self, id_: str, given: dict[str, Any]) -> None:
        cases.write(self.ctx, events.update, self.who, id_, given)
        known = self.events[id_]
        merged = known["client_data"]
        if "client_data" in given:
            merged = given["client_data"]
            if merged is not None:
                merged = {**(known["client_data"] or {}), **merged} or None
        known.update(given, client_data=merged)

    def trash(self, id_: str, trashed: bool) -> None:
        cases.write(self.ctx, events.set_trashed, self.who, id_, trashed=trashed)
        self.events[id_]["trashed"] = trashed

    def delete(self, id_: str) -> None:
        cases.write(self.ctx, events.delete, self.who, id_)
        gone = self.events.pop(id_)
        if gone.get("source_id"):
            key = (gone["source"], gone["source_id"])
            self.known.pop(key)
            self.buried.add(key)

    def check(self) -> None:
        seen = {e["id"]: e for e in cases.found(self.ctx, self.who, state="all")}
        assert seen.keys() == self.events.keys()
        for id_, model in self.events.items():
            got = cases.read(self.ctx, events.get, self.who, id_)
            for name in fields:
                assert getattr(got, name) == model[name], name
            assert type(got.content) is type(model["content"])
            assert (got.trashed, got.source) == (model["trashed"], model["source"])
            told = seen[id_]
            assert told["streamIds"] == list(model["stream_ids"])
            assert told["streamId"] == model["stream_ids"][0]
            assert told.get("content") == model["content"]
            assert told.get("trashed", False) == model["trashed"]
            assert told["time"] == model["time"] / SECOND
            duration = model["duration"]
            assert told.get("duration", 0) == (None if duration is None else duration / SECOND)

    def matching(self, q: EventQuery) -> list[str]:
        found = sorted(
            ((e["time"], id_) for id_, e in self.events.items() if self._fits(e, q)),
            reverse=not q.ascending,
        )
        if q.after is not None:
            found = [f for f in found if (f > q.after if q.ascending else f < q.after)]
        end = None if q.limit is None else q.skip + q.limit
        return [id_ for _, id_ in found[q.skip : end]]

    def _fits(self, e: dict[str, Any], q: EventQuery) -> bool:
        streams = set(e["stream_ids"])
        end = None if e["duration"] is None else e["time"] + e["duration"]
        class_ = e["type"].partition("/")[0] + "/*"
        return (
            (q.end is None or e["time"] <= q.end)
            and (q.start is None or end is None or end >= q.start)
            and (q.running_before or q.start is None or end is not None or e["time"] >= q.start)
            and (q.any_of is None or bool(streams & q.any_of))
            and all(streams & group for group in q.all_of)
            and (q.none_of is None or not streams & q.none_of)
            and (not q.types or e["type"] in q.types or class_ in q.types)
            and (not q.tags or bool(set(e["tags"]) & set(q.tags)))
            and (not q.sources or e["source"] in q.sources)
            and (not q.running or e["duration"] is None)
            and (q.state == "all" or e["trashed"] == (q.state == "trashed"))
        )


stream_sets = st.frozensets(st.sampled_from(STREAMS), max_size=3)
queries = st.fixed_dictionaries(
    {},
    optional={
        "start": times,
        "end": times,
        "any_of": stream_sets,
        "all_of": st.lists(stream_sets.filter(bool), max_size=2).map(tuple),
        "none_of": stream_sets,
        "types": st.lists(
            st.sampled_from(["note/txt", "note/*", "mass/*", "mass/kg", "none/*"]), max_size=2
        ).map(tuple),
        "tags": some_tags,
        "sources": st.lists(st.sampled_from(["watch", "phone", "x"]), max_size=2).map(tuple),
        "running": st.booleans(),
        "running_before": st.booleans(),
        "state": st.sampled_from(["default", "trashed", "all"]),
        "ascending": st.booleans(),
        "skip": st.integers(0, 4),
        "limit": st.integers(0, 6),
    },
)


def play(data: st.DataObject, model: Model, steps: int) -> None:
    for _ in range(steps):
        known = sorted(model.events)
        act = data.draw(st.sampled_from(["create", "create", "update", "trash", "delete"]))
        if act == "create" or not known:
            batch = data.draw(st.lists(fresh, min_size=1, max_size=4))
            batch = [{**given, "source_id": data.draw(source_ids)} for given in batch]
            model.create(batch)
            continue
        id_ = data.draw(st.sampled_from(known))
        if act == "update":
            model.update(id_, data.draw(st.fixed_dictionaries({}, optional=fields)))
        elif act == "trash":
            model.trash(id_, data.draw(st.booleans()))
        else:
            model.delete(id_)
            with pytest.raises(NotFound):
                cases.read(model.ctx, events.get, model.who, id_)


@sized(15, 400)
def test_events_are_what_was_written(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        cases.plant(ctx, who, *STREAMS)
        model = Model(ctx, who)
        play(data, model, data.draw(st.integers(1, 8)))
        model.check()
        log = cases.log(ctx, who)
        assert [row[0] for row in log] == list(range(1, len(log) + 1))

    forall(examples, check)


@sized(15, 400)
def test_a_query_finds_what_a_loop_would(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        cases.plant(ctx, who, *STREAMS)
        model = Model(ctx, who)
        for _ in range(3):
            model.create(data.draw(st.lists(fresh, min_size=1, max_size=6)))
        for _ in range(12):
            given = data.draw(queries)
            assert cases.ids(ctx, who, **given) == model.matching(EventQuery(**given)), given

    forall(examples, check)


@sized(10, 150)
def test_pages_hold_each_event_once(ctx: Context, examples: int) -> None:
    def check(data: st.DataObject) -> None:
        who = owner(ctx)
        cases.plant(ctx, who, *STREAMS)
        model = Model(ctx, who)
        model.create(data.draw(st.lists(fresh, min_size=5, max_size=15)))
        given = {k: v for k, v in data.draw(queries).items() if k not in ("skip", "limit")}
        size = data.draw(st.integers(1, 4))
        pages: list[str] = []
        after = None
        while True:
            rows = cases.read(ctx, events.find, who, EventQuery(**given, after=after, limit=size))
            pages += [row.id for row in rows]
            if len(rows) < size:
                break
            after = (rows[-1].time, rows[-1].id)
        assert pages == model.matching(EventQuery(**given))

    forall(examples, check)
