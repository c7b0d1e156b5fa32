"""The technician's way in: one JSON line asked, one answered, on a socket only the node's own user can open."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from edge.errors import GateError

LINE_MAX = (
    256_000  # a template of three images is 3 KB as base64; nothing asked here is larger than a few of them
)
WITHIN_S = 60.0

Answer = dict[str, Any]
Handler = Callable[[Answer], Awaitable[Answer]]


async def serve(path: Path, handlers: Mapping[str, Handler]) -> asyncio.AbstractServer:
    """Listen on ``path`` (mode 0600); every request names its handler in ``do``."""
    path.unlink(missing_ok=True)  # noqa: ASYNC240  # one name in the node's own folder, before anybody is served

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                line = await reader.readline()
                writer.write(json.dumps(await _answer(line, handlers)).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # whoever asked has gone, or never said anything
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, path, limit=LINE_MAX)
    path.chmod(0o600)  # noqa: ASYNC240
    return server


async def _answer(line: bytes, handlers: Mapping[str, Handler]) -> Answer:
    try:
        asked = json.loads(line)
        handler = handlers[asked["do"]]
    except (ValueError, KeyError, TypeError):
        return {"error": f"not understood; known: {', '.join(sorted(handlers))}"}
    try:
        return await handler(asked)
    except GateError as error:
        return {"error": str(error)}


def ask(path: Path, question: Answer, within_s: float = WITHIN_S) -> Answer:
    """Ask a running node and return its answer.

    Raises:
        GateError: no node listens there, or it refused; the sentence says which.
    """
    return asyncio.run(_ask(path, question, within_s))


async def _ask(path: Path, question: Answer, within_s: float) -> Answer:
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_MAX)
            writer.write(json.dumps(question).encode() + b"\n")
            answer: Answer = json.loads(await reader.readline())
            writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise GateError(
            f"{path}: no node answers there. Start it with 'gatehouse-node run --config …'."
        ) from error
    if "error" in answer:
        raise GateError(str(answer["error"]))
    return answer
