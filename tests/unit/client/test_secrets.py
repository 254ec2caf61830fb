"""Canaries: whatever is logged, shown or raised at the most talkative level, no credential is in it.

Against the sandbox over real sockets: logon, work, a line that is cut, refused credentials, nobody at the other end.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from msgspec.structs import replace

from venuewire import errors
from venuewire.client import connect
from venuewire.model.session import Secret
from venuewire.sandbox import Sandbox
from venuewire.venue import Credentials
from venuewire.venues import find, names

CANARY = "canary-0123456789abcdef0123456789abcdef"


@contextmanager
def everything_said() -> Iterator[io.StringIO]:
    """All that any logger of this process says, tracebacks included, with every level on."""
    said, root = io.StringIO(), logging.getLogger()
    listener = logging.StreamHandler(said)
    listener.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    loggers = [root, *(logging.getLogger(name) for name in ("asyncio", "aiohttp", "picows", "venuewire"))]
    levels = [logger.level for logger in loggers]
    root.addHandler(listener)
    for logger in loggers:
        logger.setLevel(1)
    try:
        yield said
    finally:
        root.removeHandler(listener)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def secrets_of(credentials: Credentials) -> list[str]:
    values = [getattr(credentials, name) for name in credentials.__struct_fields__]
    texts = [value.reveal() for value in values if isinstance(value, Secret)]
    # A key on several lines would be shown line by line.
    return [line for text in texts for line in text.splitlines() if len(line) >= 8 and not line.startswith("-----")]


def with_canaries(credentials: Credentials) -> Credentials:
    changes: dict[str, Any] = {
        name: Secret(CANARY) for name in credentials.__struct_fields__ if isinstance(getattr(credentials, name), Secret)
    }
    return replace(credentials, **changes)


def shown(thing: Any) -> str:
    return f"{thing!r} {thing!s} {thing}"


async def work(name: str, sandbox: Sandbox, out: io.StringIO) -> list[str]:
    """Log on, keep a book, lose the line, come back; the secrets that were in play."""
    credentials = sandbox.credentials(name)
    out.write(shown(credentials))
    async with connect(name, credentials) as client:
        news = client.events()
        async with client.book(find(name).default_symbol) as book:
            sandbox.disconnect(name)
            async for item in news:
                out.write(shown(item))
                if type(item).__name__ == "LoggedOn" and client.health()["ready"]:
                    break
            await book.wait_live()
        out.write(shown(client) + shown(client.seat.__dict__) + json.dumps(client.health(), default=str))
        lines = client.connections.values()
        out.writelines(shown(line.session.__dict__) + shown(line.__dict__) for line in lines)
        granted = [] if client.seat.grant is None else [client.seat.grant.token.reveal()]
        kept = secrets_of(client.seat.credentials)
    return [secret for secret in (*secrets_of(credentials), *granted, *kept) if secret]


async def fail(name: str, sandbox: Sandbox, out: io.StringIO) -> None:
    """Refused, and nobody there."""
    credentials = with_canaries(sandbox.credentials(name))
    nowhere = {
        endpoint: address.partition(":")[0] + "://127.0.0.1:9" for endpoint, address in credentials.endpoints.items()
    }
    for wrong in (credentials, replace(credentials, endpoints=nowhere)):
        try:
            client = connect(name, wrong)
        except errors.ConfigError as error:  # it cannot even sign
            out.write("".join(traceback.format_exception(error)) + shown(error.__dict__))
            continue
        entering = asyncio.ensure_future(client.__aenter__())
        done, _ = await asyncio.wait((entering,), timeout=1)
        if not done:
            entering.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await entering
        except errors.VenueError as error:
            out.write("".join(traceback.format_exception(error)) + shown(error.__dict__))
        finally:
            await client.close()


@pytest.mark.parametrize("name", names())
async def test_no_credential_is_in_anything_that_is_said(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.get_running_loop().set_debug(True)
    with everything_said() as said:
        async with Sandbox([name]) as sandbox:
            secrets = await work(name, sandbox, said)
            await fail(name, sandbox, said)
    printed = capsys.readouterr()
    text = said.getvalue() + printed.out + printed.err
    assert "venuewire.client" in text, "nothing was logged: the test proves nothing"
    assert secrets
    for secret in (*secrets, CANARY):
        where = text.find(secret)
        assert where < 0, f"a secret after: {text[max(0, where - 200) : where]}"
