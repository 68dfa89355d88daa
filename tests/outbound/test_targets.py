"""Eighty addresses of what only this machine may reach, and a trap that none of them gets to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from diurnal.errors import AppError, InvalidInput
from diurnal.model.access import Access
from diurnal.outbound import NotAllowed, check_url
from diurnal.outbound.client import Client
from diurnal.services.context import Context
from tests.dialects.native.client import opened, owner_token
from tests.upstream import Said, Upstream

LITERALS = [
    # 127.0.0.1 in every spelling
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "127.127.127.127", "127.255.255.254",
    "2130706433", "0x7f000001", "0x7f.1", "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1",
    "0177.1", "00000177.0.0.1", "127.0.0.01", "0x7F000001", "%31%32%37.0.0.1", "①②⑦.0.0.1",
    "127。0。0。1", "0", "0.0.0.0", "00", "0x0", "0.1",  # noqa: S104 - reached nowhere
    # the same in IPv6, and what stands for IPv4 there
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
    "[2002:7f00:0001::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[::ffff:0:127.0.0.1]",
    "[::1%25lo]", "[fe80::1%25lo]", "[fe80::1]",
    # networks of a house, a provider, a cloud
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.1.1",
    "100.64.0.1", "100.127.255.254", "169.254.169.254", "169.254.170.2", "2852039166",
    "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[fd00::1]", "[fc00::1]",
    "[fec0::1]", "100.100.100.200", "192.0.0.192", "198.18.0.1", "192.0.2.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "[ff02::1]", "[100::1]",
    "[2001:db8::1]",
    # names of this machine
    "localhost", "LOCALHOST", "localhost.", "ip6-localhost",
]  # fmt: skip
URLS = [
    "http://trusted.example@127.0.0.1:{port}/",
    "http://user:word@[::1]:{port}/",
    "http://127.0.0.1:{port}#@public.example/",
    "http://127.0.0.1:{port}?@public.example/",
    "http://127.0.0.1:{port}\\@public.example/",
    "http:\\\\127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/a\r\nHost: public.example",
    "http://127.0.0.1\t:{port}/",
    "http:// 127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_PING",
    "dict://127.0.0.1:{port}/",
    "ldap://127.0.0.1:{port}/",
    "file:///etc/hostname",
    "file://127.0.0.1:{port}/etc/hostname",
    "unix:///run/redis.sock",
    "data:text/plain,x",
    "jar:http://127.0.0.1:{port}!/",
    "http+unix://%2Frun%2Fdocker.sock/",
]
PUBLIC = "93.184.216.34"
NAMES = {
    "one that is private": [["127.0.0.1"]],
    "one that is private in IPv6": [["::1"]],
    "mapped": [["::ffff:127.0.0.1"]],
    "public first": [[PUBLIC, "127.0.0.1"]],
    "public last": [["127.0.0.1", PUBLIC]],
    "another address at the second look": [[PUBLIC], ["127.0.0.1"]],
    "another at every look": [[PUBLIC], ["::1"], ["127.0.0.1"]],
    "an alias of this machine": [["0.0.0.0"]],  # noqa: S104 - reached nowhere
    "a scope": [["fe80::1%lo"]],
    "no address": [["not an address"]],
}


class Trap:
    """Listens on a port of this machine, in both families, and counts whoever comes."""

    def __init__(self) -> None:
        self.reached = 0
        self._listening = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._listening[0].getsockname()[1]
        if socket.has_ipv6:
            v6 = socket.socket(socket.AF_INET6)
            v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            v6.bind(("::1", self.port))
            v6.listen()
            self._listening.append(v6)
        for one in self._listening:
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                came, _ = listening.accept()
            except OSError:
                return
            self.reached += 1
            came.close()

    def works(self) -> bool:
        """Whether it sees somebody come, so that its silence tells something."""
        before = self.reached
        with socket.create_connection(("127.0.0.1", self.port)) as came:
            came.recv(1)
        return self.reached == before + 1

    def close(self) -> None:
        for one in self._listening:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    assert made.works()
    made.reached = 0
    yield made
    made.close()


def test_none_of_eighty_targets_is_reached(trap: Trap) -> None:
    targets = [f"http://{host}:{trap.port}/" for host in LITERALS]
    targets += [url.format(port=trap.port) for url in URLS]
    targets += [f"http://127.0.0.1:{port}/" for port in (22, 5432, 6379)]
    assert len(set(targets)) >= 80
    let_in = []
    client = Client()
    for url in targets:
        try:
            client.request("GET", url, seconds_max=2)
            let_in.append(("answered", url))
        except AppError:
            pass
        # What a person gives is refused with a word, before anything is kept.
        try:
            check_url(url)
            let_in.append(("taken", url))
        except InvalidInput:
            pass
    client.close()
    assert trap.works()
    assert (trap.reached, let_in) == (1, [])


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_to_it(trap: Trap, name: str) -> None:
    answers = iter(NAMES[name])
    last = NAMES[name][-1]
    url = f"http://name.example:{trap.port}/"

    def look_up(_host: str, _port: int) -> list[str]:
        return next(answers, last)

    if NAMES[name][0] == [PUBLIC]:
        assert check_url(url, look_up=look_up) == url, "it was public when it was given"
    with Client(look_up=look_up) as client, pytest.raises(NotAllowed):
        client.request("GET", url, seconds_max=2)
    assert trap.works()
    assert trap.reached == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_it(trap: Trap, status: int) -> None:
    """From a server that may be reached, and that sends on to what may be, too."""
    to = f"http://127.0.0.1:{trap.port}/"
    server = Upstream(lambda _: Said(status=status, headers={"Location": to, "Refresh": to}))
    try:
        with Client((ip_network("127.0.0.0/8"),)) as client:
            assert client.request("GET", server.url).status == status
    finally:
        server.close()
    assert trap.works()
    assert (trap.reached, len(server.asked)) == (1, 1)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_no_webhook_is_made_for_any_of_them(ctx: Context, alice: Access, trap: Trap) -> None:
    targets = [f"http://{host}:{trap.port}/" for host in LITERALS]
    with opened(ctx, owner_token(ctx, alice)) as api:
        for url in [*targets, *(url.format(port=trap.port) for url in URLS)]:
            api.refused(400, "POST", "/webhooks", {"url": url})
        assert api.ok("GET", "/webhooks")["webhooks"] == []
    assert trap.works()
    assert trap.reached == 1
