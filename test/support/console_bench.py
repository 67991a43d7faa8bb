"""The console's server on a free port with a graph that only remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
from aiohttp.test_utils import TestServer

from rig_ros.console import commands
from rig_ros.console.access import Gate, Helm
from rig_ros.console.board import Board
from rig_ros.console.server import Server
from rig_ros.console.state import GraphState
from rig_ros.errors import RigError

KEY = 'k' * 32
OTHER = 'o' * 32


class FakeGraph:
    """Answers every request at once; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.refusal = ''

    async def ask(self, do: str, body: bytes = b'', timeout_s: float = 5.0, **fields: Any) -> str:
        self.asked.append({'do': do, 'body': body, **fields})
        if self.refusal:
            raise RigError(self.refusal)
        return 'done'


class Page:
    """What a browser's page does: an own origin, a key, and the live stream."""

    def __init__(self, port: int, session: aiohttp.ClientSession, key: str) -> None:
        self.origin = f'http://localhost:{port}'
        self.session, self.key = session, key

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and answer of a request; `Origin=''` leaves a header out."""
        given = {'Origin': self.origin, 'X-Console-Key': self.key, **headers}
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        async with self.session.post(
                self.origin + path, data=content,
                headers={k: v for k, v in given.items() if v}) as answer:
            return answer.status, await answer.json()

    async def do(self, command: str, **fields: Any) -> tuple[int, Any]:
        return await self.post(f'/api/do/{command}', fields)

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(self.origin + path, headers=headers) as answer:
            return answer.status, (await answer.read()).decode(errors='replace')

    def live(self, **headers: str) -> Any:
        return self.session.ws_connect(f'{self.origin}/api/live?key={self.key}',
                                       headers={'Origin': self.origin, **headers})


async def hear(socket: aiohttp.ClientWebSocketResponse, subject: str) -> Any:
    """Return the next value of a subject."""
    while True:
        message = await socket.receive(timeout=5)
        assert message.type is not aiohttp.WSMsgType.CLOSED, 'the stream was closed'
        if message.type is aiohttp.WSMsgType.TEXT:
            content = json.loads(message.data)
            if content['subject'] == subject:
                return content['value']


class ConsoleBench:
    """Server, state and fake graph; `page` is a viewer."""

    def __init__(self, gate: Gate | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.board, self.helm, self.graph = Board(), Helm(), FakeGraph()
        self.state = GraphState(self.board, clock)
        self.server = Server(gate or Gate('127.0.0.1'), self.board, self.state, self.helm,
                             commands.of_graph(self.graph))

    def run(self, story: Callable[[Page], Awaitable[None]], *routes: Any) -> None:
        """Serve, let a page do something, stop."""
        async def play() -> None:
            async with TestServer(self.server.application(*routes)) as served, \
                    aiohttp.ClientSession() as session:
                assert served.port is not None
                self.port = served.port
                await story(Page(self.port, session, KEY))
        asyncio.run(play())

    def another(self, page: Page) -> Page:
        """Return another viewer."""
        return Page(self.port, page.session, OTHER)


def diagnostics(name: str, level: int = 0, message: str = 'fine', **values: str) -> Any:
    """Return the frame of one part's report."""
    return {'kind': 'diagnostics', 'parts': [
        {'name': name, 'level': level, 'message': message, 'values': values}]}, b''


def camera_frame(stamp: int = 1, shade: int = 0) -> Any:
    """Return the frame of a camera picture."""
    picture = np.full((84, 84, 3), shade, np.uint8)
    picture[:20, 10:50] = 200
    return {'kind': 'camera', 'stamp': stamp, 'height': 84, 'width': 84}, picture.tobytes()
