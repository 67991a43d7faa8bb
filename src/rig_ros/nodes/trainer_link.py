"""The parent's end of the trainer's child process: start, feed, listen, restart, stop. No ROS.

Never waits except in `close`: call `poll` a few times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from rig_ros.processes import thread_settings

STOP_WAIT_S = 3.0
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 30.0
HEALTHY_S = 60.0
"""A child that lived this long starts the back-off anew."""


class TrainerLink:
    """One child at a time; it gets every episode again when it is restarted."""

    def __init__(self, plan: dict[str, Any], nice: int, threads: int,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; `poll` starts the child.

        Args:
            plan: fields of `recorded_training.TrainingPlan`.
            nice: lowers the child's priority, 0 to 19.
            threads: of torch in the child.
            clock: seconds.
        """
        self.restarts = 0
        self.last_end = ''
        """How the last child ended, '' before the first end."""
        self._plan, self._nice, self._threads, self._clock = plan, nice, threads, clock
        self._child: subprocess.Popen[bytes] | None = None
        self._episodes: list[str] = []
        self._outgoing = b''
        self._incoming = b''
        self._started_s = 0.0
        self._start_at_s = 0.0
        self._backoff_s = FIRST_BACKOFF_S

    @property
    def pid(self) -> int:
        """Process id of the child, 0 while there is none."""
        return self._child.pid if self._child else 0

    def offer(self, path: str) -> None:
        """Tell the child, and every later child, about a finished recording."""
        self._episodes.append(path)
        if self._child is not None:
            self._queue({'episode': path})

    def poll(self) -> list[dict[str, Any]]:
        """Start or restart the child when due, and return what it said."""
        if self._child is None:
            if self._clock() >= self._start_at_s:
                self._start()
            return []
        self._write()
        messages = self._read()
        if self._child.poll() is not None:
            messages += self._read()
            self._ended(self._child.returncode)
        return messages

    def _start(self) -> None:
        environment = {**os.environ, **thread_settings(self._threads)}
        command = [sys.executable, '-m', 'rig_ros.nodes.trainer_process',
                   json.dumps(self._plan), str(os.getpid())]
        if self._nice:
            command = ['nice', '-n', str(self._nice), *command]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       env=environment)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        os.set_blocking(self._child.stdin.fileno(), False)
        os.set_blocking(self._child.stdout.fileno(), False)
        self._started_s = self._clock()
        self._outgoing = self._incoming = b''
        for path in self._episodes:
            self._queue({'episode': path})

    def _queue(self, message: dict[str, Any]) -> None:
        self._outgoing += json.dumps(message).encode() + b'\n'
        self._write()

    def _write(self) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        while self._outgoing:
            try:
                done = os.write(self._child.stdin.fileno(), self._outgoing[:1 << 16])
            except OSError:  # full, or the child has just ended: poll() tells
                return
            self._outgoing = self._outgoing[done:]

    def _read(self) -> list[dict[str, Any]]:
        assert self._child is not None
        assert self._child.stdout is not None
        while True:
            try:
                content = os.read(self._child.stdout.fileno(), 1 << 16)
            except BlockingIOError:
                break
            if not content:
                break
            self._incoming += content
        *lines, self._incoming = self._incoming.split(b'\n')
        return [json.loads(line) for line in lines if line]

    def _ended(self, status: int) -> None:
        self.last_end = f'signal {-status}' if status < 0 else f'exit status {status}'
        lived = self._clock() - self._started_s
        self._backoff_s = (FIRST_BACKOFF_S if lived >= HEALTHY_S
                           else min(LONGEST_BACKOFF_S, 2 * self._backoff_s))
        self._start_at_s = self._clock() + (self._backoff_s / 2)
        self.restarts += 1
        self._release()

    def _release(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()

    def close(self) -> None:
        """Ask the child to save and end; kill it when it does not."""
        child = self._child
        if child is None:
            return
        self._queue({'stop': True})
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        self._release()
