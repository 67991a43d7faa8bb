"""What every page of this project is served with: who may, strict headers, static files, errors.

Errors are JSON `{"error": text}`: 400 refused, 401 log in first, 403 may not, 502 no graph or
device. aiohttp, one event loop, no ROS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib import resources as package_files
from typing import Any

from aiohttp import web

from rig_ros.console.access import AccessError, Gate
from rig_ros.errors import DataError, HardwareError, RigError

MAX_BODY = 64 * 1024
FILE = re.compile(r'[a-z_]+\.(html|css|js|svg)')
TYPES = {'html': 'text/html', 'css': 'text/css', 'js': 'text/javascript', 'svg': 'image/svg+xml'}
HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "img-src 'self' blob: data:; connect-src 'self'; "
                               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-cache',
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(status: int, text: str) -> web.Response:
    """Return an error as pages expect it."""
    return web.json_response({'error': text}, status=status, headers=HEADERS)


class Site:
    """A page with its files behind a gate; `application` makes the server of it."""

    def __init__(self, gate: Gate, page: str, cookie: str = 'rig_ros_console') -> None:
        """Read the files.

        Args:
            gate: who may look and command.
            page: name of the file that `/` shows.
            cookie: that holds a session; browsers share cookies between the ports of a host.
        """
        self._gate, self._page_name, self._cookie = gate, page, cookie
        self._files = {f.name: f.read_bytes() for f in
                       (package_files.files('rig_ros.console') / 'static').iterdir()
                       if FILE.fullmatch(f.name)}

    def application(self, *routes: web.RouteDef) -> web.Application:
        """Return the aiohttp application: page, files, log-in, and these routes."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        app.add_routes([
            web.get('/', self._page), web.get('/static/{name}', self._static),
            web.post('/api/login', self._log_in), *routes])
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check host, origin and session; turn errors into answers."""
        try:
            self._gate.check_host(request.host)
            if request.method not in ('GET', 'HEAD') or request.path == '/api/live':
                self._gate.check_origin(request.headers.get('Origin'), request.host)
        except AccessError as error:
            return problem(403, str(error))
        if request.path.startswith('/api/') and request.path != '/api/login':
            try:
                self._gate.check_session(request.cookies.get(self._cookie))
            except AccessError as error:
                return problem(401, str(error))
        try:
            response = await handler(request)
        except AccessError as error:
            return problem(403, str(error))
        except HardwareError as error:
            return problem(502, str(error))
        except RigError as error:
            return problem(400, str(error))
        except web.HTTPException as error:
            return problem(error.status, error.reason)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    async def _page(self, _: web.Request) -> web.Response:
        return self._file(self._page_name)

    async def _static(self, request: web.Request) -> web.Response:
        return self._file(request.match_info['name'])

    def _file(self, name: str) -> web.Response:
        """Return a file of the page; only those read at the start exist, whatever the path."""
        if name not in self._files:
            raise web.HTTPNotFound
        return web.Response(body=self._files[name], charset='utf-8',
                            content_type=TYPES[name.rpartition('.')[2]])

    async def _log_in(self, request: web.Request) -> web.Response:
        token = (await fields_of(request)).get('token')
        response = web.json_response({'ok': True})
        if self._gate.needs_token:
            session = self._gate.log_in(token if isinstance(token, str) else '')
            response.set_cookie(self._cookie, session, httponly=True, samesite='Strict', path='/',
                                secure=request.secure)
        return response


def background(makers: Sequence[Callable[[], Awaitable[Any]]]
               ) -> Callable[[web.Application], AsyncIterator[None]]:
    """Return what runs coroutines as tasks as long as a server does, for its `cleanup_ctx`."""
    async def tasks(_: web.Application) -> AsyncIterator[None]:
        running = [asyncio.ensure_future(make()) for make in makers]
        yield
        for task in running:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return tasks


async def bounded_body(request: web.Request, limit: int) -> bytes:
    """Return a request's body, reading no more than the limit [bytes].

    Raises:
        DataError: it is larger.
    """
    content = bytearray()
    if (request.content_length or 0) <= limit:
        async for chunk in request.content.iter_chunked(1 << 16):
            content += chunk
            if len(content) > limit:
                break
        else:
            return bytes(content)
    raise DataError(f'upload: is larger than {limit // 2**20} MiB, allowed: at most that; make it '
                    'smaller')


async def fields_of(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request; an empty body is an empty one.

    Raises:
        RigError: it is not a JSON object.
    """
    if not request.can_read_body:
        return {}
    try:
        fields = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise RigError('request: is not JSON, allowed: a JSON object') from error
    if not isinstance(fields, dict):
        raise RigError(f'request: got {type(fields).__name__}, allowed: a JSON object')
    return fields
