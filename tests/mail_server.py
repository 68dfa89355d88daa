"""A mail server on this machine that keeps what it is sent; it can refuse."""

from __future__ import annotations

import email
import email.policy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from itertools import takewhile
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import cast

_ENDS = (b"", b".\r\n")


class MailServer:
    """Speaks as much SMTP as one mail needs."""

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[EmailMessage] = []
        self.recipient_says = b"250 ok"


@contextmanager
def running() -> Iterator[MailServer]:
    """Run one on a port of its own, on threads of its own."""
    told = MailServer()

    class Talk(StreamRequestHandler):
        timeout = 10

        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    raw = b"".join(takewhile(lambda line: line not in _ENDS, self.rfile))
                    found = email.message_from_bytes(raw, policy=email.policy.default)
                    told.mails.append(cast("EmailMessage", found))
                    self.wfile.write(b"250 kept\r\n")
                elif verb == b"RCPT":
                    self.wfile.write(told.recipient_says + b"\r\n")
                elif verb == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    class Server(ThreadingTCPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of clients that only looked in and were gone before the greeting."""

    # Its end waits for who is still being talked to.
    with Server(("127.0.0.1", 0), Talk) as server:
        told.port = server.server_address[1]
        listening = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        listening.start()
        try:
            yield told
        finally:
            server.shutdown()
            listening.join()
