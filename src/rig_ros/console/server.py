"""The web server: static page, live stream, commands. aiohttp, one event loop, no ROS.

    GET  /                      the page, and /static/...
    POST /api/login             {"token": ...}: a cookie for those who know the token
    GET  /api/live?key=...      WebSocket: subjects of the board, pictures as binary
    POST /api/do/<command>      JSON fields; header X-Console-Key is the viewer's secret key
    POST /api/upload?name=...   a picture file
    GET  /api/picture/<place>/<name>    a picture of the tray or the library
    GET  /api/report            the page of the last evaluation

Who may, and how errors are told, is in `console.site`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSCloseCode, web

from rig_ros.console.access import AccessError, Gate, Helm
from rig_ros.console.board import Board, Viewer
from rig_ros.console.commands import Command
from rig_ros.console.site import Site, background, bounded_body, fields_of, problem
from rig_ros.console.state import GraphState
from rig_ros.console.uploads import MAX_BYTES as UPLOAD_BYTES

log = logging.getLogger(__name__)

KEY_HEADER = 'X-Console-Key'
HEARTBEAT_S = 5.0
TICK_S = 0.5
MAX_VIEWERS = 64
KEY = re.compile(r'[A-Za-z0-9-]{16,64}')


class Server:
    """Wires gate, board and commands to HTTP."""

    def __init__(self, gate: Gate, board: Board, state: GraphState, helm: Helm,
                 commands: dict[str, Command]) -> None:
        """Take the parts; `application` makes the server of them."""
        self._site = Site(gate, 'index.html')
        self._board, self._state, self._helm = board, state, helm
        self.commands = commands
        self.take_upload: Callable[[bytes, str], Awaitable[Any]] | None = None
        """Gets the file an operator sent, and its name."""
        self.background: list[Callable[[], Awaitable[Any]]] = [self._tick]
        """Run as tasks as long as the server does."""
        self.streams: set[web.WebSocketResponse] = set()
        """Open live streams."""

    def application(self, *routes: web.RouteDef) -> web.Application:
        """Return the aiohttp application, with these routes beside the server's own."""
        app = self._site.application(
            web.get('/api/live', self._live), web.post('/api/do/{command}', self._do),
            web.post('/api/upload', self._upload), *routes)
        app.cleanup_ctx.append(background(self.background))
        return app

    async def _tick(self) -> None:
        while True:
            self._state.tick()
            self.show_control()
            self._board.put_json('beat', None, lasting=False)  # tells pages that all is well
            await asyncio.sleep(TICK_S)

    def show_control(self) -> None:
        """Show who holds control; a page knows its own mark."""
        holder = self._helm.holder
        self._board.put_json('control', {'name': self._helm.name, 'mark': mark(holder),
                                         'viewers': len(self._board.viewers)})

    # Live ----------------------------------------------------------------------------------------
    async def _live(self, request: web.Request) -> web.StreamResponse:
        key = key_of(request.query.get('key', ''))
        if len(self._board.viewers) >= MAX_VIEWERS:
            return problem(503, f'viewers: got {MAX_VIEWERS} already; close a page first')
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=1024, compress=False)
        await socket.prepare(request)
        self.streams.add(socket)
        viewer = self._board.join()
        viewer.offer('distance_history', json.dumps(
            {'subject': 'distance_history', 'value': self._state.history()}))
        viewer.offer('you', json.dumps({'subject': 'you', 'value': {'mark': mark(key)}}))
        self._helm.joined(key)
        self.show_control()
        sender = asyncio.ensure_future(self._send(socket, viewer))
        try:
            async for _ in socket:  # a page has nothing to say here
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        finally:
            sender.cancel()
            self._board.leave(viewer)
            self.streams.discard(socket)
            self._helm.left(key)
            self.show_control()
        return socket

    @staticmethod
    async def _send(socket: web.WebSocketResponse, viewer: Viewer) -> None:
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                payload = await viewer.next()
                if isinstance(payload, str):
                    await socket.send_str(payload)
                else:
                    await socket.send_bytes(payload)

    # Commands ------------------------------------------------------------------------------------
    async def _do(self, request: web.Request) -> web.Response:
        name = request.match_info['command']
        key = key_of(request.headers.get(KEY_HEADER, ''))
        fields = await fields_of(request)
        if name in ('take', 'release'):
            self._steer(name, key, fields)
            return web.json_response({'answer': 'control taken' if name == 'take' else 'released'})
        command = self.commands.get(name)
        if command is None:
            raise web.HTTPNotFound
        if command.needs_control:
            self._helm.check(key)
        answer = await command.carry(fields)
        log.info('%s: %s', name, answer if isinstance(answer, str) else 'done')
        return web.json_response({'answer': answer})

    async def _upload(self, request: web.Request) -> web.Response:
        self._helm.check(key_of(request.headers.get(KEY_HEADER, '')))
        if self.take_upload is None:
            raise web.HTTPNotFound
        content = await bounded_body(request, UPLOAD_BYTES)
        answer = await self.take_upload(content, request.query.get('name', ''))
        return web.json_response({'answer': answer})

    def _steer(self, name: str, key: str, fields: dict[str, Any]) -> None:
        if name == 'release':
            self._helm.release(key)
        else:
            given = str(fields.get('name') or '').strip()
            self._helm.take(key, ''.join(c for c in given if c.isprintable())[:40] or 'operator')
        self.show_control()


def mark(key: str) -> str:
    """Return what all may know of a viewer's key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else ''


def key_of(text: str) -> str:
    """Return a viewer's key.

    Raises:
        AccessError: it is missing or not one.
    """
    if not KEY.fullmatch(text):
        raise AccessError('viewer key: missing or not one, allowed: 16 to 64 letters and digits; '
                          "use the console's own page")
    return text
