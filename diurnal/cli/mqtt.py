"""Listen to an MQTT broker, and hand what it says to the push doors of connections."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diurnal.cli.command import app, fail, opened_context, plain, usage
from diurnal.errors import AppError, InvalidInput, NotFound, TooLarge, TooMany

if TYPE_CHECKING:
    import aiomqtt
    import structlog

    from diurnal.services.context import Context
    from diurnal.store.connections import Stored


PORT, TLS_PORT = 1883, 8883
WAITING_MAX = 1_000
"""Messages held here; the broker keeps more, or drops them as it is told to."""
AGAIN_FIRST_S, AGAIN_MAX_S = 1.0, 60.0
QOS = 1


def _log() -> structlog.stdlib.BoundLogger:
    import structlog

    logger: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
    return logger


@app.command("mqtt")
@plain
def mqtt(
    host: Annotated[str, typer.Option(help="The broker.", show_default=False)],
    topic: Annotated[
        list[str],
        typer.Option(help="What goes where, repeated.", metavar="TOPIC=CONNECTION"),
    ],
    port: Annotated[int | None, typer.Option(help="1883; 8883 with --tls.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS.")] = False,
    username: Annotated[str | None, typer.Option(show_default=False)] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Hand the messages of an MQTT broker to connections that are pushed to; until stopped."""
    try:
        import aiomqtt
    except ImportError:
        fail("this needs the extra: pip install 'diurnal[mqtt]'")
    routes = [_route(said) for said in topic]
    password = sys.stdin.readline().rstrip("\n") if password_stdin else None
    told: dict[str, Any] = {"hostname": host, "port": port or (TLS_PORT if tls else PORT)}
    if tls:
        told["tls_params"] = aiomqtt.TLSParameters()
    if username is not None:
        told |= {"username": username, "password": password}
    with opened_context() as ctx:
        found = [(wanted, _connection(ctx, id_)) for wanted, id_ in routes]
        asyncio.run(_until_stopped(ctx, told, found))


def _route(said: str) -> tuple[str, str]:
    topic, equals, id_ = said.rpartition("=")
    if not equals or not topic or not id_:
        usage(f"--topic {said!r} is not TOPIC=CONNECTION")
    return topic, id_


def _connection(ctx: Context, id_: str) -> Stored:
    from diurnal.services import jobs, pushes
    from diurnal.store import connections

    for account_id in ctx.store.read(jobs.everyone):
        found = ctx.store.read(lambda tx, a=account_id: connections.get(tx, a, id_))  # type: ignore[misc]
        if found is not None:
            pushes.door(ctx, found)
            return found
    raise NotFound(f"no connection {id_!r}")


async def _until_stopped(
    ctx: Context, told: dict[str, Any], routes: Sequence[tuple[str, Stored]]
) -> None:
    task = asyncio.ensure_future(listen(ctx, told, routes))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


async def listen(ctx: Context, told: dict[str, Any], routes: Sequence[tuple[str, Stored]]) -> None:
    """Take messages for ever; where the broker goes away, ask for it again and again."""
    import aiomqtt

    wait_s = AGAIN_FIRST_S
    while True:
        try:
            async with aiomqtt.Client(**told, max_queued_incoming_messages=WAITING_MAX) as client:
                for topic, _ in routes:
                    await client.subscribe(topic, qos=QOS)
                _log().info("listening to the broker", topics=[topic for topic, _ in routes])
                wait_s = AGAIN_FIRST_S
                async for message in client.messages:
                    await _take(ctx, message, routes)
        except aiomqtt.MqttError as error:
            _log().warning("the broker is not there", reason=str(error)[:200], again_s=wait_s)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, AGAIN_MAX_S)


async def _take(
    ctx: Context, message: aiomqtt.Message, routes: Sequence[tuple[str, Stored]]
) -> None:
    """Give a message to each connection whose topic it has."""
    body = bytes(message.payload)
    if not body:
        return
    for topic, c in routes:
        if message.topic.matches(topic):
            try:
                await _deliver(ctx, c, str(message.topic), body)
            except (InvalidInput, TooLarge) as error:
                _log().warning("a message was refused", topic=topic, reason=error.message)


async def _deliver(ctx: Context, c: Stored, topic: str, body: bytes) -> None:
    from diurnal.services import pushes
    from diurnal.store import deliveries

    said = pushes.delivery("MQTT", {"x-topic": topic}, {}, body, ctx.now())
    connector, options = pushes.door(ctx, c)
    pushes.check(connector, options, said)
    packed = deliveries.pack(said.body)
    while True:
        try:
            await asyncio.wrap_future(
                ctx.store.write(lambda tx: pushes.take(tx, ctx, c, said, packed))
            )
            return
        except TooMany:
            # The worker is behind; the broker holds the next ones meanwhile.
            await asyncio.sleep(AGAIN_FIRST_S)
        except AppError as error:
            fail(error.message)
