"""The client; loaded by whoever makes requests, for its libraries take their time."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import httpcore2
import httpx2

from diurnal import __version__
from diurnal.errors import InvalidInput, Upstream
from diurnal.outbound._answers import Answer, Failed
from diurnal.outbound._backend import Backend, deadline
from diurnal.outbound._guard import Network, Resolve, resolve

BYTES_MAX = 32 << 20
"""Of one answer, unpacked."""
SECONDS_MAX = 60.0
"""From the first byte sent to the last received."""
CONNECT_S = 10.0
SILENT_S = 30.0
AGENT = f"Diurnal/{__version__}"


class Client:
    """Makes requests; for use in threads, one request at a time.

    Args:
        allow: private networks that may be reached.
        look_up: resolves names; the system's way by default.
    """

    def __init__(self, allow: Sequence[Network] = (), *, look_up: Resolve = resolve) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=20,
            max_keepalive_connections=5,
            keepalive_expiry=30.0,
            network_backend=Backend(allow, look_up),
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        bytes_max: int = BYTES_MAX,
        seconds_max: float = SECONDS_MAX,
    ) -> Answer:
        """Send one request and return the answer, whatever its status; nothing is followed.

        Raises:
            InvalidInput: no address of the web.
            NotAllowed: the address may not be reached.
            Failed: no whole answer came; nothing of addresses or credentials is told.
            Upstream: the answer is too large, or packed in a way that nobody asked for.
        """
        target = _url(url)
        if params:
            target = target.copy_merge_params(dict(params))
        request = httpx2.Request(
            method,
            target,
            headers={
                "User-Agent": AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "gzip",
                **(headers or {}),
            },
            content=body,
        )
        token = deadline.set(time.monotonic() + seconds_max)
        try:
            return self._send(request, bytes_max)
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise Failed(f"{target.host} did not answer in time") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
            raise Failed(f"{target.host} cannot be reached, or broke off") from error
        except httpcore2.UnsupportedProtocol as error:
            raise InvalidInput("an address begins with https:// or http://", field="url") from error
        finally:
            deadline.reset(token)

    def _send(self, request: httpx2.Request, bytes_max: int) -> Answer:
        url = request.url
        sent = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions={
                "timeout": {
                    "connect": CONNECT_S,
                    "read": SILENT_S,
                    "write": SILENT_S,
                    "pool": CONNECT_S,
                }
            },
        )
        got = self._pool.handle_request(sent)
        try:
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in got.headers
            }
            body = _read(got.iter_stream(), headers.get("content-encoding", ""), bytes_max)
        finally:
            got.close()
        return Answer(status=got.status, headers=headers, body=body)


def _read(parts: Any, packed: str, bytes_max: int) -> bytes:
    """Return the body, unpacked; never more than it may have, whatever it unpacks to."""
    coding = packed.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise Upstream(f"the answer is packed as {coding[:20]!r}")
    unpack = zlib.decompressobj(31) if "gzip" in coding else None
    body = bytearray()
    for part in parts:
        try:
            body += part if unpack is None else unpack.decompress(part, bytes_max + 1 - len(body))
        except zlib.error as error:
            raise Failed("the answer is damaged") from error
        if len(body) > bytes_max or (unpack is not None and unpack.unconsumed_tail):
            raise Upstream(f"the answer has more than {bytes_max >> 20} MB", permanent=True)
    if unpack is not None and body and not unpack.eof:
        raise Failed("the answer is cut off")
    return bytes(body)


def _url(url: str) -> httpx2.URL:
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, TypeError, ValueError) as error:
        raise InvalidInput("no address of the web", field="url") from error
    return parsed
