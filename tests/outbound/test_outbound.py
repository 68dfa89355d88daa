"""What this server asks of others: where it may go, and how much it takes."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from diurnal.errors import InvalidInput, Upstream
from diurnal.outbound import Failed, NotAllowed, check_url, permitted
from diurnal.outbound.client import Client
from tests.upstream import Asked, Said
from tests.upstream import Upstream as Server

HERE = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(lambda _: Said({"ok": True}))
    yield made
    made.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fe80::1%lo",
        "fc00::1",
        "ff02::1",
        "not an address",
    ],
)
def test_private_and_special_addresses_are_refused(address: str) -> None:
    assert not permitted(address, ())


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert permitted(address, ())


def test_a_network_that_the_operator_names_may_be_reached() -> None:
    assert permitted("10.1.2.3", (ip_network("10.0.0.0/8"),))
    assert not permitted("10.1.2.3", (ip_network("10.2.0.0/16"),))
    assert permitted("::ffff:10.1.2.3", (ip_network("10.0.0.0/8"),))


def test_this_machine_is_not_asked_unless_allowed(server: Server) -> None:
    with Client() as client, pytest.raises(NotAllowed):
        client.request("GET", server.url)
    assert server.asked == []
    with Client(HERE) as client:
        assert client.request("GET", server.url, params={"a": 1}).status == 200
    assert server.asked[0].query == {"a": "1"}


def test_a_name_that_changes_its_address_gains_nothing(server: Server) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    port = server.url.rpartition(":")[2]
    url = f"http://rebinding.example:{port}/"
    assert check_url(url, look_up=lambda *_: next(answers)) == url
    with Client(look_up=lambda *_: next(answers)) as client, pytest.raises(NotAllowed):
        client.request("GET", url)
    assert server.asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(server: Server) -> None:
    def look_up(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    with Client(look_up=look_up) as client, pytest.raises(NotAllowed):
        client.request("GET", server.url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://",
        "http://user:secret@example.org/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://2130706433/",
        "http://localhost/",
        "//example.org/",
        "http://exa mple.org:port/",
    ],
)
def test_addresses_that_nobody_may_give(url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url)


def test_nothing_is_followed(server: Server) -> None:
    server.answer = lambda _: Said(status=301, headers={"Location": "http://169.254.169.254/"})
    with Client(HERE) as client:
        assert client.request("GET", server.url).status == 301
    assert len(server.asked) == 1


def test_an_answer_without_end_is_cut(server: Server) -> None:
    server.answer = lambda _: Said(b"x" * 200_000)
    with Client(HERE) as client, pytest.raises(Upstream, match="more than"):
        client.request("GET", server.url, bytes_max=100_000)


def test_what_unpacks_to_more_than_it_may_is_refused(server: Server) -> None:
    bomb = gzip.compress(b"\0" * (30 << 20))
    server.answer = lambda _: Said(bomb, headers={"Content-Encoding": "gzip"})
    with Client(HERE) as client, pytest.raises(Upstream, match="more than"):
        client.request("GET", server.url, bytes_max=1 << 20)
    server.answer = lambda _: Said(gzip.compress(b'{"a":1}'), headers={"Content-Encoding": "gzip"})
    with Client(HERE) as client:
        assert client.request("GET", server.url).body == b'{"a":1}'


@pytest.mark.parametrize(
    "said",
    [
        Said(b"0123456789", cut=4),
        Said(b"0123456789", length=20, cut=10),
        Said(gzip.compress(b"x" * 1000)[:-9], headers={"Content-Encoding": "gzip"}),
        Said(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
    ],
    ids=["reset", "shorter than said", "gzip cut", "no gzip"],
)
def test_an_answer_that_is_not_whole_is_none(server: Server, said: Said) -> None:
    server.answer = lambda _: said
    with Client(HERE) as client, pytest.raises(Failed):
        client.request("GET", server.url)


@pytest.mark.parametrize("said", [Said(b"x" * 1000, drip_s=0.05), Said(silent_s=5)])
def test_slow_answers_end_by_the_deadline(server: Server, said: Said) -> None:
    server.answer = lambda _: said
    began = time.monotonic()
    with Client(HERE) as client, pytest.raises(Failed):
        client.request("GET", server.url, seconds_max=0.4)
    assert time.monotonic() - began < 3


def test_no_error_tells_the_address_with_its_token(server: Server) -> None:
    def answer(_: Asked) -> Said:
        return Said(b"123", cut=1)

    server.answer = answer
    with Client(HERE) as client, pytest.raises(Failed) as raised:
        client.request("GET", f"{server.url}/?token=very-secret")
    assert "very-secret" not in str(raised.value)
