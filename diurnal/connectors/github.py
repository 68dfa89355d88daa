"""GitHub: commits, issues, pull requests, comments, releases and stars, as its API answers.

Commits are dated by their author: rebased and picked ones keep that date. What is no commit
stands in the stream of work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from diurnal.connectors import (
    Connector,
    Entry,
    Http,
    Key,
    Options,
    Pull,
    Quota,
    Setting,
    Window,
    _json,
    _posts,
    _said,
)
from diurnal.model.records import Item, Source
from diurnal.model.sources import Kind

SOURCE = Source("GitHub", Kind.DERIVED)
PAGE = 100


def _repository(url: str) -> str:
    """Return owner/name of an address of the site or of the API."""
    path = url.partition("://")[2].partition("/")[2].removeprefix("repos/")
    return "/".join(path.split("/")[:2])


def commit(c: Mapping[str, Any]) -> Iterator[Item]:
    """Read a commit; in forks it is the same."""
    at, offset = _said.local(c["commit"]["author"]["date"])
    title = c["commit"]["message"].strip().partition("\n")[0]
    yield _posts.note(
        SOURCE,
        c["sha"],
        at,
        f"{_repository(c['html_url'])}: {title}",
        measure="commit",
        offset=offset,
    )


def issue(i: Mapping[str, Any]) -> Iterator[Item]:
    """Read an issue or a pull request."""
    pull = "diff_url" in i or "pull_request" in i
    text = f"{_repository(i['html_url'])}#{i['number']}: {i['title']}"
    closed = i.get("merged_at") or i.get("closed_at")
    yield _posts.note(
        SOURCE,
        # Lists of issues give a pull request another id than its own list does.
        _said.key(f"{_repository(i['html_url'])[:60]}#{i['number']}"),
        _said.instant(i["created_at"]),
        text,
        stream=_posts.WORK,
        tags=["pull-request" if pull else "issue"],
        more={"github": _said.some(url=i["html_url"], closed=closed)},
    )


def comment(c: Mapping[str, Any]) -> Iterator[Item]:
    """Read a comment on an issue."""
    yield _posts.note(
        SOURCE,
        _said.key(f"comment {c['id']}"),
        _said.instant(c["created_at"]),
        c["body"],
        stream=_posts.WORK,
        tags=["comment"],
        more={"github": {"url": c["html_url"]}},
    )


def release(r: Mapping[str, Any]) -> Iterator[Item]:
    """Read a release."""
    yield _posts.note(
        SOURCE,
        _said.key(f"release {r['id']}"),
        _said.instant(r["published_at"] or r["created_at"]),
        f"{_repository(r['html_url'])} {r['tag_name']}",
        stream=_posts.WORK,
        tags=["release"],
    )


def star(s: Mapping[str, Any]) -> Iterator[Item]:
    """Read a star that was given."""
    repo = s["repo"]
    yield _posts.link(
        SOURCE,
        _said.key(f"star {repo['id']}"),
        _said.instant(s["starred_at"]),
        repo["html_url"],
        f"{repo['full_name']}: {repo.get('description') or ''}".rstrip(": "),
        measure=None,
        stream=_posts.WORK,
        tags=["star"],
    )


_ANSWERS: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], Iterator[Item]]], ...] = (
    (frozenset({"sha", "commit.author.date", "commit.message", "html_url"}), commit),
    (frozenset({"number", "title", "created_at", "html_url", "comments_url"}), issue),
    (frozenset({"issue_url", "body", "created_at", "html_url"}), comment),
    (frozenset({"tag_name", "published_at", "html_url"}), release),
    (frozenset({"starred_at", "repo.full_name"}), star),
)


def _found(entry: Entry) -> tuple[str, Callable[[Mapping[str, Any]], Iterator[Item]]] | None:
    seen = _json.members(entry.head)
    for prefix in ("item", "items.item"):
        inner = {m.removeprefix(f"{prefix}.") for m in seen if m.startswith(f"{prefix}.")}
        for wanted, one in _ANSWERS:
            if wanted <= inner:
                return prefix, one
    return None


def rows_of(answer: Any) -> Iterator[Item]:
    """Yield the commits of an answer of the search."""
    return _json.each(commit, answer["items"], "the answer")


def recognise(entry: Entry) -> float:
    """Return 0.95 for lists that the API answers."""
    return 0.95 if _found(entry) else 0.0


def parse(entry: Entry, options: Mapping[str, Any]) -> Iterator[Item]:
    """Read a saved answer."""
    prefix, one = _found(entry) or ("item", commit)
    return _json.read(entry, one, prefix)


def _commits(http: Http, window: Window, options: Options) -> Iterator[Item]:
    asked = f"author:{options['user']} author-date:{window.first_day}..{window.last_day}"
    params = {"q": asked, "sort": "author-date", "per_page": PAGE}
    pages = http.pages("/search/commits", params, page=("page", 1), size=PAGE, items="items")
    for page in pages:
        yield from rows_of(page)


CONNECTOR = Connector(
    name="github",
    title="GitHub",
    docs="https://docs.github.com/en/rest/search/search#search-commits",
    emits=frozenset({"commit"}),
    recognise=recognise,
    parse=parse,
    auth=Key(
        label="Fine-grained token",
        help="Make one with read access to contents at https://github.com/settings/tokens.",
    ),
    base_url="https://api.github.com",
    settings=(Setting(key="user", label="User name", required=True),),
    # The search gives at most 1,000 commits of one question.
    pulls=(Pull(name="commits", fetch=_commits, slice_days=14),),
    quotas=(Quota(30, 60),),
)
