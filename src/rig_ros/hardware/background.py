"""Reads a camera in a thread of its own, so that a device that hangs cannot hang its node.

The thread touches nothing but the camera. It keeps the newest picture only and opens the source
again after a failure.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, Protocol, TypeVar

from rig_ros.errors import HardwareError, RigError
from rig_ros.vision.image import Picture

REOPEN_S = 2.0
JOIN_S = 2.0
ASK_S = 5.0
T = TypeVar('T')


class Source(Protocol):
    """A camera that is open."""

    @property
    def hz(self) -> float:
        """Pictures per second."""

    def read(self) -> Picture:
        """Return the next picture; may block."""

    def close(self) -> None:
        """Give the device back."""


class BackgroundReader:
    """Newest picture of a source, and why there is none."""

    def __init__(self, open_source: Callable[[], Source], *, paced: bool,
                 now_ns: Callable[[], int] = time.time_ns, reopen_s: float = REOPEN_S) -> None:
        """Open the source and begin to read.

        Args:
            open_source: opens it; called again after a failure.
            paced: wait between pictures as long as the source's rate says (a file); a device
                paces itself.
            now_ns: stamps pictures when they have arrived [ns].
            reopen_s: wait before opening again [s].

        Raises:
            HardwareError: the source cannot be opened.
        """
        self._open = open_source
        self._paced = paced
        self._now_ns = now_ns
        self._reopen_s = reopen_s
        self._lock = threading.Lock()
        self._newest: tuple[Picture, int] | None = None
        self._problem = ''
        self._asked: queue.Queue[tuple[Callable[[Any], Any], futures.Future[Any]]] = queue.Queue()
        self._stop = threading.Event()
        self._source: Source | None = open_source()
        self._thread = threading.Thread(target=self._run, name='camera', daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why the last read or opening failed; empty when it worked."""
        return self._problem

    def take(self) -> tuple[Picture, int] | None:
        """Return the newest picture and its stamp [ns] once; None when there is no new one."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def ask(self, question: Callable[[Any], T], timeout_s: float = ASK_S) -> T:
        """Run a function on the source, between two pictures, and return its result.

        Raises:
            HardwareError: the source is not open, or does not come to it in time.
        """
        answer: futures.Future[T] = futures.Future()
        self._asked.put((question, answer))
        try:
            return answer.result(timeout_s)
        except futures.TimeoutError:
            raise HardwareError(f'camera: no answer within {timeout_s:g} s; '
                                f'{self._problem or "check the cable"}') from None

    def close(self) -> None:
        """End the thread and close the source."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._source is None:
                    self._source = self._open()
                self._answer(self._source)
                began = time.monotonic()
                picture = self._source.read()
            except RigError as error:
                self._problem = str(error)
                self._close_source()
                self._stop.wait(self._reopen_s)
                continue
            with self._lock:
                self._newest = (picture, self._now_ns())
            self._problem = ''
            if self._paced:
                self._stop.wait(max(0.0, began + 1.0 / self._source.hz - time.monotonic()))
        self._close_source()

    def _answer(self, source: Source) -> None:
        while not self._asked.empty():
            question, answer = self._asked.get()
            try:
                answer.set_result(question(source))
            except RigError as error:
                answer.set_exception(error)

    def _close_source(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
