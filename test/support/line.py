"""A network between a browser and a server, that can fall dead as when a cable is pulled."""

from __future__ import annotations

import asyncio
from typing import Any


class Line:
    """Carries bytes to a port of this machine and back, while it is alive.

    While it is not, whoever calls is heard and never answered, as behind a broken router. What was
    sent meanwhile arrives afterwards.
    """

    def __init__(self, port: int) -> None:
        self._far = port
        self._alive = asyncio.Event()
        self._alive.set()
        self._sinks: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Line:
        self._server = await asyncio.start_server(self._join, '127.0.0.1', 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._server.close()
        self.cut()

    def die(self) -> None:
        self._alive.clear()

    def revive(self) -> None:
        self._alive.set()

    def cut(self) -> None:
        """End every connection, so that both ends notice."""
        for sink in self._sinks:
            sink.transport.abort()

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._sinks.add(back)
        await self._alive.wait()
        far, forth = await asyncio.open_connection('127.0.0.1', self._far)
        self._sinks.add(forth)
        await asyncio.gather(self._carry(near, forth), self._carry(far, back))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while content := await source.read(1 << 16):
                await self._alive.wait()
                sink.write(content)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()
            self._sinks.discard(sink)
