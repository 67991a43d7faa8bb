"""Starts a deployment's nodes, each in its own process group, and keeps them alive.

Nodes write their logs straight into files, so that a slow terminal can never block a node that
moves an arm; warnings and errors are picked out of the files and passed on. One thread starts,
watches and stops everything. No node outlives it: the kernel kills each with this process.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rig_ros.bringup.graph import Deployment, NodeSpec, ros_arguments
from rig_ros.bringup.log_tail import LogTail
from rig_ros.errors import RigError
from rig_ros.processes import end_with_parent

PERIOD_S = 0.1
"""How often processes and logs are looked at."""
QUICK_DEATH_S = 10.0
"""A process that lived longer starts with a clean slate."""
QUICK_DEATHS = 5
"""After so many quick deaths in a row a node is given up."""
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 4.0)
STOP_STEPS = ((signal.SIGINT, 3.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
"""What a group is sent, and how long it may take [s] before the next."""

Report = Callable[[str, str], None]
"""Called with a node's name and one line."""
logger = logging.getLogger(__name__)


@dataclass
class NodeProcess:
    """One node as it runs now."""

    spec: NodeSpec
    log: Path
    popen: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    deaths: int = 0
    """Quick deaths in a row."""
    restarts: int = 0
    restart_at_s: float | None = None
    given_up: bool = False

    @property
    def pid(self) -> int:
        """Process id, also the id of its group.

        Raises:
            RigError: when it is not running.
        """
        if self.popen is None or self.popen.poll() is not None:
            raise RigError(f'node {self.spec.name}: is not running; its log is {self.log}')
        return self.popen.pid

    @property
    def running(self) -> bool:
        """Whether the process exists (it may hang)."""
        return self.popen is not None and self.popen.poll() is None

    def signal_group(self, signum: int) -> None:
        """Send a signal to the process and everything it started."""
        if self.popen is not None:
            try:
                os.killpg(self.popen.pid, signum)
            except ProcessLookupError:
                logger.debug('%s: the group has gone already', self.spec.name)


class Supervisor:
    """Runs the nodes of one deployment; use it as a context manager, or `start` and `stop`.

    Args:
        deployment: which nodes, and what they have in common.
        log_directory: one log per node is appended to here.
        report: receives (node, line) for warnings, errors, restarts and failures.
        environment: variables added to this process's own.
        clock: monotonic seconds.
    """

    def __init__(self, deployment: Deployment, log_directory: Path,
                 report: Report | None = None, environment: Mapping[str, str] | None = None,
                 specs: Sequence[NodeSpec] | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._deployment = deployment
        self._report = report or (lambda name, line: logger.info('%s: %s', name, line))
        self._environment = {**os.environ, 'PYTHONUNBUFFERED': '1',
                             'RCUTILS_COLORIZED_OUTPUT': '0', **(environment or {})}
        self._clock = clock
        log_directory.mkdir(parents=True, exist_ok=True)
        self.processes = {spec.name: NodeProcess(spec, log_directory / f'{spec.name}.log')
                          for spec in (deployment.nodes() if specs is None else specs)}
        self._tails = {name: LogTail(process.log) for name, process in self.processes.items()}
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self.failure: str | None = None
        """Why the graph was stopped, when a required node could not be kept alive."""

    def __enter__(self) -> Supervisor:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> Supervisor:
        """Start all nodes and return when every process exists (not yet when it is ready)."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name='supervisor')
        self._thread.start()
        started.wait()
        return self

    def process(self, name: str) -> NodeProcess:
        """Return one node's process.

        Raises:
            RigError: when the deployment has no such node.
        """
        if name not in self.processes:
            raise RigError(f'node {name!r}: not in this graph, which has '
                           f'{sorted(self.processes)}')
        return self.processes[name]

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the graph has stopped; return whether it has."""
        # Not Thread.join: interrupted by Ctrl-C, Python 3.11's takes the thread for ended.
        return self._ended.wait(timeout_s)

    def stop(self) -> None:
        """Stop all nodes: politely, then by force; returns when none is left."""
        self._stopping.set()
        if self._thread is not None:
            self._ended.wait()

    def _run(self, started: threading.Event) -> None:
        try:
            for process in self.processes.values():
                self._spawn(process)
            started.set()
            while not self._stopping.wait(PERIOD_S):
                for process in self.processes.values():
                    self._look_after(process)
                self._pass_on_logs()
        finally:
            started.set()
            try:
                self._stop_all()
                self._pass_on_logs()
            finally:
                self._ended.set()

    def _spawn(self, process: NodeProcess) -> None:
        command = [sys.executable, '-m', process.spec.module, '--ros-args',
                   *ros_arguments(process.spec, self._deployment)]
        parent = os.getpid()
        with process.log.open('ab') as log:
            process.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, start_new_session=True,
                preexec_fn=lambda: end_with_parent(parent))
        process.started_s = self._clock()
        process.restart_at_s = None

    def _look_after(self, process: NodeProcess) -> None:
        if process.given_up or process.running:
            return
        name, now = process.spec.name, self._clock()
        if process.restart_at_s is not None:
            if now >= process.restart_at_s:
                process.restarts += 1
                self._spawn(process)
                self._report(name, f'started again, pid {process.pid}')
            return
        assert process.popen is not None
        process.signal_group(signal.SIGKILL)  # what it started must not outlive it
        lived_s = now - process.started_s
        process.deaths = process.deaths + 1 if lived_s < QUICK_DEATH_S else 1
        how = _ending(process.popen.returncode)
        cause = self._tails[name].last_words()
        if not process.spec.respawn or process.deaths >= QUICK_DEATHS:
            process.given_up = True
            problem = (f'{how} {process.deaths} times within {QUICK_DEATH_S:.0f} s of its start; '
                       f'given up. Last words: {cause} (log: {process.log})')
            self._report(name, problem)
            if process.spec.required:
                self.failure = f'node {name}: {problem}'
                self._stopping.set()
            return
        delay_s = BACK_OFF_S[min(process.deaths, len(BACK_OFF_S)) - 1]
        process.restart_at_s = now + delay_s
        words = f' Last words: {cause}' if process.deaths == 1 else ''
        self._report(name, f'{how} after {lived_s:.1f} s; starts again in {delay_s:.1f} s.{words}')

    def _pass_on_logs(self) -> None:
        for name, tail in self._tails.items():
            for line in tail.problems():
                self._report(name, line)

    def _stop_all(self) -> None:
        for signum, patience_s in STOP_STEPS:
            left = [p for p in self.processes.values() if p.running]
            for process in left:
                process.signal_group(signum)
                process.signal_group(signal.SIGCONT)  # one that hangs must see it too
            deadline = self._clock() + patience_s
            for process in left:
                assert process.popen is not None
                try:
                    process.popen.wait(max(0.0, deadline - self._clock()))
                except subprocess.TimeoutExpired:
                    self._report(process.spec.name,
                                 f'still there {patience_s:.0f} s after {_name(signum)}')
        for process in self.processes.values():
            process.signal_group(signal.SIGKILL)  # children of nodes that have left


def _name(signum: int) -> str:
    return signal.Signals(signum).name


def _ending(code: int) -> str:
    return f'killed by {_name(-code)}' if code < 0 else f'left with exit code {code}'
