"""The web server's end of the ROS process: starts it, hears it, asks it, starts it again.

rclpy lives in a process of its own (`rig_ros.nodes.console`): the server's event loop never
enters ROS, and a server that is busy or stuck cannot slow the graph.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from rig_ros.console.wire import Frame, Reader, pack
from rig_ros.errors import DataError, HardwareError, RigError
from rig_ros.processes import enclave_arguments

log = logging.getLogger(__name__)

CHUNK = 1 << 18
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
HEALTHY_S = 10.0
PATIENCE_S = 2.0
"""Beyond a request's own time-out, before the ROS process is taken for stuck."""
QUICK_S = 5.0


class Graph(Protocol):
    """What the server asks of a graph; tests use one without ROS."""

    async def ask(self, do: str, body: bytes = b'', timeout_s: float = QUICK_S,
                  **fields: Any) -> str:
        """Carry out a request and return the answer's text; raise RigError when refused."""


class Bridge:
    """One ROS process at a time; `hear` gets its frames."""

    def __init__(self, hear: Callable[[Frame], None], rate_hz: float, namespace: str = '',
                 command: Sequence[str] = ()) -> None:
        """Prepare; `run` starts the process.

        Args:
            hear: called with each frame that is not an answer; also with `{'kind': 'left'}` when
                the process has ended.
            rate_hz: of pictures at most [1/s].
            namespace: that the graph was started with.
            command: instead of the ROS process; for tests.
        """
        remap = ['-r', f'__ns:=/{namespace.strip("/")}'] if namespace else []
        self._command = list(command) or [
            sys.executable, '-m', 'rig_ros.nodes.console', f'{rate_hz:g}', '--ros-args',
            '--log-level', 'error', *enclave_arguments('console'), *remap]
        self._hear = hear
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Keep the process running until cancelled."""
        deaths = 0
        while True:
            began = time.monotonic()
            try:
                await self._live()
            except OSError as error:
                log.error('the ROS process could not be started: %s', error)
            deaths = 0 if time.monotonic() - began > HEALTHY_S else deaths + 1
            self._hear(({'kind': 'left'}, b''))
            await asyncio.sleep(BACK_OFF_S[min(deaths, len(BACK_OFF_S) - 1)])

    async def _live(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        self._process, reader = process, Reader()
        assert process.stdout is not None
        try:
            while content := await process.stdout.read(CHUNK):
                for frame in reader.feed(content):
                    self._take(frame)
        except DataError as error:
            log.error('%s', error)
        finally:
            self._process = None
            for future in self._open.values():
                if not future.done():
                    future.set_result((False, 'the connection to ROS was lost; try again'))
            if process.stdin is not None:
                process.stdin.close()  # it ends by itself
            try:
                await asyncio.wait_for(process.wait(), PATIENCE_S)
            except (asyncio.TimeoutError, asyncio.CancelledError):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _take(self, frame: Frame) -> None:
        head = frame[0]
        if head['kind'] != 'answer':
            self._hear(frame)
            return
        future = self._open.get(head['id'])
        if future is not None and not future.done():
            future.set_result((bool(head['ok']), str(head['text'])))

    async def ask(self, do: str, body: bytes = b'', timeout_s: float = QUICK_S,
                  **fields: Any) -> str:
        """Carry out a request in the graph; return what it answered.

        Args:
            do: `call` (service), `set` (node, name, value), `goal` (height, width; body: rgb8)
                or `bundle` (manifest; body: the file).
            body: raw bytes of the request.
            timeout_s: for the graph to answer.
            fields: what the request needs.

        Raises:
            RigError: the graph refused; with its reason.
            HardwareError: there is no connection to ROS, or no answer.
        """
        process = self._process
        if process is None or process.stdin is None:
            raise HardwareError('the console has no connection to ROS right now; it is being '
                                'restored, try again')
        number = next(self._numbers)
        future: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._open[number] = future
        try:
            process.stdin.write(pack({'id': number, 'do': do, 'timeout_s': timeout_s, **fields},
                                     body))
            await asyncio.wait_for(process.stdin.drain(), timeout_s)
            ok, text = await asyncio.wait_for(future, timeout_s + PATIENCE_S)
        except (asyncio.TimeoutError, ConnectionError) as error:
            raise HardwareError(f'{fields.get("service", do)}: the ROS process of the console '
                                'does not answer; it may hang, restart rig_ros console'
                                ) from error
        finally:
            del self._open[number]
        if not ok:
            raise RigError(text)
        return text
